"""INSERTs of many rows, compiled once for each database and then run by the driver.

SQLAlchemy spells the statement; what it does for each row on the way to the driver took most of the intake's time
(benchmarks/intake), so on the write path rows go there directly. Both drivers know every type of ours: times go to
SQLite by the adapter that `connections` registers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from operator import itemgetter
from typing import Any

import sqlalchemy as sa

from service.store.schema import insert

Row = Mapping[str, Any]


class Bulk:
    """One INSERT for rows that all have the same columns."""

    def __init__(self, table: sa.Table, columns: Sequence[str], conflict: Callable[[Any], Any] | None = None) -> None:
        """Describe the statement.

        Args:
            table: where the rows go.
            columns: the names that every row has.
            conflict: adds the ON CONFLICT clause to the statement.
        """
        self._table, self._columns, self._conflict = table, list(columns), conflict
        self._compiled: dict[str, tuple[str, Callable[[Row], Any]]] = {}

    def run(self, connection: sa.Connection, rows: Sequence[Row]) -> None:
        """Insert the rows, in their order; none is nothing to do."""
        if not rows:
            return
        name = connection.dialect.name
        if name not in self._compiled:
            self._compiled[name] = self._compile(connection)
        statement, values = self._compiled[name]
        connection.exec_driver_sql(statement, list(map(values, rows)))

    def _compile(self, connection: sa.Connection) -> tuple[str, Callable[[Row], Any]]:
        """The statement, and what makes the driver's values of a row: a tuple, or a mapping where it takes names."""
        statement = insert(connection, self._table)
        if self._conflict:
            statement = self._conflict(statement)
        compiled = statement.compile(dialect=connection.dialect, column_keys=self._columns)
        return str(compiled), itemgetter(*compiled.positiontup) if compiled.positiontup else dict


def reserve(connection: sa.Connection, table: sa.Table, number: int) -> list[int]:
    """Take the numbers of rows that are about to be inserted, ascending, in the caller's write transaction.

    So that what is written beside them can name them: many rows go in by one statement, which does not say theirs.
    """
    if connection.dialect.name == "postgresql":
        taken = "SELECT nextval(pg_get_serial_sequence(%(table)s, 'id')) FROM generate_series(1, %(number)s)"
        return list(connection.exec_driver_sql(taken, {"table": table.name, "number": number}).scalars())
    # Whoever holds the file's write lock inserts alone.
    last = connection.exec_driver_sql(f"SELECT coalesce(max(id), 0) FROM {table.name}").scalar_one()  # noqa: S608
    return list(range(last + 1, last + 1 + number))
