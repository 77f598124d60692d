"""Which values a column has at all, read from the running counts of SQLite."""

from __future__ import annotations

import sqlalchemy as sa

from service.store.tallies import TALLIES, WIDTH

FACETS = [sa.column(f"facet_{number}", sa.Text) for number in range(1, WIDTH + 1)]
COUNTS = sa.table(
    "tallies", sa.column("listing", sa.Text), sa.column("day", sa.Text), *FACETS, sa.column("count", sa.Integer)
)


def known_values(connection: sa.Connection, listing: str, column: str) -> list[str]:
    """Every value that a counted column has somewhere; for SQLite alone."""
    facet = FACETS[TALLIES[listing].columns.index(column)]
    query = sa.select(facet).where(COUNTS.c.listing == listing).distinct()
    return sorted(connection.execute(query).scalars())
