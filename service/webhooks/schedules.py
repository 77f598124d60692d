"""What workers do about webhooks by the clock, once for all of them together."""

from __future__ import annotations

from collections.abc import Callable

import structlog

from service.engine import Engine
from service.errors import ConfigurationError, OutsideError, StoreError
from service.store import webhook_rotations
from service.webhooks import circuits, rotation
from service.webhooks.installation import Installation

log = structlog.get_logger(__name__)

# Every minute costs a read or two of the hundred that the provider grants in it:
# https://docs.commercelayer.io/core/rate-limits
WATCH = "40 * * * * *"
ROTATE = "*/10 * * * * *"


def schedule(engine: Engine, site: Installation) -> None:
    """Have circuits watched and rotations taken further; call it before the engine runs."""
    engine.schedule("circuit-watch", WATCH, _guarded("circuit watch", lambda: circuits.watch(site)))
    engine.schedule("webhook-rotation", ROTATE, _guarded("rotation", lambda: _rotate(site)))


def _rotate(site: Installation) -> None:
    with site.store.read() as connection:
        if not webhook_rotations.any_under_way(connection):
            return
    for row, next_ in rotation.advance(site):
        log.info("rotation", topic=row.topic, move=next_.move, why=next_.why)


def _guarded(what: str, job: Callable[[], object]) -> Callable[[], None]:
    """The next run is the retry: trouble is logged, and does not become the engine's."""

    def run() -> None:
        try:
            job()
        except (OutsideError, StoreError, ConfigurationError) as error:
            log.warning("not carried out", what=what, error=str(error))

    return run
