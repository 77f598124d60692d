"""The rows of the log and beside it, as they are kept, and what entries of the trail tell of them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from service.audit.verification.places import Reader
from service.audit.verification.told import COLUMNS, Told


class LogRow(NamedTuple):
    """A row of `audit_logs`."""

    epoch: int
    origin: str
    size: int
    frontier: bytes
    head: str | None
    opened_at: str
    changed_at: str
    closed_at: str | None


class CheckpointRow(NamedTuple):
    """A row of `checkpoints`."""

    id: int
    epoch: int
    size: int
    root: bytes
    note: str
    at: str


class KeyRow(NamedTuple):
    """A row of `audit_keys`."""

    id: int
    verifier: str
    epoch: int
    from_size: int
    until_epoch: int | None
    until_size: int | None
    added_at: str

    def covers(self, epoch: int, size: int) -> bool:
        """Whether it may sign a head."""
        last = (self.until_epoch, self.until_size)
        ended = self.until_epoch is not None and self.until_size is not None and (epoch, size) > last
        return (self.epoch, self.from_size) <= (epoch, size) and not ended


# What the log says of itself in the trail.
ACTIONS = ("epoch.opened", "key.added", "key.rotated", "checkpoint.time")


@dataclass(frozen=True, slots=True)
class OfLog:
    """An entry about the log, with its place."""

    epoch: int | None
    index: int | None
    entry: Told


@dataclass(frozen=True, slots=True)
class LogRows:
    """Everything about the log but its leaves."""

    logs: Sequence[LogRow]
    checkpoints: Sequence[CheckpointRow]
    keys: Sequence[KeyRow]
    told: Sequence[OfLog]


def read(reader: Reader) -> LogRows:
    """Read them."""
    where = "WHERE subject = ? AND action IN (?, ?, ?, ?) ORDER BY id"
    logs = [LogRow(*row) for row in reader.rows(LogRow._fields, "audit_logs", "ORDER BY epoch")]
    told = []
    for log in logs:
        rows = reader.rows(
            ("epoch", "leaf_index", "id", *COLUMNS), "audit_entries", where, (f"audit_logs/{log.epoch}", *ACTIONS)
        )
        told += [OfLog(row[0], row[1], Told._make(row[2:])) for row in rows]
    checkpoints = [CheckpointRow(*row) for row in reader.rows(CheckpointRow._fields, "checkpoints", "ORDER BY id")]
    keys = [KeyRow(*row) for row in reader.rows(KeyRow._fields, "audit_keys", "ORDER BY id")]
    return LogRows(logs, checkpoints, keys, told)
