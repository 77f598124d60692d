"""Which rows are on a page of a list of the API?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from service.errors import TooManyRows
from service.store import texts
from service.store.listings import tallied
from service.store.listings.tallied import Also
from service.store.selections.asking import Row
from service.store.selections.listed import Column
from service.store.selections.question import MOST, Question

Order = Sequence[tuple[str, bool]]
# Each value's keys come sorted from its index; to merge a few of those is quicker than to sort, or to walk over all.
_MOST_PARTS = 10


def page(
    question: Question, total: int, *, order: Order = (), limit: int, offset: int = 0, after: int | None = None
) -> list[Row]:
    """Which rows are on a page?

    Args:
        question: what must hold of them.
        total: how many rows it has on all pages.
        order: attributes and whether descending, the most significant first; the key follows by itself.
        limit: no more than this.
        offset: how many rows are on the pages before.
        after: the key of the row before the page, instead of an offset.

    Raises:
        BadFilter: the value of a word is wrong.
        TooManyRows: no index has that order, and there are too many rows to sort them.
    """
    listed = question.listed
    if total > MOST and order and order[0][0] not in listed.sorts:
        raise TooManyRows(total, MOST, [name for name, _ in order])
    if offset >= total:
        return []
    if total == question.whole:
        # What all rows fit need not be compared with any.
        question = replace(question, conditions=(), words={})
    index = _index(question, total, order)
    size = min(limit, total - offset)
    backwards = after is None and _is_nearer_the_end(question, total, offset, by_key=not order)
    if after is None and order and index == listed.indexes.get("type"):
        # What is sorted comes in the order of the key, and is sorted sooner where it may stay in it.
        tenth = total // 10
        backwards = offset > tenth if order[0][1] else total - offset < tenth
    # The keys alone first: pages before are turned in an index, without looking at a row or at what is joined to it.
    keys = _in_parts(question, total, backwards=backwards) if not order and after is None else None
    if keys is None:
        keys = _walked(question, order, after, backwards=backwards, index=index)
    keys = keys.limit(size).offset(total - offset - size if backwards else offset)
    query = sa.select(*(column.label(name) for name, column in listed.columns.items())).select_from(listed.source)
    query = query.where(listed.key.in_(keys)).order_by(*_sorts(question, order))
    return [*question.connection.execute(query).mappings()]


def _walked(
    question: Question, order: Order, after: int | None, *, backwards: bool, index: str | None
) -> sa.Select[tuple[Any]] | sa.CompoundSelect[tuple[Any]]:
    """The keys by the order of one index."""
    listed, sorts = question.listed, _sorts(question, order, backwards=backwards)
    keys = sa.select(listed.key).select_from(listed.among([*question.clauses, *sorts])).where(*question.clauses)
    if after is not None:
        keys = keys.where(listed.key < after if listed.newest_first else listed.key > after)
    return listed.hinted(keys, index).order_by(*sorts)


def _in_parts(
    question: Question, total: int, *, backwards: bool
) -> sa.Select[tuple[Any]] | sa.CompoundSelect[tuple[Any]] | None:
    """The keys from an index for each value that is asked for, or from that of texts; None where it is neither."""
    key = question.listed.key
    if question.is_text_alone:
        found = texts.ids("text", question.words["text"]).c.id
        return sa.select(found).order_by(found.asc() if backwards else found.desc())
    values = question.values
    if not 1 <= len(values) <= _MOST_PARTS or None in values:
        return None
    if len(values) > 1 and total > (question.whole or 0) // 4:
        return None
    (column,) = question.columns
    parts = sa.union_all(*(sa.select(key.label("key")).where(column == value) for value in values))
    return parts.order_by(sa.text("key" if backwards else "key DESC"))


def _index(question: Question, total: int, order: Order) -> str | None:
    """Which index is walked over; None where the database finds one by itself.

    It has no statistics, and takes one that a value stands in for better than the one that has the order.
    """
    listed, first = question.listed, order[0][0] if order else listed_first(question)
    if question.is_found or question.slow:
        return question.finding
    if listed.covered:
        walked = listed.indexes.get(first)
        inside = question.names <= {"type", "status", "kind", first}
        return walked if walked and (inside or total > MOST) else listed.covering(question.names | {first})
    if (question.is_one_value and not order) or (question.has_indexed and total <= MOST):
        return None
    # An index of few rows cannot give the order of all.
    return listed.indexes.get("id" if first in listed.sparse else first, listed.indexes["id"])


def listed_first(question: Question) -> str:
    """The attribute that a list is sorted by where nothing is said."""
    return question.listed.first[0] if question.listed.first else "id"


def _is_nearer_the_end(question: Question, total: int, offset: int, *, by_key: bool) -> bool:
    """Whether fewer rows are walked over from the end of the list than from its beginning.

    A time that is asked for may lie deep in a list that is sorted by its keys, since both grow together.
    """
    before = after = 0
    inside = total
    since, until = question.bounds if by_key and question.is_tallied else (None, None)
    if since or until:
        listing, at = question.listing, question.at
        whole, newer, older = (
            sum(tallied.counted(question.connection, listing, {}, at, None, also).values())
            for also in (Also(), Also(since=until or at), Also(until=since or at))
        )
        before, after = newer if until else 0, older if since else 0
        inside = max(0, whole - before - after)
    return before + inside * offset / total > after + inside * (total - offset) / total


def _sorts(question: Question, order: Order, *, backwards: bool = False) -> list[sa.UnaryExpression[object]]:
    listed = question.listed
    falls = order[-1][1] if order else listed.newest_first
    # The key decides between rows that are alike; what leads to it stands before it, as in the indexes.
    whole = [*order, *((name, falls) for name in listed.first if name not in dict(order))]
    sorts = [_sorted(listed.columns[name], descending=falls != backwards) for name, falls in whole]
    return [*sorts, listed.key.desc() if falls != backwards else listed.key.asc()]


def _sorted(column: Column, *, descending: bool) -> sa.UnaryExpression[object]:
    """As at the provider, whose database has nulls after all else, and before it when descending."""
    plain = column.desc() if descending else column.asc()
    if isinstance(column, sa.Column) and not column.nullable:
        return plain
    return plain.nulls_first() if descending else plain.nulls_last()
