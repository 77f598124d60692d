"""What somebody asks of a list of the API, and which parts of it are answered quickly at any size."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import MAXYEAR, UTC, datetime, timedelta
from functools import cached_property

import sqlalchemy as sa

from service.conditions import Condition
from service.store.listings import Listing, known, tallied
from service.store.listings.asking import conditions
from service.store.listings.tallied import Also
from service.store.listings.words import Exact, Group
from service.store.selections.listed import Clause, Column, Listed, plain_name
from service.store.selections.terms import clause
from service.store.tallies import TALLIES

_SAME, _BEGINS, _ENDS = ("eq", "in"), ("gt", "gteq"), ("lt", "lteq")
# As many are looked at one by one, or sorted without an index, in a few hundredths of a second.
MOST = 10_000
# The smallest step of time that a row can have.
_TICK = timedelta(microseconds=1)


def _now() -> datetime:
    return datetime.now(UTC)


@dataclass(frozen=True)
class Question:
    """A list, and what must hold of its rows.

    Attributes:
        connection: a snapshot.
        listed: the list.
        listing: the same, as the commands know it.
        kinds: of the attributes, with those beyond relationships.
        conditions: in the provider's words; none of an object.
        words: in the words of the commands.
        within: that a row belongs to another one, of which few do.
        at: what ages are counted from.
    """

    connection: sa.Connection
    listed: Listed
    listing: Listing
    kinds: Mapping[str, str]
    conditions: Sequence[Condition] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    within: Sequence[sa.ColumnElement[bool]] = ()
    at: datetime = field(default_factory=_now)

    @cached_property
    def clauses(self) -> list[Clause]:
        """All of it as SQL.

        Raises:
            BadFilter: the value of a word is wrong.
        """
        told = [sa.or_(*(self._term(name, one) for name in one.names)) for one in self.conditions]
        words = conditions(self.connection, self.listing, self.words, self.at)
        return [*self.listed.where, *self.within, *told, *words]

    def _term(self, name: str, condition: Condition) -> sa.ColumnElement[bool]:
        if self._knows_values and condition in self._counted and condition.predicate not in _SAME:
            return self._one_of_known(self.listed.columns[name], name, condition)
        if name not in self.listed.far:
            return clause(self.listed.named(name), self.kinds[name], condition)
        far = self.listed.far[name]
        inner = far.rows.where(clause(far.column, self.kinds[name], condition))
        # Where nothing else finds rows, they are found from the other side.
        return self.listed.key.in_(inner) if self.is_quick(condition) else inner.where(far.joins).exists()

    @property
    def _knows_values(self) -> bool:
        return self.connection.dialect.name == "sqlite" and self.listing.name in TALLIES

    def _one_of_known(self, column: Column, name: str, condition: Condition) -> sa.ColumnElement[bool]:
        """A condition as the few values that fit it: comparing with them takes less time, a million times."""
        facet = known.facet_of(self.listing.name, str(self._tally_name(column)))
        fits = clause(sa.func.nullif(facet, "", type_=sa.Text), self.kinds[name], condition)
        about = self.connection, self.listing.name, str(self._tally_name(column))
        found, whole = set(known.known_values(*about, fits)), set(known.known_values(*about))
        others = whole - found
        fewer = column.not_in(sorted(others - {""})) if len(others) < len(found) else column.in_(sorted(found - {""}))
        return sa.or_(fewer, column.is_(None)) if "" in found else sa.and_(fewer, column.is_not(None))

    @property
    def columns(self) -> list[Column]:
        """What it is about, where that is columns alone."""
        about = [self.listed.columns.get(name) for one in self.conditions for name in one.names]
        words = (self.listing.word(name) for name in self.words)
        about += [self.listing.column(word.column) if isinstance(word, Exact | Group) else None for word in words]
        return [column for column in about if column is not None]

    @property
    def values(self) -> Mapping[str | None, int]:
        """Where it is about one column that has an index, and nothing else: how many rows have which value of it."""
        if len(self.columns) != 1 or len(self.conditions) + len(self.words) != 1:
            return {}
        (column,) = self.columns
        return self.tallied(column) if self.tells(column) and plain_name(column) in self.listed.indexed else {}

    @cached_property
    def is_tallied(self) -> bool:
        """Whether running counts know all that it is about."""
        told = tallied.tells(self.connection, self.listing, self.words)
        return told and not self.within and len(self._counted) + len(self._times) == len(self.conditions)

    @cached_property
    def whole(self) -> int | None:
        """How many rows the list has without what is asked, where running counts know it."""
        if self.within or not tallied.tells(self.connection, self.listing, {}):
            return None
        return sum(tallied.counted(self.connection, self.listing, {}, self.at, None).values())

    def tells(self, column: Column) -> bool:
        """Whether they know how many rows have each value of a column, too."""
        return self.is_tallied and self._tally_name(column) is not None

    def tallied(self, column: Column | None = None) -> Mapping[str | None, int]:
        """How many rows have each value of a column, by the running counts; of None, how many there are, under None."""
        name = None if column is None else self._tally_name(column)
        return tallied.counted(self.connection, self.listing, self.words, self.at, name, self._also)

    @property
    def names(self) -> set[str]:
        """The attributes that it is about, with those that words are about."""
        return {name for one in self.conditions for name in one.names} | {*self.words}

    @property
    def is_text_alone(self) -> bool:
        """Whether it asks for words in texts and for nothing else, of a database that has an index of its own."""
        alone = [*self.words] == ["text"] and not self.conditions and not self.within
        return alone and self.connection.dialect.name == "sqlite"

    @property
    def bounds(self) -> tuple[datetime | None, datetime | None]:
        """From when on and until when it is, by the time that counts are kept by."""
        return tallied.bounds(self.words, self.at, self._also)

    @property
    def slow(self) -> list[Condition]:
        """What of it can only be answered row by row."""
        quick = [*self._counted, *self._times]
        return [
            one
            for one in self.conditions
            if one not in quick and not self.listed.covered.issuperset(one.names) and not self._has_index(one)
        ]

    def _has_index(self, one: Condition) -> bool:
        ranged = one.predicate in (*_BEGINS, *_ENDS) and self.listed.ranged.issuperset(one.names)
        return ranged or self.is_quick(one)

    def is_quick(self, one: Condition) -> bool:
        """Whether an index finds the rows of a condition, and few of them."""
        same = one.predicate in _SAME and one.quantity != "all" and self.listed.quick.issuperset(one.names)
        return same and all(self._is_rare(name, one) for name in one.names)

    def _is_rare(self, name: str, one: Condition) -> bool:
        """Whether few rows elsewhere fit what is asked of them."""
        if name not in self.listed.far:
            return True
        far = self.listed.far[name]
        some = far.rows.where(clause(far.column, self.kinds[name], one)).limit(MOST + 1).subquery()
        number = self.connection.execute(sa.select(sa.func.count()).select_from(some)).scalar_one()
        return int(number) <= MOST

    @property
    def is_found(self) -> bool:
        """Whether an index finds some of it that few rows have."""
        return (
            bool(self.within)
            or any(map(self.is_quick, self.conditions))
            or not self.listed.common.issuperset(self.words)
        )

    @property
    def finding(self) -> str | None:
        """Which index finds those few; None where SQLite can be trusted to see it."""
        found = (self.listed.finds[name] for one in self.conditions for name in one.names if name in self.listed.finds)
        by_key = self.listed.finds.get(self.listed.key.name)
        return next(found, by_key) if self.is_found else None

    @property
    def is_one_value(self) -> bool:
        """Whether all of it is one value of a column that has an index."""
        if len(self.conditions) + len(self.words) != 1:
            return False
        if self.words:
            word = self.listing.word(next(iter(self.words)))
            return isinstance(word, Exact) and word.column in self.listed.indexed
        (one,) = self.conditions
        return one.predicate == "eq" and not one.quantity and self._is_indexed(one)

    @property
    def has_indexed(self) -> bool:
        """Whether a part of it is about values of a column that has an index."""
        told = any(one.predicate in _SAME and self._is_indexed(one) for one in self.conditions)
        words = (self.listing.word(name) for name in self.words)
        return told or any(isinstance(word, Exact | Group) and word.column in self.listed.indexed for word in words)

    def _is_indexed(self, one: Condition) -> bool:
        return all(plain_name(self.listed.columns.get(name)) in self.listed.indexed for name in one.names)

    def _tally_name(self, column: Column | None) -> str | None:
        tally, name = TALLIES.get(self.listing.name), plain_name(column)
        return name if tally and name in tally.columns else None

    @cached_property
    def _counted(self) -> list[Condition]:
        """Conditions on counted columns."""
        columns = self.listed.columns
        return [one for one in self.conditions if all(self._tally_name(columns.get(name)) for name in one.names)]

    @cached_property
    def _times(self) -> list[Condition]:
        """Conditions that bound the time that counts are kept by."""
        tally = TALLIES.get(self.listing.name)
        if tally is None or tally.time is None:
            return []
        mine = [one for one in self.conditions if len(one.names) == 1 and not one.quantity]
        mine = [one for one in mine if plain_name(self.listed.columns.get(one.names[0])) == tally.time]
        return [one for one in mine if one.predicate in (*_BEGINS, *_ENDS) and one.values[0].year < MAXYEAR]

    @cached_property
    def _also(self) -> Also:
        begins = [one.values[0] + _TICK * (one.predicate == "gt") for one in self._times if one.predicate in _BEGINS]
        ends = [one.values[0] + _TICK * (one.predicate == "lteq") for one in self._times if one.predicate in _ENDS]
        return Also(self._holds, max(begins, default=None), min(ends, default=None))

    def _holds(self, column: Callable[[str], Column]) -> list[sa.ColumnElement[bool]]:
        return [
            sa.or_(
                *(
                    clause(column(str(self._tally_name(self.listed.columns[name]))), self.kinds[name], one)
                    for name in one.names
                )
            )
            for one in self._counted
        ]
