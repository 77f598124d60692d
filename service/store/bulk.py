"""INSERTs of many rows, compiled once for each database and then run by the driver.

SQLAlchemy spells the statement and knows the types; what it does for each row on the way to the driver took most of
the intake's time (benchmarks/intake), so on the write path rows go there directly.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from service.store.schema import insert

Row = Mapping[str, Any]
_Prepare = tuple[str, Callable[[Any], Any] | None]


class Bulk:
    """One INSERT for rows that all have the same columns."""

    def __init__(self, table: sa.Table, columns: Sequence[str], conflict: Callable[[Any], Any] | None = None) -> None:
        """Describe the statement.

        Args:
            table: where the rows go.
            columns: the names that every row has.
            conflict: adds the ON CONFLICT clause to the statement.
        """
        self._table, self._columns = table, tuple(columns)
        self._conflict = conflict
        self._compiled: dict[str, tuple[str, list[_Prepare], bool]] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Insert the rows, in their order; none is nothing to do."""
        if not rows:
            return
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = self._compile(connection)
        statement, prepare, positional = self._compiled[name]
        values: list[Any] = [tuple(p(row[n]) if p else row[n] for n, p in prepare) for row in rows]
        if not positional:
            names = [n for n, _ in prepare]
            values = [dict(zip(names, row, strict=True)) for row in values]
        connection.exec_driver_sql(statement, values)

    def _compile(self, connection: sa.Connection) -> tuple[str, list[_Prepare], bool]:
        dialect = connection.dialect
        statement = insert(connection, self._table)
        if self._conflict:
            statement = self._conflict(statement)
        compiled = statement.compile(dialect=dialect, column_keys=list(self._columns))
        order = compiled.positiontup or self._columns
        types = {n: self._table.c[n].type.dialect_impl(dialect) for n in order}
        return str(compiled), [(n, types[n].bind_processor(dialect)) for n in order], bool(compiled.positional)
