"""See to the source order of a completed copy.

With `cancel_source_order` the platform cancels it by itself at the end of the copy
(https://docs.commercelayer.io/core/api-reference/order_copies); Copydesk verifies that it did. Only under a policy,
and only if every guard holds on data read now, does Copydesk cancel in its place. In doubt the order is left alone,
and a person is told why.
"""

from __future__ import annotations

from datetime import datetime, timedelta

from service.clients.commerce_layer import CommerceLayer
from service.errors import OutcomeUnknown, Refused
from service.follow_ups.factory_facts import Facts, read
from service.follow_ups.moves import Act, Decision, Done, Kind, Leave, Started, Tools, Wait
from service.outcomes import FollowUp, alert
from service.resources import Order, OrderFactory
from service.settings import Settings

# What the provider's own dashboard offers to cancel, less what was paid: giving money back is for people to decide.
# Source: the public repository commercelayer/dashboard-apps, apps/orders, orderDictionary.ts
CANCELLABLE: frozenset[tuple[str, str, str]] = frozenset(
    {
        *(("placed", payment, done) for payment in ("authorized", "free") for done in ("unfulfilled", "not_required")),
        ("placed", "unpaid", "unfulfilled"),
        ("placed", "partially_authorized", "unfulfilled"),
        ("approved", "authorized", "unfulfilled"),
        ("approved", "authorized", "not_required"),
    }
)
TARGET_IN_PLACE = ("placed", "approved")
# https://docs.commercelayer.io/core/api-reference/orders: `place_async`
PLACING_PATIENCE = timedelta(hours=1)
_PLACING = Wait(30, "the target order is being placed")
SUBSCRIPTION_OVER = ("cancelled",)
_CANCELLED = "Copydesk cancelled the source order"
_TOOK_EFFECT = "the source order is cancelled: an attempt whose outcome was unknown took effect"


def decide(started: Started, facts: Facts, settings: Settings, now: datetime) -> Decision:
    """Say what is to be done about the source order; every row of the table in tests/follow_ups is one case."""
    factory = facts.factory
    if factory is None:
        return Leave("Copydesk has no API credentials, so nothing could be verified")
    if factory.type != "order_copies":
        return Leave("the source of a recurring copy is the subscription's origin and is never cancelled")
    if factory.status != "completed":
        return Leave(f"the copy is {factory.status} now, not completed", tell=factory.status in ("failed", "aborted"))
    if factory.source_order is None:
        return Leave("the API does not say which order it was made from", tell=bool(factory.cancel_source_order))
    if factory.source_order.status == "cancelled":
        return _already_cancelled(started, factory, now)
    return _not_cancelled(started, factory, settings, now)


def _already_cancelled(started: Started, factory: OrderFactory, now: datetime) -> Decision:
    if _still_placing(started, factory, now):
        return _PLACING
    if not _in_place(factory.target_order):
        return Leave(
            f"the source order is cancelled, but the target order is {_status(factory.target_order)}", tell=True
        )
    if started.repeats_unknown:
        return Done(_TOOK_EFFECT)
    return Done("the platform has cancelled the source order" if factory.cancel_source_order else "already cancelled")


def _not_cancelled(started: Started, factory: OrderFactory, settings: Settings, now: datetime) -> Decision:
    asked = factory.cancel_source_order is True
    if asked and (grace := _grace_left(started, settings, now)) > 0:
        return Wait(grace, "the platform may still cancel the source order by itself")
    if not _wanted(factory, settings):
        if asked:
            return Leave(f"the platform has not cancelled it, and the policy is {settings.cancel_policy}", tell=True)
        return Leave("the copy did not ask for its source order to be cancelled")
    if _still_placing(started, factory, now):
        return _PLACING
    if objection := _objection(factory):
        return Leave(objection, tell=True)
    return Act("cancel the source order", factory.source_order)


def _wanted(factory: OrderFactory, settings: Settings) -> bool:
    if settings.cancel_policy == "requested":
        return factory.cancel_source_order is True
    if settings.cancel_policy == "metadata":
        return (factory.metadata or {}).get(settings.cancel_metadata_key) is True
    return False


