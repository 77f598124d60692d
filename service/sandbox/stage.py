"""What scenarios are played with: orders in any state, subscriptions, copies, and waiting for their end."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from service.sandbox.orders import price
from service.sandbox.state import ENDED, Record, now
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
    """

    status: str = "placed"
    payment_status: str = "authorized"
    fulfillment_status: str = "unfulfilled"
    cents: int = 15_300
    skus_count: int = 2
    customer_email: str = "customer@example.com"
    metadata: dict[str, Any] = field(default_factory=dict)
    errors: Errors = field(default_factory=dict)


def make_order(world: World, wanted: NewOrder | None = None) -> Record:
    """Make an order in any state at once, which the API would not allow; it fires orders.create only.

    Raises:
        ValueError: the errors are not lists of messages by attribute.
    """
    state, wanted, stamp = world.state, wanted or NewOrder(), now()
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
        state.fire("create", made)
    return made


def start_copy(
    world: World,
    source: Record,
    *,
    id_: str | None = None,
    forgets_source: bool = False,
    subscription: Record | None = None,
    **attributes: Any,
) -> Record:
    """Start an order copy of `source` whose target shall be placed, unless the attributes say otherwise."""
    return world.copies.make(
        "order_copies",
        {"place_target_order": True} | attributes,
        {"source_order": source.id, "order_subscription": subscription.id if subscription else None},
        id_=id_,
        forgets_source=forgets_source,
    )


def make_subscription(world: World) -> Record:
    """Make an active monthly subscription with a fulfilled, paid source order."""
    source = make_order(world, NewOrder(status="approved", payment_status="paid", fulfillment_status="fulfilled"))
    made = world.state.add(
        "order_subscriptions",
        {
            "number": world.state.number(),
            "status": "active",
            "frequency": "monthly",
            "customer_email": source["customer_email"],
            "starts_at": source["placed_at"],
        },
        {"source_order": source.id},
    )
    world.state.fire("create", made)
    world.state.fire("activate", made)
    return made


def wait_for_end(world: World, factories: list[Record]) -> None:
    """Wait until every factory has come to its end."""
    running = list(factories)

    def ended() -> bool:
        # Only the newest is looked at, so that a storm's waiting stays cheap.
        while running and running[-1]["status"] in ENDED:
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
