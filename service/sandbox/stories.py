"""Stories of what webhooks do not say: outages, aborted and stuck copies, imports, absent renewals, drift."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from service.sandbox.bulk import Crowd, make_crowd
from service.sandbox.copies import Course
from service.sandbox.marks import iso, new_id
from service.sandbox.stage import (
    Made,
    NewOrder,
    NewSubscription,
    ids_of,
    make_order,
    make_subscription,
    play_copy,
    start_copy,
    wait_for_end,
)
from service.sandbox.state import Record
from service.sandbox.webhooks import drift, find
from service.sandbox.world import World

MOST_IMPORTED = 1_000
# Nobody listens at the port of the discard service.
_ELSEWHERE = "http://127.0.0.1:9/somebody-else"


def weekend_outage(  # noqa: PLR0913 (every part of the crowd can be chosen)
    world: World,
    *,
    count: int = 5_000,
    kinds: str = "both",
    failing: int | None = None,
    aborted: int | None = None,
    stuck: int | None = None,
    deleted: int | None = None,
    hours: float = 60.0,
    together: int = 5,
    seed: int = 0,
) -> Made:
    """Many factories lived through the weekend while nobody received: their webhooks' circuits are open now."""

    def part(given: int | None, one_in: int) -> int:
        return count // one_in if given is None else given

    crowd = Crowd(
        count=count,
        kinds=kinds,
        failing=part(failing, 10),
        aborted=part(aborted, 50),
        stuck=part(stuck, 100),
        deleted=part(deleted, 50),
        hours=hours,
        together=together,
        seed=seed,
    )
    made = make_crowd(world, crowd, world.deliveries.fire_at_nobody)
    with world.state.lock:
        webhooks = [*world.state.all("webhooks")]
        return made | {"open": [one["topic"] for one in webhooks if one["circuit_state"] == "open"]}


def aborted_copy(world: World) -> Made:
    """A copy starts and is aborted, of which no topic tells."""
    return play_copy(world, make_order(world), course=Course(ends="aborted"), cancel_source_order=True)


def stuck_copy(world: World, *, hours: float = 6.0) -> Made:
    """A copy was started hours ago and stays in progress."""
    state, began = world.state, datetime.now(UTC) - timedelta(hours=hours)
    with state.at(began):
        wishes = {"place_target_order": True, "cancel_source_order": True}
        relations = {"source_order": make_order(world).id, "order_subscription": None}
        made = world.copies.begin("order_copies", wishes, relations, id_=new_id(), course=Course(ends="stuck"))
    with state.at(began + timedelta(seconds=1)):
        world.copies.start(made)
    return ids_of(made) | {"started_at": made["started_at"]}


def import_(world: World, *, count: int = 10, renewals: int = 0, failing: int = 0) -> Made:
    """An import makes copies and renewals: they run, and nothing is told but the status of orders."""
    if not 0 <= failing <= count + renewals <= MOST_IMPORTED or min(count, renewals) < 0:
        raise ValueError(f"count and renewals are at most {MOST_IMPORTED} together, and failing a part of them")
    course, made = Course(imported=True), []
    for number in range(count + renewals):
        errors = {"line_items": ["out of stock"]} if number < failing else {}
        if number < count:
            source = make_order(world, NewOrder(errors=errors, imported=True))
            made.append(start_copy(world, source, course=course, cancel_source_order=True))
        else:
            subscription = make_subscription(world, NewSubscription(errors=errors, imported=True))
            made.append(world.runs.start(subscription, course))
    wait_for_end(world, made)
    return {
        "order_copies": [one.id for one in made if one.type == "order_copies"],
        "recurring_order_copies": [one.id for one in made if one.type == "recurring_order_copies"],
        "failed": [one.id for one in made if one["status"] == "failed"],
    }


def absent_renewal(world: World, *, hours: float = 2.0, frequency: str = "monthly", earlier: int = 0) -> Made:
    """An active subscription's run was due hours ago, and no copy was made; it had `earlier` good runs."""
    subscription = make_subscription(world, NewSubscription(frequency=frequency, absent=True))
    runs = []
    for _ in range(earlier):
        runs.append(world.runs.start(subscription))
        wait_for_end(world, runs)
    due = iso(datetime.now(UTC) - timedelta(hours=hours))
    world.state.change(subscription, next_run_at=due)
    return {
        "order_subscription": subscription.id,
        "source_order": subscription.relations["source_order"],
        "next_run_at": due,
        "recurring_order_copies": [run.id for run in runs],
    }


def drifted_webhook(
    world: World, *, topic: str = "", callback_url: str | None = None, include_resources: list[str] | None = None
) -> Made:
    """Somebody changed a webhook by hand: where it posts to and what it includes, unless told which of the two."""
    if callback_url is None and include_resources is None:
        callback_url, include_resources = _ELSEWHERE, []
    given = {"callback_url": callback_url, "include_resources": include_resources}
    changes = {name: value for name, value in given.items() if value is not None}
    webhook = _webhook(world, topic)
    before = {name: webhook[name] for name in changes}
    drift(world, webhook.id, changes)
    return {"webhook": webhook.id, "topic": webhook["topic"], "before": before, "after": changes}


def disabled_webhook(world: World, *, topic: str = "") -> Made:
    """Somebody disabled a webhook, the first one unless a topic is given."""
    webhook = drift(world, _webhook(world, topic).id, {"disabled": True})
    return {"webhook": webhook.id, "topic": webhook["topic"], "disabled_at": webhook["disabled_at"]}


def _webhook(world: World, topic: str) -> Record:
    try:
        return find(world, topic)
    except KeyError:
        raise ValueError(f"there is no webhook {topic}".rstrip()) from None


STORIES = {
    "weekend-outage": weekend_outage,
    "aborted-copy": aborted_copy,
    "stuck-copy": stuck_copy,
    "import": import_,
    "absent-renewal": absent_renewal,
    "drifted-webhook": drifted_webhook,
    "disabled-webhook": disabled_webhook,
}