def _grace_left(started: Started, settings: Settings, now: datetime) -> float:
    """Seconds until the platform has had its time.

    Counted from when we heard of the copy, by one clock: two that differ could shorten it away.
    """
    return (started.planned_at + timedelta(seconds=settings.cancel_grace_seconds) - now).total_seconds()


def _still_placing(started: Started, factory: OrderFactory, now: datetime) -> bool:
    """An order that is placed asynchronously is neither placed nor pending for a while: so long, it is too early."""
    target = factory.target_order
    return target is not None and target.status == "placing" and now - started.planned_at < PLACING_PATIENCE


def _objection(factory: OrderFactory) -> str | None:
    """The first guard that does not hold, in words; None where all of them do."""
    source, target = factory.source_order, factory.target_order
    if source is None or target is None:
        return "the API does not name both orders"
    if source.id == target.id:
        return "source and target are one order"
    if not _in_place(target):
        return f"the target order is {_status(target)}: the customer would be left without an order"
    if factory.errors_count or factory.errors_log:
        return "the copy completed with errors: compare the two orders first"
    return _subscription_objection(factory, source, target) or _state_objection(source)


def _subscription_objection(factory: OrderFactory, source: Order, target: Order) -> str | None:
    if factory.order_subscription_id or target.order_subscription_id:
        return "the copy belongs to a subscription, and its source is copied again"
    if source.order_subscriptions is None:
        return "the API does not say whether the source order has subscriptions"
    if alive := [s for s in source.order_subscriptions if s.status not in SUBSCRIPTION_OVER]:
        return f"the source order has a subscription that is {alive[0].status or 'of unknown status'}"
    return None


def _state_objection(source: Order) -> str | None:
    state = (source.status or "", source.payment_status or "", source.fulfillment_status or "")
    if state in CANCELLABLE:
        return None
    if "paid" in state[1].split("_") and state[1] != "unpaid":
        return "the source order is paid: whether money goes back is for a person to decide"
    return f"an order that is {', '.join(word or 'unknown' for word in state)} cannot be cancelled safely"


def _in_place(order: Order | None) -> bool:
    return order is not None and order.status in TARGET_IN_PLACE


def _status(order: Order | None) -> str:
    return "missing" if order is None else order.status or "of unknown status"


def act(_started: Started, _facts: Facts, decision: Act, tools: Tools) -> Done:
    """Cancel the source order. Cancelled already is a success.

    Raises:
        Refused: the platform does not allow it.
        OutcomeUnknown: it answered, and the order is not cancelled; it is read again before anything is repeated.
    """
    client, order = tools.commerce_layer, decision.argument
    if client is None or not isinstance(order, Order):
        raise TypeError("decided to cancel without an order or a client")
    try:
        answer = client.cancel_order(order.id)
    except Refused as refusal:
        return _refused(client, order, refusal)
    if answer.value.status != "cancelled":
        raise OutcomeUnknown(f"the order is {answer.value.status} after its cancellation", request_id=answer.request_id)
    return Done(_CANCELLED, answer.request_id)


def _refused(client: CommerceLayer, order: Order, refusal: Refused) -> Done:
    """Read before believing a refusal: the platform may have cancelled the order a moment ago."""
    if client.retrieve_order(order.id).value.status == "cancelled":
        return Done("the order was cancelled meanwhile", refusal.request_id)
    raise refusal


def afterwards(started: Started, facts: Facts, end: Done | Leave) -> list[FollowUp]:
    """Tell people where something was wanted and not done, and where Copydesk had to step in."""
    factory = facts.factory
    if isinstance(end, Leave):
        return [alert(started.subject, _trouble(factory), reason=end.why)] if end.tell else []
    stepped_in = end.why in (_CANCELLED, _TOOK_EFFECT) and factory is not None and factory.cancel_source_order
    return [alert(started.subject, "cancelled in the platform's place")] if stepped_in else []


def _trouble(factory: OrderFactory | None) -> str:
    """What people must look at: an order that still stands, or a customer who has none."""
    source = factory.source_order if factory else None
    gone = source is not None and source.status == "cancelled"
    return "replaced by an unplaced order" if gone else "source order left alone"


KIND = Kind("settle_source_order", "commerce_layer", read, decide, act, afterwards=afterwards)
