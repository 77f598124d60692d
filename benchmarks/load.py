"""A load of signed deliveries over keep-alive connections, cheap enough to share a machine with what it measures."""

from __future__ import annotations

import hmac
import json
import selectors
import socket
import time
from base64 import b64encode
from collections import deque
from dataclasses import dataclass
from itertools import count
from statistics import median, quantiles

TOPIC = "order_copies.complete"
SECRET = "b3nchmark0b3nchmark0b3nchmark0b3"  # noqa: S105 - made up
ORGANIZATION = "benchOrgan"


@dataclass(frozen=True)
class Result:
    """What a run saw: answers by status, seconds in all, and each answer's time in milliseconds."""

    statuses: dict[int, int]
    seconds: float
    milliseconds: list[float]

    @property
    def rate(self) -> float:
        """Answers a second."""
        return len(self.milliseconds) / self.seconds

    @property
    def p50(self) -> float:
        """The median answer time, ms."""
        return median(self.milliseconds)

    @property
    def p99(self) -> float:
        """The 99th percentile of the answer times, ms."""
        return quantiles(self.milliseconds, n=100)[98]


def requests(number: int, run: str) -> list[bytes]:
    """Signed deliveries, each of another copy, of the size and shape of a real one with its orders included."""
    return [_request(f"{run}{i:08d}") for i in range(number)]


def _request(id_: str) -> bytes:
    body = json.dumps(_body(id_), separators=(",", ":")).encode()
    signature = b64encode(hmac.digest(SECRET.encode(), body, "sha256")).decode()
    head = (
        f"POST /webhooks/{TOPIC} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/vnd.api+json\r\n"
        f"X-CommerceLayer-Topic: {TOPIC}\r\nX-CommerceLayer-Signature: {signature}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


def _body(id_: str) -> dict[str, object]:
    names = ("source_order", "target_order", "order_subscription", "events", "event_stores")
    base = f"/api/order_copies/{id_}"
    relationships: dict[str, dict[str, object]] = {
        name: {"links": {"self": f"{base}/relationships/{name}", "related": f"{base}/{name}"}} for name in names
    }
    orders = {"source_order": f"s{id_}", "target_order": f"t{id_}"}
    for name, order in orders.items():
        relationships[name]["data"] = {"type": "orders", "id": order}
    meta = {"mode": "test", "organization_id": ORGANIZATION}
    attributes = {
        "status": "completed",
        "started_at": "2026-03-02T09:00:01.050Z",
        "completed_at": "2026-03-02T09:00:02.900Z",
        "failed_at": None,
        "errors_log": {},
        "errors_count": 0,
        "place_target_order": True,
        "cancel_source_order": True,
        "created_at": "2026-03-02T09:00:00.101Z",
        "updated_at": "2026-03-02T09:00:02.905Z",
        "metadata": {},
    }
    included = [
        {
            "id": order,
            "type": "orders",
            "links": {"self": f"/api/orders/{order}"},
            "attributes": {
                "number": "28030653",
                "status": "placed",
                "payment_status": "authorized",
                "fulfillment_status": "unfulfilled",
                "total_amount_with_taxes_cents": 15300,
                "total_amount_with_taxes_float": 153.0,
                "formatted_total_amount_with_taxes": "€153,00",
                "updated_at": "2026-03-02T09:00:02.700Z",
                "metadata": {},
            },
            "relationships": {
                name: {
                    "links": {"self": f"/api/orders/{order}/relationships/{name}", "related": f"/api/orders/{order}"}
                }
                for name in ("market", "customer", "order_subscription", "order_factories", "events")
            },
            "meta": meta,
        }
        for order in orders.values()
    ]
    data = {
        "id": id_,
        "type": "order_copies",
        "links": {"self": base},
        "attributes": attributes,
        "relationships": relationships,
        "meta": meta,
    }
    return {"data": data, "included": included}


def drive(address: tuple[str, int], prepared: list[bytes], *, connections: int, rate: float | None = None) -> Result:
    """Send every request once and wait for its answer.

    Args:
        address: where the server listens, on this machine.
        prepared: whole requests.
        connections: keep-alive connections; each has at most one request under way.
        rate: requests a second, on a schedule that does not wait for answers; None for as many as go.
    """
    with selectors.DefaultSelector() as selector:
        idle = deque(_connect(selector, address) for _ in range(connections))
        began = time.perf_counter()
        sent: dict[socket.socket, float] = {}
        statuses: dict[int, int] = {}
        times: list[float] = []
        answers: dict[socket.socket, bytes] = {}
        for number in count():
            now = time.perf_counter()
            while idle and len(times) + len(sent) < len(prepared):
                planned = began + (len(times) + len(sent)) / rate if rate else now
                if planned > now:
                    break
                connection = idle.popleft()
                connection.sendall(prepared[len(times) + len(sent)])
                # Measured from when it was due: a queue in front of the server is part of the answer time.
                sent[connection] = planned
            if len(times) == len(prepared):
                break
            for key, _ in selector.select(0.0005 if rate else 5.0):
                connection = key.fileobj  # type: ignore[assignment]
                answer = answers.get(connection, b"") + connection.recv(65536)
                if not _whole(answer):
                    answers[connection] = answer
                    continue
                answers.pop(connection, None)
                status = int(answer[9:12])
                statuses[status] = statuses.get(status, 0) + 1
                times.append((time.perf_counter() - sent.pop(connection)) * 1000)
                idle.append(connection)
            if number > 50_000_000:
                raise TimeoutError
        seconds = time.perf_counter() - began
        for key in list(selector.get_map().values()):
            key.fileobj.close()  # type: ignore[union-attr]
    return Result(statuses, seconds, times)


def _whole(answer: bytes) -> bool:
    if not answer:
        raise ConnectionError("the server closed the connection")
    head, found, body = answer.partition(b"\r\n\r\n")
    return bool(found) and len(body) >= int(head.lower().partition(b"content-length:")[2].split(b"\r\n")[0])


def _connect(selector: selectors.BaseSelector, address: tuple[str, int]) -> socket.socket:
    connection = socket.create_connection(address, timeout=10)
    connection.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    selector.register(connection, selectors.EVENT_READ)
    return connection
