"""Making outcomes so: states advance, transitions are kept, follow-ups are planned. For the intake and for replays.

Rows are written in one order (by subject, by identity), so that two processes never wait for each other in a circle.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from datetime import datetime, timedelta
from hashlib import sha256
from typing import Any

import sqlalchemy as sa

from service.outcomes import FollowUp, Param, Transition
from service.router import Verdict
from service.states import State, advance
from service.store.audit import entry, write_audit
from service.store.bulk import Bulk
from service.store.schema import events, follow_ups, states, transitions
from service.text import line

INTAKE = "intake"
# How long a follow-up is tried, from when it was first due.
GIVE_UP_AFTER = timedelta(hours=24)
# What a line of an entry holds.
_LONGEST_PARAMS = 500

_TOLD = ("status", "source_order_id", "target_order_id", "order_subscription_id")
_STATE_COLUMNS = [c.name for c in states.c]
_TRANSITIONS = Bulk(transitions, [c.name for c in transitions.c if c.name != "id"])
_BLANK_STATES = Bulk(states, ["subject", "status", "at", "seen_at"], lambda s: s.on_conflict_do_nothing())
_STATES = Bulk(
    states,
    _STATE_COLUMNS,
    lambda s: s.on_conflict_do_update(
        index_elements=[states.c.subject],
        set_={name: s.excluded[name] for name in _STATE_COLUMNS if name != "subject"},
    ),
)
_STATES_BY_SUBJECT = sa.select(*(states.c[field.name] for field in fields(State))).where(
    states.c.subject.in_(sa.bindparam("subjects", expanding=True))
)
_FOLLOW_UPS = Bulk(
    follow_ups,
    [c.name for c in follow_ups.c if c.name not in ("id", "result")],
    lambda s: s.on_conflict_do_nothing(index_elements=[follow_ups.c.identity]),
)
_FOLLOW_UPS_BY_IDENTITY = sa.select(
    follow_ups.c.id, follow_ups.c.identity, follow_ups.c.event_id, follow_ups.c.planned_at
).where(follow_ups.c.identity.in_(sa.bindparam("identities", expanding=True)))


@dataclass(frozen=True, slots=True)
class Told:
    """What somebody said of a subject: handlers of an event as kept, or a follow-up that asked the API."""

    event_id: int | None
    subject: str
    verdict: Verdict


def record(connection: sa.Connection, told: Sequence[Told], now: datetime, actor: str = INTAKE) -> list[dict[str, Any]]:
    """Make the handlers' outcomes so: states, transitions and planned follow-ups.

    Safe to do again with the same events, as a replay does: states only advance and follow-ups have identities.

    Returns:
        The audit entries to write with them.
    """
    entries = _advance_states(connection, told, now, actor)
    entries += _plan(connection, [(t.event_id, f) for t in told for f in t.verdict.follow_ups], now, actor)
    for one in told:
        texts = [("note", n.text) for n in one.verdict.notes] + [("handler.failed", e) for e in one.verdict.errors]
        entries += [
            entry(now, one.subject, actor, action, {"text": text}, event_id=one.event_id) for action, text in texts
        ]
    return entries


def plan(
    connection: sa.Connection, follow_up: FollowUp, now: datetime, actor: str, *, event_id: int | None = None
) -> None:
    """Plan one follow-up that no handler asked for; a known identity is left as it is."""
    write_audit(connection, _plan(connection, [(event_id, follow_up)], now, actor))


def _advance_states(connection: sa.Connection, told: Sequence[Told], now: datetime, actor: str) -> list[dict[str, Any]]:
    moves = [(one, _clean(move)) for one in told for move in one.verdict.transitions]
    if not moves:
        return []
    known = _locked_states(connection, sorted({move.subject for _, move in moves}), now)
    changed: dict[str, int | None] = {}
    rows, entries, superseded = [], [], set()
    for one, move in moves:
        before = known.get(move.subject)
        after, applied, late = advance(before, move)
        if after != before:
            known[move.subject] = after
            changed[move.subject] = one.event_id
        if late and actor == INTAKE:
            superseded.add(one.event_id)
        # A transition belongs to an event; what the API told in between shows in the trail alone.
        if one.event_id is not None and (applied or actor == INTAKE):
            rows.append(_transition(one, move, before, now, applied=applied))
        if applied or late or after != before or actor == INTAKE:
            entries.append(_moved(one, move, before, now, actor, applied=applied, late=late))
    _TRANSITIONS.run(connection, rows)
    _write_states(connection, [(known[subject], changed[subject]) for subject in sorted(changed)], now)
    if superseded:
        connection.execute(sa.update(events).where(events.c.id.in_(superseded)).values(superseded=True))
    return entries


def _clean(move: Transition) -> Transition:
    """What is told is kept as the provider spells it, as far as it is a line that both databases can hold."""
    told: dict[str, Any] = {name: text for name in _TOLD if (text := getattr(move, name)) is not None}
    clean: dict[str, Any] = {name: line(text, 64) for name, text in told.items()}
    return move if clean == told else replace(move, **clean)


def _locked_states(connection: sa.Connection, subjects: list[str], now: datetime) -> dict[str, State]:
    """Read the states of subjects so that nobody else changes them before the commit."""
    query = _STATES_BY_SUBJECT
    if connection.dialect.name == "postgresql":
        # A row that does not exist cannot be locked: make it first, as a state older than any.
        blank = [{"subject": s, "status": "", "at": None, "seen_at": now} for s in subjects]
        _BLANK_STATES.run(connection, blank)
        query = query.order_by(states.c.subject).with_for_update()
    return {row.subject: State(*row) for row in connection.execute(query, {"subjects": subjects}) if row.status}


def _write_states(connection: sa.Connection, changed: list[tuple[State, int | None]], now: datetime) -> None:
    rows = [
        {
            "subject": state.subject,
            "status": state.status,
            "at": state.at,
            "event_id": event_id,
            "source_order_id": state.source_order_id,
            "target_order_id": state.target_order_id,
            "order_subscription_id": state.order_subscription_id,
            "seen_at": now,
        }
        for state, event_id in changed
    ]
    _STATES.run(connection, rows)


def _transition(one: Told, move: Transition, before: State | None, now: datetime, *, applied: bool) -> dict[str, Any]:
    return {
        "event_id": one.event_id,
        "subject": move.subject,
        "from_status": before.status if before else None,
        "to_status": move.status,
        "at": move.at,
        "applied": applied,
        "recorded_at": now,
    }


def _moved(
    one: Told, move: Transition, before: State | None, now: datetime, actor: str, *, applied: bool, late: bool
) -> dict[str, Any]:
    """What the trail says of a transition: all of it, since replaying the trail gives the states."""
    action = "state.changed" if applied else "state.superseded" if late else "state.confirmed"
    detail: dict[str, Param | datetime] = {
        "status": move.status,
        "before": before.status if before else None,
        "updated_at": move.at,
        "source_order": move.source_order_id,
        "target_order": move.target_order_id,
        "order_subscription": move.order_subscription_id,
    }
    return entry(now, move.subject, actor, action, detail, event_id=one.event_id)


def _plan(
    connection: sa.Connection, wanted: Sequence[tuple[int | None, FollowUp]], now: datetime, actor: str
) -> list[dict[str, Any]]:
    """Insert follow-ups whose identity is new; a known one is already planned, under way or done."""
    by_identity = {f.identity: (event_id, f) for event_id, f in reversed(wanted)}
    if not by_identity:
        return []
    identities = sorted(by_identity)
    rows = {identity: _follow_up(*by_identity[identity], now) for identity in identities}
    _FOLLOW_UPS.run(connection, list(rows.values()))
    found = connection.execute(_FOLLOW_UPS_BY_IDENTITY, {"identities": identities})
    # Ours are those that carry this transaction's event and time: nobody else's row has both.
    made = {f.identity: f.id for f in found if (f.event_id, f.planned_at) == (by_identity[f.identity][0], now)}
    return [
        entry(
            now,
            f.subject,
            actor,
            "follow_up.planned",
            _planned(rows[f.identity]),
            event_id=event_id,
            follow_up_id=made[f.identity],
        )
        for event_id, f in by_identity.values()
        if f.identity in made
    ]


def _planned(row: Mapping[str, Any]) -> dict[str, Param | datetime | None]:
    """What the trail says of a plan: all of its row; parameters too long for an entry by their digest."""
    told = {name: row[name] for name in ("kind", "cause", "identity", "due_at", "give_up_at")}
    params = row["params"]
    if len(params) <= _LONGEST_PARAMS:
        return told | {"params": params}
    return told | {"params_sha256": sha256(params.encode("ascii")).hexdigest()}


def _follow_up(event_id: int | None, follow_up: FollowUp, now: datetime) -> dict[str, Any]:
    due_at = now + timedelta(seconds=follow_up.delay)
    return {
        "identity": follow_up.identity,
        "kind": follow_up.kind,
        "subject": follow_up.subject,
        "cause": line(follow_up.cause),
        "params": json.dumps(dict(follow_up.params), sort_keys=True),
        "event_id": event_id,
        "status": "planned",
        "attempt": 1,
        "starts": 0,
        "planned_at": now,
        "due_at": due_at,
        "give_up_at": due_at + GIVE_UP_AFTER,
        "changed_at": now,
    }
