"""Rows whose kept payload has something at a place, such as `data.attributes.status=failed`.

Payloads may be sealed, so no database can look into them: the other filters narrow the rows down in SQL, and what is
left is opened one after another, the newest first, until the page is full or the time is over. It says how far it came.
"""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

import sqlalchemy as sa

from service import payloads
from service.documents import parse
from service.errors import BadFilter, BodyUnreadable
from service.store.listings.asking import Asked
from service.store.listings.counting import count
from service.store.listings.cursors import opened, sealed
from service.store.listings.listing import Listing
from service.store.listings.pages import Page, Row, order_of, place_of, rows_from
from service.store.schema import deliveries
from service.vault import Vault

SECONDS = 5.0
WORD = "path"
# Column of a list's rows, to the column of `deliveries` that leads to their bytes.
_LEADS = {"events": ("id", deliveries.c.event_id), "deliveries": ("id", deliveries.c.id)}
_AT_ONCE = 250
_DEEPEST = 30
_PLAIN = (str, int, float, bool, type(None))


@dataclass(frozen=True)
class Place:
    """Where to look, and what must stand there.

    Attributes:
        names: keys of objects and places in arrays, from the outside; `*` is any.
        value: as text; None where it is enough that there is anything.
    """

    names: tuple[str, ...]
    value: str | None

    def is_in(self, body: bytes) -> bool:
        """Tell whether a body has it; one that is no JSON has nothing."""
        # Most bodies are ruled out without being read; a backslash may hide any letter.
        sought = [name for name in self.names if name != "*" and not name.isdigit()]
        if b"\\" not in body and any(text.encode() not in body for text in [*sought, *self._quick]):
            return False
        try:
            return any(self._is(value) for value in _at(parse(body), self.names))
        except (BodyUnreadable, RecursionError):
            return False

    @property
    def _quick(self) -> list[str]:
        return [self.value] if self.value and self.value.isascii() and self.value.isalnum() else []

    def _is(self, value: Any) -> bool:
        if self.value is None:
            return True
        if not isinstance(value, _PLAIN):
            return False
        return self.value == (value if isinstance(value, str) else json.dumps(value))


def place(text: str) -> Place:
    """Read `data.attributes.status=failed` or `data.attributes.status`.

    Raises:
        BadFilter: it is no path.
    """
    path, equals, value = text.partition("=")
    names = tuple(path.strip().split("."))
    if not all(names) or len(names) > _DEEPEST or any("\ud800" <= character <= "\udfff" for character in text):
        raise BadFilter(WORD, "it is written data.attributes.status=failed, or without a value; * is any part")
    return Place(names, value.strip() if equals else None)


def page_with(
    connection: sa.Connection, listing: Listing, asked: Asked, vault: Vault, seconds: float = SECONDS
) -> Page:
    """A page of the rows whose newest kept payload has something at a path; `asked` has the filter `path`.

    Raises:
        BadFilter: as `page`; the list has no payloads; the path is none.
        ConfigurationError: a payload is sealed, and none of the vault's keys opens it.
    """
    if listing.name not in _LEADS:
        raise BadFilter(WORD, f"{listing.name} have no payload", sorted(_LEADS))
    wanted = place(asked.filters[WORD])
    others = {name: value for name, value in asked.filters.items() if name != WORD}
    name, falls = order_of(listing, replace(asked, filters=others))
    sort = f"{'-' * falls}{name}"
    start = opened(asked.after, listing.name, sort, asked.filters) if asked.after is not None else None
    until, looked, found, last = time.monotonic() + seconds, 0, list[Row](), None
    narrowed = replace(asked, filters=others, limit=_AT_ONCE)
    for rows in rows_from(connection, listing, narrowed, start):
        bodies = _bodies(connection, listing, rows, vault)
        for row, body in zip(rows, bodies, strict=True):
            if len(found) == asked.limit or (looked and time.monotonic() > until):
                return _unfinished(connection, listing, asked, others, (sort, name), found, last, looked)
            looked, last = looked + 1, row
            if body is not None and wanted.is_in(body):
                found.append(row)
    return Page(found)


def _unfinished(  # noqa: PLR0913, PLR0917 - what was asked, and how far it came
    connection: sa.Connection,
    listing: Listing,
    asked: Asked,
    others: Mapping[str, str],
    order: tuple[str, str],
    found: list[Row],
    last: Row | None,
    looked: int,
) -> Page:
    """What was found so far, and where to go on."""
    if last is None:
        return Page(found)
    cursor = sealed(place_of(listing, order[1], last), listing.name, order[0], asked.filters)
    if len(found) == asked.limit:
        return Page(found, cursor)
    total = count(connection, listing, others, asked.now)
    notice = f"looked at {looked:,} of {total:,} {listing.name} before the time was over; go on with the cursor"
    return Page(found, cursor, notice=notice)


def _bodies(connection: sa.Connection, listing: Listing, rows: Sequence[Row], vault: Vault) -> Iterator[bytes | None]:
    """The newest kept body of each row, opened only when it is asked for."""
    key, column = _LEADS[listing.name]
    query = sa.select(column, deliveries.c.body, deliveries.c.headers, deliveries.c.salt, deliveries.c.data_key)
    query = query.where(column.in_([row[key] for row in rows]), deliveries.c.body.is_not(None))
    kept = {owner: sealed_ for owner, *sealed_ in connection.execute(query.order_by(deliveries.c.id))}
    for row in rows:
        parts = kept.get(row[key])
        yield payloads.unsealed(vault, *parts).body if parts else None


def _at(value: Any, names: tuple[str, ...]) -> Iterator[Any]:
    """Everything that stands at a path."""
    if not names:
        yield value
        return
    name, rest = names[0], names[1:]
    if isinstance(value, dict):
        inner = list(value.values()) if name == "*" else [value[name]] if name in value else []
    elif isinstance(value, list):
        inner = value if name == "*" else value[int(name) : int(name) + 1] if _is_number(name) else []
    else:
        inner = []
    for one in inner:
        yield from _at(one, rest)


def _is_number(name: str) -> bool:
    return name.isascii() and name.isdigit() and len(name) < 10  # noqa: PLR2004 - no array is longer
