"""What was posted to us?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service import payloads
from service.arrivals import Arrival
from service.payloads import Payload
from service.store.schema import deliveries as table
from service.vault import Vault

# Spelt as in the partial index: bound values would keep SQLite from using it.
_IS_APART = sa.text("verdict IN ('quarantine', 'deferred')")


@dataclass(frozen=True, slots=True)
class DeliveryRow:
    """One delivery without its bytes; `size` counts them as they came."""

    id: int
    event_id: int | None
    topic: str
    origin: str
    received_at: datetime
    verdict: str
    reason: str | None
    key_fingerprint: str | None
    size: int


_COLUMNS = tuple(table.c[name] for name in DeliveryRow.__dataclass_fields__)
_PAYLOAD = (table.c.body, table.c.headers, table.c.salt, table.c.data_key)


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


def payload_of(connection: sa.Connection, id_: int, vault: Vault) -> Payload | None:
    """What was posted? None where there is no such delivery, or its bytes are not kept any more.

    Raises:
        ConfigurationError: it is sealed, and none of the vault's keys opens it.
    """
    query = sa.select(*_PAYLOAD).where(table.c.id == id_, table.c.body.is_not(None))
    row = connection.execute(query).one_or_none()
    return None if row is None else payloads.unsealed(vault, *row)


def newest_payload(connection: sa.Connection, event_id: int, vault: Vault) -> Payload | None:
    """What did the newest delivery of an event bring that is still kept?

    Raises:
        ConfigurationError: as `payload_of`.
    """
    query = sa.select(*_PAYLOAD).where(table.c.event_id == event_id, table.c.body.is_not(None))
    row = connection.execute(query.order_by(table.c.id.desc()).limit(1)).one_or_none()
    return None if row is None else payloads.unsealed(vault, *row)


def stored_delivery(connection: sa.Connection, id_: int, vault: Vault) -> tuple[str, Arrival] | None:
    """What did a delivery bring, as it came in, and which verdict was given on it?

    Raises:
        ConfigurationError: as `payload_of`.
    """
    columns = (table.c.verdict, table.c.topic, table.c.received_at, table.c.key_fingerprint, table.c.origin)
    row = connection.execute(sa.select(*columns).where(table.c.id == id_)).one_or_none()
    payload = payload_of(connection, id_, vault)
    if row is None or payload is None:
        return None
    verdict, topic, received_at, key_fingerprint, origin = row
    return verdict, Arrival(topic, received_at, payload.body, None, key_fingerprint, origin)
