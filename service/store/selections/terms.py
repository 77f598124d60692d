"""The SQL of a condition. NULL fits no comparison, not even `not_eq`, as in the provider's database."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

from service.conditions import Condition

Column = sa.ColumnElement[Any]
Clause = sa.ColumnElement[bool]

_ESCAPE = "\\"


def clause(column: Column, kind: str, condition: Condition) -> Clause:
    """What a condition asks of one column."""
    values = [_wide(value) for value in condition.values] if kind == "integer" else condition.values
    if asks := _ASKED.get(condition.predicate):
        found = asks(column, kind)
        return found if condition.values[0] else sa.not_(found)
    if condition.predicate in _LISTS:
        return _LISTS[condition.predicate](column, values)
    compares = _COMPARED[condition.predicate]
    singles = [compares(column, value) for value in values]
    return sa.and_(*singles) if condition.quantity == "all" else sa.or_(*singles)


def _wide(value: Any) -> Any:
    """A number that PostgreSQL compares with a small column too, instead of refusing what does not fit into one."""
    return value if isinstance(value, bool) else sa.literal(value, sa.BigInteger)


def _literal(text: str) -> str:
    """A text as a pattern that fits it alone."""
    return text.replace(_ESCAPE, _ESCAPE * 2).replace("%", rf"{_ESCAPE}%").replace("_", rf"{_ESCAPE}_")


class _Like(FunctionElement[bool]):
    """LIKE without regard to case. SQLite's is that by itself; SQLAlchemy would make it slow with lower() around it."""

    type = sa.Boolean()
    inherit_cache = True


@compiles(_Like)
def _ilike(element: _Like, compiler: Any, **how: Any) -> str:
    column, pattern = element.clauses
    word = "LIKE" if compiler.dialect.name == "sqlite" else "ILIKE"
    return rf"({compiler.process(column, **how)} {word} {compiler.process(pattern, **how)} ESCAPE '{_ESCAPE}')"


def _like(column: Column, pattern: str) -> Clause:
    return _Like(column, sa.literal(pattern, sa.Text))


_COMPARED: Mapping[str, Callable[[Column, Any], Clause]] = {
    "eq": lambda column, value: column == value,
    "not_eq": lambda column, value: column != value,
    "lt": lambda column, value: column < value,
    "lteq": lambda column, value: column <= value,
    "gt": lambda column, value: column > value,
    "gteq": lambda column, value: column >= value,
    "start": lambda column, value: _like(column, f"{_literal(value)}%"),
    "end": lambda column, value: _like(column, f"%{_literal(value)}"),
    "cont": lambda column, value: _like(column, f"%{_literal(value)}%"),
    # A pattern of the caller's own: % is any text, _ one character. Without an escape, so that none is malformed.
    "matches": lambda column, value: _like(column, value.replace(_ESCAPE, _ESCAPE * 2)),
}
_LISTS: Mapping[str, Callable[[Column, Sequence[Any]], Clause]] = {
    "in": lambda column, values: column.in_(values),
    "not_in": lambda column, values: column.not_in(values),
}


def _is_blank(column: Column, kind: str) -> Clause:
    return sa.or_(column.is_(None), column == "") if kind == "string" else column.is_(None)


_ASKED: Mapping[str, Callable[[Column, str], Clause]] = {
    "null": lambda column, _: column.is_(None),
    "not_null": lambda column, _: column.is_not(None),
    "blank": _is_blank,
    "present": lambda column, kind: sa.not_(_is_blank(column, kind)),
    # Asked for `false`, they are true of what has no value, too.
    "true": lambda column, _: sa.and_(column.is_not(None), column == sa.true()),
    "false": lambda column, _: sa.and_(column.is_not(None), column == sa.false()),
}
