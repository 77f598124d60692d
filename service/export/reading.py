"""Tables of either database as rows of plain values that are the same from both.

Times are text, as SQLite keeps them; flags are 0 and 1; bytes are hexadecimal text, or bytes where they are wanted.
The databases spell them, so that nothing is converted here for a million rows.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import sqlalchemy as sa

from service.store.schema import Instant

_AT_ONCE = 2_000
# As `schema.spell` writes it.
_SPELT = 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"'

Row = tuple[Any, ...]


def rows(
    connection: sa.Connection,
    table: sa.Table,
    columns: Sequence[sa.Column[Any]],
    where: Sequence[sa.ColumnElement[bool]] = (),
    *,
    hexadecimal: bool = True,
) -> Iterator[list[Row]]:
    """Read a table in the order of its key, some thousands of rows at a time; memory stays flat.

    Args:
        connection: a snapshot.
        table: which one.
        columns: what of it.
        where: what must hold.
        hexadecimal: bytes as text.
    """
    told = [_plain(column, connection.dialect.name, hexadecimal=hexadecimal) for column in columns]
    query = sa.select(*told).where(*where).order_by(*_key(table, connection.dialect.name))
    yield from parts(connection, query, _AT_ONCE)


def parts(connection: sa.Connection, query: sa.Select[Any], at_once: int) -> Iterator[list[Row]]:
    """The rows of a query as plain tuples, so many at a time; the database holds those that are not read yet."""
    if connection.dialect.name == "sqlite":
        running = connection.execute(query)
    else:
        # One row is all that SQLAlchemy then holds of a cursor on the server; the driver gives the others.
        running = connection.execution_options(stream_results=True, max_row_buffer=1).execute(query)
        if (first := running.fetchone()) is None:
            return
        yield [tuple(first)]
    # As the driver makes them: SQLAlchemy's rows cost more than reading does.
    cursor: Any = running.cursor
    while part := cursor.fetchmany(at_once):
        yield part
    running.close()


def count(connection: sa.Connection, table: sa.Table, where: Sequence[sa.ColumnElement[bool]] = ()) -> int:
    """How many rows there are."""
    found: int = connection.execute(sa.select(sa.func.count()).select_from(table).where(*where)).scalar_one()
    return found


def _key(table: sa.Table, dialect: str) -> list[Any]:
    """The primary key in the order of bytes: a PostgreSQL database may sort text by a language's rules."""
    text = dialect == "postgresql"
    return [c.collate("C") if text and isinstance(c.type, sa.Text) else c for c in table.primary_key]


def _plain(column: sa.Column[Any], dialect: str, *, hexadecimal: bool) -> sa.ColumnElement[Any]:
    """The expression that gives a column's plain value; its type is left out, so that nothing is done to it here."""
    found: sa.ColumnElement[Any] = column
    if isinstance(column.type, sa.LargeBinary) and hexadecimal:
        spelt = sa.func.encode(column, "hex") if dialect == "postgresql" else sa.func.lower(sa.func.hex(column))
        # SQLite's hex of nothing is an empty text.
        found = sa.case((column.is_not(None), spelt))
    elif dialect == "postgresql" and isinstance(column.type, Instant):
        found = sa.func.to_char(sa.func.timezone("UTC", column), _SPELT)
    elif dialect == "postgresql" and isinstance(column.type, sa.Boolean):
        found = sa.cast(column, sa.Integer)
    return sa.type_coerce(found, sa.types.NullType()).label(column.name)
