"""The latest requests to Commerce Layer, by whichever process: one transaction counts and reserves."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.store.schema import spends

_LOCK = 0x7370656E_6473  # the number only has to be ours
_LONGEST = timedelta(seconds=61)


@dataclass(frozen=True, slots=True)
class Window:
    """So many requests in any so many seconds; of one endpoint, or of all where it is None."""

    limit: int
    seconds: float
    endpoint: str | None = None


def reserve(connection: sa.Connection, endpoint: str, windows: Sequence[Window], now: datetime) -> float:
    """Reserve one request, where every window has room for it.

    Returns:
        0 where it is reserved; otherwise how many seconds to wait before asking again, and nothing is reserved.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))
    wait = room(connection, windows, now)
    if wait <= 0:
        connection.execute(sa.delete(spends).where(spends.c.at < now - _LONGEST))
        connection.execute(sa.insert(spends), {"endpoint": endpoint, "at": now})
    return wait


def room(connection: sa.Connection, windows: Sequence[Window], now: datetime) -> float:
    """How many seconds until every window has room for one request? 0 where it has."""
    return max((_wait(connection, window, now) for window in windows), default=0.0)


def _wait(connection: sa.Connection, window: Window, now: datetime) -> float:
    """Seconds until the oldest request that fills the window has left it; 0 where there is room."""
    begins = now - timedelta(seconds=window.seconds)
    query = sa.select(spends.c.at).where(spends.c.at > begins)
    if window.endpoint is not None:
        query = query.where(spends.c.endpoint == window.endpoint)
    # The one that must leave: with `limit` of them inside, none may join before it does.
    oldest = connection.execute(query.order_by(spends.c.at.desc()).offset(window.limit - 1).limit(1)).scalar()
    return max(0.0, (oldest - begins).total_seconds()) if oldest else 0.0
