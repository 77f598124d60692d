"""Our tables as rows that both databases take: times as text, flags as 0 and 1, bytes as bytes.

The engine's own tables are not among them: they are not the truth about anything.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import sqlalchemy as sa

from service.store.schema import Instant, metadata

# What is read from PostgreSQL at a time, so that memory stays flat however many rows there are.
_ROWS = 2_000


def ordered() -> list[sa.Table]:
    """Every table of ours; one that refers to another comes after it."""
    return list(metadata.sorted_tables)


def columns(table: sa.Table) -> list[sa.Column[Any]]:
    """The columns that hold something of their own; computed ones follow from these."""
    return [column for column in table.columns if column.computed is None]


def quoted(table: sa.Table) -> str:
    """Name the columns for a statement."""
    return ", ".join(f'"{column.name}"' for column in columns(table))


def count(driver: Any) -> dict[str, int]:
    """How many rows each of our tables has, of a connection of SQLite's driver."""
    return {t.name: driver.execute(f'SELECT count(*) FROM "{t.name}"').fetchone()[0] for t in ordered()}  # noqa: S608 - our own names


def read_sqlite(driver: Any, table: sa.Table) -> Iterator[tuple[Any, ...]]:
    """Read a table in the order of its rows, from a connection of SQLite's driver."""
    yield from driver.execute(f'SELECT {quoted(table)} FROM "{table.name}" ORDER BY rowid')  # noqa: S608 - our own names


def read_postgresql(connection: sa.Connection, table: sa.Table) -> Iterator[tuple[Any, ...]]:
    """Read a table in the order of its key, as SQLite keeps it; the server holds the rows that are not read yet."""
    told = ", ".join(_spelt(column) for column in columns(table))
    key = ", ".join(f'"{column.name}"' for column in table.primary_key)
    driver: Any = connection.connection.driver_connection
    with driver.cursor(name=f"copydesk_{table.name}") as cursor:
        cursor.itersize = _ROWS
        cursor.execute(f'SELECT {told} FROM "{table.name}" ORDER BY {key}')  # noqa: S608 - our own names
        yield from cursor


def _spelt(column: sa.Column[Any]) -> str:
    """A column of PostgreSQL as the value that SQLite keeps; the server spells a time as `schema.spell` does."""
    name = f'"{column.name}"'
    if isinstance(column.type, Instant):
        return f"""to_char({name} AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')"""
    return f"{name}::int" if isinstance(column.type, sa.Boolean) else name


def write_sqlite(driver: Any, table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows into a table of SQLite, while they come."""
    marks = ", ".join("?" for _ in columns(table))
    driver.executemany(f'INSERT INTO "{table.name}" ({quoted(table)}) VALUES ({marks})', rows)  # noqa: S608 - our own names


def write_postgresql(connection: sa.Connection, table: sa.Table, rows: Iterable[tuple[Any, ...]]) -> None:
    """Write rows into a table of PostgreSQL, while they come, and let its sequence go on after them."""
    driver: Any = connection.connection.driver_connection
    with driver.cursor() as cursor:
        with cursor.copy(f'COPY "{table.name}" ({quoted(table)}) FROM STDIN') as copying:
            for row in rows:
                copying.write_row(row)
        for column in table.primary_key:
            cursor.execute("SELECT pg_get_serial_sequence(%s, %s)", (f'"{table.name}"', column.name))
            (sequence,) = cursor.fetchone()
            if sequence:
                # Not moved where there are no rows: a sequence begins at 1 by itself.
                highest = f'SELECT setval(%s, max("{column.name}")) FROM "{table.name}" HAVING count(*) > 0'  # noqa: S608 - our own names
                cursor.execute(highest, (sequence,))


def same(before: Mapping[str, int], after: Mapping[str, int]) -> list[str]:
    """Name the tables whose numbers of rows differ."""
    return sorted(name for name in {*before, *after} if before.get(name) != after.get(name))
