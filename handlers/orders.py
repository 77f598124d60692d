"""Where the orders stand that copies are made from and make."""

from service import Event, Outcome, Transition, on


@on("orders.*")
def order_moved(event: Event) -> list[Outcome]:
    """Record an order's status."""
    return [Transition(event.subject, event.status, event.updated_at)] if event.status else []
