"""Webhooks are signed, posted, retried and silenced by the provider's rules."""

import base64
import hashlib
import hmac
import json
import threading

import pytest

from service.errors import ConfigurationError
from service.sandbox import Sandbox
from service.sandbox import delivery as room

from .conftest import SECRETS, TOPICS, Api, Receiver


def test_every_delivery_carries_the_topic_and_the_signature_of_its_bytes(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.play("good-copy")
    sandbox.play("failing-renewal")
    assert sandbox.settle()
    assert len(receiver.received) > 6
    for request in receiver.received:
        secret = SECRETS[request.topic].encode("ascii")
        expected = base64.standard_b64encode(hmac.digest(secret, request.body, "sha256")).decode()
        assert request.headers["x-commercelayer-signature"] == expected
        assert request.headers["content-type"] == "application/vnd.api+json"
        assert request.path == f"/webhooks/{request.topic}"
    assert hashlib.sha256(receiver.received[0].body).digest() != hashlib.sha256(receiver.received[1].body).digest()


def test_a_body_is_compact_has_relative_links_and_shows_what_is_included(sandbox: Sandbox, receiver: Receiver) -> None:
    made = sandbox.play("good-copy")
    assert sandbox.settle()
    (request,) = receiver.of("order_copies.complete")
    body = json.loads(request.body)
    assert request.body == json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()
    assert "€153,00".encode() in request.body
    assert b":153.0," in request.body
    assert list(body) == ["data", "included"]
    data = body["data"]
    assert list(data) == ["id", "type", "links", "attributes", "relationships", "meta"]
    assert data["links"] == {"self": f"/api/order_copies/{made['order_copy']}"}
    assert data["meta"] == {"mode": "test", "organization_id": "xRRkjDFafe"}
    assert "type" not in data["attributes"]
    linkages = {name: one.get("data", "none") for name, one in data["relationships"].items()}
    assert linkages == {
        "source_order": {"type": "orders", "id": made["source_order"]},
        "target_order": {"type": "orders", "id": made["target_order"]},
        "order_subscription": None,
        "events": "none",
        "event_stores": "none",
    }
    assert {one["id"]: one["attributes"]["status"] for one in body["included"]} == {
        made["source_order"]: "cancelled",
        made["target_order"]: "placed",
    }


def test_moments_of_one_factory_increase_strictly(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.play("good-copy")
    assert sandbox.settle()
    factory = [request for request in receiver.received if request.topic.startswith("order_copies.")]
    moments = [request.data["attributes"]["updated_at"] for request in factory]
    assert len(moments) == 3
    assert moments == sorted(set(moments))


def test_deleting_a_copy_fires_destroy_with_its_id_only(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    id_ = sandbox.play("good-copy")["order_copy"]
    assert api.client.delete(f"/api/order_copies/{id_}").status_code == 204
    assert api.get(f"order_copies/{id_}").status_code == 404
    assert sandbox.settle()
    (request,) = receiver.of("order_copies.destroy")
    assert request.data["id"] == id_
    assert set(request.data["attributes"].values()) == {None}
    assert "included" not in json.loads(request.body)


def test_a_failed_delivery_is_retried_ten_times_with_the_same_bytes(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer = lambda request: 500 if request.topic == "order_copies.start" else 200
    sandbox.play("good-copy")
    assert sandbox.settle()
    tries = receiver.of("order_copies.start")
    assert len(tries) == 11
    assert len({request.body for request in tries}) == 1
    attempts = [one for one in sandbox.deliveries if one["topic"] == "order_copies.start"]
    assert [one["attempt"] for one in attempts] == list(range(1, 12))
    assert {one["status"] for one in attempts} == {500}


@pytest.mark.parametrize("status", [201, 204, 299])
def test_any_2xx_is_a_success(sandbox: Sandbox, receiver: Receiver, status: int) -> None:
    receiver.answer = lambda _request: status
    sandbox.play("good-copy")
    assert sandbox.settle()
    assert {one["attempt"] for one in sandbox.deliveries} == {1}


def test_a_redirection_is_a_failure_and_is_not_followed(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer = lambda _request: 302
    sandbox.make_order(status="cancelled")
    sandbox.play("failing-copy")
    assert sandbox.settle()
    assert len(receiver.of("order_copies.fail")) == 11


def test_a_success_sets_the_count_of_failures_back(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    left = [9]

    def nine_times(_request: object) -> int:
        left[0] -= 1
        return 500 if left[0] >= 0 else 200

    receiver.answer = nine_times
    sandbox.play("failing-copy")
    assert sandbox.settle()
    assert {one["circuit_failure_count"] for one in _webhooks(api).values()} == {0}


def test_the_circuit_opens_after_30_failures_and_only_a_reset_closes_it(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 500 if request.topic == "order_copies.create" else 200
    for _ in range(5):
        sandbox.play("good-copy")
    assert sandbox.settle()
    assert len(receiver.of("order_copies.create")) == 30
    webhook = _webhooks(api)["order_copies.create"]
    assert (webhook["circuit_state"], webhook["circuit_failure_count"]) == ("open", 30)
    assert _webhooks(api)["order_copies.start"]["circuit_state"] == "closed"

    receiver.answer = lambda _request: 200
    sandbox.play("good-copy")
    assert sandbox.settle()
    assert len(receiver.of("order_copies.create")) == 30

    reset = api.update("webhooks", webhook["id"], _reset_circuit=True).json()["data"]["attributes"]
    assert (reset["circuit_state"], reset["circuit_failure_count"]) == ("closed", 0)
    sandbox.play("good-copy")
    assert sandbox.settle()
    assert len(receiver.of("order_copies.create")) == 31


def test_an_answer_that_comes_too_late_is_a_failure(
    sandbox: Sandbox, receiver: Receiver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(room, "TIME_LIMIT", -1.0)
    monkeypatch.setattr(room, "RETRIES", 0)
    sandbox.play("failing-copy")
    assert sandbox.settle()
    assert {(one["status"], one["error"]) for one in sandbox.deliveries} == {(None, "ReadTimeout")}


def test_nobody_there_is_a_failure_that_names_itself() -> None:
    with Sandbox(callback="http://127.0.0.1:9", secrets={"order_copies.create": "0" * 32}, retry_seconds=0.0) as alone:
        alone.play("good-copy")
        assert alone.settle()
        assert [one["error"] for one in alone.deliveries] == ["ConnectError"] * 11


def test_webhooks_are_made_changed_silenced_and_deleted(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    wanted = {"topic": "orders.approve", "callback_url": f"{receiver.url}/mine", "include_resources": ["events"]}
    made = api.create("webhooks", wanted).json()["data"]
    assert made["attributes"]["name"] == f"Webhook {made['id']}"
    assert len(bytes.fromhex(made["attributes"]["shared_secret"])) == 16
    order = sandbox.make_order()
    api.update("webhooks", made["id"], _disable=True)
    assert api.attributes("webhooks", made["id"])["disabled_at"] is not None
    api.update("orders", order, _approve=True)
    api.update("webhooks", made["id"], _enable=True)
    api.update("orders", sandbox.make_order(), _approve=True)
    assert sandbox.settle()
    assert [request.path for request in receiver.received] == ["/webhooks/mine"]
    assert api.client.delete(f"/api/webhooks/{made['id']}").status_code == 204
    again = api.create("webhooks", wanted | {"name": f"Copydesk {TOPICS[0]}"})
    assert again.json()["errors"][0]["meta"] == {"error": "taken"}


@pytest.mark.parametrize(
    "attributes",
    [
        {"topic": "orders.place"},
        {"callback_url": "http://127.0.0.1:1/"},
        {"topic": "orders", "callback_url": "http://127.0.0.1:1/"},
        {"topic": "orders.place", "callback_url": "https://example.com/"},
        {"topic": "orders.place", "callback_url": "http://127.0.0.1:1/", "include_resources": ["nothing"]},
    ],
)
def test_a_webhook_that_would_not_work_is_refused(api: Api, attributes: dict) -> None:
    assert api.create("webhooks", attributes).status_code == 422


def test_an_event_can_be_fired_again(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    id_ = sandbox.play("failing-copy")["order_copy"]
    assert sandbox.settle()
    events = api.get(f"order_copies/{id_}/events").json()["data"]
    (failed,) = [event for event in events if event["attributes"]["name"] == "order_copies.fail"]
    assert api.update("events", failed["id"], _trigger=True).status_code == 200
    assert sandbox.settle()
    assert len(receiver.of("order_copies.fail")) == 2


def test_the_sandbox_keeps_to_this_machine() -> None:
    with pytest.raises(ConfigurationError) as caught:
        Sandbox(host="0.0.0.0", callback="https://example.com/webhooks")  # noqa: S104 (refused)
    assert len(caught.value.mistakes) == 2


def test_closing_leaves_no_thread_behind_even_with_retries_ahead(receiver: Receiver) -> None:
    before = set(threading.enumerate())
    receiver.answer = lambda _request: 500
    with Sandbox(callback=receiver.url, secrets=SECRETS, step_seconds=0.0, retry_seconds=60.0) as sandbox:
        sandbox.play("good-copy")
    sandbox.close()
    mine = [one for one in set(threading.enumerate()) - before if "sandbox" in one.name]
    assert mine == []


def _webhooks(api: Api) -> dict[str, dict]:
    data = api.get("webhooks", **{"page[size]": "25"}).json()["data"]
    return {one["attributes"]["topic"]: one["attributes"] | {"id": one["id"]} for one in data}
