"""Resource objects become values: everything the reference documents, nothing trusted, nothing lost."""

from __future__ import annotations

from dataclasses import FrozenInstanceError, replace
from datetime import UTC, datetime
from typing import Any

import pytest

from service import resources
from service.resources import FACTORY_STATUSES, Meta, Order, OrderFactory, Subscription
from service.resources.reference import REFERENCE

MOMENT = "2026-03-02T09:00:02.905Z"
AT = datetime(2026, 3, 2, 9, 0, 2, 905000, UTC)
RUN: dict[str, Any] = {
    "status": "failed",
    "started_at": MOMENT,
    "completed_at": None,
    "failed_at": MOMENT,
    "errors_log": {"status": ["cannot transition from draft to placed"]},
    "errors_count": 1,
    "place_target_order": True,
    "reuse_wallet": False,
    "created_at": MOMENT,
    "updated_at": MOMENT,
    "reference": "ERP-17",
    "reference_origin": "erp",
    "metadata": {"campaign": "spring"},
}
COPY_ONLY = {
    "cancel_source_order": True,
    "apply_promotions": False,
    "skip_errors": True,
    "ignore_invalid_coupon": False,
}
RELATIONS = {
    "order_factories": ("source_order", "target_order", "events", "event_stores"),
    "order_copies": ("source_order", "target_order", "events", "event_stores", "order_subscription"),
    "recurring_order_copies": ("source_order", "target_order", "events", "order_subscription"),
}


def resource(type_: str, attributes: dict[str, Any], *names: str, **linkages: Any) -> dict[str, Any]:
    """A resource object as answers have it: linkage only for what is included."""
    address = f"https://acme.commercelayer.io/api/{type_}/XAyRWNUzyN"
    related = {n: {"links": {"self": f"{address}/relationships/{n}", "related": f"{address}/{n}"}} for n in names}
    for name, linkage in linkages.items():
        related.setdefault(name, {"links": {}})["data"] = linkage
    return {
        "id": "XAyRWNUzyN",
        "type": type_,
        "links": {"self": address},
        "attributes": attributes,
        "relationships": related,
        "meta": {"mode": "test", "organization_id": "xRRkjDFafe", "trace_id": "69ab"},
    }


@pytest.mark.parametrize(
    ("type_", "attributes", "read_as"),
    [
        ("order_factories", {"type": "recurring_order_copies"} | RUN, "recurring_order_copies"),
        # The examples of the reference show this `type` on order copies; `data.type` is what counts.
        ("order_copies", {"type": "recurring_order_copies"} | RUN | COPY_ONLY, "order_copies"),
        ("recurring_order_copies", RUN, "recurring_order_copies"),
    ],
)
def test_every_documented_attribute_of_a_factory_is_read_with_its_type(
    type_: str, attributes: dict[str, Any], read_as: str
) -> None:
    found = resources.order_factory(resource(type_, attributes, *RELATIONS[type_]))
    assert found.subject == f"{read_as}/XAyRWNUzyN"
    for name, value in attributes.items():
        expected = AT if value == MOMENT else value
        if name != "type":
            assert getattr(found, name) == expected, name
    assert found.relationships == RELATIONS[type_]
    assert found.link == f"https://acme.commercelayer.io/api/{type_}/XAyRWNUzyN"
    assert found.meta == Meta("test", "xRRkjDFafe", "69ab")
    assert found.unknown_attributes == {}
    assert found.first_error == "status: cannot transition from draft to placed"


def test_event_stores_are_a_link_and_events_are_ids_where_included() -> None:
    linked = resource("order_copies", {}, "event_stores", events=[{"type": "events", "id": "aBc"}])
    found = resources.order_factory(linked)
    assert found.event_stores == "https://acme.commercelayer.io/api/order_copies/XAyRWNUzyN/event_stores"
    assert found.event_ids == ("aBc",)
    assert resources.order_factory(resource("order_copies", {}, "events")).event_ids is None


@pytest.mark.parametrize("status", [*FACTORY_STATUSES, "paused"])
def test_every_status_is_kept_known_or_not(status: str) -> None:
    assert resources.order_factory(resource("order_copies", {"status": status})).status == status


def test_all_statuses_of_both_editions_are_known() -> None:
    assert set(FACTORY_STATUSES) == {"pending", "in_progress", "aborted", "failed", "completed"}


@pytest.mark.parametrize("said", [None, "draft_copies", 7, ["order_copies"]])
def test_a_factory_of_the_umbrella_that_does_not_say_which_it_is_stays_one(said: object) -> None:
    found = resources.order_factory(resource("order_factories", {"type": said}))
    assert found.type == "order_factories"
    with pytest.raises(ValueError, match="does not name an order factory"):
        resources.factory_of(found.subject)


def test_unknown_attributes_are_kept() -> None:
    found = resources.order_factory(resource("order_copies", {"status": "pending", "mood": {"a": 1}}))
    assert found.unknown_attributes == {"mood": {"a": 1}}
    assert found.attribute("mood") == {"a": 1}


