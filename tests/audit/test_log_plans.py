"""What is asked of the log each second uses an index, however many entries there are."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import sqlalchemy as sa

from service.audit.sequencer import sequence
from service.store import Store, log, log_heads
from tests.audit.book import KEY, NOW, current, write

WAITING, PLACED, OPEN = "ix_audit_entries_waiting", "uq_audit_entries_leaf", "ix_follow_ups_open"
QUESTIONS: list[tuple[str, str, Callable[[sa.Connection, log.Log], Any]]] = [
    ("any waiting", WAITING, lambda c, _: log.any_waiting(c)),
    ("waiting", WAITING, lambda c, _: log.waiting(c, 1000)),
    ("waiting since", WAITING, lambda c, _: log.waiting_since(c)),
    ("anything since", PLACED, lambda c, found: log.anything_since(c, found, 2)),
    ("leaf hashes", PLACED, lambda c, found: list(log.leaf_hashes(c, 1, found.size, 2))),
    ("ever published", "ix_follow_ups_subject", lambda c, _: log_heads.ever_published(c, "file")),
    ("publishing before", OPEN, lambda c, _: log_heads.publishing_before(c, 7, "slack")),
]


@pytest.mark.parametrize(("index", "ask"), [q[1:] for q in QUESTIONS], ids=[q[0] for q in QUESTIONS])
def test_a_question_uses_its_index(
    sqlite_store: Store, index: str, ask: Callable[[sa.Connection, log.Log], Any]
) -> None:
    write(sqlite_store, 3)
    sequence(sqlite_store, KEY, NOW)
    found = current(sqlite_store)
    asked: list[tuple[str, Any]] = []
    with sqlite_store.read() as connection:

        @sa.event.listens_for(connection, "before_cursor_execute")
        def _remember(_connection: Any, _cursor: Any, statement: str, parameters: Any, *_: Any) -> None:
            asked.append((statement, parameters))

        ask(connection, found)
        plans = [
            str(connection.exec_driver_sql(f"EXPLAIN QUERY PLAN {statement}", parameters).all())
            for statement, parameters in list(asked)
            if statement.startswith("SELECT")
        ]
    assert any(index in plan for plan in plans), plans
    assert not any("SCAN audit_entries'" in plan or "SCAN follow_ups'" in plan for plan in plans), plans
