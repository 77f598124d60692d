"""How alerts of failures join incidents: the first one tells it, the others are counted."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

import sqlalchemy as sa

from service.incidents import Occurrence
from service.store.incident_rows import OPEN, count, opened
from service.store.incidents import close
from service.store.schema import follow_ups, incident_subjects, incidents

# An incident that nothing cures, and of which nothing was heard for so long, is over: the next one is told again.
QUIET_AFTER = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Joined:
    """What became of an alert that joined an incident.

    Attributes:
        incident_id: the incident.
        role: the alert `tells` it; or it was `counted` only; or the incident is `over` already.
    """

    incident_id: int
    role: Literal["tells", "counted", "over"]


def join(connection: sa.Connection, what: Occurrence, follow_up_id: int, now: datetime, actor: str) -> Joined:
    """Let an alert take its place: the first one tells the incident, the others are counted.

    Safe to do again with the same alert, as its next attempt does.
    """
    before = connection.execute(
        sa.select(incidents.c.id, incidents.c.status).where(incidents.c.follow_up_id == follow_up_id)
    ).first()
    if before is not None:
        return Joined(before.id, "tells" if before.status == "open" else "over")
    known = _known(connection, what, follow_up_id, now, actor)
    if known is not None:
        return known
    id_, is_new = count(connection, what, now, follow_up_id)
    if is_new:
        opened(connection, id_, what, now, actor)
    if is_new or _untold(connection, id_):
        connection.execute(sa.update(incidents).where(incidents.c.id == id_).values(follow_up_id=follow_up_id))
        return Joined(id_, "tells")
    return Joined(id_, "counted")


def may_tell(connection: sa.Connection, id_: int, *, recovery: bool) -> bool:
    """Tell whether a message about an incident still makes sense.

    The beginning, while it is open; the end, where people were told of the beginning.
    """
    query = sa.select(incidents.c.status, follow_ups.c.status).outerjoin(
        follow_ups, follow_ups.c.id == incidents.c.follow_up_id
    )
    row = connection.execute(query.where(incidents.c.id == id_)).one_or_none()
    if row is None:
        return True
    return row[1] in ("done", "running", "attempting") if recovery else row[0] == "open"


def _known(connection: sa.Connection, what: Occurrence, follow_up_id: int, now: datetime, actor: str) -> Joined | None:
    """The place that an alert has already; an incident that went quiet is closed, so that the next one is told."""
    i, s = incidents.c, incident_subjects.c
    query = sa.select(i.id, i.last_seen_at, s.follow_up_id).where(i.fingerprint == what.fingerprint, OPEN)
    query = query.outerjoin(incident_subjects, (s.incident_id == i.id) & (s.subject == (what.affected or "")))
    found = connection.execute(query).one_or_none()
    if found is None:
        return None
    if found.follow_up_id == follow_up_id:
        return Joined(found.id, "counted")
    if now - found.last_seen_at > QUIET_AFTER:
        close(connection, found.id, now, actor, "quiet")
    return None


def _untold(connection: sa.Connection, id_: int) -> bool:
    """Tell whether the alert of an incident came to a bad end: then the next one tells it."""
    query = sa.select(follow_ups.c.status).join(incidents, incidents.c.follow_up_id == follow_ups.c.id)
    status = connection.execute(query.where(incidents.c.id == id_)).scalar_one_or_none()
    return status in ("refused", "dead")
