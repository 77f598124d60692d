"""Webhooks carry their circuit and their secret, are unique by name only, and drift."""

import base64
import hmac

import pytest

from service.sandbox import Sandbox

from .conftest import SECRETS, Api, Receiver, http

TOPIC = "order_copies.complete"


def _one(api: Api, topic: str = TOPIC) -> dict:
    (found,) = api.get("webhooks", **{"filter[q][topic_eq]": topic}).json()["data"]
    return found["attributes"] | {"id": found["id"]}


def _signed(secret: str, body: bytes) -> str:
    return base64.standard_b64encode(hmac.digest(secret.encode(), body, "sha256")).decode()


def test_a_webhook_shows_all_its_fields(api: Api) -> None:
    shown = _one(api)
    told = {"circuit_state": "closed", "circuit_failure_count": 0, "disabled_at": None, "shared_secret": SECRETS[TOPIC]}
    assert shown.items() >= told.items()
    assert shown["include_resources"] == ["source_order", "target_order", "order_subscription"]


@pytest.mark.parametrize("name", ["circuit_state", "circuit_failure_count", "shared_secret", "callback_url"])
def test_what_is_transient_or_secret_neither_filters_nor_sorts(api: Api, name: str) -> None:
    assert api.get("webhooks", **{f"filter[q][{name}_present]": "true"}).status_code == 400
    assert api.get("webhooks", sort=name).status_code == 400


def test_several_webhooks_on_one_topic_each_sign_with_their_own_secret(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    wanted = {"topic": TOPIC, "callback_url": f"{receiver.url}/second"}
    second = api.create("webhooks", wanted).json()["data"]["attributes"]["shared_secret"]
    sandbox.play("good-copy")
    assert sandbox.settle()
    secrets = {f"/webhooks/{TOPIC}": SECRETS[TOPIC], "/webhooks/second": second}
    received = receiver.of(TOPIC)
    assert {request.path for request in received} == set(secrets)
    for request in received:
        assert request.headers["x-commercelayer-signature"] == _signed(secrets[request.path], request.body)


def test_each_of_them_has_a_circuit_of_its_own(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    second = api.create("webhooks", {"topic": TOPIC, "callback_url": f"{receiver.url}/second"}).json()["data"]["id"]
    receiver.answer = lambda request: 500 if request.path.endswith("second") else 200
    for _ in range(3):
        sandbox.play("good-copy")
    assert sandbox.settle()
    states = {one["id"]: one["attributes"]["circuit_state"] for one in _on(api, TOPIC)}
    assert states.pop(second) == "open"
    assert set(states.values()) == {"closed"}


def test_a_name_is_taken_once_also_by_a_change(api: Api, receiver: Receiver) -> None:
    wanted = {"topic": TOPIC, "callback_url": receiver.url, "name": "mine"}
    made = api.create("webhooks", wanted).json()["data"]["id"]
    assert api.create("webhooks", wanted).status_code == 422
    assert api.update("webhooks", made, name="mine").status_code == 200
    other = _one(api, "orders.place")["id"]
    refused = api.update("webhooks", other, name="mine")
    assert refused.json()["errors"][0]["meta"] == {"error": "taken"}


def test_includes_must_fit_the_topic_also_when_the_topic_changes(api: Api) -> None:
    id_ = _one(api)["id"]
    assert api.update("webhooks", id_, include_resources=["source_order.order_subscriptions"]).status_code == 200
    assert api.update("webhooks", id_, include_resources=["customer_of_source"]).status_code == 422
    assert api.update("webhooks", id_, topic="orders.place").status_code == 422
    assert api.update("webhooks", id_, topic="orders.place", include_resources=[]).status_code == 200


def test_a_secret_can_be_made_anew_and_signs_what_follows(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    id_ = _one(api)["id"]
    api.update("webhooks", id_, _regenerate_shared_secret=True)
    secret = _one(api)["shared_secret"]
    assert secret != SECRETS[TOPIC]
    sandbox.play("good-copy")
    assert sandbox.settle()
    (request,) = receiver.of(TOPIC)
    assert request.headers["x-commercelayer-signature"] == _signed(secret, request.body)


@pytest.mark.parametrize("trigger", ["_reset_circuit", "_regenerate_shared_secret"])
def test_a_new_webhook_cannot_be_reset(api: Api, receiver: Receiver, trigger: str) -> None:
    assert api.create("webhooks", {"topic": TOPIC, "callback_url": receiver.url, trigger: True}).status_code == 400


def test_a_webhook_can_be_changed_by_hand(sandbox: Sandbox, api: Api) -> None:
    address = f"{sandbox.url}/sandbox/webhooks"
    changes = {"circuit_state": "open", "circuit_failure_count": 30, "include_resources": [], "disabled": True}
    assert http.post(f"{address}/{TOPIC}", json=changes).json()["circuit_state"] == "open"
    shown = _one(api)
    assert (shown["circuit_failure_count"], shown["include_resources"]) == (30, [])
    assert shown["disabled_at"] is not None
    http.post(f"{address}/{shown['id']}", json={"disabled": False})
    assert _one(api)["disabled_at"] is None
    assert http.post(f"{address}/nothing", json={}).status_code == 404
    for wrong in ({"topic": "a.b"}, {"circuit_state": "half"}, {"callback_url": "https://example.com"}):
        assert http.post(f"{address}/{TOPIC}", json=wrong).status_code == 400


def test_a_drifted_webhook_posts_elsewhere_and_a_disabled_one_nowhere(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    told = sandbox.play("drifted-webhook", topic=TOPIC, callback_url=f"{receiver.url}/other")
    assert told["before"] == {"callback_url": f"{receiver.url}/{TOPIC}"}
    both = sandbox.play("drifted-webhook", topic="order_copies.fail")
    assert set(both["after"]) == {"callback_url", "include_resources"}
    disabled = sandbox.play("disabled-webhook", topic="order_copies.start")
    assert _one(api, "order_copies.start")["disabled_at"] == disabled["disabled_at"]
    sandbox.play("good-copy")
    assert sandbox.settle()
    assert [request.path for request in receiver.of(TOPIC)] == ["/webhooks/other"]
    assert receiver.of("order_copies.start") == []
    answer = http.post(f"{sandbox.url}/sandbox/scenarios/disabled-webhook", json={"topic": "nothing"})
    assert answer.status_code == 400


def _on(api: Api, topic: str) -> list[dict]:
    return api.get("webhooks", **{"filter[q][topic_eq]": topic}).json()["data"]
