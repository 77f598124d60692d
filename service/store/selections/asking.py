"""Which rows have one of a few values? What one resource is related to is found so."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

import sqlalchemy as sa

from service.store.selections.listed import Listed

Row = Mapping[str, Any]


def rows_where(connection: sa.Connection, listed: Listed, name: str, values: Collection[Any], limit: int) -> list[Row]:
    """Which rows have one of these values there? In the order of the key."""
    query = sa.select(*(column.label(name) for name, column in listed.columns.items())).select_from(listed.source)
    query = query.where(*listed.where, listed.named(name).in_(sorted(values))).order_by(listed.key)
    return [*connection.execute(query.limit(limit)).mappings()]
