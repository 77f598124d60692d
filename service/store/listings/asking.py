"""A question to a list, and the conditions that it makes."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.listings.listing import Listing
from service.store.listings.words import Asker, now

LARGEST_PAGE = 100_000


@dataclass(frozen=True)
class Asked:
    """What somebody wants to see of a list.

    Attributes:
        filters: word to value, both as they were given; all of them hold.
        sort: a column, with `-` before it for the greatest first; None for the list's own order.
        limit: rows of a page.
        after: the cursor that a page gave as its next or previous one; None for the first page.
        now: what ages in filters are counted from.
    """

    filters: Mapping[str, str] = field(default_factory=dict)
    sort: str | None = None
    limit: int = 50
    after: str | None = None
    now: datetime = field(default_factory=now)

    def __post_init__(self) -> None:
        """Refuse a page of no size.

        Raises:
            BadFilter: the limit is too small or too large.
        """
        if not 1 <= self.limit <= LARGEST_PAGE:
            raise BadFilter("limit", f"a page has 1 to {LARGEST_PAGE} rows")


def conditions(
    connection: sa.Connection, listing: Listing, filters: Mapping[str, str], at: datetime
) -> list[sa.ColumnElement[bool]]:
    """What must be true of every row.

    Raises:
        BadFilter: a word that the list does not know, or a value that is wrong.
    """
    asker = Asker(connection, listing.table, at)
    return [listing.word(name).condition(name, value, asker) for name, value in filters.items()]
