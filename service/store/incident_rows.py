"""The rows of incidents: what opening, counting and affecting write."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.incidents import Occurrence
from service.outcomes import Param
from service.store.audit import entry, write_audit
from service.store.schema import incident_subjects, incidents, insert
from service.text import line

# The partial indexes' own conditions, to the letter, so that both databases use them.
OPEN = sa.text("status = 'open'")
AILING = sa.text("cured_at IS NULL")


def count(connection: sa.Connection, what: Occurrence, now: datetime, follow_up_id: int | None) -> tuple[int, bool]:
    """Insert the incident, or count on the open one; its id, and whether it is new."""
    row: dict[str, Any] = {
        "fingerprint": what.fingerprint,
        "kind": what.kind,
        "subject": what.subject,
        "cause": line(what.cause),
        "detail": line(what.detail),
        "status": "open",
        "count": 1,
        "first_seen_at": now,
        "last_seen_at": now,
    }
    statement = insert(connection, incidents).values(row)
    upsert = statement.on_conflict_do_update(
        index_elements=[incidents.c.fingerprint],
        index_where=OPEN,
        set_={"count": incidents.c.count + 1, "last_seen_at": now, "detail": statement.excluded.detail},
    )
    id_, count = connection.execute(upsert.returning(incidents.c.id, incidents.c.count)).one()
    if what.affected is not None:
        _affect(connection, id_, what.affected, line(what.detail), now, follow_up_id)
    return id_, count == 1


def ailing(connection: sa.Connection, fingerprint: str) -> list[str]:
    """Whom does the open incident of a fingerprint affect just now?"""
    s = incident_subjects.c
    query = sa.select(s.subject).join(incidents, incidents.c.id == s.incident_id)
    query = query.where(incidents.c.fingerprint == fingerprint, incidents.c.status == "open", s.cured_at.is_(None))
    return list(connection.execute(query).scalars())


def opened(connection: sa.Connection, id_: int, what: Occurrence, now: datetime, actor: str) -> None:
    """Write down that an incident began."""
    detail: dict[str, Param] = {"kind": what.kind, "about": what.subject, "cause": what.cause, "detail": what.detail}
    write_audit(connection, [entry(now, f"incidents/{id_}", actor, "incident.opened", detail)])


def _affect(
    connection: sa.Connection, id_: int, subject: str, detail: str, now: datetime, follow_up_id: int | None
) -> None:
    s = incident_subjects.c
    newest = {"detail": detail, "last_seen_at": now, "follow_up_id": follow_up_id}
    row = {"incident_id": id_, "subject": subject, "count": 1, "first_seen_at": now}
    statement = insert(connection, incident_subjects).values(row | newest)
    again = newest | {"count": s.count + 1, "cured_at": None}
    connection.execute(statement.on_conflict_do_update(index_elements=[s.incident_id, s.subject], set_=again))
