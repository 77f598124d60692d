"""Deliveries too large to be read while the sender waits: a worker reads them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime

import structlog

from service.errors import StoreUnavailable
from service.intake.door import Door
from service.store import Store, queries
from service.store.keep import adopt

log = structlog.get_logger(__name__)

READER = "worker"


def read_deferred(store: Store, door: Door, limit: int = 20) -> int:
    """Turn deferred deliveries into their events, oldest first, each in a transaction of its own.

    Several workers may do so at once: whoever claims a delivery first reads it, the others pass on.

    Args:
        store: the open store.
        door: of the installation; it parses and asks the handlers.
        limit: no more than this in one go.

    Returns:
        How many this call gave their place.

    Raises:
        StoreUnavailable: the database cannot be written just now; what was done stays done.
    """
    with store.read() as connection:
        waiting = [row.id for row in queries.apart(connection, ("deferred",), limit=limit, oldest_first=True)]
    return sum(_read(store, door, delivery_id) for delivery_id in waiting)


def _read(store: Store, door: Door, delivery_id: int) -> bool:
    with store.read() as connection:
        stored = queries.stored_delivery(connection, delivery_id, door.vault)
    if stored is None or stored[0] != "deferred":
        return False
    # The slow part, before any lock is taken.
    arrival = door.understand(stored[1])
    now = datetime.now(UTC)
    try:
        with store.write() as connection:
            return adopt(connection, delivery_id, "deferred", arrival, now, READER) is not None
    except StoreUnavailable:
        raise
    except Exception as error:  # noqa: BLE001 - one that cannot be recorded must not be tried for ever
        name = type(error).__name__
        log.error("deferred delivery could not be recorded", delivery_id=delivery_id, error=name)  # noqa: TRY400
        bare = replace(arrival, event=None, apart="quarantine", reason=f"could not be recorded: {name}")
    with store.write() as connection:
        return adopt(connection, delivery_id, "deferred", bare, now, READER) is not None
