"""The client and the local Commerce Layer together: what the reference says can be asked is asked and answered."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.clients.api import Api, Call
from service.clients.commerce_layer import CommerceLayer
from service.clients.http import DEADLINES
from service.clients.limits import unlimited
from service.errors import Refused, Unavailable
from service.resources.reference import REFERENCE
from service.sandbox import Sandbox
from service.sandbox.resources import RESOURCES
from service.settings import Settings
from tests.clients.conftest import failure_of

RENEWALS = "recurring_order_copies"
# What the sandbox has of them; it has neither markets nor callbacks.
KNOWN = [type_ for type_ in REFERENCE if type_ != "event_callbacks"]
QUESTION = "not_null"


def settings_of(sandbox: Sandbox) -> Settings:
    return Settings(
        client_id="sandbox-client-id",
        client_secret="sandbox-client-secret",
        api_url=sandbox.url,
        auth_url=sandbox.url,
        organization="xRRkjDFafe",
        mode="test",
    )


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(step_seconds=0.0) as running:
        yield running


@pytest.fixture(scope="module")
def client(sandbox: Sandbox) -> Iterator[CommerceLayer]:
    with CommerceLayer(settings_of(sandbox)) as made:
        yield made


@pytest.fixture(scope="module")
def api(sandbox: Sandbox) -> Iterator[Api]:
    """The same without any check, for what the client itself would refuse."""
    made = Api(settings_of(sandbox), DEADLINES, lambda: 0.0, unlimited)
    yield made
    made.close()


@pytest.fixture(scope="module")
def renewals(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Twelve renewals of one subscription, the last two of which failed, and one copy."""
    first = sandbox.play("good-renewal")
    again = {"subscription": first["order_subscription"]}
    made = [first, *(sandbox.play("good-renewal", **again) for _ in range(9))]
    made += [sandbox.play("failing-renewal", **again) for _ in range(2)]
    sandbox.play("good-copy")
    return made


def test_the_first_page_has_the_totals_of_all(client: CommerceLayer, renewals: list[dict[str, Any]]) -> None:
    pages = list(client.recurring_order_copies.list(page_size=5, sort="created_at,id"))
    assert [(p.number, len(p.items), p.record_count, p.page_count) for p in pages] == [
        (1, 5, 12, 3),
        (2, 5, 12, 3),
        (3, 2, 12, 3),
    ]
    assert {copy.id for p in pages for copy in p.items} == {made["recurring_order_copy"] for made in renewals}


@pytest.mark.parametrize("name", REFERENCE[RENEWALS].sortable)
def test_renewals_are_sorted_by_every_field_of_the_page(
    client: CommerceLayer, renewals: list[dict[str, Any]], name: str
) -> None:
    for sign, descending in (("", False), ("-", True)):
        found = [getattr(c, name) for c in client.recurring_order_copies.list(sort=[sign + name, "id"]).items()]
        present = [value for value in found if value is not None]
        assert present == sorted(present, reverse=descending)
        assert len(found) == len(renewals)


@pytest.mark.parametrize("type_", KNOWN)
def test_whatever_the_table_offers_is_accepted(client: CommerceLayer, sandbox: Sandbox, type_: str) -> None:
    collection, offer = getattr(client, type_), REFERENCE[type_]
    here = {*RESOURCES[type_].attributes, "id"}
    related = {name for name, r in RESOURCES[type_].relationships.items() if r.known}
    for name in {*offer.sortable} & here:
        list(collection.list(sort=f"-{name}"))
    for name in {*offer.filterable} & here:
        list(collection.list(filters={f"{name}_{QUESTION}": True}))
    for name in {*offer.filterable_relationships} & related:
        list(collection.list(filters={f"{name}_id_{QUESTION}": True}))
    for name in {*offer.includable} & related:
        list(collection.list(include=name))
    list(collection.list(fields=sorted({*offer.fetchable} & here), page_size=25))


@pytest.mark.parametrize("type_", KNOWN)
def test_whatever_the_table_does_not_offer_gets_the_documented_refusal(api: Api, type_: str) -> None:
    offer = REFERENCE[type_]
    here = {*RESOURCES[type_].attributes}
    refused = [("sort", "mood"), ("filter[q][mood_eq]", "x"), ("include", "event_stores"), ("page[size]", "26")]
    # Circuits can be filtered by according to the schema, and should not be relied on: the table leaves them out.
    refused += [("sort", n) for n in here - {*offer.sortable} if not n.startswith("circuit_")]
    refused += [(f"filter[q][{n}_null]", "true") for n in here - {*offer.filterable} if not n.startswith("circuit_")]
    for parameter in refused:
        error = failure_of(lambda parameter=parameter: api.call(Call("asking", "GET", type_, (parameter,))))  # type: ignore[misc]
        assert (type(error), error.status, error.code) == (Refused, 400, "KEY_NOT_INCLUDED_IN_URL"), parameter


@pytest.mark.parametrize(
    ("filters", "count"),
    [
        ({"status_eq": "failed"}, 2),
        ({"status_in": ["failed", "aborted"]}, 2),
        ({"status_not_eq": "failed"}, 10),
        ({"errors_count_gt": 0}, 2),
        ({"failed_at_not_null": True}, 2),
        ({"completed_at_lteq": datetime.now(UTC) + timedelta(days=1)}, 10),
        ({"status_eq": "failed", "errors_count_eq": 0}, 0),
        ({"status_cont_any": ["fail", "compl"]}, 12),
        ({"reference_or_reference_origin_present": True}, 0),
        ({"source_order_status_in": ["placed", "approved"]}, 12),
    ],
)
def test_renewals_are_filtered_as_asked(
    client: CommerceLayer, renewals: list[dict[str, Any]], filters: Any, count: int
) -> None:
    assert len(list(client.recurring_order_copies.list(filters=filters).items())) == count


