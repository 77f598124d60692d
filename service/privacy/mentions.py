"""Where else a name stands: texts of other rows that mention who is to be erased.

Every text is looked at once, in the order of its row; nothing is held open meanwhile, so it may take its time.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa

from service.privacy.kin import some_at_once
from service.store import Store
from service.store.schema import attempts, audit_entries, deliveries, events, follow_ups, holds, incidents

# Columns in which handlers, the provider or operators may have named somebody.
TEXTS: dict[str, tuple[sa.Table, tuple[str, ...]]] = {
    "events": (events, ("error",)),
    "deliveries": (deliveries, ("reason",)),
    "follow_ups": (follow_ups, ("identity", "cause", "params", "result")),
    "attempts": (attempts, ("detail",)),
    "incidents": (incidents, ("cause", "detail")),
    "holds": (holds, ("reason",)),
    "audit_entries": (audit_entries, ("detail",)),
}
# Tables whose rows are about somebody by another row.
_OWNER = {"deliveries": events, "attempts": follow_ups}
_PAGE = 2000
# More rows than are written by transactions of one moment.
_OVERLAP = 1000
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
        """Those of them that name one of these; the empty one is an address."""
        wanted = set(subjects)
        rows = {table: {id_: w for id_, w in found.items() if w in wanted} for table, found in self.rows.items()}
        return Mentions(rows, self.seen)

    def without(self, ids: Mapping[str, Collection[int]]) -> Mentions:
        """The others than these rows, which are given by table."""
        rows = {t: {id_: w for id_, w in found.items() if id_ not in ids.get(t, ())} for t, found in self.rows.items()}
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
    """Look through what was written since: new rows, and older ones that the trail's new entries tell of.

    Also through the last ones from before: PostgreSQL commits rows in another order than it numbers them.
    """
    found = Mentions()
    overlap = _OVERLAP if connection.dialect.name == "postgresql" else 0
    for name, (table, columns) in TEXTS.items():
        last = before.seen.get(name, 0) - overlap
        while page := _page(connection, table, columns, last):
            _look(found, name, page, names)
            last = page[-1][0]
    for name, changed in _changed(connection, before.seen.get("audit_entries", 0) - overlap):
        table, columns = TEXTS[name]
        query = sa.select(table.c.id, *(table.c[column] for column in columns)).where(changed)
        _look(found, name, _texts(connection, query), names)
    return before.plus(found)


def _changed(connection: sa.Connection, after: int) -> Iterator[tuple[str, sa.ColumnElement[bool]]]:
    """Which older rows may have another text since an entry of the trail?

    What changes a row writes an entry about its event or follow-up. Of incidents few are open.
    """
    a = audit_entries.c
    for some in some_at_once(_ids(connection, a.event_id, after)):
        yield "events", events.c.id.in_(some)
    for some in some_at_once(_ids(connection, a.follow_up_id, after)):
        yield "follow_ups", follow_ups.c.id.in_(some)
        yield "attempts", attempts.c.follow_up_id.in_(some)
    yield "incidents", incidents.c.status == sa.literal_column("'open'")


def _ids(connection: sa.Connection, column: sa.ColumnElement[int], after: int) -> list[int]:
    query = sa.select(column).where(audit_entries.c.id > after, column.is_not(None)).distinct()
    return sorted(connection.execute(query).scalars())


def subjects_named(connection: sa.Connection, mentions: Mentions, types: Collection[str]) -> set[str]:
    """Whose rows are they, as far as these are resources of the provider?"""
    tables = ("events", "follow_ups", "attempts", "audit_entries")
    found = {owner for name in tables for _, owner in _owners(connection, name, mentions.rows.get(name, {}))}
    return {subject for subject in found if subject.partition("/")[0] in types}


def owned(connection: sa.Connection, mentions: Mentions, subjects: Collection[str]) -> dict[str, set[int]]:
    """By table, those rows that are about one of these subjects, whomever their texts name."""
    if not subjects:
        return {}
    return {
        name: {id_ for id_, owner in _owners(connection, name, rows) if owner in subjects}
        for name, rows in mentions.rows.items()
    }


def _owners(connection: sa.Connection, name: str, ids: Iterable[int]) -> Iterator[tuple[int, str]]:
    """Of these rows of a table, each with its subject, where it has one."""
    table = TEXTS[name][0]
    query = sa.select(table.c.id, _OWNER.get(name, table).c.subject)
    if name in _OWNER:
        query = query.join_from(table, _OWNER[name])
    for some in some_at_once(ids):
        yield from ((row.id, row.subject) for row in connection.execute(query.where(table.c.id.in_(some))))


def _page(connection: sa.Connection, table: sa.Table, columns: Iterable[str], after: int) -> list[tuple[int, str]]:
    """The next texts of a table, those of one row in one line."""
    query = sa.select(table.c.id, *(table.c[name] for name in columns)).where(table.c.id > after)
    return _texts(connection, query.order_by(table.c.id).limit(_PAGE))


def _texts(connection: sa.Connection, query: sa.Select[Any]) -> list[tuple[int, str]]:
    return [(row[0], "\n".join(text for text in row[1:] if text)) for row in connection.execute(query)]


def _look(found: Mentions, name: str, page: Iterable[tuple[int, str]], names: Names) -> None:
    rows = found.rows.setdefault(name, {})
    for id_, text in page:
        found.seen[name] = max(id_, found.seen.get(name, 0))
        if text and (whom := names.named_in(text)) is not None:
            rows[id_] = whom
