"""All rows of a question, one after another, whatever their number: for exports."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from service.errors import BadFilter
from service.store.listings.asking import conditions
from service.store.listings.listing import Listing
from service.store.listings.words import now

_AT_ONCE = 2_000


def stream(
    connection: sa.Connection, listing: Listing, filters: Mapping[str, str], columns: Sequence[str] = ()
) -> Iterator[tuple[Any, ...]]:
    """Every row that answers a question, in the order of the key, as the driver gives it.

    Nothing is converted: on SQLite times are the text that is kept and flags are 0 and 1; on PostgreSQL both have
    types. Memory stays flat.

    Args:
        connection: a snapshot, kept open until the last row.
        listing: which list.
        filters: what must hold.
        columns: which columns, in this order; none for all that the list shows.

    Raises:
        BadFilter: a word or a value is wrong, or the list does not show that column.
    """
    if wrong := [name for name in columns if name not in listing.columns]:
        raise BadFilter("columns", f"{listing.name} do not show {wrong[0][:80]}", listing.columns)
    # Without its type, a column comes as the driver reads it.
    plain = [sa.type_coerce(listing.column(name), sa.types.NullType()) for name in columns or listing.columns]
    query = sa.select(*plain).where(*conditions(connection, listing, filters, now()))
    query = query.order_by(listing.column(listing.key))
    running = connection.execution_options(stream_results=True, max_row_buffer=_AT_ONCE).execute(query)
    for rows in running.partitions(_AT_ONCE):
        yield from map(tuple, rows)
