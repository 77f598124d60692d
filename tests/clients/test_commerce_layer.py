"""Commerce Layer's client: what it asks, what it returns, and how every answer is classified."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.errors import ConfigurationError, OutcomeUnknown, OutsideError, Refused, Unavailable
from service.settings import Settings
from tests.clients import faulty_server as faulty
from tests.clients.conftest import CANARY, DEADLINES, Ask, Serve, failure_of, token_answer
from tests.clients.faulty_server import Action, answer, dripping, raw

# Recordings and the published schema are kept beside the project, not in it.
BESIDE = [folder / "shared" / "commerce-layer" for folder in Path(__file__).parents]
ORDER = "NgojhelVGm"
ORDER_BODY = {"data": {"type": "orders", "id": ORDER, "attributes": {"status": "placed"}}}

Call = Callable[[CommerceLayer], object]


def read(client: CommerceLayer) -> object:
    return client.retrieve_order(ORDER)


def write(client: CommerceLayer) -> object:
    return client.cancel_order(ORDER)


def errors(code: str, **more: Any) -> dict[str, Any]:
    return {"errors": [{"title": CANARY, "detail": CANARY, "code": code, "status": "0"} | more]}


def recorded(name: str) -> Any:
    path = next((folder / name for folder in BESIDE if (folder / name).exists()), None)
    if path is None:
        pytest.skip("the recordings are not here")
    return json.loads(path.read_text())


BOTH = (Refused, Refused)
AGAIN = (Unavailable, Unavailable)
UNSURE = (Unavailable, OutcomeUnknown)
THROTTLED = {"errors": {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}}
Expected = tuple[type[OutsideError], type[OutsideError]]
HTML = b"<html><body>maintenance " + CANARY.encode() + b"</body></html>"

# name, what the server does, (for a read, for a write), status, code, retry_after
CASES: list[tuple[str, Action, Expected, int | None, str | None, float | None]] = [
    ("401 no permission", answer(401, errors("UNAUTHORIZED")), BOTH, 401, "UNAUTHORIZED", None),
    ("401 bad token, again", answer(401, errors("INVALID_TOKEN")), BOTH, 401, "INVALID_TOKEN", None),
    ("403", answer(403, errors("FORBIDDEN")), BOTH, 403, "FORBIDDEN", None),
    ("403 of a gateway", answer(403, HTML), BOTH, 403, None, None),
    ("404", answer(404, errors("RECORD_NOT_FOUND")), BOTH, 404, "RECORD_NOT_FOUND", None),
    ("409", answer(409, errors("RECORD_NOT_UNIQUE")), BOTH, 409, "RECORD_NOT_UNIQUE", None),
    ("422", answer(422, errors("VALIDATION_ERROR")), BOTH, 422, "VALIDATION_ERROR", None),
    ("423", answer(423, errors("LOCKED")), BOTH, 423, "LOCKED", None),
    ("301", answer(301, b"", "Location: /api/orders"), BOTH, 301, None, None),
    ("408", answer(408, b""), AGAIN, 408, None, None),
    ("425", answer(425, b""), AGAIN, 425, None, None),
    ("429 as recorded", answer(429, THROTTLED, "Retry-After: 0"), AGAIN, 429, "THROTTLED", 10.0),
    ("429 as a list", answer(429, errors("THROTTLED"), "Retry-After: 45"), AGAIN, 429, "THROTTLED", 45.0),
    ("429 for years", answer(429, b"", "Retry-After: 1000000000"), AGAIN, 429, None, 900.0),
    ("429 until yesterday", answer(429, b"", "Retry-After: Mon, 01 Jan 2024 00:00:00 GMT"), AGAIN, 429, None, 10.0),
    ("429 without a word", answer(429, b""), AGAIN, 429, None, 10.0),
    ("500", answer(500, errors("INTERNAL_SERVER_ERROR")), UNSURE, 500, "INTERNAL_SERVER_ERROR", None),
    ("502", answer(502, HTML), UNSURE, 502, None, None),
    ("503", answer(503, HTML, "Retry-After: 7"), UNSURE, 503, None, 7.0),
    ("504", answer(504, b""), UNSURE, 504, None, None),
    ("reset before reading", faulty.reset_unread, UNSURE, None, None, None),
    ("reset after reading", faulty.reset_read, UNSURE, None, None, None),
    ("no answer", faulty.silent, UNSURE, None, None, None),
    ("cut short", raw(b"HTTP/1.1 200 OK\r\nContent-Length: 99\r\n\r\n{"), UNSURE, None, None, None),
    ("byte by byte", dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 999), UNSURE, None, None, None),
    ("endless", faulty.endless, UNSURE, 200, None, None),
    ("HTML", answer(200, HTML), UNSURE, 200, None, None),
    ("nothing", answer(200, b""), UNSURE, 200, None, None),
    ("no content", answer(204, b""), UNSURE, 204, None, None),
    ("a JSON list", answer(200, []), UNSURE, 200, None, None),
    ("a list of orders", answer(200, {"data": [ORDER_BODY["data"]]}), UNSURE, 200, None, None),
    ("deep JSON", answer(200, b"[" * 100_000), UNSURE, 200, None, None),
    ("not UTF-8", answer(200, b'{"data": "\xff"}'), UNSURE, 200, None, None),
    ("success with errors", answer(200, ORDER_BODY | errors("VALIDATION_ERROR")), UNSURE, 200, None, None),
    ("another id", answer(200, {"data": {"type": "orders", "id": "qAlMhokOGm"}}), UNSURE, 200, None, None),
    ("another type", answer(200, {"data": {"type": "order_copies", "id": ORDER}}), UNSURE, 200, None, None),
    ("odd errors", answer(422, {"errors": ["x", 3, None]}), BOTH, 422, None, None),
    ("a secret for a code", answer(422, errors(CANARY)), BOTH, 422, None, None),
    ("a list for a code", answer(422, errors("A") | {"errors": [{"code": ["A"]}]}), BOTH, 422, None, None),
]


@pytest.mark.parametrize(
    ("act", "expected", "status", "code", "retry_after"), [c[1:] for c in CASES], ids=[c[0] for c in CASES]
)
def test_every_answer_has_one_meaning_for_reads_and_one_for_writes(
    serve: Serve, ask: Ask, act: Action, expected: Expected, status: int | None, code: str | None, retry_after: object
) -> None:
    for call, kind in zip((read, write), expected, strict=True):
        client = ask(serve(act))
        began = time.monotonic()
        error = failure_of(lambda client=client, call=call: call(client))  # type: ignore[misc]
        assert type(error) is kind
        assert (error.status, error.code) == (status, code)
        assert getattr(error, "retry_after", None) == retry_after
        assert time.monotonic() - began < DEADLINES.total + 0.4


def test_an_unreachable_api_is_certainly_not_asked(ask: Ask, serve: Serve) -> None:
    closed = serve(answer(200))
    closed.close()
    gone = type("Gone", (), {"url": "http://127.0.0.1:9"})()
    assert type(failure_of(lambda: write(ask(gone)))) is Unavailable


def test_a_404_as_recorded_is_refused_with_its_code_and_request_id(serve: Serve, ask: Ask) -> None:
    recording = recorded("api-responses/get-404.json")
    server = serve(answer(404, recording["body"]))
    error = failure_of(lambda: read(ask(server)))
    assert (type(error), error.code, error.request_id) == (Refused, "RECORD_NOT_FOUND", "req-1")
    assert str(error) == f"reading orders/{ORDER}: Commerce Layer answered 404 RECORD_NOT_FOUND"


def test_a_refusal_names_the_rule_but_not_the_prose(serve: Serve, ask: Ask) -> None:
    body = errors("VALIDATION_ERROR", meta={"error": "invalid_transition", "value": CANARY})
    error = failure_of(lambda: write(ask(serve(answer(422, body)))))
    assert str(error) == f"cancelling orders/{ORDER}: Commerce Layer answered 422 VALIDATION_ERROR (invalid_transition)"


def test_an_order_is_read_with_its_subscriptions_and_the_request_id(serve: Serve, ask: Ask) -> None:
    linked = {"order_subscriptions": {"data": [{"type": "order_subscriptions", "id": "sUb"}]}}
    included = [{"type": "order_subscriptions", "id": "sUb", "attributes": {"status": "active"}}, "junk", None]
    server = serve(answer(200, {"data": ORDER_BODY["data"] | {"relationships": linked}, "included": included}))
    found = ask(server).retrieve_order(ORDER)
    assert found.request_id == "req-1"
    assert found.value.status == "placed"
    assert [s.status for s in found.value.order_subscriptions or ()] == ["active"]
    line, *headers = server.requests[0].decode().lower().split("\r\n")
    target = urlsplit(line.split()[1])
    assert target.path == f"/api/orders/{ORDER}".lower()
    assert parse_qs(target.query) == {"include": ["order_subscription,order_subscriptions"]}
    assert "accept: application/vnd.api+json" in headers
    assert not any(h.startswith("content-type") for h in headers)


@pytest.mark.parametrize("type_", ["order_copies", "recurring_order_copies"])
def test_a_factory_is_read_with_all_that_a_decision_needs(serve: Serve, ask: Ask, type_: Any) -> None:
    server = serve(answer(200, recorded(f"synthetic/{type_}.complete.json")))
    id_ = recorded(f"synthetic/{type_}.complete.json")["data"]["id"]
    found = ask(server).retrieve_factory(type_, id_).value
    assert (found.type, found.id, found.status) == (type_, id_, "completed")
    query = parse_qs(urlsplit(server.requests[0].split()[1].decode()).query)
    assert query["include"] == ["source_order,target_order,order_subscription,source_order.order_subscriptions"]


def test_everything_that_is_included_is_a_relationship_of_the_published_schema() -> None:
    schema = {r["id"]: r["attributes"]["relationships"] for r in recorded("schema/resources-extract-sdk-7.11.0.json")}
    for factory in ("order_copy", "recurring_order_copy"):
        assert {"source_order", "target_order", "order_subscription"} <= set(schema[factory])
    assert {"order_subscription", "order_subscriptions"} <= set(schema["order"])


def test_a_subscription_is_read(serve: Serve, ask: Ask) -> None:
    body = {"data": {"type": "order_subscriptions", "id": "sUb", "attributes": {"errors_count": 2}}}
    assert ask(serve(answer(200, body))).retrieve_subscription("sUb").value.errors_count == 2


def test_a_cancellation_is_the_documented_request(serve: Serve, ask: Ask) -> None:
    server = serve(answer(200, ORDER_BODY))
    assert ask(server).cancel_order(ORDER).value.id == ORDER
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(f"PATCH /api/orders/{ORDER} HTTP/1.1".encode())
    assert b"Content-Type: application/vnd.api+json" in head
    assert json.loads(body) == {"data": {"type": "orders", "id": ORDER, "attributes": {"_cancel": True}}}


@pytest.mark.parametrize("id_", ["", "../../customers/x", "a/b", "a?b", "a b", "é", "x" * 33, "a\r\nHost: b", None, 7])
def test_what_is_not_an_id_never_reaches_an_address(serve: Serve, ask: Ask, id_: Any) -> None:
    server, auth = serve(answer(200, ORDER_BODY)), serve(token_answer())
    client = ask(server, auth)
    for call in (client.retrieve_order, client.cancel_order, client.retrieve_subscription):
        assert type(failure_of(lambda call=call: call(id_))) is Refused  # type: ignore[misc]
    assert type(failure_of(lambda: client.retrieve_factory("order_copies", id_))) is Refused
    assert type(failure_of(lambda: client.retrieve_factory("customers", ORDER))) is Refused  # type: ignore[arg-type]
    assert server.requests == auth.requests == []


def test_without_credentials_there_is_no_client() -> None:
    with pytest.raises(ConfigurationError, match="COPYDESK_CLIENT_ID: is not set"):
        CommerceLayer(Settings())


def test_a_token_and_an_answer_share_one_deadline(serve: Serve, ask: Ask) -> None:
    client = ask(serve(dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 999)), serve(token_answer(delay=0.25)))
    began = time.monotonic()
    assert type(failure_of(lambda: write(client))) is OutcomeUnknown
    assert time.monotonic() - began < DEADLINES.total + 0.15
