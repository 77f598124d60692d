"""Pages of a list: by cursors, which do not jump when rows are added, or by numbers, as the provider's own API has."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, TypeAlias

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.listings.asking import Asked, conditions
from service.store.listings.cursors import Place, opened, sealed
from service.store.listings.listing import Listing
from service.store.schema import Instant, spell

Row: TypeAlias = dict[str, Any]


@dataclass(frozen=True)
class Page:
    """Some rows of a list.

    Attributes:
        rows: each a map from column to value; times are aware, JSON objects are maps.
        next: the cursor of the page after this one; None at the end.
        previous: likewise of the page before.
        notice: what a reader must know, such as that not all was looked at.
    """

    rows: list[Row]
    next: str | None = None
    previous: str | None = None
    notice: str | None = None


def page(connection: sa.Connection, listing: Listing, asked: Asked) -> Page:
    """One page, from the beginning or from a cursor.

    Raises:
        BadFilter: a word, a value, the order or the cursor is wrong.
    """
    name, falls = order_of(listing, asked)
    sort = f"{'-' * falls}{name}"
    at = opened(asked.after, listing.name, sort, asked.filters) if asked.after is not None else None
    back = at is not None and at.back
    query = sa.select(*shown(listing)).where(*conditions(connection, listing, asked.filters, asked.now))
    if at is not None:
        query = query.where(beyond(listing, name, at, falls=falls != back))
    query = query.order_by(*ordered(listing, name, falls=falls != back)).limit(asked.limit + 1)
    found = [row_of(listing, row) for row in connection.execute(query)]
    more, found = len(found) > asked.limit, found[: asked.limit]
    if back:
        found.reverse()

    def cursor(row: Row, *, back: bool) -> str:
        return sealed(place_of(listing, name, row, back=back), listing.name, sort, asked.filters)

    has_next, has_previous = (True, more) if back else (more, at is not None)
    return Page(
        found,
        cursor(found[-1], back=False) if found and has_next else None,
        cursor(found[0], back=True) if found and has_previous else None,
    )


def order_of(listing: Listing, asked: Asked) -> tuple[str, bool]:
    """By what a question is sorted: by time where it is about a time, since the index of times answers it then."""
    if asked.sort is None and {"since", "until"} & asked.filters.keys() and listing.order == "-id":
        return listing.time, True
    return listing.sort(asked.sort)


def ordered(listing: Listing, name: str, *, falls: bool) -> list[sa.ColumnElement[Any]]:
    """The ORDER BY; the key decides between rows that are alike."""
    columns = [listing.column(each) for each in dict.fromkeys((name, listing.key))]
    return [column.desc() if falls else column.asc() for column in columns]


def beyond(listing: Listing, name: str, at: Place, *, falls: bool) -> sa.ColumnElement[bool]:
    """What comes after a place.

    Raises:
        BadFilter: the cursor holds what the column cannot hold.
    """
    column, key = listing.column(name), listing.column(listing.key)
    value, own = _held(column, at.value), _held(key, at.key)
    if name == listing.key:
        past: sa.ColumnElement[bool] = key < own if falls else key > own
        return past
    # Not a comparison of rows: this spelling uses the index of the column on both databases.
    edge, inner = (column <= value, key < own) if falls else (column >= value, key > own)
    strictly = column < value if falls else column > value
    return sa.and_(edge, sa.or_(strictly, inner))


def _held(column: sa.Column[Any], value: str | int) -> Any:
    wrong = BadFilter("after", "it is not a cursor of this list with these filters and this order")
    if isinstance(column.type, Instant):
        try:
            return datetime.fromisoformat(str(value)).astimezone(UTC)
        except (ValueError, OverflowError):
            raise wrong from None
    if isinstance(value, int) is not isinstance(column.type, sa.Integer):
        raise wrong
    return value


def place_of(listing: Listing, name: str, row: Mapping[str, Any], *, back: bool = False) -> Place:
    """Where a row stands."""
    value = row[name]
    return Place(spell(value) if isinstance(value, datetime) else value, row[listing.key], back)


def numbered(connection: sa.Connection, listing: Listing, asked: Asked, number: int, size: int) -> list[Row]:
    """The rows of page `number`, from 1, where each page has `size`; empty past the end.

    Only the keys of what comes before are walked over, in an index, from the end that is nearer.

    Raises:
        BadFilter: as `page`.
    """
    name, falls = order_of(listing, asked)
    keys = sa.select(listing.column(listing.key).label("key"))
    keys = keys.where(*conditions(connection, listing, asked.filters, asked.now))
    keys = keys.order_by(*ordered(listing, name, falls=falls)).limit(size).offset((number - 1) * size)
    chosen = keys.subquery()
    query = sa.select(*shown(listing)).join(chosen, listing.column(listing.key) == chosen.c.key)
    return [row_of(listing, row) for row in connection.execute(query.order_by(*ordered(listing, name, falls=falls)))]


def shown(listing: Listing) -> Sequence[sa.ColumnElement[Any]]:
    """The columns of a row."""
    return [listing.column(name) for name in listing.columns]


def row_of(listing: Listing, row: sa.Row[Any]) -> Row:
    """A row as faces get it."""
    found = dict(row._mapping)  # noqa: SLF001 - the documented way to a mapping
    for name in listing.objects:
        found[name] = json.loads(found[name])
    return found
