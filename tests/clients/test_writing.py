"""Writes: exactly the documented requests, and secrets that stay secrets."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.errors import NotOffered, OutcomeUnknown, Refused
from tests.clients import faulty_server as faulty
from tests.clients.conftest import CANARY, Ask, Serve, failure_of
from tests.clients.faulty_server import FaultyServer, answer

ORDER, COPY, HOOK = "NgojhelVGm", "XAyRWNUzyN", "wEbHoOk1"
COPY_BODY = {"data": {"type": "order_copies", "id": COPY, "attributes": {"status": "pending"}}}
HOOK_BODY = {"data": {"type": "webhooks", "id": HOOK, "attributes": {"shared_secret": CANARY, "topic": "orders.place"}}}
ALL_ARGUMENTS: dict[str, Any] = {
    "place_target_order": True,
    "reuse_wallet": False,
    "reference": "ERP-17",
    "reference_origin": "erp",
    "metadata": {"by": "a test"},
    "cancel_source_order": True,
    "apply_promotions": True,
    "skip_errors": False,
    "ignore_invalid_coupon": True,
}


def sent(server: FaultyServer) -> tuple[str, str, Any]:
    """Method, path and document of the only request."""
    (request,) = server.requests
    head, _, body = request.partition(b"\r\n\r\n")
    method, path, _ = head.split(b"\r\n")[0].decode().split()
    return method, path, json.loads(body) if body else None


def test_an_order_is_copied_with_every_argument_of_the_reference(serve: Serve, ask: Ask) -> None:
    server = serve(answer(201, COPY_BODY))
    made = ask(server).order_copies.create(ORDER, **ALL_ARGUMENTS)
    assert (made.value.subject, made.value.status, made.request_id) == (f"order_copies/{COPY}", "pending", "req-1")
    assert sent(server) == (
        "POST",
        "/api/order_copies",
        {
            "data": {
                "type": "order_copies",
                "attributes": ALL_ARGUMENTS,
                "relationships": {"source_order": {"data": {"type": "orders", "id": ORDER}}},
            }
        },
    )


def test_what_is_left_out_of_a_copy_is_not_sent(serve: Serve, ask: Ask) -> None:
    server = serve(answer(201, COPY_BODY))
    ask(server).order_copies.create(ORDER)
    source = {"source_order": {"data": {"type": "orders", "id": ORDER}}}
    assert sent(server)[2] == {"data": {"type": "order_copies", "relationships": source}}


CHANGES: list[tuple[Callable[[CommerceLayer], Any], str, dict[str, Any]]] = [
    (lambda c: c.order_copies.update(COPY, reference=None, metadata={"a": 1}), f"order_copies/{COPY}",
     {"reference": None, "metadata": {"a": 1}}),
    (lambda c: c.webhooks.update(HOOK, callback_url="https://x.example/"), f"webhooks/{HOOK}",
     {"callback_url": "https://x.example/"}),
    (lambda c: c.webhooks.reset_circuit(HOOK), f"webhooks/{HOOK}", {"_reset_circuit": True}),
    (lambda c: c.webhooks.enable(HOOK), f"webhooks/{HOOK}", {"_enable": True}),
    (lambda c: c.webhooks.disable(HOOK), f"webhooks/{HOOK}", {"_disable": True}),
    (lambda c: c.events.trigger("eVeNt1"), "events/eVeNt1", {"_trigger": True}),
]  # fmt: skip


@pytest.mark.parametrize(("change", "path", "attributes"), CHANGES)
def test_a_change_names_the_id_in_the_path_and_in_the_document(
    serve: Serve, ask: Ask, change: Callable[[CommerceLayer], Any], path: str, attributes: dict[str, Any]
) -> None:
    type_, id_ = path.split("/")
    server = serve(answer(200, {"data": {"type": type_, "id": id_}}))
    assert change(ask(server)).value.id == id_
    assert sent(server) == (
        "PATCH",
        f"/api/{path}",
        {"data": {"type": type_, "id": id_, "attributes": attributes}},
    )


def test_a_webhook_is_created_and_its_secret_is_in_no_repr(serve: Serve, ask: Ask) -> None:
    server = serve(answer(201, HOOK_BODY))
    includes = ["source_order"]
    made = ask(server).webhooks.create("orders.place", "https://x.example/", name="ours", include_resources=includes)
    assert made.value.shared_secret is not None
    assert made.value.shared_secret.get_secret_value() == CANARY
    assert CANARY not in repr(made)
    assert sent(server)[2]["data"]["attributes"] == {
        "topic": "orders.place",
        "callback_url": "https://x.example/",
        "name": "ours",
        "include_resources": includes,
    }


def test_something_is_deleted_without_a_body_either_way(serve: Serve, ask: Ask) -> None:
    server = serve(answer(204, b""))
    assert ask(server).recurring_order_copies.delete(COPY).value is None
    assert sent(server) == ("DELETE", f"/api/recurring_order_copies/{COPY}", None)


WRITES: list[Callable[[CommerceLayer], object]] = [
    lambda c: c.order_copies.create(ORDER),
    lambda c: c.order_copies.update(COPY, reference="a"),
    lambda c: c.order_copies.delete(COPY),
    lambda c: c.webhooks.create("orders.place", "https://x.example/"),
]


@pytest.mark.parametrize("write", WRITES)
@pytest.mark.parametrize(
    "act", [faulty.silent, faulty.reset_read, answer(503), answer(202), answer(200, b"<html>"), answer(201, {})]
)
def test_a_write_without_a_clear_answer_is_unknown_and_never_repeated(
    serve: Serve, ask: Ask, act: faulty.Action, write: Callable[[CommerceLayer], object]
) -> None:
    server = serve(act)
    assert type(failure_of(lambda: write(ask(server)))) is OutcomeUnknown
    assert len(server.requests) == 1


@pytest.mark.parametrize("id_", ["", "../x", None, "a/b"])
def test_what_is_not_an_id_is_refused_before_any_request(serve: Serve, ask: Ask, id_: Any) -> None:
    server = serve(answer(200, COPY_BODY))
    client = ask(server)
    calls: list[Callable[[], object]] = [
        lambda: client.order_copies.create(id_),
        lambda: client.order_copies.update(id_, reference="a"),
        lambda: client.order_copies.delete(id_),
        lambda: client.order_copies.retrieve(id_),
        lambda: client.events.of("order_copies", id_),
    ]
    for call in calls:
        assert type(failure_of(call)) is Refused
    assert server.requests == []


def test_wrong_values_are_refused_in_words(serve: Serve, ask: Ask) -> None:
    client = ask(serve(answer(201, COPY_BODY)))
    with pytest.raises(NotOffered, match="order_copies cannot be created with 'status'; it is offered for: place_t"):
        client.order_copies.create(ORDER, status="failed")  # type: ignore[call-arg]
    with pytest.raises(NotOffered, match="'skip_errors' of order_copies is of the kind boolean"):
        client.order_copies.create(ORDER, skip_errors="no")  # type: ignore[typeddict-item]
    with pytest.raises(NotOffered, match=r"order_copies cannot be updated with 'status'; .*: reference, "):
        client.order_copies.update(COPY, status="failed")  # type: ignore[call-arg]
    with pytest.raises(NotOffered, match="nothing to update; order_copies have: reference, reference_origin"):
        client.order_copies.update(COPY)
