"""Stories that the sandbox can play, each from nothing to the end of its factories.

A scenario makes its own orders, lets one or more factories run, and returns the ids of what it made once every
factory has come to its end; deliveries may still be under way.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Mapping
from typing import Any

from service.sandbox.copies import Course
from service.sandbox.delivery import Manner
from service.sandbox.marks import new_id, now
from service.sandbox.stage import (
    Errors,
    Made,
    NewOrder,
    checked,
    ids_of,
    make_order,
    make_subscription,
    play_copy,
    start_copy,
    wait_for_end,
)
from service.sandbox.stories import STORIES
from service.sandbox.trouble import Trouble
from service.sandbox.world import World

Scenario = Callable[..., Made]

MOST_COPIES = 10_000
_CARD_EXPIRED: Errors = {"payment_source": ["card expired"]}
_OUT_OF_STOCK: Errors = {"line_items": ["out of stock"]}


def good_copy(world: World, *, cents: int = 15_300) -> Made:
    """A copy that was asked to cancel its source completes, and the platform cancels the source."""
    return play_copy(world, make_order(world, NewOrder(cents=cents)), cancel_source_order=True)


def forgotten_source(world: World) -> Made:
    """A copy that was asked to cancel its source completes, and the platform forgets to cancel it."""
    return play_copy(world, make_order(world), course=Course(forgets_source=True), cancel_source_order=True)


def metadata_copy(world: World, *, key: str = "cancel_source_order") -> Made:
    """A copy completes whose cancellation is wished by a key of its metadata only, so the platform does nothing."""
    return play_copy(world, make_order(world), metadata={key: True})


def unplaced_target(world: World, *, cancel_source_order: bool = False) -> Made:
    """A copy completes without its target being placed, because nobody asked for it."""
    return play_copy(world, make_order(world), place_target_order=False, cancel_source_order=cancel_source_order)


def skip_errors(world: World, *, errors: Errors = _OUT_OF_STOCK, cancel_source_order: bool = False) -> Made:
    """A copy that skips errors completes with some, and its target lacks what the source had."""
    source = make_order(world, NewOrder(errors=errors))
    return play_copy(world, source, skip_errors=True, cancel_source_order=cancel_source_order)


def failing_copy(world: World, *, errors: Errors = _OUT_OF_STOCK, cancel_source_order: bool = True) -> Made:
    """A copy fails, makes no target, and leaves its source alone."""
    return play_copy(world, make_order(world, NewOrder(errors=errors)), cancel_source_order=cancel_source_order)


def good_renewal(world: World, *, subscription: str = "", manual: bool = False) -> Made:
    """A subscription runs and its target is placed; `manual` runs an order copy, as a manual subscription does."""
    return _play_renewal(world, subscription, {}, manual=manual)


def failing_renewal(
    world: World, *, errors: Errors = _CARD_EXPIRED, subscription: str = "", manual: bool = False
) -> Made:
    """A subscription's run fails, for an expired card unless told otherwise, and leaves a pending, unpaid target."""
    return _play_renewal(world, subscription, errors, manual=manual)


def duplicates(world: World, *, times: int = 3) -> Made:
    """A good copy, every delivery of which is posted several times."""
    return _play_manner(world, Manner(repeat=_within(times, 100)))


def reordered(world: World) -> Made:
    """A good copy whose deliveries arrive the wrong way round: complete before start before create."""
    return _play_manner(world, Manner(held=[]))


def storm(world: World, *, count: int = 100, failing: int = 0) -> Made:
    """Many copies at once, the first `failing` of which fail."""
    made = []
    for number in range(_within(count, MOST_COPIES)):
        source = make_order(world, NewOrder(errors=_OUT_OF_STOCK if number < failing else {}))
        made.append(start_copy(world, source, cancel_source_order=True))
    wait_for_end(world, made)
    return {"order_copies": [copy.id for copy in made], "count": len(made)}


def outage(world: World, *, seconds: float = 10.0) -> Made:
    """The API answers 503 for a while; nothing is copied."""
    world.troubles.order(Trouble(path="/api", status=503, seconds=float(seconds)))
    return {"seconds": float(seconds), "from": now()}


SCENARIOS: dict[str, Scenario] = {
    "good-copy": good_copy,
    "forgotten-source": forgotten_source,
    "metadata-copy": metadata_copy,
    "unplaced-target": unplaced_target,
    "skip-errors": skip_errors,
    "failing-copy": failing_copy,
    "good-renewal": good_renewal,
    "failing-renewal": failing_renewal,
    "duplicates": duplicates,
    "reordered": reordered,
    "storm": storm,
    "outage": outage,
    **STORIES,
}


def play(world: World, name: str, arguments: Mapping[str, Any]) -> Made:
    """Play one scenario.

    Args:
        world: the sandbox.
        name: one of `SCENARIOS`.
        arguments: the scenario's keyword arguments.

    Returns:
        The ids of what it made, by what they are: source_order, target_order, order_copy and the like.

    Raises:
        KeyError: there is no such scenario.
        ValueError: an argument it does not take, or a value out of its range.
        TimeoutError: a factory did not come to its end.
    """
    scenario = SCENARIOS[name]
    takes = set(inspect.signature(scenario).parameters) - {"world"}
    strange = set(arguments) - takes
    if strange:
        raise ValueError(f"{name} does not take {min(strange)}; it takes {', '.join(sorted(takes)) or 'nothing'}")
    return scenario(world, **arguments)


def _play_manner(world: World, manner: Manner) -> Made:
    id_ = new_id()
    world.deliveries.deliver_differently(id_, manner)
    made = start_copy(world, make_order(world), id_=id_, cancel_source_order=True)
    try:
        wait_for_end(world, [made])
    finally:
        world.deliveries.deliver_usually(id_)
    return ids_of(made)


def _play_renewal(world: World, subscription_id: str, errors: Errors, *, manual: bool) -> Made:
    state = world.state
    with state.lock:
        subscription = state.find("order_subscriptions", subscription_id) or make_subscription(world)
        if subscription_id not in ("", subscription.id):
            raise ValueError(f"there is no subscription {subscription_id}")
        subscription.flaws = checked(errors)
        if state.find("orders", subscription.relations["source_order"]) is None:
            raise ValueError(f"the subscription {subscription.id} has no source order")
        if manual:
            subscription.habits |= {"manual"}
        made = world.runs.start(subscription)
    wait_for_end(world, [made])
    return ids_of(made)


def _within(value: int, most: int) -> int:
    if not isinstance(value, int) or not 1 <= value <= most:
        raise ValueError(f"must be a whole number from 1 to {most}")
    return value
