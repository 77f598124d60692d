"""Whatever comes over the wire: the answer, what is kept of it, and a process that lives on."""

from __future__ import annotations

import json
import socket
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest

from service.merkle.leaves import commit_to_payload
from service.store import Store
from service.store.schema import deliveries
from tests.bodies import ORGANIZATION, copy, order, sample, shared, sign, subscription, wire
from tests.rows import rows
from tests.web.requests import FIVE_MB, TOPIC, Case, chunks, padded
from tests.web_process import Web, delivery

CHUNKED = (("Transfer-Encoding", "chunked"),)
OTHER = "order_copies.fail"


def _other_spelling(right: str) -> str:
    """The same 32 bytes in base64 with other unused bits."""
    return right[:-2] + chr(ord(right[-2]) + 1) + "="


def _foreign(**meta: Any) -> Any:
    return lambda id_: wire({"data": copy(id_)["data"] | {"meta": meta}})


def _changed(**attributes: Any) -> Any:
    return lambda id_: wire({"data": copy(id_)["data"] | attributes})


CASES = [
    Case("genuine", 200, "event"),
    Case("chunked", 200, "event", headers=CHUNKED, length=None, framed=chunks),
    Case("chunked, byte by byte", 200, "event", headers=CHUNKED, length=None, framed=lambda b: chunks(b, 1)),
    Case("HTTP/1.0", 200, "event", version="HTTP/1.0"),
    Case("percent-encoded topic", 200, "event", path="/webhooks/order%5Fcopies%2Ecomplete"),
    Case("a query", 200, "event", path="/webhooks/{topic}?topic=orders.place&x=%00"),
    Case("an absolute target", 200, "event", path="http://elsewhere/webhooks/{topic}"),
    Case("another media type", 200, "event", headers=(("Content-Type", "multipart/form-data; boundary=x"),)),
    Case("a form", 200, "event", headers=(("Content-Type", "application/x-www-form-urlencoded"),)),
    Case("said to be compressed", 200, "event", headers=(("Content-Encoding", "gzip"),)),
    Case("blanks around the signature", 200, "event", signature=lambda s: f"  {s}  "),
    Case("expects 100", 200, "event", headers=(("Expect", "100-continue"),)),
    Case("exactly 5 MB", 200, "deferred", body=padded(FIVE_MB)),
    Case("exactly 5 MB, chunked", 200, "deferred", body=padded(FIVE_MB), headers=CHUNKED, length=None,
         framed=lambda b: chunks(b, 65_536)),
    Case("a topic of no rule", 200, "event", topic="customers.create",
         body=lambda id_: wire({"data": order(id_)["data"] | {"type": "customers"}})),
    # Authentic, and no event: quarantine.
    Case("empty, signed", 200, "quarantine", body=b""),
    Case("UTF-16, signed", 200, "quarantine", body='{"data":{}}'.encode("utf-16")),
    Case("BOM, signed", 200, "quarantine", body=b"\xef\xbb\xbf{}"),
    Case("all bytes, signed", 200, "quarantine", body=bytes(range(256)) * 4),
    Case("gzip magic, signed", 200, "quarantine", body=b"\x1f\x8b\x08\x00" + b"\0" * 64),
    Case("nested 100,000 deep, signed", 200, "quarantine", body=b"[" * 100_000 + b"]" * 100_000),
    Case("nested objects, signed", 200, "quarantine", body=b'{"a":' * 40_000),
    Case("a number of 200,000 digits, signed", 200, "quarantine", body=b"1" * 200_000),
    Case("a name twice, signed", 200, "quarantine", body=b'{"data":{},"data":{}}'),
    Case("NaN, signed", 200, "quarantine", body=b'{"data":NaN}'),
    Case("a lone surrogate, signed", 200, "quarantine", body=rb'{"data":"\ud800"}'),
    Case("two documents, signed", 200, "quarantine", body=b"{}{}"),
    Case("another mode, signed", 200, "quarantine", body=_foreign(mode="live", organization_id=ORGANIZATION)),
    Case("another organization, signed", 200, "quarantine", body=_foreign(mode="test", organization_id="aaaaaaaaaa")),
    Case("another type, signed", 200, "quarantine", body=lambda id_: wire(order(id_))),
    Case("a list of resources, signed", 200, "quarantine", body=lambda id_: wire({"data": [copy(id_)["data"]]})),
    Case("a hostile id, signed", 200, "quarantine", body=_changed(id="../../../etc/passwd")),
    Case("a stage behind the topic, signed", 200, "quarantine", body=lambda id_: wire(copy(id_, "pending"))),
    # Authentic events that try something.
    Case("an escaped NUL, signed", 200, "event", body=lambda id_: wire(copy(id_, "comp\0leted"))),
    Case("attributes of other types, signed", 200, "event", body=_changed(attributes=["x"], relationships=1)),
    Case("a run of great length, signed", 200, "event", topic="order_subscriptions.last_run_failed",
         body=lambda id_: wire(subscription(id_, last_run_at="9" * 100_000))),
    # Not authentic.
    Case("no signature", 401, signature=lambda _: None),
    Case("an empty signature", 401, signature=lambda _: ""),
    Case("two signatures, both right", 401, signature=lambda s: [s, s]),
    Case("two signatures, one right", 401, signature=lambda s: ["A" * 43 + "=", s]),
    Case("a list of signatures", 401, signature=lambda s: f"{s}, {s}"),
    Case("a short signature", 401, signature=lambda s: s[:-1]),
    Case("one character", 401, signature=lambda s: s[:1]),
    Case("a long signature", 401, signature=lambda s: s + "="),
    Case("a signature with a prefix", 401, signature=lambda s: f"v1,{s}"),
    Case("another spelling of base64", 401, signature=_other_spelling),
    Case("url-safe base64", 401, signature=lambda s: urlsafe_b64encode(s.encode()).decode()[:43] + "="),
    Case("a quoted signature", 401, signature=lambda s: f'"{s[1:-1]}"'),
    Case("a non-ASCII signature", 401, signature=lambda s: "é" + s[1:]),
    Case("a wrong signature", 401, signature=lambda s: s[::-1]),
    Case("the signature of another secret", 401, signature=lambda _: sign(OTHER, wire(copy("x")))),
    Case("one byte changed", 401, framed=lambda b: b[:-2] + b" " + b[-1:]),
    Case("an underscored header", 401, signature=lambda _: None,
         headers=(("X_CommerceLayer_Signature", "A" * 43 + "="),)),
    Case("no topic header", 401, told=None),
    Case("another topic header", 401, told=OTHER),
    Case("two topic headers", 401, told=[TOPIC, TOPIC]),
    Case("a topic header in capitals", 401, told=TOPIC.upper()),
    Case("path and header of another topic", 401, path=f"/webhooks/{OTHER}", told=OTHER),
    Case("path of another topic", 401, path=f"/webhooks/{OTHER}"),
    Case("a topic that is not served", 401, topic="nobody.knows"),
    Case("a topic with a NUL", 401, path="/webhooks/order_copies.complete%00"),
    Case("a topic with a newline", 401, path="/webhooks/order_copies.complete%0a"),
    Case("a topic of bad UTF-8", 401, path="/webhooks/%ff%fe"),
    Case("a form instead of a body", 401, body=b"a=b", signature=lambda _: "x"),
    # Wrong path or method.
    Case("GET", 405, method="GET"),
    Case("PUT", 405, method="PUT"),
    Case("DELETE", 405, method="DELETE"),
    Case("OPTIONS", 405, method="OPTIONS"),
    Case("TRACE", 405, method="TRACE"),
    Case("POST to /healthz", 405, path="/healthz"),
    Case("no topic", 404, path="/webhooks/"),
    Case("no path", 404, path="/"),
    Case("a slash more", 404, path="/webhooks/{topic}/"),
    Case("a path below", 404, path="/webhooks/{topic}/x"),
    Case("an escaped path below", 404, path="/webhooks/{topic}%2f..%2fx"),
    Case("another case", 404, path="/Webhooks/{topic}"),
    # Broken framing.
    Case("one byte over 5 MB", 413, body=padded(FIVE_MB + 1)),
    Case("one byte over 5 MB, chunked", 413, body=padded(FIVE_MB + 1), headers=CHUNKED, length=None,
         framed=lambda b: chunks(b, 65_536)),
    Case("a length of 20 digits", 413, length="9" * 20),
    Case("a length of 4,000 digits", 413, length="9" * 4_000),
    Case("a length too long", 400, length="100000", ends=True),
    Case("a body too slow", 400, length="100000"),
    Case("a negative length", 400, length="-1"),
    Case("a signed length", 400, length="+5"),
    Case("a length in words", 400, length="five"),
    Case("a length of Arabic digits", 400, length="\xb2"),
    Case("two lengths, alike", 400, length=["{length}", "{length}"]),
    Case("two lengths", 400, length=["{length}", "0"]),
    Case("a list of lengths", 400, length="{length}, {length}"),
    Case("length and chunks", 400, headers=CHUNKED, framed=chunks),
    Case("chunks in HTTP/1.0", 400, version="HTTP/1.0", headers=CHUNKED, length=None, framed=chunks),
    Case("chunks of no size", 400, headers=CHUNKED, length=None, framed=lambda b: b"zz\r\n" + b),
    Case("chunks of negative size", 400, headers=CHUNKED, length=None, framed=lambda b: b"-1\r\n" + b),
    Case("a chunk too short", 400, headers=CHUNKED, length=None, framed=lambda _: b"5\r\nabcdefgh\r\n0\r\n\r\n"),
    Case("chunks without an end", 400, headers=CHUNKED, length=None, framed=lambda b: chunks(b, end=b""), ends=True),
    Case("chunked twice", 400, headers=CHUNKED * 2, length=None, framed=chunks),
    Case("an unknown coding", 400, headers=(("Transfer-Encoding", "snappy"),), length=None, framed=chunks),
    Case("a coding in disguise", 400, headers=(("Transfer-Encoding", "\x0bchunked"),), length=None, framed=chunks),
    Case("a blank before the colon", 400, headers=(("Transfer-Encoding ", "chunked"),)),
    Case("a folded header", 400, headers=(("X-Folded", "a\r\n b"),)),
    Case("a bare line feed", 400, headers=(("X-A", "b\nX-C: d"),)),
    Case("a NUL in a header", 400, headers=(("X-A", "b\0c"),)),
    Case("no header name", 400, headers=(("", "b"),)),
    Case("a huge header", 400, headers=(("X-A", "b" * 8_000),)),
    Case("a hundred headers", 400, headers=[(f"X-{n}", "b") for n in range(100)]),
    Case("a huge path", 400, path="/webhooks/" + "x" * 4_000),
    Case("another expectation", 400, headers=(("Expect", "bread"),)),
    Case("another version", 400, version="HTTP/3.0"),
    Case("HTTP/0.9", 400, raw=b"GET /healthz\r\n\r\n"),
    Case("HTTP/2", 400, raw=b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
    Case("TLS", 400, raw=b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n"),
    Case("a proxy's line", 400, raw=b"PROXY TCP4 1.2.3.4 5.6.7.8 9 10\r\nGET /healthz HTTP/1.1\r\n\r\n"),
    Case("nothing", 0, raw=b"", ends=True),
    Case("half a head", 0, raw=b"POST /webhooks/order_copies.complete HTTP/1.1\r\nHost: l", ends=True),
]  # fmt: skip

BY_NAME = {case.name: case for case in CASES}


@pytest.fixture(scope="module", autouse=True)
def nobody_dies(web: Web, kept: Store) -> Iterator[None]:
    """After all of it the same workers run, nothing was answered with a 5xx, and a genuine delivery is kept."""
    before = web.workers
    assert len(before) == 2
    yield
    assert web.workers == before
    assert web.deliver(TOPIC, wire(copy("afterwards"))).status == 200
    assert "Traceback" not in web.log


def _last(kept: Store) -> int:
    return max((row["id"] for row in rows(kept, deliveries)), default=0)


@pytest.mark.parametrize("name", BY_NAME)
def test_every_request(web: Web, kept: Store, name: str) -> None:
    """Each request of the table has its answer, and leaves exactly what the table says."""
    case, before = BY_NAME[name], _last(kept)
    id_ = f"row{CASES.index(case)}"
    with web.connect() as connection:
        connection.send(case.request(id_))
        if case.ends:
            connection.socket.shutdown(socket.SHUT_WR)
        answer = connection.answer()
        while answer.status == 100:
            answer = connection.answer()
    assert answer.status == case.status
    new = [row for row in rows(kept, deliveries) if row["id"] > before]
    assert [row["verdict"] for row in new] == ([case.kept] if case.kept else [])
    if new:
        assert bytes(new[0]["body"]) == case.bytes_of_body(id_)
        assert new[0]["commitment"] == commit_to_payload(new[0]["salt"], new[0]["headers"], case.bytes_of_body(id_))
        assert answer.body == b"kept\n"


def test_refusals_tell_nothing(web: Web) -> None:
    """Whatever is wrong with a request that is not authentic, the answer is the same to the byte."""
    answers = [web.exchange(case.request("x")) for case in CASES if case.status == 401]
    assert len(answers) > 20
    assert {answer.body for answer in answers} == {b"unauthorized\n"}
    shown = [{n: v for n, v in a.headers.items() if n not in ("date", "connection", "x-request-id")} for a in answers]
    assert all(headers == shown[0] for headers in shown)


@pytest.mark.parametrize("path", ["/webhooks/x", "/healthz", "/readyz", "/", "/nothing"])
def test_response_headers(web: Web, path: str) -> None:
    """Every answer of ours says that it is for no cache, no frame and no guess at its type, once."""
    headers = web.get(path).headers
    assert headers["cache-control"] == "no-store"
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["content-security-policy"] == "default-src 'none'; frame-ancestors 'none'"
    assert "set-cookie" not in headers


@pytest.mark.parametrize(("path", "allow"), [("/webhooks/orders.place", {"POST"}), ("/healthz", {"GET", "HEAD"})])
def test_a_wrong_method_is_told_the_right_ones(web: Web, path: str, allow: set[str]) -> None:
    """405 names the methods of that path and not of another."""
    answer = web.exchange(f"DELETE {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode())
    assert (answer.status, set(answer.headers["allow"].split(", "))) == (405, allow)


def test_pipelined_requests_are_answered_in_their_order(web: Web, kept: Store) -> None:
    """Three requests in one packet have three answers, the refused one between the kept ones."""
    before = _last(kept)
    wrong = Case("", 401, signature=lambda s: s[::-1]).request("pipelined2")
    with web.connect() as connection:
        connection.send(delivery(TOPIC, wire(copy("pipelined1"))) + wrong + delivery(TOPIC, wire(copy("pipelined3"))))
        assert [connection.answer().status for _ in range(3)] == [200, 401, 200]
    assert [row["verdict"] for row in rows(kept, deliveries) if row["id"] > before] == ["event", "event"]


def test_a_request_in_a_body_is_no_request(web: Web, kept: Store) -> None:
    """A whole request inside the body of a refused one is read as body and never as a request."""
    inner = delivery(TOPIC, wire(copy("smuggled")))
    before = _last(kept)
    refused = Case("", 401, body=inner, signature=lambda s: s[::-1]).request("x")
    with web.connect() as connection:
        connection.send(refused + delivery(TOPIC, wire(copy("afterit"))))
        assert [connection.answer().status for _ in range(2)] == [401, 200]
    new = [row for row in rows(kept, deliveries) if row["id"] > before]
    assert [bytes(row["body"]) for row in new] == [wire(copy("afterit"))]


def test_a_captured_body_is_kept_byte_for_byte(web: Web, kept: Store) -> None:
    """A body of the real service is kept as it is, with the headers worth keeping and the key that verified it."""
    path = shared("captured/customers.create.body.json")
    if path is None:
        pytest.skip("the data folder is not here")
    raw = path.read_bytes()
    assert web.deliver("customers.create", raw).status == 200
    row = rows(kept, deliveries)[-1]
    assert (bytes(row["body"]), row["topic"], row["origin"]) == (raw, "customers.create", "webhook")
    assert json.loads(row["headers"])["X-CommerceLayer-Signature"] == sign("customers.create", raw)
    assert len(row["key_fingerprint"]) == 12
    # It is of another organization than ours, so it is kept apart.
    assert (row["verdict"], row["reason"]) == ("quarantine", "of another organization")


@pytest.mark.parametrize("name", ["order_copies.complete", "order_copies.destroy", "recurring_order_copies.fail"])
def test_samples_are_events(web: Web, kept: Store, name: str) -> None:
    """Bodies of the shape that the provider sends are events the first time, and redeliveries after."""
    assert web.deliver(name, sample(name)).status == 200
    assert web.deliver(name, sample(name)).status == 200
    assert [row["verdict"] for row in rows(kept, deliveries)[-2:]] == ["event", "redelivery"]
