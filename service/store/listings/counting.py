"""How many rows answer a question, and how many have each value.

On SQLite most of it is read from the running counts (`service.store.tallies`); what they do not tell is counted.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.store.listings import tallied
from service.store.listings.asking import conditions
from service.store.listings.listing import Listing
from service.store.listings.words import now

# Of a facet whose values are open; the rarer ones are found by their filter.
_MOST_VALUES = 100


def count(connection: sa.Connection, listing: Listing, filters: Mapping[str, str], at: datetime | None = None) -> int:
    """How many rows are there?

    Args:
        connection: a snapshot.
        listing: which list.
        filters: what must hold of them.
        at: what ages in filters are counted from; None for now.

    Raises:
        BadFilter: a word or a value is wrong.
    """
    at = at or now()
    held = conditions(connection, listing, filters, at)
    if not tallied.tells(connection, listing, filters):
        query = sa.select(sa.func.count()).select_from(listing.table).where(*held)
        return int(connection.execute(query).scalar_one())
    return sum(tallied.counted(connection, listing, filters, at, None).values())


def facets(
    connection: sa.Connection, listing: Listing, filters: Mapping[str, str], names: Sequence[str] = ()
) -> dict[str, dict[str | None, int]]:
    """For each word, how many rows have each value; the most frequent first.

    Args:
        connection: a snapshot.
        listing: which list.
        filters: what must hold of the rows that are counted.
        names: which words; none for all that the list counts.

    Raises:
        BadFilter: a word or a value is wrong, or the list does not count that word.
    """
    at = now()
    held = conditions(connection, listing, filters, at)
    found: dict[str, dict[str | None, int]] = {}
    for name in names or listing.facets:
        column = listing.facet(name)
        if tallied.tells(connection, listing, filters, column.name):
            numbers = tallied.counted(connection, listing, filters, at, column.name)
        else:
            # What has no fingerprint did not fail; counting it would walk over everything.
            has_one = [column.is_not(None)] if name == "fingerprint" else []
            number = sa.func.count().label("number")
            # That index holds every word of the list, so the others are compared in it.
            narrowed = conditions(connection, listing, filters, at, walks=True) if has_one else held
            query = sa.select(column, number).where(*narrowed, *has_one).group_by(column)
            query = query.order_by(number.desc(), column).limit(_MOST_VALUES)
            numbers = Counter({row[0]: row[1] for row in connection.execute(query)})
        found[name] = dict(sorted(numbers.items(), key=_most_first))
    return found


def _most_first(item: tuple[Any, int]) -> tuple[int, str]:
    return -item[1], item[0] or ""
