"""The rows of the log and beside it, as they are kept, and what entries of the trail tell of them."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import NamedTuple, TypeVar

from service.audit.verification.places import Reader
from service.audit.verification.told import COLUMNS, Told
from service.errors import EvidenceUnreadable


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
    """Read them.

    Raises:
        EvidenceUnreadable: something else stands where a number of the log has to be.
    """
    where = "WHERE subject = ? AND action IN (?, ?, ?, ?) ORDER BY id"
    logs = _counted("audit_logs", map(LogRow._make, reader.rows(LogRow._fields, "audit_logs", "ORDER BY epoch")))
    told = []
    for log in logs:
        rows = reader.rows(
            ("epoch", "leaf_index", "id", *COLUMNS), "audit_entries", where, (f"audit_logs/{log.epoch}", *ACTIONS)
        )
        told += [OfLog(number(row[0]), number(row[1]), Told._make(row[2:])) for row in rows]
    checkpoints = map(CheckpointRow._make, reader.rows(CheckpointRow._fields, "checkpoints", "ORDER BY id"))
    keys = map(KeyRow._make, reader.rows(KeyRow._fields, "audit_keys", "ORDER BY id"))
    return LogRows(logs, _counted("checkpoints", checkpoints), _counted("audit_keys", keys), told)


def number(value: object) -> int | None:
    """The place that a column tells; None for what is no whole number, which no file has that Copydesk wrote."""
    return value if isinstance(value, int) else None


_Row = TypeVar("_Row", LogRow, CheckpointRow, KeyRow)
_NUMBERS = {"epoch", "size", "from_size", "until_epoch", "until_size"}
_NONE_YET = {"until_epoch", "until_size"}


def _counted(table: str, rows: Iterable[_Row]) -> list[_Row]:
    found = list(rows)
    for row in found:
        for name in _NUMBERS.intersection(row._fields):
            value = getattr(row, name)
            if number(value) is None and not (value is None and name in _NONE_YET):
                raise EvidenceUnreadable(f"{table} {row[0]!r}: {name} is no number")
    return found
