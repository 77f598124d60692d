"""V7 and V6 for events, their deliveries and their transitions: each event with all that the trail tells of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from operator import itemgetter
from typing import Any

from service.audit.verification import payloads
from service.audit.verification.findings import UNTOLD, Finding, Whose, differences
from service.audit.verification.places import Reader, Row
from service.audit.verification.told import COLUMNS, Told, side_by_side

VERDICTS = {"received": "event", "redelivered": "redelivery", "quarantined": "quarantine", "deferred": "deferred"}
EVENT = (
    *("id", "key", "topic", "subject", "mode", "organization", "told_status", "resource_updated_at", "result"),
    *("superseded", "error", "fingerprint", "origin", "deliveries", "first_seen_at", "last_seen_at"),
)
DELIVERY = (
    *("event_id", "id", "topic", "origin", "received_at", "verdict", "reason", "size", "commitment"),
    *("key_fingerprint", "body", "headers", "salt", "data_key"),
)
_PROVED = DELIVERY[: DELIVERY.index("body")]
_payload = itemgetter(*map(DELIVERY.index, payloads.COLUMNS))
TRANSITION = ("event_id", "subject", "from_status", "to_status", "at", "applied", "recorded_at")
_MOVES = {"state.changed": 1, "state.superseded": 0, "state.confirmed": 0}
# Who tells of a transition even where nothing was moved by it.
INTAKE = "intake"

# What is wrong with the bytes of a delivery, given its payload's columns and the digest that the trail tells.
Bytes = Callable[[Row, bytes | None], str]


def judge(reader: Reader, those: str, bounds: Sequence[int], bytes_of: Bytes) -> Iterator[Finding]:
    """Verify some events.

    Args:
        reader: the record.
        those: which, as a condition on their numbers in place of `{0}`.
        bounds: its values.
        bytes_of: what is wrong with the bytes of a delivery.
    """
    where = f"WHERE {those} ORDER BY {{0}}"
    streams = (
        reader.rows(("event_id", *COLUMNS), "audit_entries", where.format("event_id") + ", id", bounds),
        reader.rows(EVENT, "events", where.format("id"), bounds),
        reader.rows(DELIVERY, "deliveries", where.format("event_id"), bounds),
        reader.rows(TRANSITION, "transitions", where.format("event_id") + ", id", bounds),
    )
    for id_, (entries, kept, deliveries, transitions) in side_by_side(*streams):
        story = Story(id_)
        for row in entries:
            story.take(Told._make(row))
        yield from story.compare_event(kept)
        yield from compare_deliveries(story.deliveries, deliveries, story.sealed, bytes_of)
        yield from story.compare_transitions(transitions)


def judge_single_moves(reader: Reader, ids: Sequence[int]) -> Iterator[Finding]:
    """Compare the transitions of those events that have one, told by one entry that still tells it."""
    where = f"WHERE event_id IN ({', '.join('?' * len(ids))}) ORDER BY event_id, id"
    streams = (
        reader.rows(("event_id", *COLUMNS), "audit_entries", where, ids),
        reader.rows(TRANSITION, "transitions", where, ids),
    )
    for id_, (entries, transitions) in side_by_side(*streams):
        moves = [one for one in map(Told._make, entries) if one.action in _MOVES]
        if len(moves) == len(transitions) == 1 and moves[0].action == "state.changed" and not moves[0].erased:
            story = Story(id_)
            story.take(moves[0])
            yield from story.compare_transitions(transitions)


class Story:
    """What the trail tells of one event."""

    def __init__(self, id_: int) -> None:
        """Begin with nothing."""
        self.id = id_
        self.event: list[Any] = []
        self.deliveries: dict[bytes, tuple[Any, ...]] = {}
        self.sealed: dict[bytes, bytes | None] = {}
        self.transitions: list[tuple[Any, ...]] = []
        self._superseded = False
        self._times: list[Any] = []

    def take(self, entry: Told) -> None:
        """Take in one entry more, in their order."""
        if entry.action in _MOVES:
            self._move(entry)
        elif entry.action in VERDICTS and entry.payload is not None:
            detail = entry.read()
            row = delivery_row(entry, detail)
            self.deliveries[entry.payload] = row
            self.sealed[entry.payload] = entry.sealed
            self._times.append(row[4])
            if entry.action == "received" and not self.event:
                self.event = _event(entry, detail, row[4])
        elif entry.action == "replayed" and self.event and not entry.erased:
            detail = entry.read()
            # Of a delivery that stood apart it tells that one's verdict, and the event is as it was received.
            if detail.get("before") in ("handled", "failed", "ignored"):
                self.event[8], self.event[10] = detail.get("result"), detail.get("error")
                self.event[11] = detail.get("fingerprint")
        elif entry.action == "replayed" and self.event:
            self.event[8] = self.event[10] = self.event[11] = UNTOLD

    def _move(self, entry: Told) -> None:
        applied = _MOVES[entry.action]
        told_by_intake = entry.actor == INTAKE
        self._superseded |= told_by_intake and entry.action == "state.superseded"
        if not (applied or told_by_intake):
            return
        row: tuple[Any, ...]
        if entry.erased:
            row = (self.id, Whose(entry.subject), UNTOLD, UNTOLD, UNTOLD, applied, entry.at)
        else:
            d = entry.read()
            told = d.get("before"), d.get("status"), d.get("updated_at")
            row = (self.id, entry.subject, *told, applied, entry.at)
        self.transitions.append(row)

    def compare_event(self, kept: Sequence[Row]) -> Iterator[Finding]:
        """Compare with the row of `events`."""
        where = f"events {self.id}"
        if not self.event:
            yield Finding("V7", where, "no entry of the trail tells that it was received")
            return
        if not kept:
            yield Finding("V7", where, "the trail tells of it, and the row is gone")
            return
        known = [time for time in self._times if time is not UNTOLD]
        last = max(known) if len(known) == len(self._times) else UNTOLD
        told = (
            *self.event[:9],
            int(self._superseded),
            *self.event[10:13],
            len(self.deliveries),
            *self.event[13:],
            last,
        )
        if not told == kept[0]:  # noqa: SIM201 - the one that is told may be equal to anything
            yield from differences("V7", where, EVENT, told, kept[0])

    def compare_transitions(self, kept: Sequence[Row]) -> Iterator[Finding]:
        """Compare with the rows of `transitions`."""
        if self.transitions == kept or not (self.transitions or kept):
            return
        where = f"transitions of event {self.id}"
        if len(self.transitions) != len(kept):
            yield Finding("V7", where, f"there are {len(kept)}, and the trail tells of {len(self.transitions)}")
            return
        for told, row in zip(self.transitions, kept, strict=True):
            yield from differences("V7", where, TRANSITION, told, row)


def _event(entry: Told, detail: dict[str, Any], first: Any) -> list[Any]:
    """What an event's row holds, without whether it is superseded and what counts its deliveries."""
    if entry.erased:
        return [entry.event_id, UNTOLD, UNTOLD, Whose(entry.subject), *[UNTOLD] * 9, first]
    d = detail.get
    key = bytes.fromhex(d("identity", ""))
    return [
        *(entry.event_id, key, d("topic"), entry.subject, d("mode"), d("organization"), d("told_status")),
        *(d("resource_updated_at"), d("result"), None, d("error"), d("fingerprint"), d("origin"), first),
    ]


