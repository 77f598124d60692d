"""The rows beside the audit log: the keys that signed its heads, and the heads that were published."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.log import Log, epochs
from service.store.schema import audit_keys, checkpoints, follow_ups

_K, _C, _F = audit_keys.c, checkpoints.c, follow_ups.c
# The partial index's own condition, to the letter, so that both databases use it.
_OPEN = sa.text("status IN ('planned', 'queued', 'running', 'attempting')")
PUBLISHING = "publish_checkpoint"


@dataclass(frozen=True, slots=True)
class LogKey:
    """A public key, and for which heads it counts: from one size of one epoch to another of the same or a later one.

    Attributes:
        verifier: the key as C2SP spells it.
        until_epoch, until_size: None while it is in use.
    """

    id: int
    verifier: str
    epoch: int
    from_size: int
    until_epoch: int | None
    until_size: int | None
    added_at: datetime


@dataclass(frozen=True, slots=True)
class Checkpoint:
    """A head that was published: the signed note, and what it says."""

    id: int
    epoch: int
    size: int
    root: bytes
    note: str
    at: datetime


def keys(connection: sa.Connection) -> list[LogKey]:
    """Every key that ever signed, the oldest first."""
    return [LogKey(**row) for row in connection.execute(sa.select(audit_keys).order_by(_K.id)).mappings()]


def add_key(connection: sa.Connection, verifier: str, epoch: int, size: int, now: datetime) -> None:
    """Write down a key with the first head that it signs."""
    row = {"verifier": verifier, "epoch": epoch, "from_size": size, "added_at": now}
    connection.execute(sa.insert(audit_keys).values(row))


def retire_key(connection: sa.Connection, key: LogKey, epoch: int, size: int) -> None:
    """Write down the last head that a key signed."""
    connection.execute(sa.update(audit_keys).where(_K.id == key.id).values(until_epoch=epoch, until_size=size))


def add_checkpoint(connection: sa.Connection, log: Log, now: datetime) -> Checkpoint:
    """Write down that the head of a log is published."""
    row = {"epoch": log.epoch, "size": log.size, "root": log.frontier.root, "note": log.head, "at": now}
    statement = sa.insert(checkpoints).values(row).returning(*checkpoints.c)
    return _checkpoint(connection.execute(statement).one())


def checkpoint(connection: sa.Connection, id_: int) -> Checkpoint | None:
    """The published head of a number."""
    row = connection.execute(sa.select(checkpoints).where(_C.id == id_)).one_or_none()
    return _checkpoint(row) if row else None


def published(connection: sa.Connection, *, limit: int | None = None) -> list[Checkpoint]:
    """The heads that were published, the newest first."""
    return [_checkpoint(row) for row in connection.execute(sa.select(checkpoints).order_by(_C.id.desc()).limit(limit))]


def published_at(connection: sa.Connection, epoch: int, size: int) -> Checkpoint | None:
    """The published head of a size, where there is one."""
    query = sa.select(checkpoints).where(_C.epoch == epoch, _C.size == size)
    row = connection.execute(query).one_or_none()
    return _checkpoint(row) if row else None


def ever_published(connection: sa.Connection, target: str) -> bool:
    """Did any head reach a target?"""
    subjects = [log.subject for log in epochs(connection)]
    there = (_F.subject.in_(subjects), _F.kind == PUBLISHING, _F.status == "done", _F.cause.startswith(f"{target} "))
    return connection.execute(sa.select(_F.id).where(*there).limit(1)).first() is not None


def publishing_before(connection: sa.Connection, follow_up_id: int, target: str) -> datetime | None:
    """When is the last earlier publication to a target due that has not come to its end? None where all have."""
    # Few are open, and their index is the smallest; a condition on the number would have SQLite walk along that.
    query = sa.select(_F.id, _F.due_at).where(_OPEN, _F.kind == PUBLISHING, _F.cause.startswith(f"{target} "))
    earlier = [(id_, due_at) for id_, due_at in connection.execute(query) if id_ < follow_up_id]
    return max(earlier)[1] if earlier else None


def publications_of(connection: sa.Connection, checkpoint_id: int) -> list[tuple[int, str, str, int]]:
    """What was planned to publish a head: of each the number, the target, where it stands and the attempt."""
    found = checkpoint(connection, checkpoint_id)
    if found is None:
        return []
    query = sa.select(_F.id, _F.cause, _F.status, _F.attempt).where(
        _F.kind == PUBLISHING,
        _F.subject == f"audit_logs/{found.epoch}",
        _F.cause.endswith(f" {found.size}"),
    )
    return [(id_, cause.partition(" ")[0], *rest) for id_, cause, *rest in connection.execute(query.order_by(_F.id))]


def _checkpoint(row: sa.Row[tuple[int, int, int, bytes, str, datetime]]) -> Checkpoint:
    return Checkpoint(row.id, row.epoch, row.size, bytes(row.root), row.note, row.at)
