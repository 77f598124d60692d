"""Reading back what is kept, in the fewest words."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any

import sqlalchemy as sa

from service.store import Store
from service.store.schema import audit_entries, deliveries, events, follow_ups, metadata, states, transitions

COUNTED = (events, deliveries, transitions, states, follow_ups, audit_entries)


def rows(store: Store, table: sa.Table) -> list[dict[str, Any]]:
    """Every row of a table, in the order of its primary key."""
    with store.read() as connection:
        return [dict(row) for row in connection.execute(sa.select(table).order_by(*table.primary_key)).mappings()]


def counts(store: Store) -> dict[str, int]:
    """How many rows each table of the intake has."""
    with store.read() as connection:
        query = sa.select(sa.func.count())
        return {table.name: connection.execute(query.select_from(table)).scalar_one() for table in COUNTED}


def verdicts(store: Store) -> Counter[str]:
    """How many deliveries have each verdict."""
    return Counter(row["verdict"] for row in rows(store, deliveries))


def actions(store: Store) -> list[tuple[str, dict[str, Any]]]:
    """The audit trail: each entry's action and detail."""
    return [(row["action"], json.loads(row["detail"])) for row in rows(store, audit_entries)]


def state_of(store: Store, subject: str) -> dict[str, Any]:
    """What is known of a resource, without which delivery told it and when."""
    (row,) = (row for row in rows(store, states) if row["subject"] == subject)
    return {name: value for name, value in row.items() if name not in ("event_id", "seen_at")}


def empty(store: Store) -> None:
    """Take every row away, past the guard that keeps the audit trail."""
    with store.write() as connection:
        allow_deletion(connection)
        if connection.dialect.name == "sqlite":
            connection.execute(sa.text("DELETE FROM audit_texts"))
        for table in reversed(metadata.sorted_tables):
            connection.execute(sa.delete(table))


def allow_deletion(connection: sa.Connection) -> None:
    """Drop the guard for this database's life: tests begin anew, and an adversary would do so too."""
    on = " ON audit_entries" if connection.dialect.name == "postgresql" else ""
    connection.execute(sa.text(f"DROP TRIGGER IF EXISTS audit_entries_undeleted{on}"))