def delivery_row(entry: Told, detail: dict[str, Any]) -> tuple[Any, ...]:
    """What a delivery's row holds, by the entry that told of it last; without its bytes."""
    verdict = VERDICTS[entry.action]
    if entry.erased:
        return (entry.event_id, UNTOLD, UNTOLD, UNTOLD, UNTOLD, verdict, UNTOLD, UNTOLD, entry.payload, UNTOLD)
    d = detail.get
    return (
        *(entry.event_id, d("delivery"), d("topic"), d("origin"), d("received_at", entry.at), verdict),
        *(d("reason"), d("size"), entry.payload, d("key")),
    )


def compare_deliveries(
    told: dict[bytes, tuple[Any, ...]], kept: Sequence[Row], sealed: dict[bytes, bytes | None], bytes_of: Bytes
) -> Iterator[Finding]:
    """Compare what the trail tells of deliveries with their rows and their bytes.

    Args:
        told: by commitment, what `delivery_row` made.
        kept: rows of `DELIVERY`.
        sealed: by commitment, the digest of the sealed bytes as they were received.
        bytes_of: what is wrong with the bytes.
    """
    missing = dict(told)
    for row in kept:
        should = missing.pop(row[8], None)
        if should is None:
            where = f"deliveries {row[1]}"
            yield Finding(
                "V7", where, "no entry of the trail tells of it as it is: its commitment or its event differs"
            )
            continue
        if not should == row[:10]:  # noqa: SIM201 - the one that is told may be equal to anything
            yield from differences("V7", f"deliveries {row[1]}", _PROVED, should, row[:10])
        if problem := bytes_of(_payload(row), sealed.get(row[8])):
            yield Finding("V6", f"deliveries {row[1]}", problem)
    for one in missing.values():
        name = "whose entries were erased" if one[1] is UNTOLD else str(one[1])
        yield Finding("V7", f"deliveries {name}", "the trail tells of it, and the row is gone or is another event's")
