"""What is kept of a subject: the rows that carry its name, and those that hang on them."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import dataclass

import sqlalchemy as sa

from service.privacy.kin import some_at_once
from service.store.queries import OPEN
from service.store.schema import attempts, audit_entries, deliveries, events, follow_ups

# What an erasure itself wrote stays: without it nobody could tell an erasure from a loss.
ERASED = "payload.erased"


@dataclass(frozen=True, slots=True)
class Trace:
    """Rows by their ids.

    Attributes:
        deliveries: those whose bytes are kept.
        entries: of the audit trail, those that were not erased already.
    """

    events: tuple[int, ...]
    deliveries: tuple[int, ...]
    follow_ups: tuple[int, ...]
    attempts: tuple[int, ...]
    entries: tuple[int, ...]

    def __bool__(self) -> bool:
        """Whether anything is kept at all."""
        return bool(self.events or self.follow_ups or self.entries)


def trace(connection: sa.Connection, subject: str) -> Trace:
    """What is kept of one subject?"""
    e, d, f, t, a = events.c, deliveries.c, follow_ups.c, attempts.c, audit_entries.c
    told = _ids(connection, sa.select(e.id).where(e.subject == subject))
    kept = _ids_of(connection, sa.select(d.id).where(d.body.is_not(None)), d.event_id, told)
    planned = _ids(connection, sa.select(f.id).where(f.subject == subject))
    tried = _ids_of(connection, sa.select(t.id), t.follow_up_id, planned)
    lines = sa.select(a.id).where(a.salt.is_not(None), a.action != ERASED)
    entries = {*_ids(connection, lines.where(a.subject == subject)), *_ids_of(connection, lines, a.event_id, told)}
    entries |= set(_ids_of(connection, lines.where(a.follow_up_id.is_not(None)), a.follow_up_id, planned))
    return Trace(tuple(told), tuple(kept), tuple(planned), tuple(tried), tuple(sorted(entries)))


def open_follow_ups(
    connection: sa.Connection, subjects: Collection[str], ids: Collection[int] = ()
) -> list[tuple[int, str, str]]:
    """Which follow-ups of these subjects, or of these numbers, are not at an end? Id, kind and subject."""
    f = follow_ups.c
    query = sa.select(f.id, f.kind, f.subject).where(f.status.in_(OPEN))
    asked = [query.where(f.subject.in_(some)) for some in some_at_once(sorted(subjects))]
    asked += [query.where(f.id.in_(some)) for some in some_at_once(sorted(ids))]
    return sorted({(row.id, row.kind, row.subject) for one in asked for row in connection.execute(one)})


def _ids(connection: sa.Connection, query: sa.Select[int]) -> list[int]:
    return sorted(connection.execute(query).scalars())


def _ids_of(
    connection: sa.Connection, query: sa.Select[int], column: sa.ColumnElement[int], of: Iterable[int]
) -> list[int]:
    return sorted(
        id_ for some in some_at_once(of) for id_ in connection.execute(query.where(column.in_(some))).scalars()
    )
