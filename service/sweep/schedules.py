"""What workers sweep by the clock, once for all of them together."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import structlog

from service.engine import Engine
from service.errors import OutsideError, Stopped, StoreError
from service.store import watermarks
from service.sweep.feeding import Site
from service.sweep.finds import look
from service.sweep.ledgers import FORGOTTEN_AFTER
from service.sweep.passing import sweep
from service.sweep.proving import GAPS, prove

log = structlog.get_logger(__name__)

NIGHTLY = "30 10 3 * * *"
_HOUR = 60
# A day, and the hour in which what was late may have come; what is newest may still be on its way.
_PROVEN, _UNDER_WAY = timedelta(hours=25), timedelta(minutes=15)


def schedule(engine: Engine, site: Site) -> None:
    """Have the API swept and the day proven; call it before the engine runs."""
    minutes = site.settings.sweep_minutes
    if minutes:
        engine.schedule("sweep", every(minutes), _alone("sweep", lambda: _sweep(site)))
        engine.schedule("proof", NIGHTLY, _alone("proof", lambda: _prove(site)))


def every(minutes: int) -> str:
    """The cron line of every so many minutes; from an hour on, of every so many whole hours."""
    return f"25 */{minutes} * * * *" if minutes < _HOUR else f"25 5 */{min(23, minutes // _HOUR)} * * *"


def _sweep(site: Site) -> None:
    swept, found = sweep(site), look(site)
    if swept.events or found.events:
        log.info("swept", events=swept.events + found.events, pages=swept.pages, stuck=len(found.stuck))


def _prove(site: Site) -> None:
    now = datetime.now(UTC)
    with site.store.read() as connection:
        gaps = watermarks.watermark(connection, GAPS)
    # Where gaps are open, their time is proven again: only that can show that they were mended.
    begin = min(now - _PROVEN, gaps.at) if gaps else now - _PROVEN
    proof = prove(site, max(begin, now - FORGOTTEN_AFTER), now - _UNDER_WAY)
    log.info("proved", verdict=proof.verdict, fired=proof.fired, missing=len(proof.missing))


def _alone(what: str, job: Callable[[], object]) -> Callable[[], None]:
    """One at a time in a worker, and the next run is the retry: trouble is logged, and not the engine's."""
    lock = threading.Lock()

    def run() -> None:
        if not lock.acquire(blocking=False):
            return
        try:
            job()
        except (OutsideError, StoreError, Stopped) as error:
            log.warning("not carried out", what=what, error=str(error))
        finally:
            lock.release()

    return run
