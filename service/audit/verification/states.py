"""V7 for states: replaying the trail gives the table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any, NamedTuple

from service.audit.verification import events
from service.audit.verification.findings import Finding, differences
from service.audit.verification.places import Reader, Row, batched
from service.audit.verification.told import read_detail, side_by_side
from service.states import greater, order

STATE = (
    *("subject", "status", "at", "event_id", "source_order_id", "target_order_id", "order_subscription_id"),
    "seen_at",
)

_ACTIONS = ("state.changed", "state.superseded", "state.confirmed")


class Said(NamedTuple):
    """What an entry about a subject says of its state; `told` is its detail."""

    event_id: int | None
    at: str
    told: dict[str, Any]


def judge(reader: Reader, low: str, high: str | None) -> Iterator[Finding]:
    """Verify the states of the subjects from `low` to below `high`, None is the end; and how they came to be.

    A transition is compared here where it is the only one of its event and told by one entry; all others are, where the
    events are (`service.audit.verification.plain`).
    """
    subject = reader.ordered("entry.subject")
    bounds = "{0} >= ?" + ("" if high is None else " AND {0} < ?")
    values = (low,) if high is None else (low, high)
    actions = ", ".join(f"'{name}'" for name in _ACTIONS)
    told = reader.rows(
        _columns(reader),
        "audit_entries AS entry LEFT JOIN transitions AS t ON t.event_id = entry.event_id",
        f"WHERE {bounds.format(subject)} AND entry.action IN ({actions}) ORDER BY {subject}, entry.id",
        values,
    )
    name = reader.ordered("subject")
    kept = reader.rows(STATE, "states", f"WHERE {bounds.format(name)} ORDER BY {name}", values)
    odd: set[int] = set()
    # Python orders text by code points, which is the order of its bytes in UTF-8, and so the databases'.
    for about, (entries, rows) in side_by_side(told, kept):
        said, last, is_erased = [], None, False
        for row in entries:
            _, id_, event_id, at, detail, is_gone, is_told = row[:7]
            if id_ == last:
                continue
            last, is_erased, one = id_, is_erased or is_gone, read_detail(detail)
            said.append(Said(event_id, at, one))
            should = about, at, 1, one.get("before"), one.get("status"), one.get("updated_at")
            if is_told and row[7:] != should:
                odd.add(event_id)
        yield from compare(about, said, rows, is_erased=is_erased)
    for some in batched(sorted(odd)):
        yield from events.judge_single_moves(reader, some)


def _columns(reader: Reader) -> tuple[str, ...]:
    is_applied = f"{reader.ordered('entry.action')} = 'state.changed'"
    return (
        *("entry.subject", "entry.id", "entry.event_id", "entry.at", "entry.detail", "entry.salt IS NULL"),
        f"{is_applied} AND entry.salt IS NOT NULL AND entry.event_id IS NOT NULL",
        *("t.subject", "t.recorded_at", "t.applied", "t.from_status", "t.to_status", "t.at"),
    )


def compare(subject: str, entries: Sequence[Said], rows: Sequence[Row], *, is_erased: bool) -> Iterator[Finding]:
    """Compare what the trail tells of one subject with its row."""
    where = f"states {subject}"
    if not entries:
        yield Finding("V7", where, "no entry of the trail tells of it")
        return
    if is_erased:
        # An erasure deletes the row; and nobody can tell what it should hold.
        return
    if not rows:
        yield Finding("V7", where, "the trail tells of it, and the row is gone")
        return
    told, kept = replayed(subject, entries), rows[0]
    if told != kept:
        yield from differences("V7", where, STATE, told, kept)


def replayed(subject: str, entries: Sequence[Said]) -> tuple[Any, ...]:
    """The row of `STATE` that entries about one subject come to, in their order."""
    state: tuple[Any, ...] | None = None
    source = target = subscription = None
    for entry in entries:
        told = entry.told.get
        status, spelled = told("status", ""), told("updated_at")
        place = order(status, datetime.fromisoformat(spelled) if spelled else None)
        before = source, target, subscription
        source = greater(source, told("source_order"))
        target = greater(target, told("target_order"))
        subscription = greater(subscription, told("order_subscription"))
        if state is None or place > state[0]:
            state = place, status, spelled, entry.event_id, entry.at
        elif before != (source, target, subscription):
            # The status stays, and is known from this entry on together with what it names.
            state = *state[:3], entry.event_id, entry.at
    if state is None:
        raise TypeError("no entries to replay")
    _, status, spelled, event_id, seen_at = state
    return (subject, status, spelled, event_id, source, target, subscription, seen_at)
