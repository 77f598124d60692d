"""The sandbox's own surface: logs, trouble, Slack, reset and stop. And its documentation tells of all of it."""

import os
import signal
import socket
import subprocess
import sys
import threading
import time
from pathlib import Path

import httpx
import pytest

from service.sandbox import Sandbox

from .conftest import Api, Receiver, client_of, http

PROJECT = Path(__file__).parents[2]


def test_the_log_of_calls_can_be_filtered(sandbox: Sandbox, api: Api) -> None:
    order = sandbox.make_order()
    api.update("orders", order, _cancel=True)
    api.update("orders", order, _cancel=True)
    api.get("orders/nowhere")
    calls = http.get(f"{sandbox.url}/sandbox/calls", params={"method": "PATCH", "path": "/api/orders"}).json()
    assert [(call["path"], call["status"]) for call in calls] == [(f"/api/orders/{order}", 200)] * 2
    assert calls[0]["body"]["data"]["attributes"] == {"_cancel": True}
    assert len(calls[0]["request_id"]) == 36
    missed = http.get(f"{sandbox.url}/sandbox/calls", params={"status": "404"}).json()
    assert [call["path"] for call in missed] == ["/api/orders/nowhere"]
    assert sandbox.calls[0]["path"] == "/oauth/token"
    assert all("client_secret" not in str(call) for call in sandbox.calls)


def test_the_log_of_effects_tells_who_cancelled(sandbox: Sandbox, api: Api) -> None:
    copied = sandbox.play("good-copy")
    order = sandbox.make_order()
    api.update("orders", order, _cancel=True)
    cancels = http.get(f"{sandbox.url}/sandbox/effects", params={"effect": "cancel"}).json()
    assert [(one["id"], one["by"], one["cause"]) for one in cancels] == [
        (copied["source_order"], "platform", copied["order_copy"]),
        (order, "api", ""),
    ]


def test_the_log_of_deliveries_tells_every_attempt(sandbox: Sandbox, receiver: Receiver) -> None:
    receiver.answer = lambda _request: 503
    made = sandbox.play("failing-copy")
    assert http.post(f"{sandbox.url}/sandbox/settle").json() == {"settled": True}
    attempts = http.get(f"{sandbox.url}/sandbox/deliveries", params={"topic": "order_copies.fail"}).json()
    assert len(attempts) == 11
    assert {(one["resource"], one["status"]) for one in attempts} == {(made["order_copy"], 503)}


def test_an_order_can_be_made_in_any_state(sandbox: Sandbox, api: Api) -> None:
    wanted = {"status": "approved", "payment_status": "paid", "fulfillment_status": "in_progress"}
    made = http.post(f"{sandbox.url}/sandbox/orders", json=wanted)
    assert made.status_code == 201
    assert api.attributes("orders", made.json()["id"]).items() >= wanted.items()
    assert http.post(f"{sandbox.url}/sandbox/orders", json={"colour": "red"}).status_code == 400


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (401, "INVALID_TOKEN"),
        (403, "UNAUTHORIZED"),
        (404, "RECORD_NOT_FOUND"),
        (409, "RECORD_NOT_UNIQUE"),
        (422, "VALIDATION_ERROR"),
        (500, "INTERNAL_SERVER_ERROR"),
        (503, "SERVICE_UNAVAILABLE"),
    ],
)
def test_trouble_answers_a_status_for_so_many_calls(sandbox: Sandbox, api: Api, status: int, code: str) -> None:
    order = sandbox.make_order()
    http.post(f"{sandbox.url}/sandbox/trouble", json={"status": status, "calls": 2, "method": "PATCH"})
    assert api.get(f"orders/{order}").status_code == 200
    answers = [api.update("orders", order, _cancel=True) for _ in range(3)]
    assert [answer.status_code for answer in answers] == [status, status, 200]
    (error,) = answers[0].json()["errors"]
    assert (error["status"], error["code"]) == (str(status), code)


def test_trouble_throttles_in_the_recorded_shape(sandbox: Sandbox, api: Api) -> None:
    sandbox.trouble(status=429, calls=1)
    answer = api.get("orders")
    assert answer.status_code == 429
    assert answer.json() == {"errors": {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}}
    assert answer.headers["Retry-After"] == "0"
    assert answer.headers["content-type"].startswith("application/json")
    assert "x-request-id" not in answer.headers


@pytest.mark.parametrize("trouble", [{"drop": True}, {"status": 500}], ids=["dropped", "500"])
@pytest.mark.parametrize(("when", "then"), [("before", "placed"), ("after", "cancelled")])
def test_trouble_strikes_before_or_after_a_request_takes_effect(
    sandbox: Sandbox, api: Api, trouble: dict, when: str, then: str
) -> None:
    order = sandbox.make_order()
    sandbox.trouble(method="PATCH", calls=1, when=when, **trouble)
    try:
        status = api.update("orders", order, _cancel=True).status_code
    except httpx.TransportError:
        status = None
    assert status == trouble.get("status")
    assert api.attributes("orders", order)["status"] == then
    assert sandbox.calls[-2]["status"] == status


def test_trouble_can_meet_the_token_endpoint_and_be_slow(sandbox: Sandbox) -> None:
    sandbox.trouble(path="/oauth", latency=0.05, status=503, calls=1)
    answer = http.post(f"{sandbox.url}/oauth/token", json={})
    assert answer.status_code == 503
    assert sandbox.calls[-1]["seconds"] >= 0.05


