"""V7 for follow-ups and their attempts: the life of each, as the trail tells it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from operator import itemgetter
from typing import Any, NamedTuple

from service.audit.verification.findings import Finding, differences
from service.audit.verification.places import Reader, Row
from service.audit.verification.told import read_detail, side_by_side

FOLLOW_UP = (
    *("id", "identity", "kind", "subject", "cause", "params", "event_id", "status", "attempt", "starts"),
    *("planned_at", "due_at", "give_up_at", "changed_at", "result"),
)
ATTEMPT = (
    *("follow_up_id", "number", "start", "worker", "started_at", "acting_at", "finished_at", "result", "detail"),
    "request_id",
)
_BLANK: dict[str, Any] = dict.fromkeys(ATTEMPT)
_follow_up, _attempt = itemgetter(*FOLLOW_UP), itemgetter(*ATTEMPT)


class Said(NamedTuple):
    """An entry about a follow-up; the first column is its number."""

    follow_up_id: int
    at: str
    subject: str
    action: str
    event_id: int | None
    detail: str
    salt: bytes | None


def judge(reader: Reader, low: int, high: int) -> Iterator[Finding]:
    """Verify the follow-ups whose numbers are from `low` to `high`."""
    bounds, where = (low, high), "WHERE {0} BETWEEN ? AND ? ORDER BY {0}"
    streams = (
        reader.rows(Said._fields, "audit_entries", where.format("follow_up_id") + ", id", bounds),
        reader.rows(FOLLOW_UP, "follow_ups", where.format("id"), bounds),
        reader.rows(ATTEMPT, "attempts", where.format("follow_up_id") + ", number, start", bounds),
    )
    for id_, (entries, kept, attempts) in side_by_side(*streams):
        yield from compare(id_, [Said._make(row) for row in entries], kept, attempts)


def compare(id_: int, entries: Sequence[Said], kept: Sequence[Row], attempts: Sequence[Row]) -> Iterator[Finding]:
    """Compare what the trail tells of one follow-up with its row and those of its attempts."""
    where = f"follow_ups {id_}"
    life = Life(id_)
    for entry in entries:
        life.take(entry)
    if not life.planned:
        yield Finding("V7", where, "no entry of the trail tells that it was planned")
        return
    if not kept:
        yield Finding("V7", where, "the trail tells of it, and the row is gone")
        return
    if any(entry.salt is None for entry in entries):
        yield from _counted(where, entries, attempts)
        return
    row = kept[0]
    if life.params_digest is not None and sha256(row[5].encode()).hexdigest() == life.params_digest:
        row = (*row[:5], life.row["params"], *row[6:])
    if row[7] == "queued" and life.row["status"] == "planned":
        # Handing it to the engine is no entry of its own: it still waits.
        row = (*row[:7], "planned", *row[8:13], life.row["changed_at"], *row[14:])
    yield from differences("V7", where, FOLLOW_UP, _follow_up(life.row), row)
    yield from life.compare_attempts(attempts)


def _counted(where: str, entries: Sequence[Said], attempts: Sequence[Row]) -> Iterator[Finding]:
    """Of a follow-up whose entries were erased, the number of its attempts is still told."""
    told = sum(entry.action == "attempt.started" for entry in entries)
    if told != len(attempts):
        yield Finding("V7", where, f"it has {len(attempts)} attempts, and the trail tells of {told}")


class Life:
    """What the trail tells of one follow-up."""

    def __init__(self, id_: int) -> None:
        """Begin with nothing."""
        self.id = id_
        self.planned = False
        self.row: dict[str, Any] = {"id": id_}
        self.params_digest: str | None = None
        self.attempts: dict[tuple[Any, Any], dict[str, Any]] = {}

    def take(self, entry: Said) -> None:
        """Take in one entry more, in their order."""
        detail = read_detail(entry.detail)
        group, _, result = entry.action.partition(".")
        if entry.action == "follow_up.planned":
            self._plan(entry, detail)
        elif entry.action == "follow_up.planned_again":
            names = ("attempt", "starts", "due_at", "give_up_at")
            self.row |= {"status": "planned", "changed_at": entry.at, **{name: detail.get(name) for name in names}}
        elif group == "attempt" and result == "started":
            place = detail.get("attempt"), detail.get("start")
            told = {"follow_up_id": self.id, "number": place[0], "start": place[1], "worker": detail.get("worker")}
            self.attempts[place] = {**_BLANK, **told, "started_at": entry.at}
            self.row.update(status="running", starts=place[1], changed_at=entry.at)
        elif group == "attempt" and result == "acting":
            self._attempt(detail)["acting_at"] = entry.at
            self.row.update(status="attempting", changed_at=entry.at)
        elif group == "attempt":
            self._end(entry, detail, result)

    def _plan(self, entry: Said, detail: dict[str, Any]) -> None:
        self.planned, told = True, detail.get
        self.params_digest = told("params_sha256")
        self.row.update(
            identity=told("identity"),
            kind=told("kind"),
            cause=told("cause"),
            params=told("params", f"of SHA-256 {self.params_digest}"),
            subject=entry.subject,
            event_id=entry.event_id,
            status="planned",
            attempt=1,
            starts=0,
            planned_at=entry.at,
            due_at=told("due_at"),
            give_up_at=told("give_up_at"),
            changed_at=entry.at,
            result=None,
        )

    def _attempt(self, detail: dict[str, Any]) -> dict[str, Any]:
        return self.attempts.setdefault((detail.get("attempt"), detail.get("start")), dict(_BLANK))

    def _end(self, entry: Said, detail: dict[str, Any], result: str) -> None:
        told, request_id = detail.get("detail"), detail.get("request_id")
        self._attempt(detail).update(finished_at=entry.at, result=result, detail=told, request_id=request_id)
        if "status" not in detail:
            # Its worker died, and another one says so; the follow-up goes on.
            return
        self.row.update(status=detail["status"], changed_at=entry.at, result=told)
        if "due_at" in detail:
            self.row |= {"attempt": detail.get("attempt", 0) + 1, "starts": 0, "due_at": detail["due_at"]}
        if "give_up_at" in detail:
            self.row["give_up_at"] = detail["give_up_at"]

    def compare_attempts(self, kept: Sequence[Row]) -> Iterator[Finding]:
        """Compare with the rows of `attempts`."""
        told = dict(self.attempts)
        for row in kept:
            where = f"attempts of follow-up {self.id}, number {row[1]}, start {row[2]}"
            should = told.pop((row[1], row[2]), None)
            if should is None:
                yield Finding("V7", where, "no entry of the trail tells of it")
            else:
                yield from differences("V7", where, ATTEMPT, _attempt(should), row)
        for number, start in told:
            where = f"attempts of follow-up {self.id}, number {number}, start {start}"
            yield Finding("V7", where, "the trail tells of it, and the row is gone")
