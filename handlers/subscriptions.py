"""Subscriptions: their runs, which are renewals."""

from service import Event, Note, Outcome, Transition, alert, on

# The copy's own failure tells more, and usually comes at the same time: give it the first word.
COPY_FIRST_SECONDS = 20.0


@on("order_subscriptions.*")
def subscription_moved(event: Event) -> list[Outcome]:
    """Record a subscription's status."""
    return [Transition(event.subject, event.status, event.updated_at)] if event.status else []


@on("order_subscriptions.last_run_failed")
def run_failed(event: Event) -> list[Outcome]:
    """A renewal failed. If its copy tells the same, the two are one alert.

    The platform does not try again before the next period:
    https://docs.commercelayer.io/core/api-reference/order_subscriptions
    """
    run_at = event.attributes["last_run_at"] if event.subscription.last_run_at else None
    which = run_at or event.key.hex()[:12]
    return [alert(event.subject, f"run failed {which}", delay=COPY_FIRST_SECONDS, run_at=run_at)]


@on("order_subscriptions.last_run_succeeded")
def run_succeeded(event: Event) -> list[Outcome]:
    """A renewal succeeded."""
    count = event.subscription.occurrencies
    return [Note("The last run succeeded." if count is None else f"Run {count} succeeded.")]