def test_a_subscription_is_followed_to_its_renewals(client: CommerceLayer, renewals: list[dict[str, Any]]) -> None:
    subscription = renewals[0]["order_subscription"]
    listing = client.recurring_order_copies.list(
        filters={"order_subscription_id_eq": subscription},
        include="order_subscription,target_order",
        fields={RENEWALS: "status", "order_subscriptions": "status", "orders": "payment_status"},
    )
    found = list(listing.items())
    assert len(found) == 12
    assert {copy.order_subscription_id for copy in found} == {subscription}
    assert all(copy.order_subscription and copy.order_subscription.status == "active" for copy in found)
    assert {copy.target_order.payment_status for copy in found if copy.target_order} >= {"unpaid"}
    assert found[0].started_at is None


def test_the_umbrella_tells_copies_from_renewals(client: CommerceLayer, renewals: list[dict[str, Any]]) -> None:
    found = list(client.order_factories.list(fields="status").items())
    assert {copy.type for copy in found} == {"order_copies", RENEWALS}
    one = client.order_factories.retrieve(renewals[0]["recurring_order_copy"], include="source_order").value
    assert (one.type, one.status) == (RENEWALS, "completed")
    assert one.source_order is not None
    assert (one.meta.mode, one.meta.organization_id, one.unknown_attributes) == ("test", "xRRkjDFafe", {})


def test_changes_of_all_factories_are_walked_in_order(client: CommerceLayer, renewals: list[dict[str, Any]]) -> None:
    since = datetime.now(UTC) - timedelta(hours=1)
    found = list(client.order_factories.changes(since, page_size=4).items())
    assert {copy.id for copy in found} >= {made["recurring_order_copy"] for made in renewals}
    moments = [copy.updated_at for copy in found if copy.updated_at]
    assert len(moments) == len(found) == len({copy.id for copy in found})
    assert moments == sorted(moments)


def test_a_copy_is_created_with_all_arguments_marked_and_deleted(client: CommerceLayer, sandbox: Sandbox) -> None:
    source = sandbox.make_order(status="placed", payment_status="authorized")
    arguments: dict[str, Any] = {
        "place_target_order": True,
        "reuse_wallet": False,
        "reference": "ERP-17",
        "reference_origin": "erp",
        "metadata": {"by": "a test"},
        "cancel_source_order": True,
        "apply_promotions": True,
        "skip_errors": True,
        "ignore_invalid_coupon": True,
    }
    made = client.order_copies.create(source, **arguments).value
    for name, value in arguments.items():
        assert getattr(made, name) == value, name
    sandbox.settle()
    done = client.retrieve_factory("order_copies", made.id).value
    assert (done.status, done.source_order_id) == ("completed", source)
    assert (done.source_order and done.source_order.status, done.target_order and done.target_order.status) == (
        "cancelled",
        "placed",
    )
    marked = client.order_copies.update(made.id, reference=None, metadata={"seen": True}).value
    assert (marked.reference, marked.reference_origin, marked.metadata) == (None, "erp", {"seen": True})
    assert [event.name for event in client.events.of("order_copies", made.id).items()] == [
        "order_copies.create",
        "order_copies.start",
        "order_copies.complete",
    ]
    client.order_copies.delete(made.id)
    error = failure_of(lambda: client.order_copies.retrieve(made.id))
    assert (type(error), error.status, error.code) == (Refused, 404, "RECORD_NOT_FOUND")


def test_a_copy_of_an_order_that_is_not_there_is_refused_with_the_rule(client: CommerceLayer) -> None:
    error = failure_of(lambda: client.order_copies.create("NotThereXX"))
    assert (type(error), error.status, error.code) == (Refused, 422, "VALIDATION_ERROR")
    assert str(error) == "creating order_copies: Commerce Layer answered 422 VALIDATION_ERROR (required)"


def test_a_webhook_lives_from_creation_to_deletion(client: CommerceLayer) -> None:
    hooks = client.webhooks
    made = hooks.create("orders.place", "http://127.0.0.1:9/", name="ours", include_resources=["events"]).value
    assert (made.topic, made.include_resources, made.circuit_state) == ("orders.place", ("events",), "closed")
    assert made.shared_secret is not None
    assert len(made.shared_secret.get_secret_value()) == 32
    assert hooks.disable(made.id).value.disabled_at is not None
    assert hooks.enable(made.id).value.disabled_at is None
    assert hooks.reset_circuit(made.id).value.circuit_failure_count == 0
    assert hooks.update(made.id, callback_url="http://127.0.0.1:8/").value.callback_url == "http://127.0.0.1:8/"
    assert [hook.id for hook in hooks.list(filters={"topic_in": ["orders.place"]}).items()] == [made.id]
    hooks.delete(made.id)
    assert list(hooks.list().items()) == []


def test_an_event_is_fired_again(client: CommerceLayer, sandbox: Sandbox) -> None:
    copy = sandbox.play("good-copy")["order_copy"]
    first = next(client.events.of("order_copies", copy).items())
    assert client.events.trigger(first.id).value.name == "order_copies.create"


def test_limits_are_told_and_a_429_as_recorded_is_waited_for(sandbox: Sandbox) -> None:
    with Sandbox(step_seconds=0.0, rate_limits=True) as strict, CommerceLayer(settings_of(strict)) as client:
        error = failure_of(lambda: [list(client.webhooks.list()) for _ in range(26)])
        assert isinstance(error, Unavailable)
        assert (error.status, error.code, error.retry_after) == (429, "THROTTLED", 10.0)
        assert (client.rate_limits["read"].limit, client.rate_limits["read"].interval) == (100, 60)
