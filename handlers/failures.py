"""Copies that people must hear of."""

from service import Event, Outcome, alert, on


@on("order_copies.fail", "recurring_order_copies.fail")
def copy_failed(event: Event) -> list[Outcome]:
    """A copy failed: a customer has no order, or a subscription no renewal."""
    return [alert(event.subject, "copy failed")]


@on("order_copies.*", "recurring_order_copies.*")
def copy_aborted(event: Event) -> list[Outcome]:
    """A copy was aborted. No topic tells it: a sweep sees it, or the body of another event.

    https://docs.commercelayer.io/core/real-time-webhooks#supported-topics
    """
    return [alert(event.subject, "copy aborted")] if event.status == "aborted" else []


@on("order_copies.complete", "recurring_order_copies.complete")
def copy_completed_badly(event: Event) -> list[Outcome]:
    """A copy completed, and still something is wrong with it: errors were skipped, or its target is not placed.

    `completed` does not mean that the target was placed: https://docs.commercelayer.io/core/api-reference/order_copies
    """
    copy = event.factory
    outcomes: list[Outcome] = []
    if copy.errors_count:
        outcomes.append(alert(event.subject, "completed with errors"))
    target = copy.target_order
    if copy.place_target_order and target and target.status not in ("placed", "approved", "placing"):
        outcomes.append(alert(event.subject, "target not placed"))
    if copy.cancel_source_order and not copy.place_target_order:
        outcomes.append(alert(event.subject, "replaced by an unplaced order"))
    return outcomes
