"""The server keeps connections open, tells every length, bounds its threads and stops cleanly."""

import http.client
import socket
import threading
from collections.abc import Iterator

import pytest

from service.sandbox import Sandbox, wire

from .conftest import client_of


@pytest.fixture
def running() -> Iterator[Sandbox]:
    """One without webhooks."""
    with Sandbox(step_seconds=0.0) as sandbox:
        yield sandbox


def _address(sandbox: Sandbox) -> tuple[str, int]:
    return sandbox.options.host, int(sandbox.url.rpartition(":")[2])


def test_one_connection_serves_any_number_of_requests_each_with_its_length(running: Sandbox) -> None:
    connection = http.client.HTTPConnection(*_address(running), timeout=5)
    connection.connect()
    first = connection.sock
    for method, path in (("GET", "/"), ("POST", "/sandbox/orders"), ("GET", "/api/orders"), ("GET", "/nowhere")):
        connection.request(method, path)
        answer = connection.getresponse()
        assert answer.version == 11
        assert int(answer.headers["Content-Length"]) == len(answer.read())
        assert connection.sock is first
    connection.close()


def test_an_answer_without_a_body_has_no_length_and_the_connection_goes_on(running: Sandbox) -> None:
    id_ = running.play("good-copy")["order_copy"]
    with client_of(running) as api:
        gone = api.client.delete(f"/api/order_copies/{id_}")
        assert (gone.status_code, gone.content) == (204, b"")
        assert "content-length" not in gone.headers
        assert api.get("orders").status_code == 200


def test_two_requests_sent_at_once_are_answered_in_turn(running: Sandbox) -> None:
    request = b"GET /sandbox/slack HTTP/1.1\r\nHost: 127.0.0.1\r\n\r\n"
    last = b"GET /sandbox/trouble HTTP/1.1\r\nHost: 127.0.0.1\r\nConnection: close\r\n\r\n"
    with socket.create_connection(_address(running), timeout=5) as connection:
        connection.sendall(request + last)
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.count(b"HTTP/1.1 200 OK") == 2


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"Transfer-Encoding: chunked", b"411"),
        (b"Content-Length: many", b"411"),
        (b"Content-Length: 99999999", b"413"),
    ],
)
def test_a_body_whose_end_cannot_be_told_is_refused_and_the_connection_closed(
    running: Sandbox, head: bytes, status: bytes
) -> None:
    with socket.create_connection(_address(running), timeout=5) as connection:
        connection.sendall(b"POST /sandbox/settle HTTP/1.1\r\nHost: 127.0.0.1\r\n" + head + b"\r\n\r\n")
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    assert answer.startswith(b"HTTP/1.1 " + status)


def test_connections_that_wait_make_room_for_new_ones(running: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wire, "MOST_CONNECTIONS", 4)
    before = threading.active_count()
    idle = [socket.create_connection(_address(running), timeout=5) for _ in range(12)]
    with client_of(running) as api:
        assert api.get("orders").status_code == 200
        assert threading.active_count() <= before + 5
    for connection in idle:
        connection.close()
