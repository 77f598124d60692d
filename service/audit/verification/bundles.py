"""Reading a bundle: its files are what its manifest says; its rows go into a file that is verified as any other."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import closing
from hashlib import file_digest
from itertools import islice
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from service.audit.bundle import LEAVES, MANIFEST, TABLES, DataFile, Manifest, read_manifest
from service.audit.verification.findings import Finding
from service.audit.verification.places import library
from service.errors import EvidenceUnreadable
from service.store.schema import metadata

_BATCH = 5_000
_SQLITE = (".sqlite", ".db")
DIGESTS_ONLY = (
    "its rows are in CSV files, of which only the digests are verified, and of the log the leaves and the head: "
    "no entry was recomputed"
)


def manifest_of(directory: Path) -> Manifest:
    """The manifest of a bundle.

    Raises:
        EvidenceUnreadable: there is none, or it is none.
    """
    try:
        return read_manifest((directory / MANIFEST).read_text("utf-8"))
    except (OSError, UnicodeDecodeError) as error:
        raise EvidenceUnreadable(f"{directory / MANIFEST}: {error}") from None


def check_files(directory: Path, manifest: Manifest) -> Iterator[Finding]:
    """Compare the files with their digests.

    Raises:
        EvidenceUnreadable: one is missing or cannot be read.
    """
    for file in manifest.files:
        try:
            with (directory / file.name).open("rb") as opened:
                digest = file_digest(opened, "sha256").hexdigest()
        except OSError as error:
            raise EvidenceUnreadable(f"{directory / file.name}: {error.strerror}") from None
        if digest != file.sha256:
            yield Finding("V1", file.name, "it is not the file that the manifest tells of: its SHA-256 differs")


def holds_rows(file: DataFile) -> bool:
    """Whether a file has rows that can be verified, and not only read."""
    suffix = Path(file.name).suffix
    return (suffix in _SQLITE and file.table is None) or (suffix == ".ndjson" and file.table in TABLES)


def load(directory: Path, manifest: Manifest, into: Path) -> Iterator[Finding]:
    """Read the rows of a bundle into a new SQLite file.

    Args:
        directory: the bundle.
        manifest: its own.
        into: the file, which does not exist yet.

    Yields:
        Files with another number of rows than the manifest tells.

    Raises:
        EvidenceUnreadable: a row is none of its table.
    """
    engine = sa.create_engine(f"sqlite:///{into}", module=library())
    metadata.create_all(engine, [metadata.tables[name] for name in TABLES])
    engine.dispose()
    with closing(library().connect(into)) as connection:
        # It is thrown away: nothing has to be on a disk.
        connection.execute("PRAGMA synchronous = 0")
        connection.execute("PRAGMA journal_mode = memory")
        connection.execute("PRAGMA foreign_keys = 0")
        for file in manifest.files:
            count = _load(connection, directory, file)
            if count is not None and count != file.rows:
                yield Finding("V1", file.name, f"it has {count} rows, and the manifest tells {file.rows}")
        connection.commit()


def _load(connection: Any, directory: Path, file: DataFile) -> int | None:
    path = directory / file.name
    if file.name == LEAVES:
        return path.stat().st_size // 32
    if not holds_rows(file):
        return None
    try:
        if file.table is None:
            return _from_sqlite(connection, path)
        return _insert(connection, file.table, _lines(path))
    except (ValueError, TypeError, AttributeError, library().DatabaseError) as error:
        raise EvidenceUnreadable(f"{path}: not rows of the record: {error}") from None


def _lines(path: Path) -> Iterator[Mapping[str, Any]]:
    with path.open(encoding="utf-8") as opened:
        for text in opened:
            row = json.loads(text)
            if not isinstance(row, dict):
                raise TypeError("a line is no object")
            yield row


def _from_sqlite(connection: Any, path: Path) -> int:
    count = 0
    with closing(library().connect(f"{path.absolute().as_uri()}?immutable=1", uri=True)) as source:
        source.execute("PRAGMA trusted_schema = 0")
        there = {name for (name,) in source.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
        for table in TABLES:
            if table not in there:
                continue
            names = {row[1] for row in source.execute(f"PRAGMA table_info({table})")}
            columns = [c.name for c in metadata.tables[table].c if c.name in names]
            rows = source.execute(f"SELECT {', '.join(columns)} FROM {table}")  # noqa: S608 - names of our own
            count += _insert(connection, table, (dict(zip(columns, row, strict=True)) for row in rows))
    return count


def _insert(connection: Any, table: str, rows: Iterator[Mapping[str, Any]]) -> int:
    columns = metadata.tables[table].c
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(c.name for c in columns)}) VALUES ({marks})"  # noqa: S608 - our own
    blobs = {c.name for c in columns if isinstance(c.type, sa.LargeBinary)}
    count = 0
    while some := list(islice(rows, _BATCH)):
        connection.executemany(statement, [_values(columns, row, blobs) for row in some])
        count += len(some)
    return count


def _values(columns: Any, row: Mapping[str, Any], blobs: set[str]) -> list[Any]:
    found = []
    for column in columns:
        value = row.get(column.name)
        if value is None and not column.nullable:
            # Left out of the export: something that equals nothing, so that no check takes it for true.
            value = b"" if column.name in blobs else 0 if column.type.python_type is int else ""
        found.append(bytes.fromhex(value) if column.name in blobs and isinstance(value, str) else value)
    return found
