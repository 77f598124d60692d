"""Reading a bundle: its files are what its manifest says; its rows go into a file that is verified as any other."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import closing
from hashlib import file_digest
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from service.audit.bundle import LEAVES, MANIFEST, TABLES, DataFile, Manifest, read_manifest
from service.audit.verification.findings import Finding
from service.audit.verification.places import library
from service.errors import EvidenceUnreadable
from service.store.connections import sorting_library
from service.store.schema import metadata

_EMPTY = {bytes: "x''", int: "0", str: "''"}
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
    found = sorting_library()
    engine = sa.create_engine(f"sqlite:///{into}", module=found)
    metadata.create_all(engine, [metadata.tables[name] for name in TABLES])
    engine.dispose()
    with closing(found.connect(into)) as connection:
        # It is thrown away: nothing has to be on a disk, and nothing is taken back.
        for pragma in ("synchronous = 0", "journal_mode = off", "foreign_keys = 0", "temp_store = file"):
            connection.execute(f"PRAGMA {pragma}")
        indexes = _without_indexes(connection)
        for file in manifest.files:
            count = _load(connection, directory, file)
            if count is not None and count != file.rows:
                yield Finding("V1", file.name, f"it has {count} rows, and the manifest tells {file.rows}")
        try:
            for index in indexes:
                connection.execute(index)
        except found.DatabaseError as error:
            raise EvidenceUnreadable(f"{directory}: not rows of the record: {error}") from None
        connection.commit()


def _without_indexes(connection: Any) -> list[str]:
    """Drop the indexes, and give the statements that make them: made at the end, each is sorted once."""
    made = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'index' AND sql IS NOT NULL").fetchall()
    for name, _ in made:
        connection.execute(f"DROP INDEX {name}")
    return [sql for _, sql in made]


def _load(connection: Any, directory: Path, file: DataFile) -> int | None:
    path = directory / file.name
    if file.name == LEAVES:
        return path.stat().st_size // 32
    if not holds_rows(file):
        return None
    try:
        if file.table is None:
            return _from_sqlite(connection, path)
        return _insert(connection, file.table, _values(file.table, _lines(path)))
    except (ValueError, TypeError, AttributeError, library().DatabaseError, sorting_library().DatabaseError) as error:
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
            wanted = ", ".join(_told(column, names) for column in metadata.tables[table].c)
            count += _insert(connection, table, source.execute(f"SELECT {wanted} FROM {table}"))  # noqa: S608 - our own
    return count


def _told(column: sa.Column[Any], there: Collection[str]) -> str:
    """A column of a bundle's table in SQL; bytes are bytes, whatever the file holds."""
    told = column.name if column.name in there else "NULL"
    if isinstance(column.type, sa.LargeBinary):
        told = f"CAST({told} AS BLOB)"
    return told if column.nullable else f"coalesce({told}, {_EMPTY[type(_instead(column))]})"


def _instead(column: sa.Column[Any]) -> bytes | int | str:
    """What stands for a value that was left out of the export: it equals nothing, so no check takes it for true."""
    if isinstance(column.type, sa.LargeBinary):
        return b""
    return 0 if column.type.python_type is int else ""


def _insert(connection: Any, table: str, rows: Iterable[Sequence[Any]]) -> int:
    columns = metadata.tables[table].c
    marks = ", ".join("?" * len(columns))
    statement = f"INSERT INTO {table} ({', '.join(c.name for c in columns)}) VALUES ({marks})"  # noqa: S608 - our own
    return int(connection.executemany(statement, rows).rowcount)


def _values(table: str, lines: Iterable[Mapping[str, Any]]) -> Iterator[list[Any]]:
    """Lines of a file as rows of its table."""
    columns = metadata.tables[table].c
    names = [c.name for c in columns]
    instead = [(at, _instead(c)) for at, c in enumerate(columns) if not c.nullable]
    blobs = [at for at, c in enumerate(columns) if isinstance(c.type, sa.LargeBinary)]
    for line in lines:
        row: list[Any] = [line.get(name) for name in names]
        for at in blobs:
            if isinstance(row[at], str):
                row[at] = bytes.fromhex(row[at])
        for at, value in instead:
            if row[at] is None:
                row[at] = value
        yield row
