"""What a list is: a table, what is shown of it, and the words by which it is filtered, counted and sorted."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.listings.words import Exact, Group, Word


@dataclass(frozen=True)
class Listing:
    """One list of the record.

    Attributes:
        name: as in paths of the API and in cursors.
        table: where its rows are.
        columns: what is shown, in this order; never bytes, keys or salts.
        time: the column that `since` and `until` are about.
        words: the filters that it understands, each with what it means here.
        facets: words whose values are counted; each is of a column.
        key: what names a row, and decides between rows of one time.
        sorts: columns that it can be sorted by; each has an index.
        order: how it is sorted where nobody asks: a column, `-` before it for the greatest first.
        objects: columns that hold a JSON object.
    """

    name: str
    table: sa.Table
    columns: tuple[str, ...]
    time: str
    words: Mapping[str, Word]
    facets: tuple[str, ...] = ()
    key: str = "id"
    sorts: tuple[str, ...] = ()
    order: str = "-id"
    objects: frozenset[str] = field(default_factory=frozenset)

    def column(self, name: str) -> sa.Column[Any]:
        """One of the table's columns."""
        return self.table.c[name]

    def facet(self, name: str) -> sa.Column[Any]:
        """The column whose values a facet counts.

        Raises:
            BadFilter: the list does not count that word.
        """
        word = self.words.get(name)
        if name not in self.facets or not isinstance(word, Exact | Group):
            raise BadFilter("facets", f"{self.name} do not count {name[:80]}", self.facets)
        return self.column(word.column)

    def word(self, name: str) -> Word:
        """What a word means here.

        Raises:
            BadFilter: it means nothing here.
        """
        if name not in self.words:
            raise BadFilter(name, f"{self.name} have no such filter", sorted(self.words))
        return self.words[name]

    def sort(self, asked: str | None) -> tuple[str, bool]:
        """The column to sort by, and whether the greatest comes first.

        Raises:
            BadFilter: the list is not sorted by that.
        """
        wanted = asked or self.order
        name = wanted.removeprefix("-")
        known = tuple(dict.fromkeys((self.key, self.time, *self.sorts)))
        if name not in known:
            raise BadFilter("sort", f"{self.name} are not sorted by that", [s for n in known for s in (n, f"-{n}")])
        return name, wanted.startswith("-")
