"""PostgreSQL's contents as a SQLite file of our own schema, and back.

Why one format for both: docs/decisions/0014-one-format-for-backups.md.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy as sa

from service.backup import tables
from service.backup.snapshots import Told
from service.errors import FileUnusable, StoreUnavailable
from service.store import Store, connections, migrate
from service.store.connections import sqlite3

_TOLD_EVERY = 5_000


def write_file(store: Store, file: Path, told: Told) -> dict[str, int]:
    """Write one snapshot of PostgreSQL into an empty file.

    Returns:
        How many rows each table has in the snapshot.

    Raises:
        FileUnusable: the file cannot be written.
        StoreUnavailable: the database cannot be read just now.
    """
    _make_schema(file)
    library = connections.sorting_library()
    with store.read_for_long() as connection:
        try:
            with closing(library.connect(file, isolation_level=None)) as target:
                return _fill(connection, target, told)
        except library.Error as error:
            raise FileUnusable(f"the database cannot be copied: {error}") from error
        except psycopg.Error as error:
            raise StoreUnavailable(f"the database cannot be read: {_first_line(error)}") from error


def _make_schema(file: Path) -> None:
    """Give an empty file our tables, and no WAL: it is read as one file by whoever has it."""
    engine = connections.connect(f"sqlite:///{file}")
    migrate.migrate(engine)
    engine.dispose()
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA journal_mode = DELETE")


def _fill(connection: sa.Connection, target: Any, told: Told) -> dict[str, int]:
    for pragma in ("foreign_keys = OFF", "journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
        target.execute(f"PRAGMA {pragma}")
    counts = {}
    target.execute("BEGIN")
    indexes = _without_indexes(target)
    for table in tables.ordered():
        counted = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
        rows = tables.read_postgresql(connection, table)
        tables.write_sqlite(target, table, _telling(rows, table.name, counted, told))
        counts[table.name] = counted
    told("indexes", 0, None)
    for index in indexes:
        target.execute(index)
    target.execute("COMMIT")
    target.execute("PRAGMA journal_mode = DELETE")
    return counts


def _without_indexes(target: Any) -> list[str]:
    """Drop the indexes, and give the statements that make them: made at the end, each is sorted once."""
    names = [table.name for table in tables.ordered()]
    of = f"type = 'index' AND sql IS NOT NULL AND tbl_name IN ({', '.join('?' * len(names))})"
    made = target.execute(f"SELECT name, sql FROM sqlite_schema WHERE {of}", names).fetchall()  # noqa: S608 - marks
    for name, _ in made:
        target.execute(f'DROP INDEX "{name}"')
    return [sql for _, sql in made]


def load(source: Any, connection: sa.Connection, told: Told) -> None:
    """Load a checked file, open by SQLite's driver, into an empty PostgreSQL database, in the caller's transaction.

    Raises:
        FileUnusable: the database has rows of ours already.
        StoreUnavailable: the server did not take a row.
    """
    connection.exec_driver_sql("SET LOCAL statement_timeout = 0")
    connection.exec_driver_sql("SET LOCAL idle_in_transaction_session_timeout = 0")
    names = ", ".join(f'"{table.name}"' for table in tables.ordered())
    # Readers may go on; whoever would write waits, and finds the restored rows.
    connection.exec_driver_sql(f"LOCK TABLE {names} IN EXCLUSIVE MODE")
    check_empty(connection)
    for table, total in zip(tables.ordered(), tables.count(source).values(), strict=True):
        rows = tables.read_sqlite(source, table)
        try:
            tables.write_postgresql(connection, table, _telling(rows, table.name, total, told))
        except psycopg.Error as error:
            raise StoreUnavailable(f"{table.name} cannot be written: {_first_line(error)}") from error


def _first_line(error: Exception) -> str:
    return str(error).partition("\n")[0]


def check_empty(connection: sa.Connection) -> None:
    """Refuse a database that has rows of ours.

    Raises:
        FileUnusable: names the tables.
    """
    full = [t.name for t in tables.ordered() if connection.execute(sa.select(sa.exists().select_from(t))).scalar()]
    if full:
        raise FileUnusable(
            f"the database has rows already ({', '.join(full)}): name an empty one in COPYDESK_DATABASE_URL"
        )


def _telling(rows: Iterable[tuple[Any, ...]], name: str, total: int, told: Told) -> Iterator[tuple[Any, ...]]:
    number = 0
    for number, row in enumerate(rows, 1):
        if number % _TOLD_EVERY == 0:
            told(name, number, total)
        yield row
    told(name, number, total)
