"""Each rule of the business with one `==`: the event, and what follows from it."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest

from handlers import MODULES, copies, cures, failures, orders, source_orders, subscriptions, unknown
from service import Cured, FollowUp, Note, Outcome, Transition, alert
from service.router import Router
from tests.bodies import NOON, copy, event, order, sample, subscription

AT = datetime(2026, 3, 2, 12, tzinfo=UTC)
COPY, RENEWAL = "order_copies/XAyRWNUzyN", "recurring_order_copies/XAyRWNUzyN"
SUBSCRIPTION = "order_subscriptions/nZvYhWxKqB"
RELATED = {"source_order": "aaaaaaaaaa", "target_order": "bbbbbbbbbb", "order_subscription": "cccccccccc"}


def target(status: str | None, **attributes: Any) -> Any:
    """A completed copy that includes its target in a status."""
    document = copy(target_order="qAlMhokOGm", **attributes)
    return document | {"included": [order("qAlMhokOGm", status)["data"]]}


BAD = alert(COPY, "target not placed")
CASES: list[tuple[Any, str, Any, list[Outcome]]] = [
    (copies.copy_moved, "order_copies.complete", copy(), [Transition(COPY, "completed", AT)]),
    (
        copies.copy_moved,
        "order_copies.start",  # a snapshot may be ahead of its topic
        copy(**RELATED),
        [Transition(COPY, "completed", AT, "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc")],
    ),
    (copies.copy_moved, "order_copies.destroy", copy(status=None), [Transition(COPY, "destroyed", AT)]),
    (copies.copy_moved, "order_copies.create", copy(status=None), [Transition(COPY, "unknown", AT)]),
    (copies.copy_needs_its_orders, "order_copies.fail", copy(status="failed", **RELATED), []),
    (
        copies.copy_needs_its_orders,
        "recurring_order_copies.complete",
        copy(recurring=True),
        [FollowUp("hydrate", RENEWAL, "no order ids")],
    ),
    (orders.order_moved, "orders.place", order(), [Transition("orders/qAlMhokOGm", "placed", AT)]),
    (orders.order_moved, "orders.place", order(status=None), []),
    (
        source_orders.source_order_replaced,
        "order_copies.complete",
        copy(),
        [FollowUp("settle_source_order", COPY, "completed")],
    ),
    (
        source_orders.source_order_renews,
        "recurring_order_copies.complete",
        copy(recurring=True),
        [Note(f"The source order of {RENEWAL} stays: it is the subscription's origin.")],
    ),
    (failures.copy_failed, "order_copies.fail", copy(status="failed"), [alert(COPY, "copy failed")]),
    (failures.copy_aborted, "order_copies.abort", copy(status="aborted"), [alert(COPY, "copy aborted")]),
    (failures.copy_aborted, "order_copies.start", copy(status="aborted"), [alert(COPY, "copy aborted")]),
    (failures.copy_aborted, "order_copies.complete", copy(), []),
    (cures.copy_ends_failures, "order_copies.complete", copy(), [Cured(COPY)]),
    (
        cures.copy_ends_failures,
        "recurring_order_copies.complete",
        copy(recurring=True, **RELATED),
        [Cured(RENEWAL), Cured("order_subscriptions/cccccccccc"), Cured("orders/aaaaaaaaaa")],
    ),
    (
        cures.run_ends_failures,
        "order_subscriptions.last_run_succeeded",
        subscription(),
        [Cured("order_subscriptions/nZvYhWxKqB")],
    ),
    (
        copies.copy_needs_its_orders,
        "recurring_order_copies.fail",  # its subscription is needed, so that a failed run is told once
        copy(status="failed", recurring=True, source_order="aaaaaaaaaa"),
        [FollowUp("hydrate", RENEWAL, "no order ids")],
    ),
    (failures.copy_completed_badly, "order_copies.complete", copy(), []),
    (
        failures.copy_completed_badly,
        "order_copies.complete",
        copy(errors_count=2),
        [alert(COPY, "completed with errors")],
    ),
    *(
        (failures.copy_completed_badly, "order_copies.complete", target(status, place_target_order=True), outcomes)
        for status, outcomes in (
            ("placed", []),
            ("approved", []),
            ("placing", []),
            ("pending", [BAD]),
            ("cancelled", [BAD]),
            (None, [BAD]),
        )
    ),
    (failures.copy_completed_badly, "order_copies.complete", copy(place_target_order=True), []),
    (failures.copy_completed_badly, "order_copies.complete", target("draft", place_target_order=False), []),
    (
        failures.copy_completed_badly,
        "order_copies.complete",
        copy(cancel_source_order=True, place_target_order=None),
        [alert(COPY, "replaced by an unplaced order")],
    ),
    (
        failures.copy_completed_badly,
        "order_copies.complete",
        copy(cancel_source_order=True, place_target_order=True),
        [],
    ),
    (
        subscriptions.subscription_moved,
        "order_subscriptions.cancel",
        subscription(status="cancelled"),
        [Transition(SUBSCRIPTION, "cancelled", AT)],
    ),
    (subscriptions.subscription_moved, "order_subscriptions.cancel", subscription(status=None), []),
    (
        subscriptions.run_failed,
        "order_subscriptions.last_run_failed",
        subscription(),
        [alert(SUBSCRIPTION, f"run failed {NOON}", delay=20.0, run_at=NOON)],
    ),
    (subscriptions.run_succeeded, "order_subscriptions.last_run_succeeded", subscription(), [Note("Run 3 succeeded.")]),
    (
        subscriptions.run_succeeded,
        "order_subscriptions.last_run_succeeded",
        subscription(occurrencies=None),
        [Note("The last run succeeded.")],
    ),
    (unknown.status_unknown, "order_copies.complete", copy(), []),
    (
        unknown.status_unknown,
        "order_copies.complete",
        copy(status="paused"),
        [Note("The status 'paused' is not known to this version.")],
    ),
    (unknown.topic_unknown, "orders.place", order(), []),
    (
        unknown.topic_unknown,
        "customers.create",
        {"data": order()["data"] | {"type": "customers"}},
        [Note("No rule is about customers.create: kept, nothing done.")],
    ),
]


@pytest.mark.parametrize(("handler", "topic", "body", "outcomes"), CASES)
def test_each_rule(handler: Any, topic: str, body: Any, outcomes: list[Outcome]) -> None:
    """The rule says exactly this of exactly that event."""
    assert list(handler(event(topic, body))) == outcomes


def test_a_run_without_a_time_has_a_cause_of_its_own() -> None:
    """Two failed runs whose bodies do not say when are two alerts, and the same one told again is one."""
    runs = [subscription(last_run_at=None, occurrencies=n) for n in (1, 2, 2)]
    causes = [subscriptions.run_failed(event("order_subscriptions.last_run_failed", run))[0] for run in runs]
    assert causes[0] != causes[1] == causes[2]


def test_the_switchboard() -> None:
    """The handlers have names of their own and ask for topics that the provider publishes."""
    router = Router(MODULES)
    assert router.misspelt() == []
    asked = [handler.name for handler in router.for_topic("order_copies.complete")]
    assert asked == [
        "copy_moved",
        "copy_needs_its_orders",
        "source_order_replaced",
        "copy_aborted",
        "copy_completed_badly",
        "copy_ends_failures",
        "status_unknown",
        "topic_unknown",
    ]


@pytest.mark.parametrize(
    ("name", "kinds"),
    [
        ("order_copies.create", []),
        ("order_copies.start", []),
        ("order_copies.complete", ["settle_source_order"]),
        ("order_copies.fail", ["hydrate", "alert"]),
        ("order_copies.destroy", []),
        ("recurring_order_copies.complete", ["hydrate"]),
        ("recurring_order_copies.fail", ["hydrate", "alert"]),
        ("order_subscriptions.last_run_failed", ["alert"]),
        ("order_subscriptions.last_run_succeeded", []),
        ("order_subscriptions.renewal", []),
    ],
)
def test_what_follows_from_a_sample(name: str, kinds: list[str]) -> None:
    """For each body of the provider's shape, what is planned; above all, a renewal settles no source order."""
    verdict = Router(MODULES).dispatch(event(name, sample(name)))
    assert [follow_up.kind for follow_up in verdict.follow_ups] == kinds
    assert verdict.errors == ()
