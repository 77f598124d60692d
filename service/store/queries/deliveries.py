"""What was posted to us?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.arrivals import Arrival
from service.store.schema import deliveries as table

# Spelt as in the partial index: bound values would keep SQLite from using it.
_IS_APART = sa.text("verdict IN ('quarantine', 'deferred')")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery without its bytes; `size` counts them."""

    id: int
    event_id: int | None
    topic: str
    origin: str
    received_at: datetime
    verdict: str
    reason: str | None
    key_fingerprint: str | None
    size: int


_COLUMNS = (
    *(table.c[name] for name in DeliveryRow.__dataclass_fields__ if name != "size"),
    sa.func.length(table.c.body).label("size"),
)
_ARRIVAL = sa.select(
    table.c.topic, table.c.received_at, table.c.body, table.c.headers, table.c.key_fingerprint, table.c.origin
)


def deliveries_of(connection: sa.Connection, event_id: int) -> list[DeliveryRow]:
    """Which deliveries told an event, oldest first?"""
    query = sa.select(*_COLUMNS).where(table.c.event_id == event_id).order_by(table.c.id)
    return [DeliveryRow(*row) for row in connection.execute(query)]


def newest_delivery(connection: sa.Connection, event_id: int) -> int | None:
    """Which delivery told an event last?"""
    newest = sa.select(table.c.id).where(table.c.event_id == event_id).order_by(table.c.id.desc()).limit(1)
    return connection.execute(newest).scalar_one_or_none()


def event_of_delivery(connection: sa.Connection, id_: int) -> int | None:
    """Which event did a delivery tell?"""
    return connection.execute(sa.select(table.c.event_id).where(table.c.id == id_)).scalar_one_or_none()


def apart(
    connection: sa.Connection,
    verdicts: Sequence[str] = ("quarantine", "deferred"),
    *,
    topic: str | None = None,
    since: datetime | None = None,
    limit: int = 50,
    oldest_first: bool = False,
) -> list[DeliveryRow]:
    """Which deliveries stand apart: in quarantine, or too large to be read at once?"""
    order = table.c.id if oldest_first else table.c.id.desc()
    query = sa.select(*_COLUMNS).where(_IS_APART, table.c.verdict.in_(verdicts)).order_by(order).limit(limit)
    if topic is not None:
        query = query.where(table.c.topic == topic)
    if since is not None:
        query = query.where(table.c.received_at >= since)
    return [DeliveryRow(*row) for row in connection.execute(query)]


def body_of_delivery(connection: sa.Connection, id_: int) -> bytes | None:
    """Which bytes were posted?"""
    body = connection.execute(sa.select(table.c.body).where(table.c.id == id_)).scalar_one_or_none()
    return None if body is None else bytes(body)


def stored_delivery(connection: sa.Connection, id_: int) -> tuple[str, Arrival] | None:
    """What did a delivery bring, as it came in, and which verdict was given on it?"""
    row = connection.execute(_ARRIVAL.add_columns(table.c.verdict).where(table.c.id == id_)).one_or_none()
    if row is None:
        return None
    topic, received_at, body, headers, key_fingerprint, origin, verdict = row
    return verdict, Arrival(topic, received_at, bytes(body), headers, key_fingerprint, origin)
