"""What a bundle is: an export in a directory that can be verified without the database it was made from. Pure.

A bundle is a directory with

`manifest.json`
    what `Manifest` holds, as one JSON object with the names of its fields.
`leaves.bin`
    the hashes of all leaves of all epochs, 32 bytes each and nothing between them, in the order of epoch and place. The
    manifest tells the size of each epoch. It is there also where the export is of a few entries only: with it their
    places in the log are proved. It is listed among the files, with `table` null and as many rows as leaves.
data files
    one for each table: `TABLE.ndjson`, an object a line with every column by its name; or one file `NAME.sqlite`
    whose tables have the names of the database's. Bytes are hexadecimal text (in SQLite, blobs as they are), times are
    spelled as SQLite keeps them (`2026-03-02T09:00:05.000000Z`), flags are 0 or 1, what is empty is null.
    CSV files may lie beside them; they are for people and programs, and of them only size and digest are verified,
    since a cell that a spreadsheet would take for a formula is not what the table holds.

Rows of `audit_entries` carry every column, the salt among them: without it nobody can tell what an entry committed to.
A bundle that holds every row of the tables in `TABLES` says `complete`; then it is also verified that the tables are
what the trail tells. Columns that were left out, so that an auditor does not see them, are named in `omitted`; those
whose texts were masked, in `masked`.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from service.errors import EvidenceUnreadable

FORMAT = "copydesk-bundle/1"
MANIFEST = "manifest.json"
LEAVES = "leaves.bin"
# What a complete bundle holds.
TABLES = (
    "events",
    "deliveries",
    "transitions",
    "states",
    "follow_ups",
    "attempts",
    "audit_entries",
    "audit_logs",
    "checkpoints",
    "audit_keys",
)
_PLAIN_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,99}")


@dataclass(frozen=True, slots=True)
class DataFile:
    """One file of a bundle.

    Attributes:
        name: of the file, beside the manifest.
        table: whose rows it holds; None for `leaves.bin`, and for a SQLite file, which holds several.
        rows: how many; of a SQLite file, of all tables of `TABLES` together.
        sha256: of its bytes, hexadecimal.
    """

    name: str
    table: str | None
    rows: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Epoch:
    """How many leaves of `leaves.bin` belong to an epoch of the log.

    Attributes:
        epoch: which, from 1.
        origin: the log's name.
        size: its leaves.
    """

    epoch: int
    origin: str
    size: int


@dataclass(frozen=True, slots=True)
class Manifest:
    """What a bundle says of itself.

    Attributes:
        made_at: when, UTC, ISO 8601.
        query: what was exported, in words; empty for everything.
        complete: whether every row of `TABLES` is in it.
        checkpoint: the newest signed head of the newest epoch, as a signed note; None where there was no key.
        keys: the verifiers of the keys that signed heads, as C2SP spells them.
        epochs: ascending.
        files: every file but the manifest.
        omitted: columns that were left out, by table.
        masked: columns in whose texts what looks like somebody's was masked, by table. Where there are any, bodies are
            left out, so that nothing is compared with these texts.
    """

    made_at: str
    query: str
    complete: bool
    checkpoint: str | None
    keys: tuple[str, ...]
    epochs: tuple[Epoch, ...]
    files: tuple[DataFile, ...]
    omitted: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    masked: Mapping[str, tuple[str, ...]] = field(default_factory=dict)

    def spell(self) -> str:
        """The text of `manifest.json`."""
        return json.dumps({"format": FORMAT, **asdict(self)}, indent=1) + "\n"


def read_manifest(text: str) -> Manifest:
    """Read `manifest.json`.

    Raises:
        EvidenceUnreadable: it is not a manifest, or of another version.
    """
    try:
        told: dict[str, Any] = json.loads(text)
        if told.pop("format") != FORMAT:
            raise EvidenceUnreadable(f"{MANIFEST} is of another format than {FORMAT}")
        parts: dict[str, Any] = {
            "keys": tuple(map(str, told.pop("keys"))),
            "epochs": tuple(Epoch(**epoch) for epoch in told.pop("epochs")),
            "files": tuple(DataFile(**file) for file in told.pop("files")),
            **{
                part: {str(name): tuple(columns) for name, columns in told.pop(part, {}).items()}
                for part in ("omitted", "masked")
            },
        }
        manifest = Manifest(**told, **parts)
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise EvidenceUnreadable(f"{MANIFEST} is not a manifest: {type(error).__name__}") from None
    for file in manifest.files:
        if not _PLAIN_NAME.fullmatch(file.name):
            raise EvidenceUnreadable(f"{MANIFEST} names a file that is not beside it")
    return manifest
