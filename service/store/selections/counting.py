"""How many rows has a list, and how often which value?"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa

from service.errors import TooManyRows
from service.store import texts
from service.store.selections.question import MOST, Question


def count(question: Question) -> int:
    """How many rows are there on all pages?

    Raises:
        BadFilter: the value of a word is wrong.
        TooManyRows: a part of it can only be answered row by row, and the others leave too many.
    """
    if question.is_tallied:
        return sum(question.tallied().values())
    check(question)
    return _counted(question)


def check(question: Question) -> None:
    """See that what is looked at row by row is little.

    Raises:
        BadFilter, TooManyRows: as `count`.
    """
    slow = question.slow
    if not slow or question.within:
        return
    rest = replace(question, conditions=[one for one in question.conditions if one not in slow])
    left = sum(rest.tallied().values()) if rest.is_tallied else _counted(rest, MOST + 1)
    if left > MOST:
        raise TooManyRows(left, MOST, ["_or_".join(one.names) for one in slow])


def _counted(question: Question, most: int | None = None) -> int:
    listed, clauses = question.listed, question.clauses
    if question.is_text_alone:
        # The index of texts counts by itself; to look up each entry would take thirty times as long.
        return texts.count(question.connection, "text", question.words["text"])
    query = sa.select(sa.literal(1)).select_from(listed.among(clauses)).where(*clauses)
    query = listed.hinted(query, question.finding if question.is_found else listed.covering(question.names))
    if most is not None:
        query = query.limit(most)
    found = query.subquery()
    return int(question.connection.execute(sa.select(sa.func.count()).select_from(found)).scalar_one())


def facets(question: Question, names: Sequence[str], limit: int) -> dict[str, list[tuple[Any, int]]]:
    """How often is there which value of each attribute, the most frequent first?

    Raises:
        BadFilter, TooManyRows: as `count`.
    """
    columns = {name: question.listed.columns[name] for name in names}
    found: dict[str, dict[Any, int]] = {
        name: dict(question.tallied(column)) for name, column in columns.items() if question.tells(column)
    }
    for name in question.listed.sparse.intersection(names):
        found[name] = _of_those_with_one(question, name)
    if others := [name for name in names if name not in found]:
        check(question)
        found |= _grouped(question, others)
    return {name: sorted(found[name].items(), key=_most_first)[:limit] for name in names}


def _most_first(item: tuple[Any, int]) -> tuple[int, str]:
    value, number = item
    return -number, "" if value is None else str(value)


def _of_those_with_one(question: Question, name: str) -> dict[Any, int]:
    """Where most rows have no value, those that have one are counted, and the others are the rest."""
    column, total = question.listed.columns[name], count(question)
    query = sa.select(column, sa.func.count()).select_from(question.listed.source)
    query = query.where(*question.clauses, column.is_not(None)).group_by(column)
    if question.is_tallied:
        query = question.listed.hinted(query, question.listed.indexes[name])
    found = {row[0]: row[1] for row in question.connection.execute(query)}
    rest = total - sum(found.values())
    return found | ({None: rest} if rest else {})


def _grouped(question: Question, names: Sequence[str]) -> dict[str, dict[Any, int]]:
    """In one look at the rows for all of them, since few values of each make few groups."""
    listed, clauses = question.listed, question.clauses
    columns = [listed.columns[name] for name in names]
    query = sa.select(*columns, sa.func.count()).select_from(listed.among([*columns, *clauses])).where(*clauses)
    query = query.group_by(*columns)
    index = question.finding if question.is_found else listed.covering({*question.names, *names})
    query = listed.hinted(query, index)
    found: dict[str, dict[Any, int]] = {name: {} for name in names}
    for *values, number in question.connection.execute(query):
        for name, value in zip(names, values, strict=True):
            found[name][value] = found[name].get(value, 0) + number
    return found
