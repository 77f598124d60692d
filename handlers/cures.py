"""Successes that end earlier failures: an incident ends once all whom it affects are well again."""

from service import Cured, Event, Outcome, cured_by, on


@on("order_copies.complete", "recurring_order_copies.complete")
def copy_ends_failures(event: Event) -> list[Outcome]:
    """A copy completed: earlier failures of its subscription, or of copies of its source order, are over."""
    return [*cured_by(event.factory)]


@on("order_subscriptions.last_run_succeeded")
def run_ends_failures(event: Event) -> list[Outcome]:
    """A renewal succeeded: earlier failures of the subscription are over."""
    return [Cured(event.subject)]
