"""What is decided about a source order: the provider's table, every guard, and that nothing else is ever cancelled."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.follow_ups.factory_facts import Facts
from service.follow_ups.moves import Act, Decision, Done, Leave, Started, Wait
from service.follow_ups.settle_source_order import KIND, decide
from service.resources import Order, OrderFactory, Subscription
from service.settings import Settings

NOW = datetime(2026, 3, 2, 9, 10, tzinfo=UTC)
SOURCE = Order("SourceOrdr", "1001", "placed", "authorized", "unfulfilled", order_subscriptions=())
TARGET = Order("TargetOrdr", "1002", "placed", "authorized", "unfulfilled", order_subscriptions=())
COPY = OrderFactory(
    "order_copies",
    "XAyRWNUzyN",
    "completed",
    place_target_order=True,
    cancel_source_order=True,
    source_order_id=SOURCE.id,
    target_order_id=TARGET.id,
    source_order=SOURCE,
    target_order=TARGET,
)


def started(age: float = 3600, *, unknown: bool = False) -> Started:
    """An attempt of a follow-up that was planned `age` seconds ago."""
    planned = NOW - timedelta(seconds=age)
    return Started(
        1, "settle_source_order", COPY.subject, "completed", {}, 7, planned, planned, 1, 1, repeats_unknown=unknown
    )


def settings(policy: str = "requested", **more: Any) -> Settings:
    return Settings(cancel_policy=policy, cancel_grace_seconds=300, **more)


@dataclass(frozen=True)
class Case:
    """One row: how the world differs from the one where everything allows it, and what must be decided."""

    name: str
    expected: str
    words: str = ""
    copy: dict[str, Any] = field(default_factory=dict)
    source: dict[str, Any] | None = field(default_factory=dict)
    target: dict[str, Any] | None = field(default_factory=dict)
    policy: str = "requested"
    age: float = 3600
    unknown: bool = False

    @property
    def facts(self) -> Facts:
        """What the API would have told."""
        orders = {
            "source_order": None if self.source is None else replace(SOURCE, **self.source),
            "target_order": None if self.target is None else replace(TARGET, **self.target),
        }
        return Facts(replace(COPY, **(orders | self.copy)), "request-1")


def sort(decision: Decision) -> str:
    """`act`, `done`, `wait`, `leave`, or `tell`: left alone and somebody hears of it."""
    if isinstance(decision, Leave):
        return "tell" if decision.tell else "leave"
    return type(decision).__name__.lower()


def of(status: str, payment: str, fulfillment: str) -> dict[str, Any]:
    return {"status": status, "payment_status": payment, "fulfillment_status": fulfillment}


def begun(*statuses: str | None) -> dict[str, Any]:
    """A source order that began subscriptions."""
    return {"order_subscriptions": tuple(Subscription(f"Subscr{i}", status=s) for i, s in enumerate(statuses))}


# The provider's dashboard offers a cancellation in the first rows; paid ones are ours to refuse.
STATES = [
    ("placed", "authorized", "unfulfilled", "act"),
    ("placed", "authorized", "not_required", "act"),
    ("placed", "free", "unfulfilled", "act"),
    ("placed", "free", "not_required", "act"),
    ("placed", "unpaid", "unfulfilled", "act"),
    ("placed", "partially_authorized", "unfulfilled", "act"),
    ("approved", "authorized", "unfulfilled", "act"),
    ("approved", "authorized", "not_required", "act"),
    ("placed", "paid", "unfulfilled", "tell"),
    ("placed", "paid", "not_required", "tell"),
    ("placed", "partially_paid", "unfulfilled", "tell"),
    ("placed", "partially_refunded", "unfulfilled", "tell"),
    ("placed", "refunded", "unfulfilled", "tell"),
    ("placed", "unpaid", "not_required", "tell"),
    ("placed", "voided", "unfulfilled", "tell"),
    ("placed", "authorized", "in_progress", "tell"),
    ("placed", "authorized", "fulfilled", "tell"),
    ("approved", "authorized", "in_progress", "tell"),
    ("approved", "authorized", "fulfilled", "tell"),
    ("approved", "paid", "unfulfilled", "tell"),
    ("approved", "paid", "in_progress", "tell"),
    ("approved", "paid", "fulfilled", "tell"),
    ("approved", "partially_refunded", "fulfilled", "tell"),
    ("approved", "free", "fulfilled", "tell"),
    ("approved", "free", "not_required", "tell"),
    ("approved", "unpaid", "unfulfilled", "tell"),
    ("pending", "unpaid", "unfulfilled", "tell"),
    ("pending", "authorized", "unfulfilled", "tell"),
    ("pending", "paid", "unfulfilled", "tell"),
    ("draft", "unpaid", "unfulfilled", "tell"),
    ("editing", "authorized", "unfulfilled", "tell"),
    ("placing", "unpaid", "unfulfilled", "tell"),
    ("returned_to_moon", "authorized", "unfulfilled", "tell"),
    ("placed", "owed", "unfulfilled", "tell"),
    ("placed", "authorized", "levitating", "tell"),
]
PAID = "whether money goes back is for a person"
CASES = [
    *(
        Case("source is " + ", ".join(state), end, PAID if "paid" in state[1].split("_") else "", source=of(*state))
        for *state, end in STATES
    ),
    Case("a source of unknown payment", "tell", "unknown", source={"payment_status": None}),
    Case("a source of unknown status", "tell", "unknown", source={"status": None}),
    # Who cancels: the platform first.
    Case("the platform did it", "done", "the platform has cancelled", source={"status": "cancelled"}),
    Case("somebody did it", "done", "already", source={"status": "cancelled"}, copy={"cancel_source_order": False}),
    Case("the platform has time yet", "wait", "may still", age=299),
    Case("the platform's time is over", "act", age=300),
    Case("the platform has time, paid or not", "wait", age=0, source=of("placed", "paid", "unfulfilled")),
    Case("the platform did it within its time", "done", age=0, source={"status": "cancelled"}),
    Case("it has time under `never` too", "wait", policy="never", age=0),
    # Whether it is wanted at all.
    Case("never, and the platform forgot", "tell", "policy is never", policy="never"),
    Case("never, and nobody asked", "leave", "did not ask", policy="never", copy={"cancel_source_order": False}),
    Case("nobody asked", "leave", "did not ask", copy={"cancel_source_order": False}),
    Case("nothing was said", "leave", "did not ask", copy={"cancel_source_order": None}),
    Case("nobody asked, and no waiting", "leave", age=0, copy={"cancel_source_order": None}),
    Case(
        "metadata asks",
        "act",
        policy="metadata",
        copy={"cancel_source_order": None, "metadata": {"cancel_source_order": True}},
    ),
    Case(
        "metadata asks at once",
        "act",
        policy="metadata",
        age=0,
        copy={"cancel_source_order": None, "metadata": {"cancel_source_order": True}},
    ),
    *(
        Case(
            f"metadata says {value!r}",
            "leave",
            "did not ask",
            policy="metadata",
            copy={"cancel_source_order": None, "metadata": {"cancel_source_order": value}},
        )
        for value in (False, "true", 1, None, [True])
    ),
    Case(
        "metadata asks by another key",
        "leave",
        policy="metadata",
        copy={"cancel_source_order": None, "metadata": {"cancel": True}},
    ),
    Case("metadata is the policy, the attribute asked", "tell", "policy is metadata", policy="metadata"),
    Case(
        "requested is the policy, metadata asked",
        "leave",
        copy={"cancel_source_order": None, "metadata": {"cancel_source_order": True}},
    ),
    # The copy, read again.
    *(Case(f"the copy is {s}", "leave", s, copy={"status": s}) for s in ("pending", "in_progress", "dreaming")),
    *(Case(f"the copy is {s}", "tell", s, copy={"status": s}) for s in ("failed", "aborted")),
    Case("the copy has no status", "leave", copy={"status": None}),
    Case("a renewal", "leave", "never cancelled", copy={"type": "recurring_order_copies"}),
    Case(
        "a renewal, whatever metadata asks",
        "leave",
        "never cancelled",
        policy="metadata",
        copy={"type": "recurring_order_copies", "metadata": {"cancel_source_order": True}},
    ),
    Case("errors were skipped", "tell", "with errors", copy={"skip_errors": True, "errors_count": 2}),
    Case("errors without a word of skipping", "tell", "with errors", copy={"errors_count": 1}),
    Case("errors that nobody counted", "tell", "with errors", copy={"errors_log": {"status": ["x"]}}),
    Case("errors might have been skipped and were not", "act", copy={"skip_errors": True, "errors_count": 0}),
    # The target, read again.
    *(
        Case(f"the target is {s}", "tell", "left without an order", target={"status": s})
        for s in ("pending", "draft", "placing", "editing", "cancelled", "brand_new", None)
    ),
    Case("the target is being placed", "wait", "being placed", target={"status": "placing"}, age=600),
    Case(
        "the target is being placed, and the source is cancelled",
        "wait",
        "being placed",
        source={"status": "cancelled"},
        target={"status": "placing"},
        age=600,
    ),
    Case("the target is approved", "act", target={"status": "approved"}),
    Case("the target is missing", "tell", "both orders", target=None),
    Case("source and target are one", "tell", "one order", target={"id": SOURCE.id}),
    Case(
        "replaced by nothing",
        "tell",
        "but the target order is pending",
        source={"status": "cancelled"},
        target={"status": "pending"},
    ),
    Case("replaced by no order", "tell", "missing", source={"status": "cancelled"}, target=None),
    # Subscriptions.
    Case("a manual subscription's copy", "tell", "belongs to a subscription", copy={"order_subscription_id": "Subscr"}),
    Case("the target belongs to one", "tell", "belongs to a subscription", target={"order_subscription_id": "Subscr"}),
    Case("the source began an active one", "tell", "is active", source=begun("active")),
    Case("the source began a running one", "tell", "is running", source=begun("running")),
    Case("the source began an inactive one", "tell", "is inactive", source=begun("inactive")),
    Case("the source began a pending one", "tell", "is pending", source=begun("pending")),
    Case("the source began one of unknown status", "tell", "unknown status", source=begun(None)),
    Case("the source began a cancelled one", "act", source=begun("cancelled")),
    Case("one of its two subscriptions lives", "tell", "is active", source=begun("cancelled", "active")),
    Case("the API does not say", "tell", "does not say whether", source={"order_subscriptions": None}),
    # Missing data.
    Case("no source order is named", "tell", "does not say which order", source=None),
    Case("no source order, and nobody asked", "leave", source=None, copy={"cancel_source_order": None}),
    # After an attempt of which nobody knows what came of it.
    Case("the unknown attempt took effect", "done", "took effect", source={"status": "cancelled"}, unknown=True),
    Case("the unknown attempt did nothing", "act", unknown=True),
    Case(
        "it took effect, and then the target went",
        "tell",
        "but the target order is cancelled",
        source={"status": "cancelled"},
        target={"status": "cancelled"},
        unknown=True,
    ),
    Case("it did nothing, and now it is paid", "tell", PAID, source=of("placed", "paid", "unfulfilled"), unknown=True),
]


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case.name} ({case.policy})")
def test_every_row_of_the_table_is_decided_as_it_says(case: Case) -> None:
    decision = decide(started(case.age, unknown=case.unknown), case.facts, settings(case.policy), NOW)

    assert (sort(decision), case.words in getattr(decision, "why", "")) == (case.expected, True), decision


def test_without_credentials_nothing_is_done() -> None:
    assert sort(decide(started(), Facts(None), settings(), NOW)) == "leave"


def test_what_is_cancelled_is_the_source_and_never_the_target() -> None:
    decision = decide(started(), Facts(COPY), settings(), NOW)

    assert isinstance(decision, Act)
    assert decision.argument == SOURCE


def test_the_metadata_key_is_the_one_of_the_settings() -> None:
    facts = Facts(replace(COPY, cancel_source_order=None, metadata={"please": True}))
    by = {
        key: sort(decide(started(), facts, settings("metadata", cancel_metadata_key=key), NOW))
        for key in ("please", "x")
    }

    assert by == {"please": "act", "x": "leave"}


@pytest.mark.parametrize(("age", "seconds"), [(0, 300), (100, 200), (299.5, 0.5)])
def test_it_waits_for_exactly_what_is_left_of_the_platforms_time(age: float, seconds: float) -> None:
    decision = decide(started(age), Facts(COPY), settings(), NOW)

    assert decision == Wait(seconds, "the platform may still cancel the source order by itself")


ENDS = [
    (Leave("a reason", tell=True), {}, ["source order left alone"]),
    (Leave("a reason"), {}, []),
    (Leave("a reason", tell=True), {"source": {"status": "cancelled"}}, ["replaced by an unplaced order"]),
    (Done("Copydesk cancelled the source order", "request-2"), {}, ["cancelled in the platform's place"]),
    (Done("Copydesk cancelled the source order", "r"), {"copy": {"cancel_source_order": None}}, []),
    (Done("the order was cancelled meanwhile", "request-2"), {}, []),
    (Done("the platform has cancelled the source order"), {}, []),
    (
        Done("the source order is cancelled: an attempt whose outcome was unknown took effect"),
        {},
        ["cancelled in the platform's place"],
    ),
]


@pytest.mark.parametrize(("end", "world", "causes"), ENDS, ids=lambda value: str(value)[:60])
def test_people_hear_of_what_was_wanted_and_not_done_and_of_what_copydesk_did(
    end: Done | Leave, world: dict[str, Any], causes: list[str]
) -> None:
    planned = KIND.afterwards(started(), Case("", "", **world).facts, end)

    assert [follow_up.cause for follow_up in planned] == causes


_statuses = st.sampled_from(
    ["placed", "approved", "pending", "draft", "editing", "placing", "cancelled", "completed", "something", None]
)
_payments = st.sampled_from(
    ["authorized", "free", "unpaid", "partially_authorized", "paid", "partially_paid", "x", None]
)
_fulfillments = st.sampled_from(["unfulfilled", "not_required", "in_progress", "fulfilled", "x", None])
_flag = st.sampled_from([True, False, None])
_subscriptions = st.none() | st.lists(
    st.builds(Subscription, st.just("Subscr"), status=st.sampled_from(["active", "cancelled", "inactive", None])),
    max_size=2,
).map(tuple)
_orders = st.builds(
    Order,
    st.sampled_from(["SourceOrdr", "TargetOrdr"]),
    status=_statuses,
    payment_status=_payments,
    fulfillment_status=_fulfillments,
    order_subscription_id=st.sampled_from([None, None, "Subscr"]),
    order_subscriptions=_subscriptions,
)
_sound = st.sampled_from(
    [SOURCE, TARGET, replace(SOURCE, order_subscriptions=(Subscription("S", status="cancelled"),))]
)
_copies = st.builds(
    OrderFactory,
    st.sampled_from(["order_copies", "order_copies", "recurring_order_copies"]),
    st.just("XAyRWNUzyN"),
    status=st.sampled_from(["completed", "completed", "failed", "aborted", "in_progress", None]),
    cancel_source_order=_flag,
    skip_errors=_flag,
    errors_count=st.sampled_from([0, 1, None]),
    metadata=st.sampled_from([None, {"cancel_source_order": True}, {"cancel_source_order": "yes"}]),
    order_subscription_id=st.sampled_from([None, None, "Subscr"]),
    source_order=_sound | st.none() | _orders,
    target_order=_sound | st.none() | _orders,
)


def _allowed(copy: OrderFactory | None, policy: str, age: float) -> bool:
    """Every guard in one plain conjunction, written beside the product and not after it."""
    if copy is None or copy.source_order is None or copy.target_order is None:
        return False
    source, target = copy.source_order, copy.target_order
    asked = copy.cancel_source_order is True
    by_metadata = bool(copy.metadata) and copy.metadata["cancel_source_order"] is True
    return (
        copy.type == "order_copies"
        and copy.status == "completed"
        and ((policy == "requested" and asked) or (policy == "metadata" and by_metadata))
        and (not asked or age >= 300)
        and copy.errors_count != 1
        and copy.order_subscription_id is None
        and target.order_subscription_id is None
        and source.id != target.id
        and target.status in ("placed", "approved")
        and source.order_subscriptions is not None
        and all(s.status == "cancelled" for s in source.order_subscriptions)
        and source.payment_status in ("authorized", "free", "unpaid", "partially_authorized")
        and source.status in ("placed", "approved")
        and not (source.status == "approved" and source.payment_status != "authorized")
        and source.fulfillment_status in ("unfulfilled", "not_required")
        and not (
            source.fulfillment_status == "not_required" and source.payment_status in ("unpaid", "partially_authorized")
        )
    )


@given(
    copy=st.none() | _copies,
    policy=st.sampled_from(["requested", "never", "metadata"]),
    age=st.sampled_from([0.0, 299.0, 300.0, 90_000.0]),
    unknown=st.booleans(),
)
def test_it_acts_exactly_where_every_guard_holds(
    copy: OrderFactory | None, policy: str, age: float, unknown: bool
) -> None:
    decision = decide(started(age, unknown=unknown), Facts(copy), settings(policy), NOW)

    assert isinstance(decision, Act) == _allowed(copy, policy, age), decision
