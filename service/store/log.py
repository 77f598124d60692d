"""The audit log's rows: which entries have their place in the tree, and how far each epoch of it has come.

Whoever changes them holds the log's lock, so that one transaction at a time hands out places.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.merkle.tree import Frontier
from service.store.audit import write_audit
from service.store.schema import audit_entries, audit_logs

_E, _L = audit_entries.c, audit_logs.c
_LOCK = 0x436F7079_6C6F6721  # "Copylog!"; the number only has to be ours
# The partial index's own condition, to the letter, so that both databases use it.
_WAITING = sa.text("leaf_index IS NULL")
_AT_ONCE = 10_000


@dataclass(frozen=True, slots=True)
class Log:
    """One epoch of the log.

    Attributes:
        origin: its name, the first line of every head.
        frontier: its size, and all that appending needs.
        head: the head of this size as a signed note; None where nobody signed it.
        closed_at: when another epoch took its place; None for the one that is written.
    """

    epoch: int
    origin: str
    frontier: Frontier
    head: str | None
    opened_at: datetime
    changed_at: datetime
    closed_at: datetime | None

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return self.frontier.size

    @property
    def subject(self) -> str:
        """Under which subject the trail tells of it."""
        return f"audit_logs/{self.epoch}"


def lock(connection: sa.Connection) -> None:
    """Keep everybody else from the log until this transaction ends.

    On PostgreSQL it comes first of all, in READ COMMITTED: a snapshot that is older than the lock would show the log
    as it was. A SQLite transaction has the whole file's write lock already.
    """
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def epochs(connection: sa.Connection) -> list[Log]:
    """Every epoch of the log, the oldest first."""
    return [_log(row) for row in connection.execute(sa.select(audit_logs).order_by(_L.epoch))]


def newest(connection: sa.Connection) -> Log | None:
    """The epoch that is written; None where nothing was ever sequenced."""
    row = connection.execute(sa.select(audit_logs).order_by(_L.epoch.desc()).limit(1)).one_or_none()
    return _log(row) if row else None


def open_epoch(connection: sa.Connection, epoch: int, origin: str, now: datetime) -> Log:
    """Begin an epoch, and close the one before it."""
    closing = sa.update(audit_logs).where(_L.closed_at.is_(None))
    connection.execute(closing.values(closed_at=now))
    made = Log(epoch, origin, Frontier(), None, now, now, None)
    row = {"epoch": epoch, "origin": origin, "size": 0, "frontier": b"", "opened_at": now, "changed_at": now}
    connection.execute(sa.insert(audit_logs).values(row))
    return made


def name(connection: sa.Connection, log: Log, origin: str) -> None:
    """Give the log its name, once: with the first key."""
    connection.execute(sa.update(audit_logs).where(_L.epoch == log.epoch).values(origin=origin))


def advance(connection: sa.Connection, log: Log, frontier: Frontier, head: str | None, now: datetime) -> None:
    """Write how far an epoch has come."""
    values = {"size": frontier.size, "frontier": frontier.to_bytes(), "head": head, "changed_at": now}
    connection.execute(sa.update(audit_logs).where(_L.epoch == log.epoch).values(values))


def any_waiting(connection: sa.Connection) -> bool:
    """Does an entry wait for its place? Cheap, and asked every second."""
    # In an order, so that SQLite takes the index of what waits and does not walk along the one of all places.
    return connection.execute(sa.select(_E.id).where(_WAITING).order_by(_E.id).limit(1)).first() is not None


def waiting(connection: sa.Connection, limit: int) -> list[tuple[int, bytes]]:
    """Entries without a place, by their number: of each the number and the leaf's hash.

    By whether they have a place and never by "those after the last": a transaction that began early and committed late
    has small numbers.
    """
    query = sa.select(_E.id, _E.leaf_hash).where(_WAITING).order_by(_E.id).limit(limit)
    return [(id_, bytes(leaf)) for id_, leaf in connection.execute(query)]


def waiting_since(connection: sa.Connection) -> datetime | None:
    """Since when does the entry wait that was written first? None where none waits."""
    query = sa.select(_E.at).where(_WAITING).order_by(_E.id).limit(1)
    found: datetime | None = connection.execute(query).scalar_one_or_none()
    return found


def write_now(connection: sa.Connection, entry: Mapping[str, Any]) -> tuple[int, bytes]:
    """Write an entry that gets its place before all those which wait; its number and its leaf's hash."""
    write_audit(connection, [entry])
    query = sa.select(_E.id, _E.leaf_hash).where(_WAITING, _E.action == entry["action"])
    id_, leaf = connection.execute(query.order_by(_E.id.desc()).limit(1)).one()
    return id_, bytes(leaf)


def place(connection: sa.Connection, log: Log, ids: Sequence[int]) -> None:
    """Give entries the next places of an epoch, in this order."""
    numbered = list(enumerate(ids, log.size))
    if connection.dialect.name == "postgresql":
        statement = (
            "UPDATE audit_entries SET epoch = %s, leaf_index = places.at "
            "FROM unnest(%s::bigint[], %s::bigint[]) AS places (id, at) WHERE audit_entries.id = places.id"
        )
        given = (log.epoch, [id_ for _, id_ in numbered], [at for at, _ in numbered])
        connection.exec_driver_sql(statement, given)
    else:
        statement = "UPDATE audit_entries SET epoch = ?, leaf_index = ? WHERE id = ?"
        connection.exec_driver_sql(statement, [(log.epoch, at, id_) for at, id_ in numbered])


def leaf_hashes(connection: sa.Connection, epoch: int, size: int, first: int = 0) -> Iterator[list[bytes]]:
    """The hashes of the leaves of an epoch from one to a size, in their order, some thousands at a time."""
    for begin in range(first, size, _AT_ONCE):
        end = min(size, begin + _AT_ONCE)
        query = sa.select(_E.leaf_hash).where(_E.epoch == epoch, _E.leaf_index >= begin, _E.leaf_index < end)
        yield [bytes(leaf) for leaf in connection.execute(query.order_by(_E.leaf_index)).scalars()]


def frontier_at(connection: sa.Connection, epoch: int, size: int) -> Frontier:
    """The tree of an epoch as it was at a smaller size; a million leaves take some seconds."""
    found = Frontier()
    for some in leaf_hashes(connection, epoch, size):
        found = found.append(some)
    return found


def anything_since(connection: sa.Connection, log: Log, size: int) -> bool:
    """Was anything written since a size that is not only about the publication of heads?"""
    after = (_E.epoch == log.epoch, _E.leaf_index >= size)
    worth = sa.or_(_E.subject != log.subject, _E.action.startswith("key."), _E.action == "epoch.opened")
    return connection.execute(sa.select(_E.id).where(*after, worth).limit(1)).first() is not None


def _log(row: Any) -> Log:
    frontier = Frontier.from_bytes(row.size, bytes(row.frontier))
    return Log(row.epoch, row.origin, frontier, row.head, row.opened_at, row.changed_at, row.closed_at)
