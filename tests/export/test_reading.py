"""However few rows are read at a time, each of them comes once, and in its order."""

from __future__ import annotations

from itertools import chain

import pytest
import sqlalchemy as sa

from service.export.reading import parts
from service.store import Store
from service.store.schema import audit_entries
from tests.export.conftest import fill
from tests.rows import rows


@pytest.mark.parametrize("at_once", [1, 2, 7, 1_000])
def test_parts_together_are_all_rows(store: Store, at_once: int) -> None:
    fill(store, 3)
    query = sa.select(audit_entries.c.id, audit_entries.c.action).order_by(audit_entries.c.id)
    with store.read_for_long() as connection:
        found = list(parts(connection, query, at_once))
        assert list(parts(connection, query.where(audit_entries.c.id < 0), at_once)) == []
    assert max(map(len, found)) <= at_once
    assert list(chain.from_iterable(found)) == [(row["id"], row["action"]) for row in rows(store, audit_entries)]
