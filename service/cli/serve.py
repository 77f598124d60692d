"""copydesk serve."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from service.router import Router
    from service.settings import Settings


@click.command("serve")
@click.option("--bind", metavar="HOST:PORT|unix:PATH", help="Where to listen, instead of COPYDESK_BIND.")
def command(bind: str | None) -> None:
    """Run the web process until it is told to stop: it keeps what is posted to /webhooks/TOPIC."""
    # First of all, before anything below brings threads and sockets along: the workers are greenlets.
    from gevent import monkey  # noqa: PLC0415

    monkey.patch_all()

    from service import logs, settings  # noqa: PLC0415
    from service.web import listening, server  # noqa: PLC0415

    loaded = settings.load("web")
    if bind is not None:
        loaded = loaded.model_copy(update={"bind": _sound(bind)})
    logs.configure(loaded.log_level)
    router = switchboard()
    # A database that must not be used is told here, in one line; in a worker it would be a traceback, again and again.
    _check_secrets(loaded)
    listening.check_free(loaded.bind)
    server.serve(loaded, router)


def _sound(bind: str) -> str:
    """An address to listen on, as it was given.

    Raises:
        BadParameter: it is something else.
    """
    from service.soundness import check_bind  # noqa: PLC0415

    try:
        check_bind(bind)
    except ValueError as error:
        raise click.BadParameter(str(error), param_hint="--bind") from None
    return bind


def _check_secrets(loaded: Settings) -> None:
    """Make sure that somebody can be let in.

    Raises:
        ConfigurationError: there are no secrets, or those in the store cannot be used.
        StoreUnusable, StoreUnavailable: as `open_store`.
    """
    from service.intake.keys import first_keys  # noqa: PLC0415
    from service.store import open_store  # noqa: PLC0415

    store = open_store(loaded.database_url.get_secret_value())
    try:
        with store.read() as connection:
            first_keys(connection, loaded, datetime.now(UTC))
    finally:
        store.close()


def switchboard() -> Router:
    """The handlers; topics that look misspelt are told in the log.

    Raises:
        ConfigurationError: two handlers have one name.
    """
    import structlog  # noqa: PLC0415

    from handlers import MODULES  # noqa: PLC0415
    from service.router import Router  # noqa: PLC0415

    router = Router(MODULES)
    for topic in router.misspelt():
        structlog.get_logger(__name__).warning("a handler asks for a topic that is not published", topic=topic)
    return router
