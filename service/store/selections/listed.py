"""What each list of the API is made of: where its rows are, and which column an attribute is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.sql import visitors

from service.store import schema
from service.store.schema import attempts, audit_entries, deliveries, events, factories, follow_ups, incidents, states
from service.store.schema import transitions as moves
from service.store.tallies import TALLIES

Column = sa.ColumnElement[Any]
_Query = TypeVar("_Query", bound="sa.Select[*tuple[Any, ...]]")
Clause = sa.ColumnElement[bool] | sa.TextClause


# What of factories stands in the index of their statuses, by the words of the API and of the commands.
_IN_STATUS = {"type", "status", "kind", "updated_at", "since", "until"}


@dataclass(frozen=True)
class Far:
    """What is reached by way of rows elsewhere.

    Attributes:
        rows: a query of the keys of ours that they belong to.
        column: of theirs.
        joins: what holds where a row of theirs belongs to one of ours.
    """

    rows: sa.Select[Any]
    column: Column
    joins: sa.ColumnElement[bool]


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
        far: what is reached by way of rows elsewhere.
        newest_first: how rows are sorted where nothing is said.
        first: columns that lead there, without another order than the key's.
        quick: attributes of which an index finds a value, and few rows have one value.
        ranged: those of which it finds a range, too.
        covered: those that stand in an index as a whole, so that all rows can be looked at.
        sorts: those that any number of rows can be sorted by.
        indexed: columns of which an index finds a value, however many rows have it.
        sparse: attributes that few rows have at all, each with an index.
        indexes: for SQLite, the index that has the order of an attribute.
        finds: for SQLite, the index that finds the rows of an attribute that few have; of the key for all others.
        common: words that many rows may fit.
    """

    source: sa.FromClause
    columns: Mapping[str, Column]
    key: sa.Column[Any]
    where: tuple[Clause, ...] = ()
    joined: sa.Table | None = None
    hidden: Mapping[str, Column] = field(default_factory=dict)
    far: Mapping[str, Far] = field(default_factory=dict)
    newest_first: bool = True
    first: tuple[str, ...] = ()
    quick: frozenset[str] = frozenset()
    ranged: frozenset[str] = frozenset()
    covered: frozenset[str] = frozenset()
    sorts: frozenset[str] = frozenset()
    indexed: frozenset[str] = frozenset()
    sparse: frozenset[str] = frozenset()
    indexes: Mapping[str, str] = field(default_factory=dict)
    finds: Mapping[str, str] = field(default_factory=dict)
    common: frozenset[str] = frozenset()

    def named(self, name: str) -> Column:
        """The column of an attribute, shown or not."""
        return self.columns[name] if name in self.columns else self.hidden[name]

    def covering(self, names: Iterable[str]) -> str | None:
        """The index in which all of these stand, where there is one."""
        if not self.covered:
            return None
        return self.indexes["status" if {*names} <= _IN_STATUS else "type"]

    def hinted(self, query: _Query, index: str | None) -> _Query:
        """Have SQLite walk over an index; PostgreSQL has statistics, and chooses by itself."""
        return query.with_hint(self.key.table, index, "sqlite") if index else query

    def among(self, clauses: Iterable[Any]) -> sa.FromClause:
        """Where to look for rows: without what is joined, unless one of these is about it."""
        if self.joined is None:
            return self.source
        about = (getattr(part, "table", None) for clause in clauses for part in visitors.iterate(clause))
        return self.source if any(table is self.joined for table in about) else self.key.table


# Words that many rows may fit; what the others ask for, an index finds.
_COMMON = frozenset(
    "topic status result origin mode verdict kind actor action since until".split()  # noqa: SIM905 - a line
)
# On SQLite these have an index of their numbers with all that is counted of them (the third migration).
_WIDE = ("events", "deliveries", "audit_entries")


def plain_name(column: Column | None) -> str | None:
    """The name of the column that an attribute is, whatever the attribute is called; None where it is none."""
    plain = getattr(column, "element", column)
    return plain.name if isinstance(plain, sa.Column) else None


def _leading(table: sa.Table) -> Iterator[tuple[str, bool]]:
    """Columns that an index begins with, and whether every row is in it that has a value there."""
    for column in table.primary_key:
        yield column.name, True
    for unique in table.constraints:
        if isinstance(unique, sa.UniqueConstraint):
            yield next(iter(unique.columns)).name, True
    # What begins a unique index of several is one of few values.
    for index in (index for index in table.indexes if not index.unique):
        first, condition = next(iter(index.columns)).name, index.dialect_options["sqlite"]["where"]
        if condition is None or str(condition) == f"{first} IS NOT NULL":
            yield first, condition is None


def _of(table: sa.Table, *left_out: str, **named: Column) -> Listed:
    """A list of a table's rows, each column by its own name unless it is given another one."""
    taken = {column.name for column in named.values() if isinstance(column, sa.Column)}
    columns = {column.name: column for column in table.c if column.name not in {*left_out, *taken}} | named
    leading, tally = dict(_leading(table)), TALLIES.get(table.name)
    counted = set(tally.columns) if tally else set()
    time = tally.time if tally else None
    found = {name: plain for name, column in columns.items() if (plain := plain_name(column)) in leading}
    times = {name for name, plain in found.items() if plain == time}
    return Listed(
        table,
        columns,
        table.c.id,
        quick=frozenset(name for name, plain in found.items() if plain not in counted),
        ranged=frozenset({"id", *times}),
        sorts=frozenset({"id", *times}),
        indexed=frozenset(leading),
        sparse=frozenset(name for name, plain in found.items() if not leading[plain] and plain == "fingerprint"),
        indexes={"id": f"INDEXED BY ix_{table.name}_id" if table.name in _WIDE else "NOT INDEXED"}
        | {
            name: f"INDEXED BY ix_{table.name}_{plain}"
            for name, plain in found.items()
            if plain in (time, "fingerprint")
        },
        common=_COMMON,
    )


_END = states.alias("end_of_copy")


def _end(ids: Column, type_: str, name: str) -> Column:
    """A column of the state of what a copy leads to."""
    found = sa.select(_END.c[name]).where(_END.c.subject == sa.literal(f"{type_}/") + ids, _END.c.status != "")
    return found.scalar_subquery()


_ENDS = {"source_order": "orders", "target_order": "orders", "order_subscription": "order_subscriptions"}
_TOLD = sa.select(events.c.subject)
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
            f"events_{name}": Far(_TOLD, events.c[column], events.c.subject == factories.c.subject)
            for name, column in (
                ("id", "id"),
                ("name", "topic"),
                ("created_at", "first_seen_at"),
                ("updated_at", "last_seen_at"),
            )
        },
        newest_first=False,
        first=("type",),
        quick=frozenset({"id", "subject", "reference", *(f"{end}_id" for end in _ENDS), "events_id", "events_name"}),
        covered=frozenset(column.name for column in factories.c),
        sorts=frozenset(column.name for column in factories.c),
        indexes={name: f"INDEXED BY ix_factories_{name}" for name in ("type", "status", *schema.SORTED_BY)},
        # Otherwise it takes the index of types, which finds most rows.
        finds={name: f"INDEXED BY ix_factories_{name}" for name in ("id", "reference")}
        | {"subject": "INDEXED BY sqlite_autoindex_factories_1"},
        common=_COMMON | {"event"},
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
