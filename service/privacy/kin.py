"""Who belongs together: an order, its copies, the orders these made, and their subscription are of one customer."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import TypeVar

import sqlalchemy as sa

from service.resources import FACTORY_TYPES
from service.store.schema import states

Item = TypeVar("Item")
# As many values as both databases bind in one statement without thinking.
_TOGETHER = 500
_LINKS = {
    "source_order_id": "orders",
    "target_order_id": "orders",
    "order_subscription_id": "order_subscriptions",
}


def some_at_once(items: Iterable[Item], most: int = _TOGETHER) -> Iterator[list[Item]]:
    """The same in pieces that fit into a statement."""
    listed = list(items)
    yield from (listed[first : first + most] for first in range(0, len(listed), most))


def kin(connection: sa.Connection, subjects: Iterable[str]) -> list[str]:
    """These subjects and all that are linked with them, over any number of links, by name.

    What one person asks to have erased is not one row of Commerce Layer's: a body about a copy holds its orders, and a
    target order holds the address of its source.
    """
    return sorted(chain.from_iterable(circles(connection, subjects)))


def circles(connection: sa.Connection, subjects: Iterable[str]) -> list[list[str]]:
    """The same by how many links away they are, these subjects themselves first; each circle by name."""
    found: set[str] = set()
    frontier, around = set(subjects), []
    while frontier:
        found |= frontier
        around.append(sorted(frontier))
        frontier = linked(connection, frontier) - found
    return around


def farthest_first(connection: sa.Connection, seeds: Iterable[str]) -> tuple[str, ...]:
    """The same, those most links away first: however many of these go, the rest is still linked with the seeds."""
    return tuple(chain.from_iterable(reversed(circles(connection, seeds))))


def linked(connection: sa.Connection, subjects: set[str]) -> set[str]:
    """Those that are one link away from any of these."""
    return _named_by(connection, subjects) | _naming(connection, subjects)


def _named_by(connection: sa.Connection, subjects: set[str]) -> set[str]:
    """The orders and subscriptions that copies name."""
    columns = [states.c[name] for name in _LINKS]
    rows = (
        row
        for some in some_at_once(s for s in subjects if s.startswith(FACTORY_TYPES))
        for row in connection.execute(sa.select(*columns).where(states.c.subject.in_(some)))
    )
    return {f"{type_}/{id_}" for row in rows for type_, id_ in zip(_LINKS.values(), row, strict=True) if id_}


def _naming(connection: sa.Connection, subjects: set[str]) -> set[str]:
    """The copies that name orders and subscriptions; one query for each column, since each has an index of its own."""
    return {
        subject
        for column, type_ in _LINKS.items()
        for some in some_at_once(_ids(subjects, type_))
        for subject in connection.execute(
            sa.select(states.c.subject).where(states.c[column].in_(some), states.c[column].is_not(None))
        ).scalars()
    }


def _ids(subjects: set[str], type_: str) -> Sequence[str]:
    return sorted(s.partition("/")[2] for s in subjects if s.partition("/")[0] == type_)
