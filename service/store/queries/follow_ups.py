"""What is to be done outside, and how did it go?"""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.store.record import GIVE_UP_AFTER
from service.store.schema import attempts
from service.store.schema import follow_ups as table

OPEN = ("planned", "queued", "running", "attempting")
# Nobody will try these again: a person must look.
GIVEN_UP = ("dead", "refused")
# Spelt as in the partial index: bound values would keep SQLite from using it.
IS_OPEN = sa.text("status IN ('planned', 'queued', 'running', 'attempting')")


@dataclass(frozen=True, slots=True)
class FollowUpRow:
    """One follow-up as it stands.

    Attributes:
        tries: attempts that were begun, those under earlier numbers and by workers that died included.
        waiting_since: of an open one, when it was first due, failed attempts included; in the future where its time
            has not come; None at its end.
    """

    id: int
    kind: str
    subject: str
    cause: str
    params: dict[str, Any]
    event_id: int | None
    status: str
    attempt: int
    starts: int
    planned_at: datetime
    due_at: datetime
    changed_at: datetime
    result: str | None
    tries: int
    waiting_since: datetime | None

    @property
    def is_open(self) -> bool:
        """Whether it is not at an end."""
        return self.status in OPEN


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try of a follow-up; a `finished_at` that is missing is a try under way, or a worker that died."""

    id: int
    number: int
    start: int
    worker: str
    started_at: datetime
    acting_at: datetime | None
    finished_at: datetime | None
    result: str | None
    detail: str | None
    request_id: str | None


_COMPUTED = ("tries", "waiting_since")
_TRIES = sa.select(sa.func.count()).where(attempts.c.follow_up_id == table.c.id).scalar_subquery().label("tries")
_COLUMNS = (
    *(table.c[name] for name in FollowUpRow.__dataclass_fields__ if name not in _COMPUTED),
    _TRIES,
    table.c.give_up_at,
)
_ATTEMPT = tuple(attempts.c[name] for name in AttemptRow.__dataclass_fields__)


def follow_ups(
    connection: sa.Connection,
    *,
    is_open: bool = False,
    given_up: bool = False,
    kind: str | None = None,
    subject: str | None = None,
    event_id: int | None = None,
    limit: int = 50,
) -> list[FollowUpRow]:
    """What is to be done outside? Open ones by when they are due, otherwise newest first.

    Args:
        connection: a snapshot.
        is_open: those only that are not at an end.
        given_up: those only that nobody will try again and that were not done.
        kind: of one kind only.
        subject: about one resource only, `type/id`.
        event_id: those only that one event asked for.
        limit: no more than this.
    """
    query = sa.select(*_COLUMNS).limit(limit)
    query = query.order_by(table.c.due_at, table.c.id) if is_open else query.order_by(table.c.id.desc())
    if is_open:
        query = query.where(IS_OPEN)
    if given_up:
        query = query.where(table.c.status.in_(GIVEN_UP))
    wanted = {"kind": kind, "subject": subject, "event_id": event_id}
    query = query.where(*(table.c[name] == value for name, value in wanted.items() if value is not None))
    return [_follow_up(row) for row in connection.execute(query)]


def follow_up(connection: sa.Connection, id_: int) -> FollowUpRow | None:
    """How does one follow-up stand?"""
    row = connection.execute(sa.select(*_COLUMNS).where(table.c.id == id_)).one_or_none()
    return _follow_up(row) if row else None


def these_follow_ups(connection: sa.Connection, ids: Sequence[int]) -> list[FollowUpRow]:
    """How do these stand? In the order in which they are named."""
    found = {row.id: row for row in connection.execute(sa.select(*_COLUMNS).where(table.c.id.in_(ids)))}
    return [_follow_up(found[id_]) for id_ in ids if id_ in found]


def attempts_of(connection: sa.Connection, follow_up_id: int) -> list[AttemptRow]:
    """Which tries were made of a follow-up, oldest first?"""
    query = sa.select(*_ATTEMPT).where(attempts.c.follow_up_id == follow_up_id).order_by(attempts.c.id)
    return [AttemptRow(*row) for row in connection.execute(query)]


def known_identities(connection: sa.Connection, identities: Collection[str]) -> set[str]:
    """Which of these follow-ups are planned, under way or done already?"""
    query = sa.select(table.c.identity).where(table.c.identity.in_(sorted(identities)))
    return set(connection.execute(query).scalars())


def _follow_up(row: sa.Row[tuple[object, ...]]) -> FollowUpRow:
    found = row._asdict()
    first_due = found.pop("give_up_at") - GIVE_UP_AFTER
    computed = {"params": json.loads(found["params"]), "waiting_since": first_due if found["status"] in OPEN else None}
    return FollowUpRow(**found | computed)
