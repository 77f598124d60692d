"""The platform remembers every attempt to deliver for a month, and every event, which can be fired again."""

import json

import pytest

from service.sandbox import Sandbox

from .conftest import Api, Receiver, client_of, http

TOPIC = "order_copies.fail"


def _webhook(api: Api, topic: str = TOPIC) -> str:
    (found,) = api.get("webhooks", **{"filter[q][topic_eq]": topic}).json()["data"]
    return found["id"]


def _of(api: Api, webhook: str, **more: str) -> list[dict]:
    parameters = {"filter[q][webhook_id_eq]": webhook, "page[size]": "25", "sort": "-created_at", **more}
    answer = api.get("event_callbacks", **parameters)
    assert answer.status_code == 200, answer.text
    return [one["attributes"] for one in answer.json()["data"]]


def test_every_attempt_leaves_a_callback_with_its_answer_as_a_text(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    answers = iter([500, 302, 200])
    receiver.answer = lambda request: next(answers) if request.topic == TOPIC else 200
    sandbox.play("failing-copy")
    assert sandbox.settle()
    kept = _of(api, _webhook(api), sort="created_at")
    told = [(one["response_code"], one["response_message"], one["callback_url"]) for one in kept]
    url = f"{receiver.url}/{TOPIC}"
    assert told == [("500", "Internal Server Error", url), ("302", "Found", url), ("200", "OK", url)]


def test_a_stored_payload_has_the_keys_of_jsonb_and_the_values_that_were_sent(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    sandbox.play("failing-copy")
    assert sandbox.settle()
    (kept,) = _of(api, _webhook(api))
    sent = json.loads(receiver.of(TOPIC)[0].body)
    assert kept["payload"] == sent
    assert list(sent["data"]) == ["id", "type", "links", "attributes", "relationships", "meta"]
    assert list(kept["payload"]["data"]) == ["id", "meta", "type", "links", "attributes", "relationships"]
    names = list(kept["payload"]["data"]["attributes"])
    assert names == sorted(names, key=lambda name: (len(name.encode()), name.encode()))


def test_a_missing_answer_has_no_code() -> None:
    with Sandbox(callback="http://127.0.0.1:9", secrets={TOPIC: "0" * 32}, retry_seconds=0.0) as alone:
        alone.play("failing-copy")
        assert alone.settle()
        with client_of(alone) as api:
            kept = _of(api, _webhook(api))
    assert {(one["response_code"], one["response_message"]) for one in kept} == {("", "connection failed")}
    assert len(kept) == 11


def test_callbacks_are_filtered_by_webhook_and_moment(sandbox: Sandbox, api: Api) -> None:
    sandbox.play("good-copy")
    assert sandbox.settle()
    complete = _webhook(api, "order_copies.complete")
    assert len(_of(api, complete)) == 1
    assert _of(api, _webhook(api)) == []
    (first,) = _of(api, complete)
    assert len(_of(api, complete, **{"filter[q][created_at_gteq]": first["created_at"]})) == 1
    assert _of(api, complete, **{"filter[q][created_at_gt]": first["created_at"]}) == []
    assert api.get("event_callbacks", **{"filter[q][payload_present]": "true"}).status_code == 400


def test_callbacks_are_forgotten_after_a_month(sandbox: Sandbox, api: Api) -> None:
    sandbox.play("good-copy")
    assert sandbox.settle()
    address = f"{sandbox.url}/sandbox/callbacks/age"
    assert http.post(address, json={"days": 29}).json()["left"] == 5
    sandbox.play("failing-copy")
    assert sandbox.settle()
    assert http.post(address, json={"days": 2}).json()["left"] == 3
    assert api.get("event_callbacks").json()["meta"]["record_count"] == 3


def test_a_webhook_and_an_event_show_their_last_callbacks_newest_first(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    receiver.answer = lambda request: 500 if request.topic == TOPIC else 200
    for _ in range(3):
        made = sandbox.play("failing-copy")
    assert sandbox.settle()
    webhook = _webhook(api)
    last = api.get(f"webhooks/{webhook}/last_event_callbacks", **{"page[size]": "25"}).json()
    assert last["meta"]["record_count"] == 25
    moments = [one["attributes"]["created_at"] for one in last["data"]]
    assert moments == sorted(moments, reverse=True)
    whole = api.get(f"webhooks/{webhook}", include="last_event_callbacks").json()
    assert len(whole["included"]) == 25
    (event,) = [one for one in _events(api, made["order_copy"]) if one["attributes"]["name"] == TOPIC]
    shown = api.get(f"events/{event['id']}", include="webhooks,last_event_callbacks").json()["included"]
    assert [one["id"] for one in shown if one["type"] == "webhooks"] == [webhook]
    about = {one["attributes"]["payload"]["data"]["id"] for one in shown if one["type"] == "event_callbacks"}
    assert about == {made["order_copy"]}


def test_an_event_triggered_again_reaches_all_webhooks_of_its_topic(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    api.create("webhooks", {"topic": TOPIC, "callback_url": f"{receiver.url}/second"})
    made = sandbox.play("failing-copy")
    assert sandbox.settle()
    (event,) = [one for one in _events(api, made["order_copy"]) if one["attributes"]["name"] == TOPIC]
    for _ in range(2):
        assert api.update("events", event["id"], _trigger=True).status_code == 200
    assert sandbox.settle()
    paths = sorted(request.path for request in receiver.of(TOPIC))
    assert paths == [f"/webhooks/{TOPIC}"] * 3 + ["/webhooks/second"] * 3
    assert len(_events(api, made["order_copy"])) == 3


@pytest.mark.parametrize(("name", "status"), [("order_copies.destroy", 200), ("order_copies.complete", 404)])
def test_of_what_was_deleted_only_the_destroy_event_can_be_triggered(
    sandbox: Sandbox, api: Api, receiver: Receiver, name: str, status: int
) -> None:
    id_ = sandbox.play("good-copy")["order_copy"]
    api.client.delete(f"/api/order_copies/{id_}")
    assert sandbox.settle()
    (event,) = api.get("events", **{"filter[q][name_eq]": name}).json()["data"]
    assert api.update("events", event["id"], _trigger=True).status_code == status
    assert sandbox.settle()
    first, *again = receiver.of(name)
    assert [one.body for one in again] == ([first.body] if status == 200 else [])


def _events(api: Api, copy: str) -> list[dict]:
    return api.get(f"order_copies/{copy}/events").json()["data"]
