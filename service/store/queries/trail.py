"""What is known about a subject, line by line?"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, fields
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.resources import FACTORY_TYPES
from service.states import State
from service.store.schema import audit_entries as table
from service.store.schema import events, states
from service.topics import KNOWN_TOPICS


@dataclass(frozen=True, slots=True)
class AuditRow:
    """One audit entry."""

    id: int
    at: datetime
    subject: str
    actor: str
    action: str
    event_id: int | None
    follow_up_id: int | None
    detail: dict[str, Any]


_COLUMNS = tuple(table.c[name] for name in AuditRow.__dataclass_fields__)
# By which columns of a copy's state its orders and its subscription lead to it.
_LINKS = {
    "orders": (states.c.source_order_id, states.c.target_order_id),
    "order_subscriptions": (states.c.order_subscription_id,),
}


def trail(connection: sa.Connection, subjects: Sequence[str], *, limit: int = 100) -> list[AuditRow]:
    """What happened about these subjects? The newest `limit` entries, in the order in which they were written."""
    query = sa.select(*_COLUMNS).where(table.c.subject.in_(subjects)).order_by(table.c.id.desc()).limit(limit)
    rows = [row._asdict() for row in connection.execute(query)]
    return [AuditRow(**row | {"detail": json.loads(row["detail"])}) for row in reversed(rows)]


def related(connection: sa.Connection, subject: str) -> list[str]:
    """Which copies is an order the source or target of, or a subscription the origin of?"""
    type_, _, id_ = subject.partition("/")
    columns = _LINKS.get(type_, ())
    # One query for each column, since each has an index of its own.
    queries = [sa.select(states.c.subject).where(column == id_) for column in columns]
    found = {subject for query in queries for subject in connection.execute(query).scalars()}
    return sorted(s for s in found if s.startswith(FACTORY_TYPES))


def is_known(connection: sa.Connection, subject: str) -> bool:
    """Is anything kept about a subject, be it only that a copy names it?"""
    kept = (sa.select(t.c.subject).where(t.c.subject == subject).limit(1) for t in (table, states, events))
    return any(connection.execute(query).first() for query in kept) or bool(related(connection, subject))


def subjects_of(connection: sa.Connection, id_: str) -> list[str]:
    """Which subjects have this id?"""
    return [s for s in (f"{type_}/{id_}" for type_ in KNOWN_TOPICS) if is_known(connection, s)]


def state_of(connection: sa.Connection, subject: str) -> State | None:
    """Where does a resource stand?"""
    query = sa.select(*(states.c[field.name] for field in fields(State))).where(states.c.subject == subject)
    row = connection.execute(query).one_or_none()
    # PostgreSQL locks a row that is not there yet as one without a status.
    return State(*row) if row and row.status else None
