"""What a word of a filter can mean: each makes a condition of SQL from the text that somebody gave."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal

import sqlalchemy as sa

from service.errors import BadFilter
from service.moments import moment
from service.store.listings.subjects import subjects_meant

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
    """

    connection: sa.Connection
    table: sa.Table
    now: datetime


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

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare."""
        if self.allowed and value not in self.allowed:
            raise BadFilter(name, "there is no such value", self.allowed)
        return asker.table.c[self.column] == self.checked(name, value)


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
        """Compare; a group is a range, which an index knows."""
        column, text = asker.table.c[self.column], self.checked(name, value)
        if self.mark in text.rstrip(self.mark):
            return column == text
        first = text.rstrip(self.mark) + self.mark
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


@dataclass(frozen=True)
class TypeOf(Word):
    """The subject is of this type, such as `order_copies`."""

    column: str

    def condition(self, name: str, value: str, asker: Asker) -> sa.ColumnElement[bool]:
        """Compare; `0` is the character after the slash."""
        column, text = bytewise(asker.table.c[self.column], asker), self.checked(name, value)
        return sa.and_(column >= f"{text}/", column < f"{text}0")


def bytewise(column: sa.ColumnElement[Any], asker: Asker) -> sa.ColumnElement[Any]:
    """The column in the order of bytes, which is SQLite's own and not every PostgreSQL database's."""
    return column.collate("C") if asker.connection.dialect.name == "postgresql" else column


def now() -> datetime:
    """What ages are counted from where nobody says otherwise."""
    return datetime.now(UTC)
