"""One self-contained SQLite file, made with sqlite-utils: whoever has it needs neither Copydesk nor these pages."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlite_utils import Database

from service.errors import FileUnusable
from service.export.reading import Row
from service.export.views import View, fitting
from service.export.words import words
from service.store import connections

README = "readme"
# What can be searched in full: https://sqlite.org/fts5.html
SEARCHED: Mapping[str, tuple[str, ...]] = {
    "events": ("error",),
    "audit_entries": ("action", "detail"),
    "attempts": ("detail",),
    "incidents": ("cause", "detail"),
}
_TYPES = ((sa.LargeBinary, bytes), (sa.Integer, int), (sa.Boolean, int))


class SqliteFile:
    """A file that is being filled: tables first, then `finish`."""

    def __init__(self, place: Path) -> None:
        """Make the file.

        Raises:
            FileUnusable: it cannot be written.
        """
        self.place = place
        self._library = connections.sorting_library()
        self._connection: Any = self._library.connect(place, isolation_level=None)
        # It gets its name once it is whole: nobody needs a journal of a half. What is sorted goes to the disk.
        for pragma in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE"):
            self._connection.execute(f"PRAGMA {pragma}")
        self._database = Database(self._connection)
        self.tables: list[str] = []

    def close(self) -> None:
        """Close the file, whatever became of it."""
        self._connection.close()

    def add(self, table: sa.Table, columns: Sequence[sa.Column[Any]], parts: Iterable[list[Row]]) -> int:
        """Write one of our tables, with its types, keys and what it refers to; the number of rows."""
        names = [column.name for column in columns]
        self._database.create_table(
            table.name,
            {column.name: _type(column) for column in columns},
            pk=_key(table),
            foreign_keys=[
                (column.name, key.column.table.name, key.column.name)
                for column in columns
                for key in column.foreign_keys
                if key.column.table.name in self.tables
            ],
            not_null={column.name for column in columns if not column.nullable and not column.primary_key},
            strict=True,
        )
        self.tables.append(table.name)
        return self._fill(table.name, names, parts)

    def add_plain(self, name: str, columns: Mapping[str, type], parts: Iterable[list[Row]], refers: str) -> int:
        """Write a table of an export's own, whose first column is its key and names a row of `refers`."""
        key = next(iter(columns))
        keys = [(key, refers, "id")] if refers in self.tables else []
        self._database.create_table(name, dict(columns), pk=key, foreign_keys=keys, strict=True)
        return self._fill(name, list(columns), parts)

    def _fill(self, name: str, columns: Sequence[str], parts: Iterable[list[Row]]) -> int:
        marks = ", ".join("?" for _ in columns)
        listed = ", ".join(f'"{column}"' for column in columns)
        number = 0
        with self._trouble():
            self._connection.execute("BEGIN")
            for part in parts:
                self._connection.executemany(f'INSERT INTO "{name}" ({listed}) VALUES ({marks})', part)  # noqa: S608 - our own names
                number += len(part)
            self._connection.execute("COMMIT")
        return number

    @contextmanager
    def _trouble(self) -> Iterator[None]:
        """A full disk, above all: what is sorted needs room too, where temporary files are."""
        try:
            yield
        except self._library.Error as error:
            raise FileUnusable(f"{self.place} cannot be written: {error}") from error

    def finish(self, of: Sequence[sa.Table], about: Mapping[str, str]) -> list[View]:
        """Make indexes, full-text search, views and the table that explains it all; the views that there are.

        Raises:
            FileUnusable: it cannot be written.
        """
        with self._trouble():
            return self._finish(of, about)

    def _finish(self, of: Sequence[sa.Table], about: Mapping[str, str]) -> list[View]:
        there = [table for table in of if table.name in self.tables]
        for table in there:
            self._index(table)
            if table.name in SEARCHED:
                self._database[table.name].enable_fts(SEARCHED[table.name])  # type: ignore[union-attr]
        views = fitting(self.tables)
        for view in views:
            self._database.create_view(view.name, view.sql)
        self._explain(there, views, about)
        with closing(self._connection.execute("ANALYZE")):
            self._connection.execute("PRAGMA journal_mode = DELETE")
        return views

    def _index(self, table: sa.Table) -> None:
        made: Any = self._database[table.name]
        there = made.columns_dict
        for index in sorted(table.indexes, key=lambda one: str(one.name)):
            names = [column.name for column in index.columns]
            if names and names != ["id"] and all(name in there for name in names):
                made.create_index(names, index_name=str(index.name))

    def _explain(self, tables: Sequence[sa.Table], views: Sequence[View], about: Mapping[str, str]) -> None:
        columns = {"number": int, "name": str, "column": str, "holds": str, "changes": str}
        self._database.create_table(README, columns, pk="number", strict=True)
        told: list[tuple[str, str | None, str, str | None]] = [(name, None, text, None) for name, text in about.items()]
        told += [(view.name, None, f"A view. {view.about}", None) for view in views]
        for table in tables:
            described = words()[table.name]
            told.append((table.name, None, described["about"], None))
            there: Any = self._database[table.name]
            told += [(table.name, name, *described["columns"].get(name, ("", ""))) for name in there.columns_dict]
        self._fill(README, list(columns), [[(number, *row) for number, row in enumerate(told, 1)]])


def _type(column: sa.Column[Any]) -> type:
    return next((found for kind, found in _TYPES if isinstance(column.type, kind)), str)


def _key(table: sa.Table) -> str | tuple[str, ...]:
    names = tuple(column.name for column in table.primary_key)
    return names[0] if len(names) == 1 else names
