"""Which values a column has at all, read from the running counts of SQLite."""

from __future__ import annotations

import sqlalchemy as sa

from service.store.tallies import TALLIES, WIDTH

FACETS = [sa.column(f"facet_{number}", sa.Text) for number in range(1, WIDTH + 1)]
COUNTS = sa.table(
    "tallies", sa.column("listing", sa.Text), sa.column("day", sa.Text), *FACETS, sa.column("count", sa.Integer)
)


def facet_of(listing: str, column: str) -> sa.ColumnClause[str]:
    """The column of the counts that has the values of a counted column."""
    return FACETS[TALLIES[listing].columns.index(column)]


def known_values(connection: sa.Connection, listing: str, column: str, *fits: sa.ColumnElement[bool]) -> list[str]:
    """Every value that a counted column has somewhere, where those fit; for SQLite alone, and empty for no value."""
    query = sa.select(facet_of(listing, column)).where(COUNTS.c.listing == listing, *fits).distinct()
    return sorted(connection.execute(query).scalars())
