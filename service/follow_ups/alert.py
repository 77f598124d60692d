"""Tell people, in Slack, what failed, which subscription and which step, and what to do about it.

What it says comes from our own record, so that an alert needs nothing but Slack. No customer's data is in it: ids,
numbers, statuses and the first error, in which addresses are blanked. One failed run of a subscription is told by
two events, the copy's and the subscription's; whoever comes first tells it. Failures of one cause are one incident:
the first tells it, the others are counted.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from service import documents, links, resources
from service.clients.slack import Message
from service.errors import BodyUnreadable
from service.follow_ups.causes import cause_of, known_words
from service.follow_ups.moves import Act, Decision, Done, Kind, Leave, Started, Tools, Wait
from service.incidents import Occurrence, generalised
from service.masking import scrubbed
from service.resources import FACTORY_TYPES, Order, OrderFactory, Subscription
from service.settings import Settings
from service.states import State
from service.store import queries, subjects
from service.store.follow_up_rows import WORKER
from service.store.incident_alerts import join, may_tell
from service.text import line

HYDRATION_SECONDS = 5.0
_EMAIL = re.compile(r"[^\s<>]*(?:@|%40)[^\s<>]*")
# An error may be of any length, and what to do about it stands behind it.
_LONGEST_ERROR = 500


@dataclass(frozen=True, slots=True)
class Facts:
    """What our record says: the event's resource, the state now, and whether more is on its way."""

    factory: OrderFactory | None = None
    subscription: Subscription | None = None
    state: State | None = None
    hydrating: bool = False
    mode: str = ""

    @property
    def subscription_id(self) -> str | None:
        """The subscription it is about, from the event or from what was hydrated since."""
        if self.subscription:
            return self.subscription.id
        return self._related("order_subscription_id")

    @property
    def source_order_id(self) -> str | None:
        """The order it was made from, likewise."""
        return self._related("source_order_id")

    @property
    def target_order_id(self) -> str | None:
        """The order it made, likewise."""
        return self._related("target_order_id")

    def _related(self, name: str) -> str | None:
        told = getattr(self.factory, name) if self.factory else None
        return told or (getattr(self.state, name) if self.state else None)


def read(started: Started, tools: Tools) -> Facts:
    """Read the newest body of the event, and the state as it is now."""
    with tools.store.read() as connection:
        payload = queries.newest_payload(connection, started.event_id, tools.vault) if started.event_id else None
        state = queries.state_of(connection, started.subject)
        hydrating = subjects.is_being_hydrated(connection, started.subject)
    factory, subscription = _resource(payload.body if payload else None)
    return Facts(factory, subscription, state, hydrating, tools.settings.mode)


def _resource(body: bytes | None) -> tuple[OrderFactory | None, Subscription | None]:
    try:
        document = documents.parse(body) if body else {}
    except BodyUnreadable:
        document = {}
    resource = document.get("data") or {}
    if resource.get("type") in FACTORY_TYPES:
        included = tuple(r for r in document.get("included") or () if isinstance(r, dict))
        return resources.order_factory(resource, included), None
    if resource.get("type") == "order_subscriptions":
        return None, resources.subscription(resource)
    return None, None


def decide(started: Started, facts: Facts, settings: Settings, _now: datetime) -> Decision:
    """Say what to tell, or why there is nothing to tell any more."""
    if not settings.slack_webhook_url.get_secret_value():
        return Leave("no Slack webhook is set (COPYDESK_SLACK_WEBHOOK_URL)")
    cause = cause_of(started.cause)
    now_is = facts.state.status if facts.state else None
    if cause.while_status and now_is not in (None, cause.while_status):
        return Leave(f"no longer so: {started.subject} is {now_is} now")
    if facts.hydrating and started.number == 1:
        return Wait(HYDRATION_SECONDS, "its orders are being looked up")
    return Act("tell Slack", message(started, facts, settings))


