"""Which rows are on a page, and how many are there?"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

import sqlalchemy as sa

from service.conditions import Condition
from service.store.selections.listed import Listed
from service.store.selections.terms import clause

Row = Mapping[str, Any]
Order = Sequence[tuple[str, bool]]
Kinds = Mapping[str, str]


def page(
    connection: sa.Connection,
    listed: Listed,
    wanted: Sequence[sa.ColumnElement[bool]],
    *,
    order: Order = (),
    limit: int,
    offset: int = 0,
) -> list[Row]:
    """Which rows are on a page?

    Args:
        connection: a snapshot.
        listed: the list.
        wanted: from `clauses`, and whatever else must hold.
        order: attributes and whether descending, the most significant first; the key follows by itself.
        limit: no more than this.
        offset: how many rows are on the pages before.
    """
    sorts = [_sorted(listed.columns[name], descending=descending) for name, descending in order]
    sorts = sorts or [listed.columns[name].asc() for name in listed.first]
    downwards = order[-1][1] if order else listed.newest_first
    sorts.append(listed.key.desc() if downwards else listed.key.asc())
    # The keys alone first: pages before are turned in an index, without looking at a row or at what is joined to it.
    keys = sa.select(listed.key).select_from(listed.among([*wanted, *sorts])).where(*listed.where, *wanted)
    keys = keys.order_by(*sorts).limit(limit).offset(offset)
    query = sa.select(*(column.label(name) for name, column in listed.columns.items())).select_from(listed.source)
    return [*connection.execute(query.where(listed.key.in_(keys)).order_by(*sorts)).mappings()]


def _sorted(column: sa.ColumnElement[Any], *, descending: bool) -> sa.UnaryExpression[Any]:
    """As at the provider, whose database has nulls after all else, and before it when descending."""
    plain = column.desc() if descending else column.asc()
    if isinstance(column, sa.Column) and not column.nullable:
        return plain
    return plain.nulls_first() if descending else plain.nulls_last()


def rows_where(connection: sa.Connection, listed: Listed, name: str, values: Collection[Any], limit: int) -> list[Row]:
    """Which rows have one of these values there? In the order of the key."""
    columns = {**listed.columns, **listed.hidden}
    query = sa.select(*(column.label(name) for name, column in listed.columns.items())).select_from(listed.source)
    query = query.where(*listed.where, columns[name].in_(sorted(values))).order_by(listed.key)
    return [*connection.execute(query.limit(limit)).mappings()]


def count(connection: sa.Connection, listed: Listed, wanted: Sequence[sa.ColumnElement[bool]]) -> int:
    """How many rows are there on all pages?"""
    query = sa.select(sa.func.count()).select_from(listed.among(wanted)).where(*listed.where, *wanted)
    return int(connection.execute(query).scalar_one())


def facet(
    connection: sa.Connection, listed: Listed, wanted: Sequence[sa.ColumnElement[bool]], name: str, limit: int
) -> list[tuple[Any, int]]:
    """How often is there which value, the most frequent first?"""
    column = listed.columns[name]
    counted = sa.func.count().label("count")
    query = (
        sa.select(column, counted)
        .select_from(listed.among([column, *wanted]))
        .where(*listed.where, *wanted)
        .group_by(column)
    )
    found = connection.execute(query.order_by(counted.desc(), column).limit(limit))
    return [(value, number) for value, number in found]


def clauses(listed: Listed, kinds: Kinds, conditions: Sequence[Condition]) -> list[sa.ColumnElement[bool]]:
    """What conditions ask of a list's rows; each must hold."""
    return [sa.or_(*(_term(listed, kinds, name, one) for name in one.names)) for one in conditions]


def _term(listed: Listed, kinds: Kinds, name: str, condition: Condition) -> sa.ColumnElement[bool]:
    if name in listed.far:
        rows, column = listed.far[name]
        return rows.where(clause(column, kinds[name], condition)).exists()
    column = listed.columns[name] if name in listed.columns else listed.hidden[name]
    return clause(column, kinds[name], condition)
