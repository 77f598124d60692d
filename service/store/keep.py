"""The write path of the intake: many arrivals, one transaction, a handful of statements.

Set-based on purpose: a statement costs more than a row, and concurrent deliveries share a commit. Rows are written
in one order (by key), so that two processes never wait for each other in a circle.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.arrivals import Arrival, Receipt
from service.events import Event
from service.fingerprints import fingerprint_of
from service.merkle.leaves import digest_of_sealed
from service.outcomes import Param
from service.payloads import Kept
from service.store import tombstones
from service.store.audit import entry, write_audit
from service.store.bulk import Bulk, reserve
from service.store.factories import project, told_by
from service.store.incidents import cure
from service.store.record import INTAKE, Told, record
from service.store.schema import deliveries, events
from service.text import line

_EVENTS = Bulk(
    events,
    [c.name for c in events.c if c.name != "id"],
    lambda statement: statement.on_conflict_do_update(
        index_elements=[events.c.key],
        set_={
            "deliveries": events.c.deliveries + statement.excluded.deliveries,
            "last_seen_at": sa.case(
                (statement.excluded.last_seen_at > events.c.last_seen_at, statement.excluded.last_seen_at),
                else_=events.c.last_seen_at,
            ),
        },
    ),
)
_EVENTS_BY_KEY = sa.select(events.c.id, events.c.key, events.c.deliveries).where(
    events.c.key.in_(sa.bindparam("keys", expanding=True))
)
_KEPT = ("body", "headers", "salt", "data_key", "size", "commitment")
_KEPT_OF = sa.select(*(deliveries.c[name] for name in _KEPT)).where(deliveries.c.id == sa.bindparam("id"))
_DELIVERIES = Bulk(deliveries, [c.name for c in deliveries.c])


def keep(connection: sa.Connection, arrivals: Sequence[Arrival]) -> list[Receipt]:
    """Write arrivals with everything that follows from them, inside the caller's transaction.

    Of those about an erased subject nothing follows, and their bytes are not kept.

    Returns:
        One receipt for each arrival, in their order. They are true once the transaction has committed.
    """
    arrivals = tombstones.without_erased(connection, arrivals)
    known = _keep_events(connection, arrivals)
    receipts, first = [], set()
    for arrival in arrivals:
        if arrival.event is None:
            receipts.append(Receipt(arrival.apart or "quarantine"))
            continue
        event_id, new = known[arrival.event.key]
        receipts.append(Receipt("event" if new and event_id not in first else "redelivery", event_id))
        first.add(event_id)
    ids = reserve(connection, deliveries, len(arrivals))
    _DELIVERIES.run(connection, [_delivery(*row) for row in zip(ids, arrivals, receipts, strict=True)])
    told = [
        Told(receipt.event_id, arrival.event.subject, arrival.verdict)
        for arrival, receipt in zip(arrivals, receipts, strict=True)
        if receipt.verdict == "event" and receipt.event_id is not None and arrival.event is not None
    ]
    entries = [_received(i, a, r, a.received_at) for i, a, r in zip(ids, arrivals, receipts, strict=True)]
    kept = zip(ids, arrivals, receipts, strict=True)
    erased = ((i, a, r) for i, a, r in kept if tombstones.is_erased(a))
    entries += [tombstones.erased_again(a, i, r.event_id, a.received_at, INTAKE) for i, a, r in erased]
    entries += record(connection, told, arrivals[0].received_at)
    _project(connection, arrivals, receipts)
    _cure(connection, told, arrivals[0].received_at)
    write_audit(connection, entries)
    return receipts


def adopt(
    connection: sa.Connection, delivery_id: int, verdict: str, arrival: Arrival, now: datetime, actor: str = INTAKE
) -> Receipt | None:
    """Give a kept delivery that stands apart its place, now that it was read: its event, or quarantine.

    Args:
        connection: a transaction.
        delivery_id: the delivery's row.
        verdict: what it still must stand as; with another one somebody else was quicker.
        arrival: what it brought, understood.
        now: the time of the entries.
        actor: who decided this.

    Returns:
        What became of it, true once the transaction has committed; None where somebody else was quicker.
    """
    (arrival,) = tombstones.without_erased(connection, [arrival])
    # Locks the row, on PostgreSQL too: a second worker waits here and then finds another verdict.
    claim = sa.update(deliveries).values(reason=arrival.reason and line(arrival.reason))
    claim = claim.where(deliveries.c.id == delivery_id, deliveries.c.verdict == verdict)
    if connection.execute(claim).rowcount == 0:
        return None
    receipt = Receipt(arrival.apart or "quarantine")
    entries = []
    if arrival.event is not None:
        event_id, new = _keep_events(connection, [arrival])[arrival.event.key]
        receipt = Receipt("event" if new else "redelivery", event_id)
        if new:
            # As at the door, whoever decided it: for the event this is the first time.
            told = [Told(event_id, arrival.event.subject, arrival.verdict)]
            entries = record(connection, told, now)
            _cure(connection, told, now)
            _project(connection, [arrival], [receipt])
    placed: dict[str, Any] = {"verdict": receipt.verdict, "event_id": receipt.event_id}
    if tombstones.is_erased(arrival):
        placed |= tombstones.NOTHING
        entries.append(tombstones.erased_again(arrival, delivery_id, receipt.event_id, now, actor))
    arrival = replace(arrival, kept=_kept(connection, delivery_id))
    connection.execute(sa.update(deliveries).where(deliveries.c.id == delivery_id).values(placed))
    write_audit(connection, [_received(delivery_id, arrival, receipt, now, actor), *entries])
    return receipt


def _kept(connection: sa.Connection, delivery_id: int) -> Kept:
    """How the bytes of a delivery are kept; the body may be of some megabytes, and few deliveries are adopted."""
    kept = Kept(*connection.execute(_KEPT_OF, {"id": delivery_id}).one())
    return replace(kept, sealed=digest_of_sealed(kept.body or b"")) if kept.data_key is not None else kept


def _cure(connection: sa.Connection, told: Sequence[Told], now: datetime) -> None:
    """End what the outcomes say is well again. A replay does not: it tells the past."""
    cure(connection, {cured.subject for one in told for cured in one.verdict.cured}, now, INTAKE)


def _project(connection: sa.Connection, arrivals: Sequence[Arrival], receipts: Sequence[Receipt]) -> None:
    """Keep what new events say of order factories. A redelivery says nothing, as it does for states."""
    told = [
        told_by(arrival.event, receipt.event_id, erased=tombstones.is_erased(arrival))
        for arrival, receipt in zip(arrivals, receipts, strict=True)
        if receipt.verdict == "event" and receipt.event_id is not None and arrival.event is not None
    ]
    project(connection, [row for row in told if row is not None])


def _keep_events(connection: sa.Connection, arrivals: Sequence[Arrival]) -> dict[bytes, tuple[int, bool]]:
    """Insert new events and count redeliveries of known ones.

    Returns:
        For each key the event's row, and whether this transaction made it.
    """
    rows: dict[bytes, dict[str, Any]] = {}
    for arrival in arrivals:
        if arrival.event is None:
            continue
        if row := rows.get(arrival.event.key):
            row["deliveries"] += 1
            row["last_seen_at"] = max(row["last_seen_at"], arrival.received_at)
        else:
            rows[arrival.event.key] = _event(arrival, arrival.event)
    if not rows:
        return {}
    keys = sorted(rows)
    _EVENTS.run(connection, [rows[key] for key in keys])
    found = connection.execute(_EVENTS_BY_KEY, {"keys": keys})
    return {bytes(key): (id_, count == rows[bytes(key)]["deliveries"]) for id_, key, count in found}


def _event(arrival: Arrival, event: Event) -> dict[str, Any]:
    verdict = arrival.verdict
    return {
        "key": event.key,
        "topic": event.topic,
        "subject": event.subject,
        "mode": event.mode,
        "organization": event.organization,
        "told_status": line(event.status, 64) if event.status else None,
        "resource_updated_at": event.updated_at,
        "result": "failed" if verdict.errors else "handled" if verdict.handled else "ignored",
        "superseded": False,
        "error": line("; ".join(verdict.errors)) if verdict.errors else None,
        "fingerprint": fingerprint_of(event, verdict),
        "origin": arrival.origin,
        "deliveries": 1,
        "first_seen_at": arrival.received_at,
        "last_seen_at": arrival.received_at,
    }


def _delivery(id_: int, arrival: Arrival, receipt: Receipt) -> dict[str, Any]:
    kept = _prepared(arrival)
    return {
        "id": id_,
        "event_id": receipt.event_id,
        "topic": arrival.topic,
        "origin": arrival.origin,
        "received_at": arrival.received_at,
        "verdict": receipt.verdict,
        "reason": line(arrival.reason) if arrival.reason else None,
        "body": kept.body,
        "headers": kept.headers,
        "salt": kept.salt,
        "data_key": kept.data_key,
        "size": kept.size,
        "commitment": kept.commitment,
        "key_fingerprint": arrival.key_fingerprint,
    }


def _prepared(arrival: Arrival) -> Kept:
    if arrival.kept is None:
        raise TypeError("an arrival whose bytes are not prepared for the store")
    return arrival.kept


def _received(id_: int, arrival: Arrival, receipt: Receipt, at: datetime, actor: str = INTAKE) -> dict[str, Any]:
    """What the trail says of a delivery: all of its row; its bytes by what the log commits to."""
    actions = {"event": "received", "redelivery": "redelivered", "quarantine": "quarantined", "deferred": "deferred"}
    subject = arrival.event.subject if arrival.event else f"topics/{arrival.topic}"
    kept = _prepared(arrival)
    detail: dict[str, Param | datetime | None] = {
        "delivery": id_,
        "size": kept.size,
        # Of one that is adopted, the entry is of another time than the delivery.
        "received_at": None if arrival.received_at == at else arrival.received_at,
        "topic": arrival.topic,
        "origin": arrival.origin,
        "key": arrival.key_fingerprint,
        "reason": arrival.reason and line(arrival.reason),
    }
    if arrival.event is not None and receipt.verdict == "event":
        detail |= _facts(arrival, arrival.event)
    told = entry(at, subject, actor, actions[receipt.verdict], detail, event_id=receipt.event_id)
    return told | {"payload": kept.commitment, "sealed": kept.sealed}


def _facts(arrival: Arrival, event: Event) -> dict[str, Param | datetime | None]:
    """The columns of an event's row, so that the log can tell whether anybody changed it."""
    row = _event(arrival, event)
    names = ("mode", "organization", "told_status", "resource_updated_at", "result", "error", "fingerprint")
    return {"identity": event.key.hex()} | {name: row[name] for name in names}
