"""What an erasure does to the rows of each table."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.privacy.kin import some_at_once
from service.privacy.mentions import TEXTS
from service.privacy.plan import Plan
from service.privacy.traces import Trace
from service.store import incidents as incident_life
from service.store import texts, tombstones
from service.store.incident_rows import AILING, OPEN
from service.store.schema import (
    attempts,
    audit_entries,
    deliveries,
    events,
    follow_ups,
    holds,
    incident_subjects,
    incidents,
    metadata,
    states,
    told_runs,
    transitions,
)

# What stands where a text was.
WORD = "erased"


def chosen(
    connection: sa.Connection, query: sa.Select[int], column: sa.ColumnElement[int], ids: Iterable[int]
) -> set[int]:
    """What a query gives for these ids."""
    return {id_ for some in some_at_once(ids) for id_ in connection.execute(query.where(column.in_(some))).scalars()}


def change(
    connection: sa.Connection, table: sa.Table, column: sa.Column[Any], ids: Iterable[Any], values: dict[str, Any]
) -> None:
    """Set the same values in many rows."""
    for some in some_at_once(ids):
        connection.execute(sa.update(table).where(column.in_(some)).values(values))


def take_bytes(connection: sa.Connection, ids: Iterable[int]) -> list[int]:
    """Take bodies, headers, salts and data keys away; which of the deliveries still had theirs?"""
    d = deliveries.c
    kept = sorted(chosen(connection, sa.select(d.id).where(d.body.is_not(None)), d.id, ids))
    change(connection, deliveries, d.id, kept, tombstones.NOTHING)
    return kept


def blank_entries(connection: sa.Connection, ids: Iterable[int], place: str) -> None:
    """Take subject, name, detail and salt from lines of the trail; the class of who wrote them stays."""
    ids = sorted(ids)
    texts.forget_text(connection, ids)
    actor = audit_entries.c.actor
    # As `leaves.actor_class`: up to the first blank.
    first = (
        sa.func.split_part(actor, " ", 1)
        if connection.dialect.name == "postgresql"
        else sa.func.substr(actor, 1, sa.func.instr(actor.concat(" "), " ") - 1)
    )
    values = {"subject": place, "actor": first, "detail": "{}", "salt": None}
    change(connection, audit_entries, audit_entries.c.id, ids, values)


def rename(connection: sa.Connection, subject: str, place: str, found: Trace, now: datetime, actor: str) -> None:
    """Put the place in the stead of a subject, in every table that names it."""
    _rename_events(connection, found.events, place)
    connection.execute(sa.update(transitions).where(transitions.c.subject == subject).values(subject=place))
    connection.execute(sa.delete(states).where(states.c.subject == subject))
    # A projection of the states that an API reads.
    if (factories := metadata.tables.get("factories")) is not None:
        connection.execute(sa.delete(factories).where(factories.c.subject == subject))
    _rename_follow_ups(connection, found, place)
    type_, _, id_ = subject.partition("/")
    if type_ == "order_subscriptions":
        connection.execute(sa.delete(told_runs).where(told_runs.c.order_subscription_id == id_))
    _rename_incidents(connection, subject, place, now, actor)
    released = {"subject": place, "reason": WORD, "placed_by": WORD, "released_by": WORD}
    connection.execute(sa.update(holds).where(holds.c.subject == subject).values(released))


def _rename_events(connection: sa.Connection, ids: Iterable[int], place: str) -> None:
    e = events.c
    error = sa.case((e.error.is_(None), None), else_=WORD)
    values: dict[str, Any] = {"subject": place, "key": sa.bindparam("mark"), "error": error, "fingerprint": None}
    renamed = sa.update(events).where(e.id == sa.bindparam("row")).values(values)
    for some in some_at_once(ids):
        keys = {row.id: bytes(row.key) for row in connection.execute(sa.select(e.id, e.key).where(e.id.in_(some)))}
        marked = tombstones.remarked(connection, keys.values())
        if keys:
            connection.execute(renamed, [{"row": id_, "mark": marked[key]} for id_, key in keys.items()])
        change(connection, deliveries, deliveries.c.event_id, some, {"reason": None})


def _rename_follow_ups(connection: sa.Connection, found: Trace, place: str) -> None:
    f = follow_ups.c
    for id_ in found.follow_ups:
        values = {"subject": place, "identity": _identity(id_), "cause": WORD, "params": "{}", "result": WORD}
        connection.execute(sa.update(follow_ups).where(f.id == id_).values(values))
    change(connection, attempts, attempts.c.id, found.attempts, {"detail": WORD, "request_id": None})
    for some in some_at_once(found.follow_ups):
        connection.execute(sa.delete(told_runs).where(told_runs.c.follow_up_id.in_(some)))


def _identity(follow_up: int) -> str:
    """What keeps the identity of an erased follow-up unique; nothing is planned under it again."""
    return f"{WORD}:{follow_up}"


def _rename_incidents(connection: sa.Connection, subject: str, place: str, now: datetime, actor: str) -> None:
    i, s = incidents.c, incident_subjects.c
    affected = connection.execute(sa.select(s.incident_id).where(s.subject == subject)).scalars().all()
    renamed = sa.update(incident_subjects).where(s.subject == subject)
    well = sa.func.coalesce(s.cured_at, sa.literal(now, s.cured_at.type))
    connection.execute(renamed.values(subject=place, detail=WORD, cured_at=well))
    about = connection.execute(sa.select(i.id).where(i.subject == subject)).scalars().all()
    for id_ in sorted({*affected, *about}):
        ailing = connection.execute(sa.select(s.subject).where(s.incident_id == id_, AILING).limit(1)).first()
        still = connection.execute(sa.select(i.id).where(i.id == id_, OPEN)).first()
        # Quietly: nobody is told of somebody who is not known any more.
        if still and ailing is None:
            incident_life.close(connection, id_, now, actor, "quiet")
    for id_ in about:
        # A fingerprint is a bare digest of the name.
        values = {"subject": place, "cause": WORD, "detail": WORD, "fingerprint": f"{WORD}:{id_}"}
        connection.execute(sa.update(incidents).where(i.id == id_).values(values))


def blank_mentions(connection: sa.Connection, plan: Plan) -> None:
    """Take those texts away that name somebody, from rows of others; the rest of such a row stays."""
    for name, (table, columns) in TEXTS.items():
        if name == "audit_entries":
            continue
        for some in some_at_once(sorted(plan.mentions.rows.get(name, {}))):
            query = sa.select(table.c.id, *(table.c[column] for column in columns)).where(table.c.id.in_(some))
            for row in connection.execute(query).mappings().all():
                named = {c for c in columns if row[c] and plan.names.named_in(row[c]) is not None}
                values = {column: _blank(column, row["id"]) for column in named}
                if values:
                    connection.execute(sa.update(table).where(table.c.id == row["id"]).values(values))


def _blank(column: str, id_: int) -> str:
    return {"identity": _identity(id_), "params": "{}"}.get(column, WORD)
