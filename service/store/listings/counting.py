"""How many rows answer a question, and how many have each value."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import sqlalchemy as sa

from service.store.listings.asking import conditions
from service.store.listings.listing import Listing
from service.store.listings.words import now


def count(connection: sa.Connection, listing: Listing, filters: Mapping[str, str]) -> int:
    """How many rows are there?

    Raises:
        BadFilter: a word or a value is wrong.
    """
    query = sa.select(sa.func.count()).select_from(listing.table)
    found: int = connection.execute(query.where(*conditions(connection, listing, filters, now()))).scalar_one()
    return found


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
    held = conditions(connection, listing, filters, now())
    found: dict[str, dict[str | None, int]] = {}
    for name in names or listing.facets:
        column = listing.facet(name)
        number = sa.func.count().label("number")
        query = sa.select(column, number).where(*held).group_by(column).order_by(number.desc(), column)
        found[name] = {row[0]: row[1] for row in connection.execute(query)}
    return found
