"""What is wrong, by cause?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.schema import incident_subjects
from service.store.schema import incidents as table


@dataclass(frozen=True, slots=True)
class IncidentRow:
    """One incident as it stands."""

    id: int
    kind: str
    subject: str
    cause: str
    detail: str
    status: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    resolved_at: datetime | None
    follow_up_id: int | None


@dataclass(frozen=True, slots=True)
class AffectedRow:
    """One of those that an incident affects, or affected."""

    subject: str
    detail: str
    count: int
    first_seen_at: datetime
    last_seen_at: datetime
    cured_at: datetime | None


_COLUMNS = tuple(table.c[name] for name in IncidentRow.__dataclass_fields__)
_AFFECTED = tuple(incident_subjects.c[name] for name in AffectedRow.__dataclass_fields__)


def incidents(connection: sa.Connection, *, is_open: bool = False, limit: int = 50) -> list[IncidentRow]:
    """What is wrong, or was? Newest first.

    Args:
        connection: a snapshot.
        is_open: those only that are not cured.
        limit: no more than this.
    """
    query = sa.select(*_COLUMNS).order_by(table.c.id.desc()).limit(limit)
    if is_open:
        # Spelt as in the partial index: a bound value would keep SQLite from using it.
        query = query.where(sa.text("status = 'open'"))
    return [IncidentRow(*row) for row in connection.execute(query)]


def incident(connection: sa.Connection, id_: int) -> IncidentRow | None:
    """How does one incident stand?"""
    row = connection.execute(sa.select(*_COLUMNS).where(table.c.id == id_)).one_or_none()
    return IncidentRow(*row) if row else None


def affected_by(connection: sa.Connection, incident_id: int, *, limit: int = 1000) -> list[AffectedRow]:
    """Whom does an incident affect? The latest first."""
    query = sa.select(*_AFFECTED).where(incident_subjects.c.incident_id == incident_id)
    query = query.order_by(incident_subjects.c.last_seen_at.desc(), incident_subjects.c.subject).limit(limit)
    return [AffectedRow(*row) for row in connection.execute(query)]
