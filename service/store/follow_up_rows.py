"""The life of a follow-up in its row: planned, queued, running, attempting, and an end.

Every move is a compare-and-set on attempt and start, so a worker that was thought dead and wakes up changes nothing.
Each move writes the attempt's row and the audit trail in its own transaction.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.outcomes import Param
from service.store.audit import entry, write_audit
from service.store.record import GIVE_UP_AFTER
from service.store.schema import attempts, follow_ups
from service.store.tombstones import TYPE
from service.text import line

WORKER = "worker"
# The partial index's own condition, to the letter, so that both databases use it.
_OPEN = sa.text("status IN ('planned', 'queued', 'running', 'attempting')")
LIVE = ("planned", "queued", "running", "attempting")


@dataclass(frozen=True, slots=True)
class Due:
    """A follow-up whose time has come: its row, its kind, and which attempt is next."""

    id: int
    kind: str
    attempt: int


@dataclass(frozen=True, slots=True)
class Started:
    """A started attempt: the row as it is now, and whether an earlier one may have taken effect."""

    id: int
    kind: str
    subject: str
    cause: str
    params: dict[str, Any]
    event_id: int | None
    planned_at: datetime
    give_up_at: datetime
    number: int
    start: int
    repeats_unknown: bool


@dataclass(frozen=True, slots=True)
class Ending:
    """How an attempt ended.

    Attributes:
        status: the follow-up's status from now on; `planned` with `due_at`, or an end.
        result: the attempt's own result.
        detail: why, in words.
        due_at: when the next attempt is due; None where this was the last.
        request_id: the other side's id of the request, for their support.
    """

    status: str
    result: str
    detail: str
    due_at: datetime | None = None
    request_id: str | None = None


def any_due(connection: sa.Connection, now: datetime) -> bool:
    """Is a planned follow-up due? Cheap, and asked many times a second."""
    query = sa.select(follow_ups.c.id).where(_OPEN, follow_ups.c.status == "planned", follow_ups.c.due_at <= now)
    return connection.execute(query.limit(1)).first() is not None


def due(connection: sa.Connection, now: datetime, limit: int = 100) -> list[Due]:
    """Which planned follow-ups are due? Locked until the caller commits, so that two workers share the work."""
    query = (
        sa.select(follow_ups.c.id, follow_ups.c.kind, follow_ups.c.attempt)
        .where(_OPEN, follow_ups.c.status == "planned", follow_ups.c.due_at <= now)
        .order_by(follow_ups.c.due_at)
        .limit(limit)
        .with_for_update(skip_locked=True)  # SQLite's write lock is the whole file's; it ignores this
    )
    return [Due(*row) for row in connection.execute(query)]


def mark_queued(connection: sa.Connection, found: Sequence[Due], now: datetime) -> None:
    """Note that they were handed to the engine, in the transaction that does so."""
    ids = [one.id for one in found]
    connection.execute(sa.update(follow_ups).where(follow_ups.c.id.in_(ids)).values(status="queued", changed_at=now))


def was_started(connection: sa.Connection, id_: int, number: int) -> bool:
    """Was this attempt begun before, by a worker that did not end it?"""
    f = follow_ups.c
    query = sa.select(f.id).where(f.id == id_, f.attempt == number, f.starts > 0, f.status.in_(LIVE))
    return connection.execute(query).first() is not None


def start(connection: sa.Connection, id_: int, number: int, worker: str, now: datetime) -> Started | None:
    """Begin an attempt, or begin it again after a worker died in it.

    Returns:
        None where this attempt is over, or another has taken its place.
    """
    f = follow_ups.c
    row = connection.execute(
        sa.update(follow_ups)
        .where(f.id == id_, f.attempt == number, f.status.in_(LIVE))
        .values(status="running", starts=f.starts + 1, changed_at=now)
        .returning(f.kind, f.subject, f.cause, f.params, f.event_id, f.planned_at, f.give_up_at, f.starts)
    ).one_or_none()
    if row is None:
        return None
    abandoned = _close_abandoned(connection, id_, now)
    begun = {"follow_up_id": id_, "number": number, "start": row.starts, "worker": worker, "started_at": now}
    connection.execute(sa.insert(attempts), begun)
    unknown = connection.execute(
        sa.select(attempts.c.id).where(attempts.c.follow_up_id == id_, attempts.c.result == "unknown").limit(1)
    ).first()
    started = Started(
        id_,
        row.kind,
        row.subject,
        row.cause,
        json.loads(row.params),
        row.event_id,
        row.planned_at,
        row.give_up_at,
        number,
        row.starts,
        repeats_unknown=unknown is not None,
    )
    entries = [
        _entry(replace(started, number=n, start=s), now, f"attempt.{r}", {"detail": d}) for n, s, r, d in abandoned
    ]
    write_audit(connection, [*entries, _entry(started, now, "attempt.started", {"worker": worker})])
    return started


def _close_abandoned(connection: sa.Connection, id_: int, now: datetime) -> list[tuple[int, int, str, str]]:
    """Give the attempts of a dead worker their result: one that had begun to act may have taken effect.

    Returns:
        Of each its number, start, result and detail.
    """
    a = attempts.c
    unfinished = sa.update(attempts).where(a.follow_up_id == id_, a.finished_at.is_(None))
    acted = sa.case((a.acting_at.is_not(None), "unknown"), else_="died")
    ended = unfinished.values(result=acted, detail="its worker died", finished_at=now)
    found = connection.execute(ended.returning(a.number, a.start, a.result, a.detail))
    return sorted(tuple(row) for row in found)


def begin_acting(connection: sa.Connection, started: Started, what: str, now: datetime) -> bool:
    """Commit to acting, before the call is made: a crash from here on leaves the outcome unknown.

    Returns:
        False where another start has taken over.
    """
    moved = connection.execute(
        sa.update(follow_ups)
        .where(*_fence(started), follow_ups.c.status == "running")
        .values(status="attempting", changed_at=now)
    )
    if moved.rowcount != 1:
        return False
    connection.execute(sa.update(attempts).where(*_this_attempt(started)).values(acting_at=now))
    write_audit(connection, [_entry(started, now, "attempt.acting", {"what": what})])
    return True


def finish(connection: sa.Connection, started: Started, ending: Ending, now: datetime) -> bool:
    """End an attempt; a follow-up with another one to come is planned again.

    Returns:
        False where another start has taken over; nothing was changed then.
    """
    # One line, as the trail keeps it, so that row and trail say the same.
    told, request_id = line(ending.detail), ending.request_id and line(ending.request_id)
    values: dict[str, Any] = {"status": ending.status, "changed_at": now, "result": told}
    if ending.due_at is not None:
        values |= {"attempt": started.number + 1, "starts": 0, "due_at": ending.due_at}
        if ending.result == "waited":
            # Waiting was right and is not a failure: what it was waited for has its full time.
            values["give_up_at"] = ending.due_at + GIVE_UP_AFTER
    moved = connection.execute(
        sa.update(follow_ups)
        .where(*_fence(started), follow_ups.c.status.in_(("running", "attempting")))
        .values(**values)
    )
    if moved.rowcount != 1:
        return False
    ended = {"finished_at": now, "result": ending.result, "detail": told, "request_id": request_id}
    connection.execute(sa.update(attempts).where(*_this_attempt(started)).values(**ended))
    detail: dict[str, Param | datetime | None] = {
        "detail": told,
        "status": ending.status,
        "due_at": ending.due_at,
        "give_up_at": values.get("give_up_at"),
        "again": ending.due_at.isoformat(timespec="seconds") if ending.due_at else None,
        "request_id": request_id,
    }
    write_audit(connection, [_entry(started, now, f"attempt.{ending.result}", detail)])
    return True


def stranded(connection: sa.Connection, before: datetime, limit: int = 100) -> list[Due]:
    """Which follow-ups were handed to the engine and have not moved since `before`?"""
    query = (
        sa.select(follow_ups.c.id, follow_ups.c.kind, follow_ups.c.attempt)
        .where(follow_ups.c.status.in_(("queued", "running", "attempting")), follow_ups.c.changed_at < before)
        .order_by(follow_ups.c.changed_at)
        .limit(limit)
    )
    return [Due(*row) for row in connection.execute(query)]


def plan_again(connection: sa.Connection, one: Due, now: datetime, why: str) -> bool:
    """Plan a stranded follow-up again, as its next attempt."""
    f = follow_ups.c
    moved = connection.execute(
        sa.update(follow_ups)
        .where(f.id == one.id, f.attempt == one.attempt, f.status.in_(("queued", "running", "attempting")))
        .values(status="planned", attempt=one.attempt + 1, due_at=now, changed_at=now)
        .returning(f.subject, f.attempt, f.starts, f.give_up_at)
    ).one_or_none()
    if moved is None:
        return False
    _tell_again(connection, WORKER, why, now, (one.id, moved.subject, one.kind, *moved[1:]))
    return True


def try_again(connection: sa.Connection, id_: int, now: datetime, actor: str, reason: str) -> bool:
    """Plan a follow-up again that had come to an end, because a person says so.

    Returns:
        False where it is not at an end, or was erased; nothing was changed then.
    """
    f = follow_ups.c
    moved = connection.execute(
        sa.update(follow_ups)
        .where(f.id == id_, f.status.not_in(LIVE), f.subject.not_like(f"{TYPE}/%"))
        .values(
            status="planned",
            attempt=f.attempt + 1,
            starts=0,
            due_at=now,
            give_up_at=now + GIVE_UP_AFTER,
            changed_at=now,
        )
        .returning(f.id, f.subject, f.kind, f.attempt, f.starts, f.give_up_at)
    ).one_or_none()
    if moved is None:
        return False
    _tell_again(connection, actor, reason, now, tuple(moved))
    return True


def _tell_again(
    connection: sa.Connection, actor: str, why: str, now: datetime, moved: tuple[int, str, str, int, int, datetime]
) -> None:
    """Write into the trail that a follow-up was planned again, with all that its row says since."""
    id_, subject, kind, attempt, starts, give_up_at = moved
    detail: dict[str, Param | datetime | None] = {
        "why": why,
        "kind": kind,
        "attempt": attempt,
        "starts": starts,
        "due_at": now,
        "give_up_at": give_up_at,
    }
    write_audit(connection, [entry(now, subject, actor, "follow_up.planned_again", detail, follow_up_id=id_)])


def _fence(started: Started) -> tuple[Any, ...]:
    f = follow_ups.c
    return (f.id == started.id, f.attempt == started.number, f.starts == started.start)


def _this_attempt(started: Started) -> tuple[Any, ...]:
    a = attempts.c
    return (a.follow_up_id == started.id, a.number == started.number, a.start == started.start)


def _entry(
    started: Started, now: datetime, action: str, detail: Mapping[str, Param | datetime | None]
) -> dict[str, Any]:
    told = {"kind": started.kind, "attempt": started.number, "start": started.start, **detail}
    return entry(now, started.subject, WORKER, action, told, event_id=started.event_id, follow_up_id=started.id)
