"""What becomes of the order that a copy replaces."""

from service import Event, Note, Outcome, on, settle_source_order


@on("order_copies.complete")
def source_order_replaced(event: Event) -> list[Outcome]:
    """See to the source order: the platform should have cancelled it, or a policy asks us to.

    Whether anything is done is decided later, on fresh data; this only says that somebody must look.
    """
    return [settle_source_order(event.factory)]


@on("recurring_order_copies.complete")
def source_order_renews(event: Event) -> list[Outcome]:
    """Leave a renewal's source alone: it is the origin of the subscription and of every renewal to come."""
    return [Note(f"The source order of {event.subject} stays: it is the subscription's origin.")]
