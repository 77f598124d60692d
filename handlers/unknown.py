"""What this version does not know: kept, shown, and never an error."""

from service import Event, Note, Outcome, on

KNOWN = ("pending", "in_progress", "aborted", "failed", "completed", "destroyed")


@on("order_copies.*", "recurring_order_copies.*")
def status_unknown(event: Event) -> list[Outcome]:
    """Point out a status that the provider added since."""
    return [] if event.status in KNOWN else [Note(f"The status {event.status!r} is not known to this version.")]


@on("*")
def topic_unknown(event: Event) -> list[Outcome]:
    """Point out an event of a resource that no rule is about."""
    if event.type in ("order_copies", "recurring_order_copies", "orders", "order_subscriptions"):
        return []
    return [Note(f"No rule is about {event.topic}: kept, nothing done.")]
