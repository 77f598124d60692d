"""What a word of a filter can mean: each makes a condition of SQL from the text that somebody gave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa
from sqlalchemy.sql.expression import UnaryExpression
from sqlalchemy.sql.operators import custom_op

from service.errors import BadFilter
from service.moments import moment
from service.store.listings.known import known_values
from service.store.listings.subjects import subjects_meant
from service.store.texts import matching

# No kept word, name or subject is longer.
_LONGEST = 500
_LARGEST_ID = 2**63 - 1


@dataclass(frozen=True)
class Asker:
    """What a word needs beside its value.

    Attributes:
        connection: a snapshot.
        table: of the list.
        now: what ages are counted from.
        walks: rows are walked over in the order of the list, since most of them have what is asked for; no index of a
            value is to be used then.
    """

    connection: sa.Connection
    table: sa.Table
    now: datetime
    walks: bool = False

    def compared(self, column: str, *, walks: bool | None = None) -> sa.ColumnElement[Any]:
        """A column to compare with; where rows are walked over, SQLite is told to leave its index alone.

        https://www.sqlite.org/optoverview.html#disqualifying_where_clause_terms_using_unary_
        """
        plain: sa.ColumnElement[Any] = self.table.c[column]
        if self.connection.dialect.name == "sqlite" and (self.walks if walks is None else walks):
            return UnaryExpression(plain, operator=custom_op("+"), type_=plain.type)
        return plain

    @property
    def may_guard(self) -> bool:
        """Whether the condition of a partial index may be repeated, so that it is used."""
        return isinstance(self.table, sa.Table) and not self.walks


class Word(ABC):
    """One word of the vocabulary, as one list understands it."""

    @abstractmethod
    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """The condition that a value of it makes.

        Raises:
            BadFilter: the value is wrong.
        """

    def checked(self, name: str, value: str) -> str:
        """The value, where it is text that a database can compare."""
        if not value or len(value) > _LONGEST or "\x00" in value:
            raise BadFilter(name, f"a value has 1 to {_LONGEST} characters and no NUL")
        if any("\ud800" <= character <= "\udfff" for character in value):
            raise BadFilter(name, "the value is not Unicode")
        return value


@dataclass(frozen=True)
class Exact(Word):
    """The column holds exactly this; where the words are few, another one is a mistake.

    Attributes:
        column: its name.
        allowed: all that it can hold; empty where that is open.
    """

    column: str
    allowed: Sequence[str] = ()
    # Values that have a partial index, each with its condition, to the letter.
    indexed: Mapping[str, str] = field(default_factory=dict)

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare."""
        if self.allowed and value not in self.allowed:
            raise BadFilter(name, "there is no such value", self.allowed)
        equal = asker.compared(self.column) == self.checked(name, value)
        guarded = value in self.indexed and asker.may_guard
        return sa.and_(sa.text(self.indexed[value]), equal) if guarded else equal


@dataclass(frozen=True)
class Number(Word):
    """The column holds the number of a row."""

    column: str

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare."""
        if not (value.isascii() and value.isdigit()) or int(value[:30]) > _LARGEST_ID:
            raise BadFilter(name, "it is the number of a row, such as 18")
        return asker.table.c[self.column] == int(value)


@dataclass(frozen=True)
class Group(Word):
    """The column holds exactly this, or what begins with it and `mark`.

    `operator` finds every operator, `operator jane` one of them; `attempt` finds `attempt.done` and its siblings.
    """

    column: str
    mark: str

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare; a group is what of it there is, where that is counted, and a range otherwise."""
        column, text = asker.compared(self.column), self.checked(name, value)
        if self.mark in text.rstrip(self.mark):
            return column == text
        first = text.rstrip(self.mark) + self.mark
        if isinstance(asker.table, sa.Table) and asker.connection.dialect.name == "sqlite":
            counted = known_values(asker.connection, asker.table.name, self.column)
            values = [one for one in counted if one == text or one.startswith(first)]
            return column == values[0] if len(values) == 1 else column.in_(values)
        following = first[:-1] + chr(ord(first[-1]) + 1)
        inside = sa.and_(bytewise(column, asker) >= first, bytewise(column, asker) < following)
        return sa.or_(column == text, inside)


@dataclass(frozen=True)
class Moment(Word):
    """The column's time is at or after this, or before it."""

    column: str
    side: Literal["since", "until"]

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare."""
        try:
            time = moment(value[:_LONGEST], asker.now)
        except ValueError as error:
            raise BadFilter(name, str(error)) from None
        column = asker.table.c[self.column]
        return column >= time if self.side == "since" else column < time


@dataclass(frozen=True)
class Subject(Word):
    """The rows are about a subject, or about one that belongs to it.

    Attributes:
        among: makes the condition from a query of all subjects that are meant.
    """

    among: Callable[[sa.Table, Any], sa.ColumnElement[bool]]

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Resolve, then compare."""
        return self.among(asker.table, subjects_meant(asker.connection, name, self.checked(name, value)))


class FullText(Word):
    """The text of an audit entry has these words."""

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Search."""
        return matching(asker.connection, name, self.checked(name, value))


class InPayload(Word):
    """The kept payload has something at a path; no condition of SQL, since payloads may be sealed."""

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:  # noqa: ARG002 - a Word's
        """Refuse: only `page_with` can look into payloads."""
        raise BadFilter(name, f"pages of {asker.table.name} can be asked for it; numbers and exports cannot")


@dataclass(frozen=True)
class Standing(Word):
    """The row is one of a few kinds, each with a condition, to the letter that of a partial index.

    Attributes:
        conditions: by the word of each.
    """

    conditions: Mapping[str, str]

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:  # noqa: ARG002 - a Word's
        """Repeat the condition."""
        if value not in self.conditions:
            raise BadFilter(name, "there is no such value", list(self.conditions))
        return sa.and_(sa.text(self.conditions[value]))


@dataclass(frozen=True)
class TypeOf(Word):
    """The subject is of this type, such as `order_copies`."""

    column: str

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare; `0` is the character after the slash."""
        # Types are few and have many rows each: the index of the order holds the subject too, and is walked over.
        column, text = bytewise(asker.compared(self.column, walks=True), asker), self.checked(name, value)
        return sa.and_(column >= f"{text}/", column < f"{text}0")


def bytewise(column: sa.ColumnElement[Any], asker: Asker) -> sa.ColumnElement[Any]:
    """The column in the order of bytes, which is SQLite's own and not every PostgreSQL database's."""
    return column.collate("C") if asker.connection.dialect.name == "postgresql" else column


def now() -> datetime:
    """What ages are counted from where nobody says otherwise."""
    return datetime.now(UTC)