def test_trouble_can_be_seen_and_ended(sandbox: Sandbox, api: Api) -> None:
    address = f"{sandbox.url}/sandbox/trouble"
    http.post(address, json={"status": 503, "seconds": 60})
    assert [one["status"] for one in http.get(address).json()] == [503]
    assert api.get("orders").status_code == 503
    assert http.delete(address).json() == []
    assert api.get("orders").status_code == 200


@pytest.mark.parametrize("wanted", [{}, {"status": 200}, {"status": 500, "when": "later"}, {"mood": "bad"}])
def test_trouble_that_makes_no_sense_is_refused(sandbox: Sandbox, wanted: dict) -> None:
    assert http.post(f"{sandbox.url}/sandbox/trouble", json=wanted).status_code == 400


def test_rate_limits_are_enforced_where_asked_for() -> None:
    with Sandbox(rate_limits=True) as strict, client_of(strict) as api:
        statuses = [api.get("orders").status_code for _ in range(26)]
        assert statuses == [200] * 25 + [429]
        assert api.get("order_copies").status_code == 200


def test_slack_keeps_messages_and_answers_as_it_does(sandbox: Sandbox) -> None:
    address = f"{sandbox.url}/sandbox/slack"
    answer = http.post(address, json={"text": "A renewal failed"})
    assert (answer.status_code, answer.text) == (200, "ok")
    assert answer.headers["content-type"].startswith("text/plain")
    assert http.post(address, content=b"text").text == "invalid_payload"
    assert http.post(address, json={}).text == "no_text"
    assert [one["payload"] for one in http.get(address).json()] == [{"text": "A renewal failed"}]


@pytest.mark.parametrize(
    ("trouble", "status", "text"),
    [
        ({"status": 429, "retry_after": 3}, 429, "rate_limited"),
        ({"status": 404}, 404, "no_service"),
        ({"status": 500}, 500, "internal_error"),
        ({"latency": 0.02}, 200, "ok"),
    ],
)
def test_slack_can_be_in_trouble_too(sandbox: Sandbox, trouble: dict, status: int, text: str) -> None:
    sandbox.trouble(path="/sandbox/slack", calls=1, **trouble)
    answer = http.post(f"{sandbox.url}/sandbox/slack", json={"text": "hello"})
    assert (answer.status_code, answer.text) == (status, text)
    assert answer.headers.get("Retry-After") == ("3" if status == 429 else None)
    assert len(sandbox.slack) == (1 if status == 200 else 0)


@pytest.mark.parametrize(("when", "kept"), [("before", 0), ("after", 1)])
def test_slack_can_close_the_connection(sandbox: Sandbox, when: str, kept: int) -> None:
    sandbox.trouble(path="/sandbox/slack", calls=1, drop=True, when=when)
    with pytest.raises(httpx.TransportError):
        http.post(f"{sandbox.url}/sandbox/slack", json={"text": "hello"})
    assert len(sandbox.slack) == kept


def test_a_reset_forgets_everything_but_the_webhooks(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    made = sandbox.play("good-copy")
    sandbox.trouble(status=503, seconds=60.0)
    assert sandbox.settle()
    assert http.post(f"{sandbox.url}/sandbox/reset").json() == {"reset": True}
    assert (sandbox.calls, sandbox.deliveries, sandbox.slack) == ([], [], [])
    assert {effect["type"] for effect in sandbox.effects} == {"webhooks"}
    assert api.get(f"order_copies/{made['order_copy']}").status_code == 404
    receiver.received.clear()
    sandbox.play("failing-copy")
    assert sandbox.settle()
    assert receiver.topics[-1] == "order_copies.fail"


@pytest.mark.parametrize("headers", [{"Host": "example.com"}, {"Sec-Fetch-Site": "cross-site"}])
def test_pages_of_elsewhere_cannot_use_the_control_surface(sandbox: Sandbox, headers: dict) -> None:
    assert http.post(f"{sandbox.url}/sandbox/reset", headers=headers).status_code == 403


def test_it_stops_while_clients_hold_connections_and_requests_wait() -> None:
    sandbox = Sandbox(step_seconds=0.0).start()
    address = (sandbox.options.host, int(sandbox.url.rpartition(":")[2]))
    sandbox.trouble(latency=60.0, calls=1)
    statuses: list[int] = []
    slow = threading.Thread(
        target=lambda: statuses.append(http.get(f"{sandbox.url}/api/orders", timeout=10).status_code)
    )
    with socket.create_connection(address):
        slow.start()
        while http.get(f"{sandbox.url}/sandbox/trouble").json():
            time.sleep(0.005)
        sandbox.close()
        slow.join()
        assert statuses == [401]
        with pytest.raises(ConnectionRefusedError), socket.create_connection(address):
            pass


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_as_a_process_it_stops_on_a_signal(number: int) -> None:
    code = "from service.sandbox import Sandbox, serve; serve(Sandbox(), lambda one: print(one.url, flush=True))"
    command = [sys.executable, "-W", "error", "-c", code]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, cwd=PROJECT) as process:
        assert process.stdout is not None
        url = process.stdout.readline().strip()
        assert http.get(url).text.startswith("The Copydesk sandbox")
        os.kill(process.pid, number)
        _out, errors = process.communicate(timeout=10)
    assert (process.returncode, errors) == (0, "")


def test_a_port_that_is_taken_is_an_error_and_not_the_end_of_the_process(sandbox: Sandbox) -> None:
    taken = int(sandbox.url.rpartition(":")[2])
    with pytest.raises(OSError, match="in use"):
        Sandbox(port=taken).start()
