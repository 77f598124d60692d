"""Many factories at once, whose lives lie in the past: made without threads, by the rules and on a clock of their own.

Every step of every factory gets its moment; then all steps are taken in the order of their moments, under one lock
and with the state's clock set to each. So records, effects, events and event stores are what they would be if it had
taken the weekend. The same seed makes the same story; ids and moments that depend on the present differ.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from service.sandbox.copies import USUAL, Course
from service.sandbox.marks import iso, new_id
from service.sandbox.stage import Errors, NewOrder, NewSubscription, make_order, make_subscription
from service.sandbox.state import Listener, Record
from service.sandbox.world import World

MOST = 20_000
_FATES = ("failed", "aborted", "stuck", "deleted")
KINDS = ("order_copies", "recurring_order_copies", "both")
_OUT_OF_STOCK: Errors = {"line_items": ["out of stock"]}
_CARD_EXPIRED: Errors = {"payment_source": ["card expired"]}
# From created to started, and from started to the end.
_PAUSE = timedelta(seconds=3)
_RUN = timedelta(seconds=40)
_UNTIL_DELETED = timedelta(minutes=5)
# The last factory has come to its end, and is deleted, before the present.
_MARGIN = timedelta(minutes=10)


@dataclass(frozen=True, kw_only=True)
class Crowd:
    """Which factories shall be made.

    Attributes:
        count: how many.
        kinds: order_copies, recurring_order_copies or both, half of each.
        failing: how many fail; like the next three a part of `count`.
        aborted: how many abort, of which no topic tells.
        stuck: how many stay in progress.
        deleted: how many are deleted after they completed.
        hours: how long ago the first was made; the last ended a few minutes ago.
        together: so many each have the same moments, to the millisecond.
        seed: decides who has which fate.
    """

    count: int = 100
    kinds: str = "both"
    failing: int = 0
    aborted: int = 0
    stuck: int = 0
    deleted: int = 0
    hours: float = 60.0
    together: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        parts = (self.failing, self.aborted, self.stuck, self.deleted)
        if not 1 <= self.count <= MOST:
            raise ValueError(f"count is a whole number from 1 to {MOST}")
        if min(parts) < 0 or sum(parts) > self.count:
            raise ValueError("failing, aborted, stuck and deleted are parts of count")
        if self.kinds not in KINDS:
            raise ValueError(f"kinds is {', '.join(KINDS)}")
        if self.together < 1 or timedelta(hours=self.hours) <= _MARGIN:
            raise ValueError("together is at least 1, and hours at least a quarter of an hour")


@dataclass
class _Life:
    """One factory of the crowd on its way."""

    type: str
    fate: str
    id: str
    born: datetime
    record: Record | None = None


def make_crowd(world: World, crowd: Crowd, listener: Listener) -> dict[str, Any]:
    """Make the factories; what was made, with the ids of those that did not simply complete.

    Args:
        world: the sandbox.
        crowd: which.
        listener: what is told of their events.
    """
    lives = _lives(crowd)
    steps: list[tuple[datetime, Callable[[], object]]] = []
    for life in lives:
        steps += _steps(world, life)
    steps.sort(key=lambda step: step[0])
    state = world.state
    with state.lock:
        usual, state.listener = state.listener, listener
        try:
            for moment, step in steps:
                with state.at(moment):
                    step()
        finally:
            state.listener = usual
    return _told(lives)


def ignore(_topic: str, _record: Record, _cause: str) -> None:
    """A listener that posts nothing: nobody had a webhook then."""


def _lives(crowd: Crowd) -> list[_Life]:
    chance = random.Random(crowd.seed)  # noqa: S311 (a story, no key)
    counts = (crowd.failing, crowd.aborted, crowd.stuck, crowd.deleted)
    fates = [name for name, many in zip(_FATES, counts, strict=True) for _ in range(many)]
    fates += ["completed"] * (crowd.count - len(fates))
    chance.shuffle(fates)
    both = crowd.kinds == "both"
    types = [KINDS[number % 2] if both else crowd.kinds for number in range(crowd.count)]
    chance.shuffle(types)
    end = datetime.now(UTC) - _MARGIN
    first = datetime.now(UTC) - timedelta(hours=crowd.hours)
    moments = sorted(first + (end - first) * chance.random() for _ in range(-(-crowd.count // crowd.together)))
    return [
        _Life(type_, fate, new_id(), moments[number // crowd.together])
        for number, (type_, fate) in enumerate(zip(types, fates, strict=True))
    ]


def _steps(world: World, life: _Life) -> list[tuple[datetime, Callable[[], object]]]:
    """The moments of one life, and what happens in them."""
    started = life.born + _PAUSE
    ended = started + _RUN

    def finish() -> None:
        if life.record is not None:
            world.copies.finish(life.record)

    def delete() -> None:
        if life.record is not None:
            world.state.remove(life.record)
            world.state.note("destroy", life.record, "platform")
            world.state.fire("destroy", life.record, life.id)

    steps: list[tuple[datetime, Callable[[], object]]] = [
        (life.born, lambda: _begin(world, life)),
        (started, lambda: life.record and world.copies.start(life.record)),
    ]
    if life.fate != "stuck":
        steps.append((ended, finish))
    if life.fate == "deleted":
        steps.append((ended + _UNTIL_DELETED, delete))
    return steps


def _begin(world: World, life: _Life) -> None:
    """Make what the factory needs, and the factory."""
    failed = life.fate == "failed"
    course = Course(ends="aborted") if life.fate == "aborted" else USUAL
    course = Course(ends="stuck") if life.fate == "stuck" else course
    if life.type == "recurring_order_copies":
        subscription = make_subscription(world, NewSubscription(errors=_CARD_EXPIRED if failed else {}))
        relations = {"source_order": subscription.relations["source_order"], "order_subscription": subscription.id}
        wishes: dict[str, Any] = {"place_target_order": True}
    else:
        source = make_order(world, NewOrder(errors=_OUT_OF_STOCK if failed else {}))
        relations = {"source_order": source.id, "order_subscription": None}
        wishes = {"place_target_order": True, "cancel_source_order": True}
    life.record = world.copies.begin(life.type, wishes, relations, id_=life.id, course=course)


def _told(lives: list[_Life]) -> dict[str, Any]:
    fates = Counter(life.fate for life in lives)
    return {
        "count": len(lives),
        "from": iso(lives[0].born),
        "to": iso(lives[-1].born + _PAUSE + _RUN),
        "completed": fates["completed"],
        **{type_: [life.id for life in lives if life.type == type_] for type_ in KINDS[:2]},
        **{
            fate: [life.id for life in lives if life.fate == fate] for fate in ("failed", "aborted", "stuck", "deleted")
        },
    }
