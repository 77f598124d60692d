"""Where else a name stands: texts of other rows that mention who is to be erased.

Every text is looked at once, in the order of its row; nothing is held open meanwhile, so it may take its time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator
from dataclasses import dataclass, field

import sqlalchemy as sa

from service.store import Store
from service.store.schema import attempts, audit_entries, deliveries, events, follow_ups, incidents

# Columns in which handlers, the provider or operators may have named somebody.
TEXTS: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "events": (events, ("error",)),
    "deliveries": (deliveries, ("reason",)),
    "follow_ups": (follow_ups, ("identity", "cause", "params", "result")),
    "attempts": (attempts, ("detail",)),
    "incidents": (incidents, ("cause", "detail")),
    "audit_entries": (audit_entries, ("detail",)),
}
_PAGE = 2000
# A shorter id could be any word: it is found by its subject alone.
_LONG_ENOUGH = 8
# Bounded and begun at boundaries: a body may be five million letters without an end.
_TOKEN = re.compile(r"(?<![A-Za-z0-9])[A-Za-z0-9]{8,32}(?![A-Za-z0-9])")
_ESCAPED = re.compile(r"\\u([0-9A-Fa-f]{4})")
_SUBJECT = re.compile(r"(?<![a-z_])[a-z_]{1,40}/[A-Za-z0-9]{1,32}(?![A-Za-z0-9])")

Progress = Callable[[str, int], object]


@dataclass(frozen=True, slots=True)
class Names:
    """What is looked for.

    Attributes:
        subjects: `type/id`.
        addresses: e-mail addresses.
    """

    subjects: frozenset[str]
    addresses: frozenset[str] = frozenset()
    _ids: dict[str, str] = field(init=False, repr=False, compare=False)
    _pattern: re.Pattern[str] | None = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Prepare the search."""
        ids = {s.partition("/")[2]: s for s in sorted(self.subjects)}
        object.__setattr__(self, "_ids", {id_: s for id_, s in ids.items() if len(id_) >= _LONG_ENOUGH})
        spelt = {form for address in self.addresses for form in (address, json.dumps(address)[1:-1])}
        pattern = "|".join(sorted(map(re.escape, spelt)))
        # Not a longer address that ends or begins like this one.
        found = re.compile(rf"(?<![\w.+-])(?:{pattern})(?![\w-]|\.\w)", re.IGNORECASE) if spelt else None
        object.__setattr__(self, "_pattern", found)

    def named_in(self, text: str) -> str | None:
        """Whom does a text name, JSON or not? A subject; empty for an address alone; None for nobody."""
        found = self._named_in(text)
        if found is None and "\\u" in text:
            # A letter that is spelled so hides where a word begins: in JSON, a quotation mark is one of its letters.
            return self._named_in(_ESCAPED.sub(lambda one: chr(int(one[1], 16)), text))
        return found

    def _named_in(self, text: str) -> str | None:
        if "/" in text and (subjects := self.subjects.intersection(_SUBJECT.findall(text))):
            return min(subjects)
        if self._ids and (ids := self._ids.keys() & _TOKEN.findall(text)):
            return self._ids[min(ids)]
        return "" if self._pattern and self._pattern.search(text) else None


@dataclass
class Mentions:
    """Rows whose texts name somebody, and how far each table was looked through.

    Attributes:
        rows: by table, the row and whom it names, as `Names.named_in` says.
        seen: by table, the last row that was looked at.
    """

    rows: dict[str, dict[int, str]] = field(default_factory=dict)
    seen: dict[str, int] = field(default_factory=dict)

    def plus(self, other: Mentions) -> Mentions:
        """Both together; `other` looked further."""
        rows = {table: self.rows.get(table, {}) | other.rows.get(table, {}) for table in TEXTS}
        return Mentions(rows, {table: max(self.seen.get(table, 0), other.seen.get(table, 0)) for table in TEXTS})

    def of(self, subjects: Collection[str]) -> Mentions:
        """Those of them that name one of these, or an address."""
        wanted = {"", *subjects}
        rows = {table: {id_: w for id_, w in found.items() if w in wanted} for table, found in self.rows.items()}
        return Mentions(rows, self.seen)


def search(store: Store, names: Names, progress: Progress = lambda _table, _rows: None) -> Mentions:
    """Look through every text, each page in a snapshot of its own."""

    def pages(table: sa.Table, columns: Iterable[str]) -> Iterator[list[tuple[int, str]]]:
        last = 0
        while True:
            with store.read() as connection:
                page = _page(connection, table, columns, last)
            if not page:
                return
            yield page
            last = page[-1][0]

    found = Mentions()
    for name, (table, columns) in TEXTS.items():
        for page in pages(table, columns):
            _look(found, name, page, names)
            progress(name, len(page))
    return found


def search_newer(connection: sa.Connection, names: Names, before: Mentions) -> Mentions:
    """Look through what was written since, inside the caller's transaction."""
    found = Mentions()
    for name, (table, columns) in TEXTS.items():
        last = before.seen.get(name, 0)
        while page := _page(connection, table, columns, last):
            _look(found, name, page, names)
            last = page[-1][0]
    return before.plus(found)


def subjects_named(connection: sa.Connection, mentions: Mentions, types: Collection[str]) -> set[str]:
    """Whose rows are they, as far as these are resources of the provider?"""
    owners: set[str] = set()
    for name in ("events", "follow_ups", "audit_entries"):
        table = TEXTS[name][0]
        ids = sorted(mentions.rows.get(name, {}))
        for first in range(0, len(ids), 500):
            query = sa.select(table.c.subject).where(table.c.id.in_(ids[first : first + 500])).distinct()
            owners |= set(connection.execute(query).scalars())
    ids = sorted(mentions.rows.get("attempts", {}))
    for first in range(0, len(ids), 500):
        query = sa.select(follow_ups.c.subject).join(attempts, attempts.c.follow_up_id == follow_ups.c.id)
        owners |= set(connection.execute(query.where(attempts.c.id.in_(ids[first : first + 500]))).scalars())
    return {subject for subject in owners if subject.partition("/")[0] in types}


def _page(connection: sa.Connection, table: sa.Table, columns: Iterable[str], after: int) -> list[tuple[int, str]]:
    """The next texts of a table, those of one row in one line."""
    query = sa.select(table.c.id, *(table.c[name] for name in columns)).where(table.c.id > after)
    rows = connection.execute(query.order_by(table.c.id).limit(_PAGE))
    return [(row[0], "\n".join(text for text in row[1:] if text)) for row in rows]


def _look(found: Mentions, name: str, page: Iterable[tuple[int, str]], names: Names) -> None:
    rows = found.rows.setdefault(name, {})
    for id_, text in page:
        found.seen[name] = id_
        if text and (whom := names.named_in(text)) is not None:
            rows[id_] = whom
