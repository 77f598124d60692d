"""What is written beside a backup, and how it is read: whether the file is the one that was made, and of when it is."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from pathlib import Path
from typing import Any

from service.errors import FileUnusable

FORMAT = "copydesk backup 1"
# How many violations are named; audit verify names more.
NAMED = 3
_ENDING = ".manifest.json"
# Far more than any manifest has: a file that claims to be one is not read whole before it is known to be small.
_MOST_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class Log:
    """How far the audit log was.

    Attributes:
        epoch, size: its epoch, and how many leaves that had; both None where no entry had its place yet.
        waiting: entries that had no place yet.
        head: the newest signed head; None where there was no key.
        published: the newest head that had left the machine; None where none had.
    """

    epoch: int | None
    size: int | None
    waiting: int
    head: str | None
    published: str | None


@dataclass(frozen=True, slots=True)
class Violations:
    """What of a file is not what its audit trail tells.

    Attributes:
        count: how many there are.
        first: the first of them, a line each.
    """

    count: int = 0
    first: Sequence[str] = ()

    def __add__(self, other: Violations) -> Violations:
        """Both together."""
        return Violations(self.count + other.count, (*self.first, *other.first)[:NAMED])


@dataclass(frozen=True, slots=True)
class Manifest:
    """A backup in figures.

    Attributes:
        format: which layout of a manifest this is.
        file: the name of the backup's file.
        sha256, size: of that file; in hexadecimal, and in bytes.
        made_at: when the snapshot was taken, UTC, ISO 8601.
        source: `sqlite` or `postgresql`.
        version: of the Copydesk that made it.
        revision: of the schema.
        rows: of each table.
        log: how far the audit log was.
        violations: with which the backup was made all the same.
    """

    format: str
    file: str
    sha256: str
    size: int
    made_at: str
    source: str
    version: str
    revision: str
    rows: Mapping[str, int]
    log: Log
    violations: Violations = Violations()


def place_of(backup: Path) -> Path:
    """Where the manifest of a backup is."""
    return backup.with_name(backup.name + _ENDING)


def write(manifest: Manifest, backup: Path) -> None:
    """Write a manifest to its place, for its owner alone; one that an earlier, killed backup left there goes."""
    place = place_of(backup)
    beside = place.with_name(f".{place.name}.{os.getpid()}.partial")
    beside.unlink(missing_ok=True)
    with os.fdopen(os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as opened:
        opened.write(json.dumps(asdict(manifest), indent=2) + "\n")
        opened.flush()
        os.fsync(opened.fileno())
    beside.replace(place)


def read(backup: Path) -> Manifest:
    """Read the manifest of a backup.

    Raises:
        FileUnusable: there is none, or it is none.
    """
    place = place_of(backup)
    try:
        with place.open("rb") as opened:
            text = opened.read(_MOST_BYTES)
    except OSError as error:
        raise FileUnusable(f"{place} cannot be read ({error.strerror}): a backup has its manifest beside it") from None
    try:
        return _manifest(json.loads(text))
    except (ValueError, KeyError, TypeError, RecursionError):
        raise FileUnusable(f"{place} is no manifest of a backup that this Copydesk knows") from None


def _manifest(found: Any) -> Manifest:
    """A manifest of JSON.

    Raises:
        ValueError, KeyError, TypeError: it is none of ours.
    """
    if found["format"] != FORMAT:
        raise ValueError(found["format"])
    told: dict[str, Any] = {field.name: str(found[field.name]) for field in fields(Manifest)}
    log = Log(**{field.name: found["log"][field.name] for field in fields(Log)})
    rows = {str(name): int(count) for name, count in found["rows"].items()}
    violations = Violations(int(found["violations"]["count"]), tuple(map(str, found["violations"]["first"])))
    return Manifest(**told | {"size": int(found["size"]), "rows": rows, "log": log, "violations": violations})
