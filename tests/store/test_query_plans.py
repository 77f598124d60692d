"""The questions that are asked all the time use their indexes."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.store import open_store, queries
from service.store.listings import LISTINGS, Asked, page, stream

QUESTIONS: dict[str, Callable[[sa.Connection], Any]] = {
    "ix_follow_ups_open": queries.readiness,
    "ix_events_failed": lambda connection: queries.events(connection, failed=True),
    "ix_deliveries_apart": queries.apart,
    "ix_events_subject": lambda connection: queries.events(connection, subject="orders/x"),
    "ix_audit_entries_subject": lambda connection: queries.trail(connection, ["orders/x"]),
    "ix_states_source_order_id": lambda connection: queries.related(connection, "orders/x"),
    "ix_states_order_subscription_id": lambda connection: queries.related(connection, "order_subscriptions/x"),
    "ix_events_last_seen_at": lambda connection: page(connection, LISTINGS["events"], Asked({"since": "2h"})),
    "ix_events_fingerprint": lambda connection: page(connection, LISTINGS["events"], Asked({"fingerprint": "f"})),
    "ix_events_ignored": lambda connection: rows_like(connection, "events", "result", "ignored"),
    "ix_events_swept": lambda connection: rows_like(connection, "events", "origin", "sweep"),
    "ix_deliveries_redelivered": lambda connection: rows_like(connection, "deliveries", "verdict", "redelivery"),
    "ix_states_seen_at": lambda connection: page(connection, LISTINGS["states"], Asked({"kind": "order_copies"})),
    "ix_follow_ups_subject": lambda connection: queries.follow_ups(connection, subject="orders/x"),
}


def rows_like(connection: sa.Connection, name: str, word: str, value: str) -> Any:
    """All rows that have a value; by no page, since nothing is kept here and a page would know that beforehand."""
    return list(stream(connection, LISTINGS[name], {word: value}))


@pytest.mark.parametrize("index", QUESTIONS)
def test_a_question_uses_its_index(tmp_path: Path, index: str) -> None:
    """SQLite plans the query on its index and walks no whole table for it."""
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    asked: list[tuple[str, Any]] = []
    with store.read() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute")
        def _remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        QUESTIONS[index](connection)
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in list(asked)
        ]
    store.close()
    assert any(index in plan for plan in plans), plans
