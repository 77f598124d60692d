"""What the attempts of a worker ask others with: clients, and whose credentials these are."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.errors import ConfigurationError, OutsideError, Unavailable
from service.follow_ups.moves import Tools
from service.settings import Settings
from service.store import Store

log = structlog.get_logger(__name__)


def tools_of(settings: Settings, store: Store) -> Tools:
    """The tools that the settings allow.

    Raises:
        ConfigurationError: the credentials are of another organization or mode.
    """
    budget = SharedBudget(settings, store)
    commerce_layer = CommerceLayer(settings, budget=budget) if settings.has_client else None
    check = _check_of(commerce_layer) if commerce_layer is not None else lambda: None
    has_slack = bool(settings.slack_webhook_url.get_secret_value())
    return Tools(settings, store, commerce_layer, Slack(settings.slack_webhook_url) if has_slack else None, check)


def _check_of(client: CommerceLayer) -> Callable[[], None]:
    """Refuse credentials of another organization; one that cannot be asked now is asked with the first follow-up.

    Raises:
        ConfigurationError: they are of another organization or mode; the client is closed.
    """
    certain = threading.Event()

    def check() -> None:
        if certain.is_set():
            return
        try:
            client.check_identity()
        except ConfigurationError as error:
            # The worker runs already; what it was asked to do waits until it is started with the right settings.
            raise Unavailable(f"nothing was asked of Commerce Layer: {error}") from error
        certain.set()

    try:
        client.check_identity()
    except ConfigurationError:
        client.close()
        raise
    except OutsideError as error:
        log.warning("credentials not checked", error=str(error))
    else:
        certain.set()
    return check