def message(started: Started, facts: Facts, settings: Settings) -> Message:
    """Put it in words. Pure."""
    incident = started.params.get("incident")
    cause = cause_of(started.cause)
    factory, subscription_id = facts.factory, facts.subscription_id
    renewal = started.subject.startswith("recurring_order_copies/")
    own = started.cause[:1].upper() + started.cause[1:]
    headline = "Subscription renewal failed" if renewal and started.cause == "copy failed" else cause.headline or own
    told = [
        f"About: {started.subject}",
        _about_subscription(facts),
        _step(facts),
        f"First error: {blank(factory.first_error)}" if factory and factory.first_error else None,
        f"Why: {blank(str(started.params['reason']))}" if started.params.get("reason") else None,
        f"Lasted: {started.params['lasted']}" if started.params.get("lasted") else None,
        f"What to do: {(cause.of_a_renewal if renewal else '') or cause.advice}",
        f"To try again: copydesk retry {number} --reason …" if (number := started.params.get("follow_up")) else None,
        None if cause.one_by_one else "Others like it are counted, not told: copydesk incidents --open",
        f"Record: copydesk {f'incidents {incident}' if incident else f'audit {started.subject}'}",
        "This may be a repetition: it is not known whether an earlier message arrived."
        if started.repeats_unknown
        else None,
    ]
    wanted = {
        "Source order": f"orders/{facts.source_order_id}" if facts.source_order_id else None,
        "Target order": f"orders/{facts.target_order_id}" if facts.target_order_id else None,
        "Subscription": f"order_subscriptions/{subscription_id}" if subscription_id else None,
    }
    found = tuple((label, url) for label, to in wanted.items() if to and (url := links.to(settings, to)))
    mark = "" if settings.mode == "live" else " (test mode)"
    return Message(headline + mark, tuple(words for words in told if words), found)


def _about_subscription(facts: Facts) -> str | None:
    if not facts.subscription_id:
        return None
    subscription = facts.subscription or (facts.factory.order_subscription if facts.factory else None)
    words = [f"Subscription: {facts.subscription_id}"]
    if subscription and subscription.number:
        words.append(f"number {subscription.number}")
    if subscription and subscription.next_run_at:
        words.append(f"next run {subscription.next_run_at:%Y-%m-%d %H:%M} UTC")
    return ", ".join(words)


def _step(facts: Facts) -> str | None:
    """Which step it got to, told by its target: made but not placed, or not made at all."""
    if facts.factory is None or facts.factory.status != "failed":
        return None
    target: Order | None = facts.factory.target_order
    if target is not None:
        return f"Step: the target order {target.id} was made and is {target.status}, {target.payment_status}."
    if facts.target_order_id:
        return f"Step: the target order {facts.target_order_id} was made."
    return "Step: no target order is known; it failed before or while making one."


def blank(text: str) -> str:
    """Cut an error to a line, and blank what looks like somebody's in it: it may quote the customer."""
    return scrubbed(_EMAIL.sub("(address)", line(text, _LONGEST_ERROR)))


def claim(connection: sa.Connection, started: Started, facts: Facts) -> Leave | None:
    """Take the failed run, so that the copy's failure and the subscription's are one alert; then join the incident."""
    run_at, subscription_id = _run(started, facts), facts.subscription_id
    if run_at is not None and subscription_id is not None:
        holder = subjects.claim_run(connection, subscription_id, run_at, started.id)
        if holder:
            return Leave(f"the same failed run is told by follow-up {holder}")
    if incident := started.params.get("incident"):
        timely = may_tell(connection, incident, recovery=started.cause.startswith("recovered"))
        return None if timely else Leave(f"incident {incident} was over before anybody was told of it")
    if cause_of(started.cause).one_by_one:
        return None
    joined = join(connection, occurrence(started, facts), started.id, datetime.now(UTC), WORKER)
    told = {"counted": "counted in incident", "over": "cured before anybody could be told, in incident"}
    return Leave(f"{told[joined.role]} {joined.incident_id}") if joined.role in told else None


def occurrence(started: Started, facts: Facts) -> Occurrence:
    """What incident it belongs to: of failures with one cause and one first error, ids and numbers apart. Pure."""
    error = (facts.factory.first_error if facts.factory else None) or str(started.params.get("reason") or "")
    cause = ": ".join(words for words in (known_words(started.cause), generalised(blank(error))) if words)
    whose = {"order_subscriptions": facts.subscription_id, "orders": facts.factory and facts.factory.source_order_id}
    # A later success of the subscription, or a later copy of the source order, cures it.
    affected = next((f"{type_}/{id_}" for type_, id_ in whose.items() if id_), started.subject)
    return Occurrence("failure", started.subject.partition("/")[0], cause, blank(error), affected, facts.mode)


def _run(started: Started, facts: Facts) -> datetime | None:
    if started.cause.startswith("run failed"):
        return resources.instant(started.params.get("run_at"))
    if started.cause == "copy failed" and facts.factory:
        return facts.factory.started_at or facts.factory.created_at or facts.factory.failed_at
    return None


def act(_started: Started, _facts: Facts, decision: Act, tools: Tools) -> Done:
    """Post it. At least once: Slack cannot be asked whether a message arrived."""
    if tools.slack is None or not isinstance(decision.argument, Message):
        raise TypeError("decided to tell nobody")
    tools.slack.post(decision.argument)
    return Done("told Slack")


KIND = Kind("alert", "slack", read, decide, act, claim=claim)
