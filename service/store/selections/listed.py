"""What each list of the API is made of: where its rows are, and which column an attribute is."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from service.store import schema
from service.store.schema import attempts, audit_entries, deliveries, events, factories, follow_ups, incidents, states
from service.store.schema import transitions as moves

Column = sa.ColumnElement[Any]
Clause = sa.ColumnElement[bool] | sa.TextClause


@dataclass(frozen=True)
class Listed:
    """One list.

    Attributes:
        source: the table, or tables joined.
        columns: by the names of the attributes, and of ids that relationships are made of; in the order of rows.
        key: unique, and the last thing that rows are sorted by.
        where: what holds for every row.
        joined: of `source`, the table that takes and adds no row, so that counting can do without it.
        hidden: columns that are filtered by and not read.
        far: what is reached by way of rows elsewhere: those rows, and their column.
        newest_first: how rows are sorted where nothing is said.
        first: columns that lead there, without another order than the key's.
    """

    source: sa.FromClause
    columns: Mapping[str, Column]
    key: sa.Column[Any]
    where: tuple[Clause, ...] = ()
    joined: sa.Table | None = None
    hidden: Mapping[str, Column] = field(default_factory=dict)
    far: Mapping[str, tuple[sa.Select[Any], Column]] = field(default_factory=dict)
    newest_first: bool = True
    first: tuple[str, ...] = ()

    def among(self, clauses: Iterable[Any]) -> sa.FromClause:
        """Where to look for rows: without what is joined, unless one of these is about it."""
        if self.joined is None:
            return self.source
        about = (getattr(part, "table", None) for clause in clauses for part in visitors.iterate(clause))
        return self.source if any(table is self.joined for table in about) else self.key.table


def _of(table: sa.Table, *left_out: str, **named: Column) -> Listed:
    """A list of a table's rows, each column by its own name unless it is given another one."""
    taken = {column.name for column in named.values() if isinstance(column, sa.Column)}
    plain = {column.name: column for column in table.c if column.name not in {*left_out, *taken}}
    return Listed(table, {**plain, **named}, table.c.id)


_END = states.alias("end_of_copy")


def _end(ids: Column, type_: str, name: str) -> Column:
    """A column of the state of what a copy leads to."""
    found = sa.select(_END.c[name]).where(_END.c.subject == sa.literal(f"{type_}/") + ids, _END.c.status != "")
    return found.scalar_subquery()


_ENDS = {"source_order": "orders", "target_order": "orders", "order_subscription": "order_subscriptions"}
_TOLD = sa.select(sa.literal(1)).where(events.c.subject == factories.c.subject)
_HERE = sa.text(f"({schema.HERE.replace('status', 'factories.status')})")


def _factories(*where: Clause) -> Listed:
    return Listed(
        factories.outerjoin(states, states.c.subject == factories.c.subject),
        {column.name: column for column in factories.c if column.name != "place"}
        | {f"{end}_id": states.c[f"{end}_id"] for end in _ENDS},
        factories.c.subject,
        (_HERE, *where),
        states,
        {
            f"{end}_{name}": _end(states.c[f"{end}_id"], type_, column)
            for end, type_ in _ENDS.items()
            for name, column in (("status", "status"), ("updated_at", "at"))
        },
        {
            f"events_{name}": (_TOLD, events.c[column])
            for name, column in (
                ("id", "id"),
                ("name", "topic"),
                ("created_at", "first_seen_at"),
                ("updated_at", "last_seen_at"),
            )
        },
        newest_first=False,
        first=("type",),
    )


LISTED: Mapping[str, Listed] = {
    "order_factories": _factories(),
    "order_copies": _factories(factories.c.type == "order_copies"),
    "recurring_order_copies": _factories(factories.c.type == "recurring_order_copies"),
    "events": _of(
        events,
        "key",
        "deliveries",
        name=events.c.topic.label("name"),
        topic=events.c.topic,
        created_at=events.c.first_seen_at,
        updated_at=events.c.last_seen_at,
        deliveries_count=events.c.deliveries,
    ),
    "deliveries": _of(
        deliveries,
        "body",
        "headers",
        "salt",
        "data_key",
        "commitment",
        # Not `body IS NOT NULL` alone, whose value has no type of ours.
        kept=sa.case((deliveries.c.body.is_not(None), sa.true()), else_=sa.false()),
    ),
    "transitions": _of(moves),
    "follow_ups": _of(follow_ups, "identity"),
    "attempts": _of(attempts),
    "audit_entries": _of(audit_entries, "payload", "sealed", "salt", "commitment"),
    "incidents": _of(incidents),
}
