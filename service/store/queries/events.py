"""What happened at Commerce Layer, as far as we were told?"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.schema import events as table
from service.store.schema import transitions
from service.store.tombstones import TYPE, remarked

# Spelt as in the partial index: a bound value would keep SQLite from using it.
_IS_FAILED = sa.text("result = 'failed'")


@dataclass(frozen=True, slots=True)
class EventRow:
    """One event as it is kept; the columns of `events` without the identity."""

    id: int
    topic: str
    subject: str
    mode: str
    organization: str
    told_status: str | None
    resource_updated_at: datetime | None
    result: str
    superseded: bool
    error: str | None
    origin: str
    deliveries: int
    first_seen_at: datetime
    last_seen_at: datetime


@dataclass(frozen=True, slots=True)
class TransitionRow:
    """One change of a status that an event told; `applied` is false where something newer was known."""

    id: int
    event_id: int
    subject: str
    from_status: str | None
    to_status: str
    at: datetime | None
    applied: bool
    recorded_at: datetime


_EVENT = tuple(table.c[name] for name in EventRow.__dataclass_fields__)
_TRANSITION = tuple(transitions.c[name] for name in TransitionRow.__dataclass_fields__)


def events(
    connection: sa.Connection,
    *,
    topic: str | None = None,
    subject: str | None = None,
    failed: bool = False,
    since: datetime | None = None,
    limit: int = 50,
) -> list[EventRow]:
    """What happened, newest first?

    Args:
        connection: a snapshot.
        topic: of one topic only.
        subject: about one resource only, `type/id`.
        failed: those only at which a handler raised.
        since: last delivered at or after this time.
        limit: no more than this.
    """
    query = sa.select(*_EVENT).order_by(table.c.id.desc()).limit(limit)
    if topic is not None:
        query = query.where(table.c.topic == topic)
    if subject is not None:
        query = query.where(table.c.subject == subject)
    if failed:
        query = query.where(_IS_FAILED)
    if since is not None:
        query = query.where(table.c.last_seen_at >= since)
    return [_event(row) for row in connection.execute(query)]


def event(connection: sa.Connection, id_: int) -> EventRow | None:
    """What is known of one event?"""
    row = connection.execute(sa.select(*_EVENT).where(table.c.id == id_)).one_or_none()
    return _event(row) if row else None


def transitions_of(connection: sa.Connection, event_id: int) -> list[TransitionRow]:
    """Which statuses did an event tell?"""
    query = sa.select(*_TRANSITION).where(transitions.c.event_id == event_id).order_by(transitions.c.id)
    rows = (row._asdict() for row in connection.execute(query))
    return [TransitionRow(**row | {"applied": bool(row["applied"])}) for row in rows]


def _event(row: sa.Row[tuple[object, ...]]) -> EventRow:
    found = row._asdict()
    return EventRow(**found | {"superseded": bool(found["superseded"])})


def known_keys(connection: sa.Connection, keys: Collection[bytes]) -> set[bytes]:
    """Which of these events are kept, be it only that they were erased?"""
    now = remarked(connection, keys)
    query = sa.select(table.c.key).where(table.c.key.in_(sorted({*keys, *now.values()})))
    found = {bytes(key) for key in connection.execute(query).scalars()}
    return {key for key in keys if key in found or now.get(key) in found}


def heard_between(connection: sa.Connection, begin: datetime, end: datetime) -> list[tuple[bytes, str, str]]:
    """Which events did a webhook tell first in this time? Their key, topic and subject; without those erased."""
    query = sa.select(table.c.key, table.c.topic, table.c.subject).where(
        table.c.origin == "webhook",
        table.c.first_seen_at.between(begin, end),
        table.c.subject.not_like(f"{TYPE}/%"),
    )
    return [(bytes(key), topic, subject) for key, topic, subject in connection.execute(query.order_by(table.c.id))]


def last_heard(connection: sa.Connection, topic: str) -> datetime | None:
    """When did a webhook last tell anything under a topic? None where it never did."""
    query = sa.select(sa.func.max(table.c.last_seen_at)).where(table.c.topic == topic, table.c.origin == "webhook")
    found: datetime | None = connection.execute(query).scalar_one()
    return found
