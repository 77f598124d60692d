"""Everything about one subject and those that belong to it, in the order of time.

Deliveries, transitions, follow-ups, attempts and incidents come from their tables; from the trail comes what has no
row of its own: notes, operators' actions, failures of handlers, and what the API was asked.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.listings.cursors import LARGEST, Place, opened, sealed
from service.store.listings.subjects import subjects_meant
from service.store.schema import (
    attempts,
    audit_entries,
    deliveries,
    events,
    follow_ups,
    incident_subjects,
    incidents,
    spell,
    transitions,
)

# Actions that repeat what a row of another table says.
_TOLD_ELSEWHERE = ("received", "redelivered", "quarantined", "deferred", "follow_up.planned")
_STATES = ("state.changed", "state.confirmed", "state.superseded")


@dataclass(frozen=True)
class Happened:
    """One thing that happened.

    Attributes:
        at: when.
        kind: `delivery`, `transition`, `follow_up`, `attempt`, `incident` or `entry`.
        id: the number of its row.
        subject: whom it is about.
        what: the words of that row that tell it.
    """

    at: datetime
    kind: str
    id: int
    subject: str
    what: dict[str, Any]


@dataclass(frozen=True)
class Timeline:
    """Part of a timeline, the oldest first.

    Attributes:
        happened: what happened.
        earlier: the cursor of what came before; None at the beginning.
    """

    happened: list[Happened]
    earlier: str | None = None


def timeline(connection: sa.Connection, subject: str, *, limit: int = 200, after: str | None = None) -> Timeline:
    """The newest `limit` things that happened about a subject, or those before a cursor.

    Args:
        connection: a snapshot.
        subject: `type/id`, or an id that only one resource has; an order or a subscription stands for its copies too.
        limit: how many.
        after: the cursor of a timeline that was given before.

    Raises:
        BadFilter: several resources have the id, or the cursor is none of this subject.
    """
    filters = {"subject": subject}
    place = opened(after, "timeline", "-at", filters) if after is not None else None
    subjects = subjects_meant(connection, "subject", subject)
    found: list[Happened] = []
    for kind, query in _sources(subjects).items():
        at, id_ = query.selected_columns.at, query.selected_columns.id
        if place is not None:
            query = query.where(_before(at, id_, kind, place))  # noqa: PLW2901 - the same, narrower
        rows = connection.execute(query.order_by(at.desc(), id_.desc()).limit(limit + 1)).mappings()
        found += [_happened(kind, dict(row)) for row in rows]
    found.sort(key=lambda one: (one.at, one.kind, one.id), reverse=True)
    chosen = found[:limit]
    earlier = None
    if len(found) > limit:
        last = chosen[-1]
        earlier = sealed(Place(spell(last.at), f"{last.kind} {last.id}"), "timeline", "-at", filters)
    return Timeline(chosen[::-1], earlier)


def _before(at: Any, id_: Any, kind: str, place: Place) -> sa.ColumnElement[bool]:
    """What is older than a place; at one time, kinds follow each other by name."""
    other, _, number = str(place.key).partition(" ")
    try:
        time = datetime.fromisoformat(str(place.value)).astimezone(UTC)
        same = id_ < max(0, min(int(number), LARGEST)) if kind == other else sa.true() if kind < other else sa.false()
    except (ValueError, OverflowError):
        raise BadFilter("after", "it is not a cursor of this timeline") from None
    return sa.or_(at < time, sa.and_(at == time, same))


def _happened(kind: str, row: Mapping[str, Any]) -> Happened:
    what = {name: value for name, value in row.items() if name not in ("at", "id", "subject") and value is not None}
    if "detail" in what and kind == "entry":
        what["detail"] = json.loads(what["detail"])
    return Happened(row["at"], kind, row["id"], row["subject"], what)


def _sources(subjects: Any) -> dict[str, sa.Select[Any]]:
    """Each kind with its query; all have `at`, `id` and `subject`."""
    d, e, t, f, a, i, n = (
        table.c for table in (deliveries, events, transitions, follow_ups, attempts, incidents, audit_entries)
    )
    hit = sa.select(incident_subjects.c.incident_id).where(incident_subjects.c.subject.in_(subjects))
    covered = sa.or_(
        n.action.in_(_TOLD_ELSEWHERE),
        n.action.startswith("attempt."),
        sa.and_(n.action.in_(_STATES), n.event_id.is_not(None)),
    )
    return {
        "delivery": sa.select(d.received_at.label("at"), d.id, e.subject, d.topic, d.verdict, d.origin, d.event_id,
                              e.told_status.label("status"), e.result, e.error)
        .join(events, e.id == d.event_id).where(e.subject.in_(subjects)),
        "transition": sa.select(t.recorded_at.label("at"), t.id, t.subject, t.from_status, t.to_status, t.applied,
                                t.event_id).where(t.subject.in_(subjects)),
        "follow_up": sa.select(f.planned_at.label("at"), f.id, f.subject, f.kind.label("name"), f.cause, f.status,
                               f.result).where(f.subject.in_(subjects)),
        "attempt": sa.select(a.started_at.label("at"), a.id, f.subject, f.kind.label("name"), a.number, a.result,
                             a.detail, a.request_id, a.follow_up_id)
        .join(follow_ups, f.id == a.follow_up_id).where(f.subject.in_(subjects)),
        "incident": sa.select(i.first_seen_at.label("at"), i.id, i.subject, i.kind.label("name"), i.cause, i.status,
                              i.resolved_at).where(sa.or_(i.subject.in_(subjects), i.id.in_(hit))),
        "entry": sa.select(n.at, n.id, n.subject, n.actor, n.action, n.detail, n.event_id, n.follow_up_id)
        .where(n.subject.in_(subjects), sa.not_(covered)),
    }  # fmt: skip
