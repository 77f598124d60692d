"""Replays: the handlers run again on kept bytes, by our own decision.

Effects stay single: states only advance, and a follow-up that was planned once has its identity for ever.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any

import sqlalchemy as sa

from service.arrivals import Arrival
from service.errors import NotFound
from service.fingerprints import fingerprint_of
from service.intake.door import Door
from service.outcomes import Param
from service.router import Verdict
from service.states import State, advance
from service.store import Store, queries, tombstones
from service.store.audit import entry, write_audit
from service.store.keep import adopt
from service.store.record import Told, record
from service.store.schema import events
from service.text import line


@dataclass(frozen=True, slots=True)
class Replayed:
    """What a replay changed, or would change.

    Attributes:
        event_id, delivery_id: what was replayed; no event where the delivery still stands apart.
        subject: of the event; None where the delivery still stands apart.
        result_before, result: of the event: handled, failed, ignored; of a delivery: quarantine, deferred.
        error_before, error: what the handlers raised, or why the delivery stands apart.
        fingerprint: what failures of one cause share; None where nothing failed.
        follow_ups: identities that are new.
        states: `subject: from → to`, one line for each state that moves.
    """

    event_id: int | None
    delivery_id: int
    topic: str
    subject: str | None
    result_before: str
    result: str
    error_before: str | None
    error: str | None
    fingerprint: str | None = None
    follow_ups: tuple[str, ...] = ()
    states: tuple[str, ...] = ()

    @property
    def changes(self) -> bool:
        """Whether anything is other than before."""
        same = (self.result, self.error) == (self.result_before, self.error_before)
        return bool(self.follow_ups or self.states or not same)


@dataclass(frozen=True, slots=True)
class Operator:
    """Who replays, and why; both stand in the audit trail."""

    name: str
    reason: str | None = None

    @property
    def actor(self) -> str:
        """How the audit trail names a person at the command line."""
        return f"operator {line(self.name, 64)}"


def result_of(verdict: Verdict) -> tuple[str, str | None]:
    """The words under which an event with this verdict is kept: its result, its error."""
    result = "failed" if verdict.errors else "handled" if verdict.handled else "ignored"
    return result, line("; ".join(verdict.errors)) if verdict.errors else None


def new_follow_ups(verdict: Verdict, known: set[str]) -> tuple[str, ...]:
    """Identities that the handlers ask for and that nobody planned yet."""
    return tuple(sorted({f.identity for f in verdict.follow_ups} - known))


def moved_states(verdict: Verdict, known: Mapping[str, State | None]) -> tuple[str, ...]:
    """One line for each state that the transitions of a verdict would move, `subject: from → to`."""
    now = dict(known)
    for move in verdict.transitions:
        now[move.subject] = advance(now.get(move.subject), move)[0]
    lines = []
    for subject, state in sorted(now.items()):
        before = known.get(subject)
        if state is not None and (before is None or before.status != state.status):
            lines.append(f"{subject}: {before.status if before else 'unknown'} → {state.status}")
    return tuple(lines)


def replay_event(store: Store, door: Door, event_id: int, operator: Operator, *, dry_run: bool = False) -> Replayed:
    """Run the handlers again on the newest delivery of an event.

    Args:
        store: the open store.
        door: of the installation, with today's handlers.
        event_id: which event.
        operator: who asks for it.
        dry_run: say what would differ, write nothing.

    Raises:
        NotFound: there is no such event, or none of its deliveries is kept.
        StoreUnavailable: as `Store.write`.
    """
    with store.read() as connection:
        kept = queries.event(connection, event_id)
        delivery_id = queries.newest_delivery(connection, event_id) if kept else None
        stored = queries.stored_delivery(connection, delivery_id, door.vault) if delivery_id else None
    if kept is None:
        raise NotFound(f"event {event_id} is not kept")
    if stored is None or delivery_id is None:
        raise NotFound(f"event {event_id} has no delivery with its bytes")
    arrival = door.understand(stored[1])
    found = Replayed(event_id, delivery_id, kept.topic, kept.subject, kept.result, kept.result, kept.error, kept.error)
    if arrival.event is None:
        # The settings changed since, or the bytes were read more kindly once: what is kept stays as it is.
        return replace(found, result="quarantine", error=arrival.reason)
    result, error = result_of(arrival.verdict)
    found = replace(found, result=result, error=error, fingerprint=fingerprint_of(arrival.event, arrival.verdict))
    if dry_run:
        with store.read() as connection:
            return _compared(connection, found, arrival.verdict)
    with store.write() as connection:
        return _replay(connection, found, arrival.verdict, operator)


def replay_delivery(
    store: Store, door: Door, delivery_id: int, operator: Operator, *, dry_run: bool = False
) -> Replayed:
    """Read a delivery again that stands apart (quarantined, deferred), and make it the event that it is by now.

    A delivery that has its event is replayed as that event.

    Raises:
        NotFound: there is no such delivery.
        StoreUnavailable: as `Store.write`.
    """
    with store.read() as connection:
        stored = queries.stored_delivery(connection, delivery_id, door.vault)
        event_id = queries.event_of_delivery(connection, delivery_id)
    if stored is None:
        raise NotFound(f"delivery {delivery_id} is not kept, or its bytes are not any more")
    if event_id is not None:
        return replay_event(store, door, event_id, operator, dry_run=dry_run)
    verdict, arrival = stored[0], door.understand(stored[1])
    found = Replayed(None, delivery_id, arrival.topic, None, verdict, "quarantine", None, arrival.reason)
    if arrival.event is not None:
        result, error = result_of(arrival.verdict)
        found = replace(found, subject=arrival.event.subject, result=result, error=error)
    if dry_run:
        with store.read() as connection:
            return _compared(connection, found, arrival.verdict)
    with store.write() as connection:
        return _place(connection, found, arrival, operator)


def _compared(connection: sa.Connection, found: Replayed, verdict: Verdict) -> Replayed:
    known = queries.known_identities(connection, {f.identity for f in verdict.follow_ups})
    states = {move.subject: queries.state_of(connection, move.subject) for move in verdict.transitions}
    return replace(found, follow_ups=new_follow_ups(verdict, known), states=moved_states(verdict, states))


def _replay(connection: sa.Connection, found: Replayed, verdict: Verdict, operator: Operator) -> Replayed:
    now = datetime.now(UTC)
    event_id = found.event_id or 0
    # Its bytes were read before this transaction began; what was erased since must not come back by them.
    tombstones.lock_for_keeping(connection)
    if tombstones.known(connection, [found.subject or ""]):
        raise NotFound(f"event {event_id} was erased")
    found = _compared(connection, found, verdict)
    entries = [_entry(found, now, operator)]
    entries += record(connection, [Told(event_id, found.subject or found.topic, verdict)], now, operator.actor)
    changed = sa.update(events).where(events.c.id == event_id)
    connection.execute(changed.values(result=found.result, error=found.error, fingerprint=found.fingerprint))
    write_audit(connection, entries)
    return found


def _place(connection: sa.Connection, found: Replayed, arrival: Arrival, operator: Operator) -> Replayed:
    now = datetime.now(UTC)
    found = _compared(connection, found, arrival.verdict)
    receipt = adopt(connection, found.delivery_id, found.result_before, arrival, now, operator.actor)
    if receipt is not None and receipt.verdict == "redelivery":
        # The event came in by another delivery meanwhile: its outcomes are there already.
        found = replace(found, follow_ups=(), states=())
    found = replace(found, event_id=receipt.event_id if receipt else None)
    write_audit(connection, [_entry(_unnamed(connection, found), now, operator)])
    return found


def _unnamed(connection: sa.Connection, found: Replayed) -> Replayed:
    """The same as the trail may tell it: of an erased subject no name, and no text that may hold one."""
    place = tombstones.known(connection, [found.subject or ""]).get(found.subject or "")
    return replace(found, subject=place, result="ignored", error=None, fingerprint=None) if place else found


def _entry(found: Replayed, now: datetime, operator: Operator) -> dict[str, Any]:
    detail: dict[str, Param] = {
        "delivery": found.delivery_id,
        "reason": operator.reason,
        "result": found.result,
        "error": found.error,
        "fingerprint": found.fingerprint,
        "before": found.result_before,
        "new_follow_ups": len(found.follow_ups),
    }
    subject = found.subject or f"topics/{found.topic}"
    return entry(now, subject, operator.actor, "replayed", detail, event_id=found.event_id)
