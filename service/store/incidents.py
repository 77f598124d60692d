"""Incidents: opened once, counted, and resolved when cured. Every function is part of the caller's transaction.

Opening plans one alert and resolving plans one recovery notice; what is between counts, and is told again only where
`service.store.incident_telling` says so.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import replace
from datetime import datetime

import sqlalchemy as sa

from service.incidents import Occurrence, fingerprint, lasted
from service.outcomes import Param, alert
from service.store.audit import entry, write_audit
from service.store.incident_rows import AILING, OPEN, ailing, count, opened
from service.store.incident_telling import tell, tell_again, tell_untold
from service.store.record import plan
from service.store.schema import incident_subjects, incidents


def occur(  # noqa: PLR0913 - the columns of an incident, by name
    connection: sa.Connection,
    *,
    kind: str,
    subject: str,
    cause: str,
    detail: str,
    now: datetime,
    actor: str,
    event_id: int | None = None,
) -> int:
    """Open an incident and plan its one alert, or count a further occurrence of an open one.

    Args:
        connection: a transaction.
        kind: what sort of incident.
        subject: what it is about, `type/id`.
        cause: why; with kind and subject it is what makes the incident.
        detail: more about this occurrence, and what to do about it; without customers' data.
        now: the time.
        actor: who noticed it.
        event_id: the event that showed it, where one did.

    Returns:
        The incident's id.
    """
    return note(connection, Occurrence(kind, subject, cause, detail), now, actor, event_id=event_id)


def resolve(connection: sa.Connection, *, kind: str, subject: str, cause: str, now: datetime, actor: str) -> bool:
    """Resolve an open incident and plan its one recovery notice.

    Returns:
        False where none is open.
    """
    query = sa.select(incidents.c.id).where(incidents.c.fingerprint == fingerprint(kind, subject, cause), OPEN)
    id_ = connection.execute(query).scalar_one_or_none()
    return id_ is not None and close(connection, id_, now, actor, "cured")


def note(
    connection: sa.Connection,
    what: Occurrence,
    now: datetime,
    actor: str,
    *,
    event_id: int | None = None,
    others: int = 0,
) -> int:
    """Open or count, as `occur`; whom it affects is counted once until cured.

    An open one is told again where it hits others a day later, and where its alert came to a bad end. `others` more
    that it hits just now are told with the first.

    Returns:
        The incident's id.
    """
    id_, is_new = count(connection, what, now, None)
    if others:
        what = replace(what, detail=f"{what.detail} (and {others} more)")
    if is_new:
        opened(connection, id_, what, now, actor)
        tell(connection, id_, what, now, actor, event_id=event_id)
    else:
        if what.affected is not None:
            tell_again(connection, id_, what, now, actor)
        tell_untold(connection, what.kind, now, actor)
    return id_


def align(
    connection: sa.Connection, whole: Occurrence, affected: Mapping[str, str], now: datetime, actor: str
) -> int | None:
    """Make an incident affect exactly these: new ones are counted, those not among them are cured.

    Args:
        connection: a transaction.
        whole: the incident; its detail and affected are not used.
        affected: whom it affects just now, each with a detail; none resolves it.
        now: the time.
        actor: who looked.

    Returns:
        The open incident's id; None where there is none.
    """
    before = set(ailing(connection, whole.fingerprint))
    new = sorted(affected.keys() - before)
    for subject in new:
        one = Occurrence(whole.kind, whole.subject, whole.cause, affected[subject], subject, whole.mode)
        note(connection, one, now, actor, others=len(new) - 1)
    cure(connection, before - affected.keys(), now, actor, of=whole)
    tell_untold(connection, whole.kind, now, actor)
    query = sa.select(incidents.c.id).where(incidents.c.fingerprint == whole.fingerprint, OPEN)
    return connection.execute(query).scalar_one_or_none()


def cure(
    connection: sa.Connection, affected: Collection[str], now: datetime, actor: str, *, of: Occurrence | None = None
) -> list[int]:
    """Note that these are well again, and resolve the incidents that affect nobody any more.

    Args:
        connection: a transaction.
        affected: subjects, `type/id`.
        now: the time.
        actor: who noticed.
        of: of this incident only; None for all.

    Returns:
        The incidents that were resolved.
    """
    if not affected:
        return []
    s = incident_subjects.c
    query = sa.select(s.incident_id, s.subject).where(s.subject.in_(sorted(affected)), AILING)
    if of is not None:
        query = query.join(incidents, incidents.c.id == s.incident_id)
        query = query.where(incidents.c.fingerprint == of.fingerprint)
    found = connection.execute(query).all()
    ids = sorted({incident_id for incident_id, _ in found})
    # Two cures at one moment must see each other, or the last one leaves the incident open.
    connection.execute(
        sa.select(incidents.c.id).where(incidents.c.id.in_(ids)).order_by(incidents.c.id).with_for_update()
    )
    for incident_id, subject in found:
        well = sa.update(incident_subjects).where(s.incident_id == incident_id, s.subject == subject)
        connection.execute(well.values(cured_at=now))
    left = sa.select(sa.func.count()).select_from(incident_subjects).where(AILING)
    return [
        id_
        for id_ in ids
        if connection.execute(left.where(s.incident_id == id_)).scalar_one() == 0
        and close(connection, id_, now, actor, "cured")
    ]


def close(
    connection: sa.Connection, id_: int, now: datetime, actor: str, why: str, *, reason: str | None = None
) -> bool:
    """Resolve an incident by its id, whatever it still affects, and plan its recovery notice.

    Args:
        connection: a transaction.
        id_: which.
        now: the time.
        actor: who resolves it.
        why: `cured`, `quiet` (no notice then) or `by hand`.
        reason: an operator's own words.

    Returns:
        False where it is not open.
    """
    i = incidents.c
    row = connection.execute(
        sa.update(incidents)
        .where(i.id == id_, i.status == "open")
        .values(status="resolved", resolved_at=now)
        .returning(i.subject, i.cause, i.count.label("times"), i.first_seen_at)
    ).one_or_none()
    if row is None:
        return False
    connection.execute(
        sa.update(incident_subjects).where(incident_subjects.c.incident_id == id_, AILING).values(cured_at=now)
    )
    length = lasted(now - row.first_seen_at)
    detail: dict[str, Param] = {"why": why, "lasted": length, "count": row.times, "reason": reason}
    write_audit(connection, [entry(now, f"incidents/{id_}", actor, "incident.resolved", detail)])
    if why != "quiet":
        times = "1 occurrence" if row.times == 1 else f"{row.times} occurrences"
        told = alert(row.subject, f"recovered: {row.cause} (incident {id_})", incident=id_, lasted=f"{length}, {times}")
        plan(connection, told, now, actor)
    return True
