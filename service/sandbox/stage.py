"""What scenarios are played with: orders in any state, subscriptions, copies, and waiting for their end."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from service.sandbox.copies import USUAL, Course
from service.sandbox.frequency import next_run
from service.sandbox.marks import iso
from service.sandbox.orders import price
from service.sandbox.state import ENDED, Record
from service.sandbox.world import World

Made = dict[str, Any]
Errors = dict[str, list[str]]

# A copy takes two steps; this only ends the waiting for a run that was deleted or reset meanwhile.
LONGEST_RUN = 120.0


@dataclass(frozen=True, kw_only=True)
class NewOrder:
    """What an order that is made for a story shall look like.

    Attributes:
        status: like the two other statuses, any of the provider's values.
        payment_status: see status.
        fulfillment_status: see status.
        cents: what it costs, in cents of euros.
        skus_count: how many SKUs it holds.
        customer_email: whose it is.
        metadata: free JSON.
        errors: what a copy of this order meets: {attribute: [messages]}.
        imported: an import makes it, so nothing is told of that.
    """

    status: str = "placed"
    payment_status: str = "authorized"
    fulfillment_status: str = "unfulfilled"
    cents: int = 15_300
    skus_count: int = 2
    customer_email: str = "customer@example.com"
    metadata: dict[str, Any] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)
    imported: bool = False


def make_order(world: World, wanted: NewOrder | None = None) -> Record:
    """Make an order in any state at once, which the API would not allow; it fires orders.create only.

    Raises:
        ValueError: the errors are not lists of messages by attribute.
    """
    state, wanted = world.state, wanted or NewOrder()
    stamp = state.now()
    flaws = checked(wanted.errors)
    attributes = {
        "status": wanted.status,
        "payment_status": wanted.payment_status,
        "fulfillment_status": wanted.fulfillment_status,
        "customer_email": wanted.customer_email,
        "skus_count": wanted.skus_count,
        "metadata": wanted.metadata,
        "placed_at": stamp if wanted.status in ("placed", "approved", "cancelled") else None,
        "approved_at": stamp if wanted.status == "approved" else None,
        "cancelled_at": stamp if wanted.status == "cancelled" else None,
    }
    with state.lock:
        numbered = {"number": state.number()} | attributes | price(wanted.cents)
        made = state.add("orders", numbered, {"order_subscription": None})
        made.flaws = flaws
        if not wanted.imported:
            state.fire("create", made)
    return made


def start_copy(
    world: World,
    source: Record,
    *,
    id_: str | None = None,
    course: Course = USUAL,
    subscription: Record | None = None,
    **attributes: Any,
) -> Record:
    """Start an order copy of `source` whose target shall be placed, unless the attributes say otherwise."""
    return world.copies.make(
        "order_copies",
        {"place_target_order": True} | attributes,
        {"source_order": source.id, "order_subscription": subscription.id if subscription else None},
        id_=id_,
        course=course,
    )


@dataclass(frozen=True, kw_only=True)
class NewSubscription:
    """What a subscription that is made for a story shall look like.

    Attributes:
        frequency: hourly, daily, weekly, monthly and so on, or a crontab.
        next_run_at: an ISO time, also one that has passed; empty for one period from now.
        in_seconds: the next run so many seconds from now instead.
        renewal_alert_period: hours.
        manual: its runs are order copies.
        absent: its runs do not happen.
        errors: what its runs meet: {attribute: [messages]}.
        imported: an import makes it, so nothing is told of that.
    """

    frequency: str = "monthly"
    next_run_at: str = ""
    in_seconds: float | None = None
    renewal_alert_period: int = 1
    manual: bool = False
    absent: bool = False
    errors: Errors = field(default_factory=dict)
    imported: bool = False


def make_subscription(world: World, wanted: NewSubscription | None = None) -> Record:
    """Make an active subscription with a fulfilled, paid source order; it runs when its time comes.

    Raises:
        ValueError: a frequency or time that cannot be read.
    """
    state, wanted = world.state, wanted or NewSubscription()
    flaws, due = checked(wanted.errors), _first_run(wanted, datetime.fromisoformat(state.now()))
    with state.lock:
        source = make_order(
            world,
            NewOrder(
                status="approved", payment_status="paid", fulfillment_status="fulfilled", imported=wanted.imported
            ),
        )
        made = state.add(
            "order_subscriptions",
            {
                "number": state.number(),
                "status": "active",
                "frequency": wanted.frequency,
                "renewal_alert_period": wanted.renewal_alert_period,
                "customer_email": source["customer_email"],
                "starts_at": source["placed_at"],
                "next_run_at": due,
            },
            {"source_order": source.id},
        )
        made.flaws = flaws
        habits = {"manual": wanted.manual, "absent": wanted.absent}
        made.habits = frozenset(name for name, has in habits.items() if has)
        if not wanted.imported:
            state.fire("create", made)
            state.fire("activate", made)
        world.runs.plan(made)
    return made


def _first_run(wanted: NewSubscription, present: datetime) -> str:
    """When a new subscription runs for the first time."""
    # Also where a time is given, so that a frequency that is none is always refused.
    due = next_run(wanted.frequency, present)
    if wanted.next_run_at:
        due = datetime.fromisoformat(wanted.next_run_at)
    if wanted.in_seconds is not None:
        due = present + timedelta(seconds=float(wanted.in_seconds))
    return iso(due if due.tzinfo else due.replace(tzinfo=UTC))


def play_copy(world: World, source: Record, *, course: Course = USUAL, **attributes: Any) -> Made:
    """Let a copy run to its end; its ids."""
    made = start_copy(world, source, course=course, **attributes)
    wait_for_end(world, [made])
    return ids_of(made)


def wait_for_end(world: World, factories: list[Record]) -> None:
    """Wait until every factory has come to its end."""
    running = list(factories)

    def ended() -> bool:
        # Only the newest is looked at, so that a storm's waiting stays cheap.
        # One that gets stuck has come as far as it will.
        while running and (running[-1]["status"] in ENDED or world.copies.is_stuck(running[-1])):
            running.pop()
        return not running or world.stopping.is_set()

    with world.state.changed:
        if not world.state.changed.wait_for(ended, LONGEST_RUN):
            raise TimeoutError(f"{len(running)} factories did not come to their end")


def ids_of(made: Record) -> Made:
    """What a scenario tells of one factory: its id and status, and the ids of its orders and subscription."""
    ids = {"order_copies": "order_copy", "recurring_order_copies": "recurring_order_copy"}
    subscription = made.relations.get("order_subscription")
    return {
        ids[made.type]: made.id,
        "status": made["status"],
        "source_order": made.relations["source_order"],
        "target_order": made.relations["target_order"],
    } | ({"order_subscription": subscription} if subscription else {})


def checked(errors: Errors) -> Errors:
    """The errors a copy shall meet, as given from outside.

    Raises:
        ValueError: they are not lists of messages by attribute.
    """
    sound = isinstance(errors, dict) and all(
        isinstance(messages, list) and messages and all(isinstance(message, str) for message in messages)
        for messages in errors.values()
    )
    if not sound:
        raise ValueError('errors are {"attribute": ["message", …]}')
    return {name: list(messages) for name, messages in errors.items()}
