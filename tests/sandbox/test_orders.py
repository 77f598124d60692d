"""Orders change status as the provider documents it, and refuse what it would refuse."""

import pytest

from service.sandbox import Sandbox

from .conftest import Api, Receiver

STATUSES = ("draft", "pending", "editing", "placing", "placed", "approved", "cancelled")
PAYMENTS = ("unpaid", "authorized", "partially_authorized", "paid", "partially_refunded", "refunded", "free")
FULFILLMENTS = ("unfulfilled", "in_progress", "fulfilled", "not_required")
CANCELLABLE = {
    *(("placed", payment, "unfulfilled") for payment in ("authorized", "paid", "partially_refunded", "free")),
    *(("placed", payment, "not_required") for payment in ("authorized", "paid", "partially_refunded", "free")),
    ("placed", "unpaid", "unfulfilled"),
    ("placed", "partially_authorized", "unfulfilled"),
    ("approved", "authorized", "unfulfilled"),
    ("approved", "authorized", "not_required"),
}


def test_a_cancellation_is_accepted_in_the_cancellable_states_and_in_no_other(sandbox: Sandbox, api: Api) -> None:
    accepted = set()
    for status in STATUSES:
        for payment in PAYMENTS:
            for fulfillment in FULFILLMENTS:
                order = sandbox.make_order(status=status, payment_status=payment, fulfillment_status=fulfillment)
                answer = api.update("orders", order, _cancel=True)
                if answer.status_code == 200:
                    accepted.add((status, payment, fulfillment))
                    continue
                (error,) = answer.json()["errors"]
                assert answer.status_code == 422
                assert error["code"] == "VALIDATION_ERROR"
                assert error["title"] == f"cannot transition from {status} to cancelled"
                assert api.attributes("orders", order)["status"] == status
    again = {("cancelled", payment, fulfillment) for payment in PAYMENTS for fulfillment in FULFILLMENTS}
    assert accepted == CANCELLABLE | again


def test_cancelling_voids_the_authorization_and_doing_it_again_changes_nothing(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    order = sandbox.make_order()
    first = api.update("orders", order, _cancel=True).json()["data"]["attributes"]
    assert first.items() >= {"status": "cancelled", "payment_status": "voided"}.items()
    assert first["cancelled_at"] == first["updated_at"]
    second = api.update("orders", order, _cancel=True)
    assert second.status_code == 200
    assert second.json()["data"]["attributes"] == first
    assert sandbox.settle()
    assert receiver.topics == ["orders.cancel"]
    cancels = [effect for effect in sandbox.effects if effect["effect"] == "cancel"]
    assert [(effect["id"], effect["by"]) for effect in cancels] == [(order, "api")]


def test_an_order_lives_from_draft_to_refund(api: Api) -> None:
    made = api.create("orders", {"customer_email": "customer@example.com"}).json()["data"]
    assert made["attributes"]["status"] == "draft"
    refused = api.update("orders", made["id"], _place=True)
    assert refused.json()["errors"][0]["title"] == "cannot transition from draft to placed"
    seen = []
    for trigger in ("_pending", "_place", "_place", "_approve", "_capture", "_refund"):
        after = api.update("orders", made["id"], **{trigger: True}).json()["data"]["attributes"]
        seen.append((after["status"], after["payment_status"], after["fulfillment_status"]))
    assert seen == [
        ("pending", "unpaid", "unfulfilled"),
        ("placed", "authorized", "unfulfilled"),
        ("placed", "authorized", "unfulfilled"),
        ("approved", "authorized", "unfulfilled"),
        ("approved", "paid", "in_progress"),
        ("cancelled", "refunded", "unfulfilled"),
    ]


def test_a_refused_trigger_leaves_the_attributes_beside_it(sandbox: Sandbox, api: Api) -> None:
    order = sandbox.make_order(status="draft", payment_status="unpaid")
    assert api.update("orders", order, _cancel=True, metadata={"a": 1}).status_code == 422
    assert api.attributes("orders", order)["metadata"] == {}


def test_a_trigger_that_is_false_does_nothing(sandbox: Sandbox, api: Api) -> None:
    order = sandbox.make_order()
    assert api.update("orders", order, _cancel=False).status_code == 200
    assert api.attributes("orders", order)["status"] == "placed"


@pytest.mark.parametrize("attribute", ["status", "_ship", "cancelled_at"])
def test_no_other_attribute_of_an_order_can_be_set(sandbox: Sandbox, api: Api, attribute: str) -> None:
    assert api.update("orders", sandbox.make_order(), **{attribute: True}).status_code == 400


def test_an_order_shows_its_subscriptions(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("good-renewal")
    source = api.get(f"orders/{made['source_order']}", include="order_subscriptions").json()
    assert [one["id"] for one in source["included"]] == [made["order_subscription"]]
    target = api.get(f"orders/{made['target_order']}", include="order_subscription").json()
    assert target["data"]["relationships"]["order_subscription"]["data"]["id"] == made["order_subscription"]