@pytest.mark.parametrize("wrong", [None, 1, 1.5, "x", True, [], ["a"], {}, {"a": 1}])
@pytest.mark.parametrize(
    ("type_", "read"),
    [
        ("order_copies", resources.order_factory),
        ("orders", resources.order),
        ("order_subscriptions", resources.subscription),
        ("webhooks", resources.webhook),
        ("events", resources.recorded_event),
        ("event_callbacks", resources.event_callback),
    ],
)
def test_no_shape_of_a_document_raises(type_: str, read: Any, wrong: object) -> None:
    names = REFERENCE[type_].attributes
    for odd in (
        {"id": "a", "type": type_, "attributes": wrong, "relationships": wrong, "links": wrong, "meta": wrong},
        {"id": "a", "type": type_, "attributes": dict.fromkeys(names, wrong), "relationships": {"events": wrong}},
        {"id": "a", "type": type_},
    ):
        found = read(odd)
        shown = [getattr(found, name) for name in dir(found) if not name.startswith("_")]
        assert found.id == "a"
        assert shown


def test_a_value_made_by_hand_equals_one_that_was_read() -> None:
    read = resources.order_factory(resource("order_copies", {"status": "pending"}))
    made = OrderFactory(type="order_copies", id="XAyRWNUzyN", status="pending")
    assert read == made
    assert replace(read, status="failed") != made
    assert (made.link, made.meta, made.event_ids, made.unknown_attributes) == (None, Meta(), None, {})


def test_values_are_frozen() -> None:
    with pytest.raises(FrozenInstanceError):
        Order("a").status = "placed"  # type: ignore[misc]


def test_an_order_is_read_with_its_times_and_marks() -> None:
    attributes = {
        "number": 42,
        "status": "placed",
        "currency_code": "EUR",
        "total_amount_with_taxes_cents": 15300,
        "placed_at": MOMENT,
        "approved_at": None,
        "cancelled_at": MOMENT,
        "errors_count": 0,
        "reference": "ERP-17",
        "metadata": {},
        "updated_at": MOMENT,
    }
    found = resources.order(resource("orders", attributes))
    assert (found.number, found.currency_code, found.total_cents) == ("42", "EUR", 15300)
    assert (found.placed_at, found.approved_at, found.cancelled_at, found.updated_at) == (AT, None, AT, AT)
    assert (found.reference, found.metadata, found.errors_count) == ("ERP-17", None, 0)


def test_a_subscription_is_read_with_its_schedule() -> None:
    attributes = {
        "frequency": "monthly",
        "starts_at": MOMENT,
        "expires_at": None,
        "next_run_at": MOMENT,
        "renewal_alert_period": 24,
        "place_target_order": True,
        "activate_by_source_order": False,
        "succeeded_on_last_run": False,
    }
    source = {"type": "orders", "id": "NgojhelVGm"}
    found = resources.subscription(resource("order_subscriptions", attributes, source_order=source))
    assert isinstance(found, Subscription)
    assert (found.frequency, found.renewal_alert_period, found.source_order_id) == ("monthly", 24, "NgojhelVGm")
    assert (found.starts_at, found.expires_at, found.next_run_at) == (AT, None, AT)
    assert (found.place_target_order, found.activate_by_source_order, found.succeeded_on_last_run) == (
        True,
        False,
        False,
    )


def test_the_secret_of_a_webhook_is_in_no_repr_and_not_in_what_is_kept_of_the_answer() -> None:
    attributes = {"topic": "orders.place", "shared_secret": "CANARY", "include_resources": ["market", 3]}
    found = resources.webhook(resource("webhooks", attributes))
    assert found.shared_secret is not None
    assert found.shared_secret.get_secret_value() == "CANARY"
    assert "CANARY" not in repr(found) + repr(found.raw)
    assert (found.topic, found.include_resources) == ("orders.place", ("market",))


def test_a_callback_is_read_with_its_payload_and_its_webhook() -> None:
    attributes = {"payload": {"data": {"id": "a"}}, "response_code": "", "response_message": "timeout"}
    found = resources.event_callback(resource("event_callbacks", attributes, webhook={"type": "webhooks", "id": "wEb"}))
    assert (found.payload, found.response_code, found.webhook_id) == ({"data": {"id": "a"}}, "", "wEb")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (MOMENT, AT),
        ("2026-03-02T10:00:02.905+01:00", AT),
        ("2026-03-02T09:00:02Z", datetime(2026, 3, 2, 9, 0, 2, tzinfo=UTC)),
        ("2026-03-02T09:00:02,905Z", None),
        ("2026-03-02 09:00:02.905Z", None),
        ("2026-W10-1T09:00:02.905Z", None),
        ("2026-13-02T09:00:02.905Z", None),
        ("20260302T090002.905123Z-", None),
        ("2026-03-02T09:00:02.9x5Z", None),
        ("2026-03-02T09:00:02.905", None),
        ("2026-03-02", None),
        (1772442002, None),
    ],
)
def test_a_time_is_read_as_utc_and_nothing_else_is_one(text: object, expected: datetime | None) -> None:
    assert resources.instant(text) == expected
