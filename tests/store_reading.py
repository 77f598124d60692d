"""Whole tables, for tests to compare."""

from __future__ import annotations

from typing import Any

import sqlalchemy as sa

from service.store import Store


def rows(store: Store, table: sa.Table) -> list[dict[str, Any]]:
    """Every row, oldest first."""
    order = table.c.id if "id" in table.c else next(iter(table.primary_key))
    with store.read() as connection:
        return [dict(row._mapping) for row in connection.execute(sa.select(table).order_by(order))]  # noqa: SLF001
