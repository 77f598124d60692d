"""When people are told of an incident: as it begins, and again where the first message was lost or is long ago."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from service.incidents import Occurrence
from service.outcomes import alert
from service.store.record import plan
from service.store.schema import follow_ups, incidents

# An incident of many may last for as long as one of them; whom it hits a day later, people should hear of again.
TELL_AGAIN_AFTER = timedelta(days=1)
# A message that was refused or given up: the place that it goes to is mended by people, who need an hour.
TELL_INSTEAD_AFTER = timedelta(hours=1)
_LOST = ("refused", "dead")
_I = incidents.c
_IS_OPEN = _I.status == "open"


def tell(
    connection: sa.Connection,
    id_: int,
    what: Occurrence,
    now: datetime,
    actor: str,
    *,
    event_id: int | None = None,
    mark: str = "",
) -> None:
    """Plan the alert that tells an incident, in place of one that was told before, if any.

    Args:
        connection: a transaction.
        id_: the incident.
        what: its subject, cause and, as the reason, its detail.
        now: the time.
        actor: who noticed.
        event_id: the event that showed it, where one did.
        mark: what tells this alert from earlier ones of the incident.
    """
    identity = _plan(connection, id_, what, now, actor, event_id=event_id, mark=mark)
    mine = sa.select(follow_ups.c.id).where(follow_ups.c.identity == identity).scalar_subquery()
    connection.execute(sa.update(incidents).where(_I.id == id_).values(follow_up_id=mine))


def tell_again(connection: sa.Connection, id_: int, what: Occurrence, now: datetime, actor: str) -> None:
    """Tell an open incident again that goes on to hit others, at most once on each day after its first."""
    query = sa.select(_I.first_seen_at, follow_ups.c.status)
    query = query.outerjoin(follow_ups, follow_ups.c.id == _I.follow_up_id).where(_I.id == id_)
    first_seen_at, status = connection.execute(query).one()
    days = (now - first_seen_at) // TELL_AGAIN_AFTER
    if days and status not in _LOST:
        # The alert that told the beginning stays the incident's: whoever heard of it will hear of the end.
        _plan(connection, id_, what, now, actor, mark=f", day {days + 1}")


def untold(connection: sa.Connection, kind: str, now: datetime) -> list[int]:
    """Which open incidents of a kind does nobody know of, since their alert came to a bad end some time ago?"""
    query = sa.select(_I.id).join(follow_ups, follow_ups.c.id == _I.follow_up_id).where(_IS_OPEN, _I.kind == kind)
    lost = sa.and_(follow_ups.c.status.in_(_LOST), follow_ups.c.changed_at <= now - TELL_INSTEAD_AFTER)
    return list(connection.execute(query.where(lost).order_by(_I.id)).scalars())


def tell_untold(connection: sa.Connection, kind: str, now: datetime, actor: str) -> None:
    """Tell those incidents by another alert; while the messages are refused, at most one an hour for each."""
    for id_ in untold(connection, kind, now):
        columns = (_I.kind, _I.subject, _I.cause, _I.detail, _I.first_seen_at)
        row = connection.execute(sa.select(*columns).where(_I.id == id_)).one()
        hours = (now - row.first_seen_at) // TELL_INSTEAD_AFTER
        what = Occurrence(row.kind, row.subject, row.cause, row.detail)
        tell(connection, id_, what, now, actor, mark=f", after {hours} h")


def _plan(
    connection: sa.Connection,
    id_: int,
    what: Occurrence,
    now: datetime,
    actor: str,
    *,
    event_id: int | None = None,
    mark: str,
) -> str:
    told = alert(what.subject, f"{what.cause} (incident {id_}{mark})", reason=what.detail, incident=id_)
    plan(connection, told, now, actor, event_id=event_id)
    return told.identity
