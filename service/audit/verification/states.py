"""V7 for states: replaying the trail gives the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from service.audit.verification.findings import Finding, differences
from service.audit.verification.places import Reader, Row
from service.audit.verification.told import COLUMNS, Told, side_by_side
from service.outcomes import Transition
from service.states import State, advance

STATE = (
    *("subject", "status", "at", "event_id", "source_order_id", "target_order_id", "order_subscription_id"),
    "seen_at",
)
_ACTIONS = ("state.changed", "state.superseded", "state.confirmed")


def judge(reader: Reader, low: str, high: str | None) -> Iterator[Finding]:
    """Verify the states of the subjects from `low` to below `high`; None is the end."""
    subject = reader.ordered("subject")
    bounds = f"{subject} >= ?" + ("" if high is None else f" AND {subject} < ?")
    values = (low,) if high is None else (low, high)
    marks = ", ".join("?" * len(_ACTIONS))
    told = reader.rows(
        ("subject", *COLUMNS),
        "audit_entries",
        f"WHERE {bounds} AND action IN ({marks}) ORDER BY {subject}, id",
        (*values, *_ACTIONS),
    )
    kept = reader.rows(STATE, "states", f"WHERE {bounds} ORDER BY {subject}", values)
    # Python orders text by code points, which is the order of its bytes in UTF-8, and so the databases'.
    for name, (entries, rows) in side_by_side(told, kept):
        yield from compare(name, [Told._make(row) for row in entries], rows)


def compare(subject: str, entries: Sequence[Told], rows: Sequence[Row]) -> Iterator[Finding]:
    """Compare what the trail tells of one subject with its row."""
    where = f"states {subject}"
    if not entries:
        yield Finding("V7", where, "no entry of the trail tells of it")
        return
    if any(entry.erased for entry in entries):
        # An erasure deletes the row; and nobody can tell what it should hold.
        return
    if not rows:
        yield Finding("V7", where, "the trail tells of it, and the row is gone")
        return
    told, kept = replayed(subject, entries), rows[0]
    if told != kept:
        yield from differences("V7", where, STATE, told, kept)


def replayed(subject: str, entries: Sequence[Told]) -> tuple[Any, ...]:
    """The row of `STATE` that entries about one subject come to, in their order."""
    state: State | None = None
    event_id: int | None = None
    seen_at = ""
    times: dict[datetime | None, str | None] = {None: None}
    for entry in entries:
        told = entry.read()
        spelled = told.get("updated_at")
        at = datetime.fromisoformat(spelled) if spelled else None
        times[at] = spelled
        orders = told.get("source_order"), told.get("target_order"), told.get("order_subscription")
        after, _, _ = advance(state, Transition(subject, told.get("status", ""), at, *orders))
        if after is not state and after != state:
            state, event_id, seen_at = after, entry.event_id, entry.at
    if state is None:
        raise TypeError("no entries to replay")
    orders = state.source_order_id, state.target_order_id, state.order_subscription_id
    return (subject, state.status, times[state.at], event_id, *orders, seen_at)
