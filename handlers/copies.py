"""Where each order copy and recurring order copy stands."""

from service import Event, Outcome, Transition, hydrate, on

COPIES = ("order_copies", "recurring_order_copies")


@on(*(f"{copies}.*" for copies in COPIES))
def copy_moved(event: Event) -> list[Outcome]:
    """Record the status that the body tells, which may be newer than the topic's."""
    copy = event.factory
    return [
        Transition(
            copy.subject,
            event.status or "unknown",
            event.updated_at,
            source_order_id=copy.source_order_id,
            target_order_id=copy.target_order_id,
            order_subscription_id=copy.order_subscription_id,
        )
    ]


@on(*(f"{copies}.{end}" for copies in COPIES for end in ("complete", "fail")))
def copy_needs_its_orders(event: Event) -> list[Outcome]:
    """Ask which orders a finished copy concerns where its webhook does not include them."""
    copy = event.factory
    # Where a renewal failed, its subscription is needed too: the run that failed is told once.
    nameless = event.topic == "recurring_order_copies.fail" and not copy.order_subscription_id
    return [hydrate(copy)] if nameless or not copy.source_order_id else []
