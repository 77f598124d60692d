"""What workers take away by the clock, once for all of them together."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import structlog

from service.engine import Engine
from service.errors import ConfigurationError, StoreError
from service.privacy.retention import Clocks, Sweeper
from service.settings import Settings
from service.store import Store
from service.vault import Vault

log = structlog.get_logger(__name__)

HOURLY = "0 35 * * * *"


def schedule(engine: Engine, settings: Settings, store: Store, worker: str, stop: threading.Event) -> None:
    """Have what is due taken away every hour; call it before the engine runs."""
    lock = threading.Lock()

    def run() -> None:
        # One at a time in a worker; the next run is the retry.
        if not lock.acquire(blocking=False):
            return
        try:
            _run(settings, store, worker, stop)
        except (StoreError, ConfigurationError) as error:
            log.warning("not carried out", what="retention", error=str(error))
        finally:
            lock.release()

    engine.schedule("retention", HOURLY, run)


def _run(settings: Settings, store: Store, worker: str, stop: threading.Event) -> None:
    vault, clocks, now = Vault(settings.encryption_keys), Clocks.of(settings), datetime.now(UTC)
    gone = Sweeper(store, vault, clocks, now, f"worker {worker}", stop=stop).run()
    if gone:
        log.info("retention", bodies=gone.bodies, subjects=gone.subjects, refusals=gone.refusals, held=gone.held_back)
        if store.dialect == "sqlite":
            store.cut_wal()
