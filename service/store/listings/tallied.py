"""Questions about numbers that the running counts of SQLite answer.

They are kept by day. Days that a question means as a whole are read from them, the beginning and the end of a time
that is cut inside of a day are counted row by row, by the index of times.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.moments import moment
from service.store.listings.asking import conditions
from service.store.listings.known import COUNTS, FACETS
from service.store.listings.listing import Listing
from service.store.listings.words import Asker, Exact, Group
from service.store.tallies import TALLIES

# As many are sorted in a few milliseconds.
_FEW = 3_000
_TIMES = frozenset({"since", "until"})
Column = sa.ColumnElement[Any]


def _nothing(_column: Callable[[str], Column]) -> Sequence[sa.ColumnElement[bool]]:
    return ()


@dataclass(frozen=True)
class Also:
    """What must hold beside the words of a question.

    Attributes:
        holds: makes the conditions, from what finds a counted column by its name.
        since: the earliest time; None for no bound.
        until: the time before which it is; None for no bound.
    """

    holds: Callable[[Callable[[str], Column]], Sequence[sa.ColumnElement[bool]]] = _nothing
    since: datetime | None = None
    until: datetime | None = None


_NO_MORE = Also()


def tells(connection: sa.Connection, listing: Listing, filters: Mapping[str, str], column: str | None = None) -> bool:
    """Whether the counts know every column that a question is about."""
    tally = TALLIES.get(listing.name)
    if connection.dialect.name != "sqlite" or tally is None:
        return False
    if _TIMES & filters.keys() and tally.time is None:
        return False
    words = [listing.word(name) for name in filters.keys() - _TIMES]
    asked = [word.column if isinstance(word, Exact | Group) else None for word in words]
    return all(one in tally.columns for one in [*asked, *([column] if column else [])])


def walks(connection: sa.Connection, listing: Listing, filters: Mapping[str, str], at: datetime) -> bool:
    """Whether a question about a time is answered best by walking over that time, and not by what else is asked for.

    Sorting what an index of a value finds costs by the number of rows that have the value, whenever they came.
    """
    plain = {name: value for name, value in filters.items() if name not in _TIMES}
    if plain.keys() == filters.keys() or not plain or not tells(connection, listing, filters):
        return False
    return sum(counted(connection, listing, plain, at, None).values()) > _FEW


def counted(
    connection: sa.Connection,
    listing: Listing,
    filters: Mapping[str, str],
    at: datetime,
    column: str | None,
    also: Also = _NO_MORE,
) -> Counter[str | None]:
    """How many rows have each value of a column; of None, how many there are, under None.

    Raises:
        BadFilter: a time is wrong.
    """
    plain = {name: value for name, value in filters.items() if name not in _TIMES}
    begin, end = bounds(filters, at, also)
    first, last = _whole_days(begin, end)
    found: Counter[str | None] = Counter()
    if begin is not None and end is not None and begin >= end:
        return found
    if first is None or last is None or first < last:
        found += _of_days(connection, listing, plain, at, column, (first, last), also)
        edges = [(begin, first), (last, end)]
    else:
        edges = [(begin, end)]
    for low, high in edges:
        if low is not None and high is not None and low < high:
            found += _of_rows(connection, listing, plain, at, column, (low, high), also)
    return found


def bounds(filters: Mapping[str, str], at: datetime, also: Also = _NO_MORE) -> tuple[datetime | None, datetime | None]:
    """From when on, and until when; None for no bound.

    Raises:
        BadFilter: a time is wrong.
    """
    begins = [time for time in (_bound("since", filters.get("since"), at), also.since) if time is not None]
    ends = [time for time in (_bound("until", filters.get("until"), at), also.until) if time is not None]
    return max(begins, default=None), min(ends, default=None)


def _bound(name: str, text: str | None, at: datetime) -> datetime | None:
    try:
        return moment(text, at) if text is not None else None
    except ValueError as error:
        raise BadFilter(name, str(error)) from None


def _whole_days(begin: datetime | None, end: datetime | None) -> tuple[datetime | None, datetime | None]:
    """The midnights between which every day is meant as a whole; None for no bound."""
    last = datetime.combine(end.date(), time(), UTC) if end else None
    first = datetime.combine(begin.date(), time(), UTC) if begin else None
    if begin is not None and first is not None and first < begin:
        try:
            first += timedelta(days=1)
        except OverflowError:
            first = begin
    return first, last


def _of_days(
    connection: sa.Connection,
    listing: Listing,
    plain: Mapping[str, str],
    at: datetime,
    column: str | None,
    days: tuple[datetime | None, datetime | None],
    also: Also,
) -> Counter[str | None]:
    columns = TALLIES[listing.name].columns
    named = [facet.label(name) for facet, name in zip(FACETS, columns, strict=False)]
    mine = sa.select(*named, COUNTS.c.day, COUNTS.c.count).where(COUNTS.c.listing == listing.name)
    if days[0] is not None:
        mine = mine.where(COUNTS.c.day >= days[0].date().isoformat())
    if days[1] is not None:
        mine = mine.where(COUNTS.c.day < days[1].date().isoformat())
    rows: Any = mine.subquery()
    asker = Asker(connection, rows, at)
    held = [listing.word(name).condition(name, value, asker) for name, value in plain.items()]
    held += also.holds(lambda name: sa.func.nullif(rows.c[name], "", type_=sa.Text))
    value = rows.c[column] if column else sa.null()
    query = sa.select(value, sa.func.sum(rows.c.count)).where(*held)
    found = connection.execute(query.group_by(value) if column else query)
    return Counter({value or None: number for value, number in found if number})


def _of_rows(
    connection: sa.Connection,
    listing: Listing,
    plain: Mapping[str, str],
    at: datetime,
    column: str | None,
    times: tuple[datetime, datetime],
    also: Also,
) -> Counter[str | None]:
    moment_ = listing.column(listing.time)
    held = conditions(connection, listing, plain, at, walks=True)
    value = listing.column(column) if column else sa.null()
    held += also.holds(listing.column)
    query = sa.select(value, sa.func.count()).where(*held, moment_ >= times[0], moment_ < times[1])
    found = connection.execute(query.group_by(value) if column else query)
    return Counter({value or None: number for value, number in found if number})
