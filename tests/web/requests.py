"""Requests that differ from a genuine delivery in one thing each."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.bodies import SECRETS, copy, sign, wire

TOPIC = "order_copies.complete"
FIVE_MB = 5 * 1024 * 1024

Change = str | Sequence[str] | None
Body = bytes | Callable[[str], bytes]


@dataclass(frozen=True)
class Case:
    """One request, its answer, and what is kept of it.

    Attributes:
        name: what is wrong with it, or nothing.
        status: the expected answer; 0 where the server closes without one.
        kept: the verdict of the delivery that it leaves behind; None for nothing.
        signature: makes the header's value from the right one.
        told: the topic header; by default the topic.
        headers: further headers, in order.
        length: the value of Content-Length; by default the right one.
        framed: what is sent instead of the body, such as its chunks.
        raw: the whole request, instead of everything else.
        ends: the client closes its side when it has sent everything.
    """

    name: str
    status: int
    kept: str | None = None
    topic: str = TOPIC
    body: Body = field(default=lambda id_: wire(copy(id_)), repr=False)
    method: str = "POST"
    path: str = "/webhooks/{topic}"
    version: str = "HTTP/1.1"
    told: Change = "{topic}"
    signature: Callable[[str], Change] = lambda right: right
    headers: Sequence[tuple[str, str]] = ()
    length: Change = "{length}"
    framed: Callable[[bytes], bytes] | None = None
    raw: bytes | None = None
    ends: bool = False

    def bytes_of_body(self, id_: str) -> bytes:
        """The body, about a resource of its own."""
        return self.body if isinstance(self.body, bytes) else self.body(id_)

    def request(self, id_: str) -> bytes:
        """The whole request."""
        if self.raw is not None:
            return self.raw
        body = self.bytes_of_body(id_)
        values = {"topic": self.topic, "length": str(len(body))}
        signature = self.signature(sign(self.topic, body) if self.topic in SECRETS else "A" * 43 + "=")
        wanted = [
            ("Host", "localhost"),
            *_each("X-CommerceLayer-Topic", self.told),
            *_each("X-CommerceLayer-Signature", signature),
            *self.headers,
            *_each("Content-Length", self.length),
        ]
        lines = [f"{self.method} {self.path} {self.version}".format(**values)]
        lines += [f"{name}: {value.format(**values) if '{' in value else value}" for name, value in wanted]
        return "\r\n".join(lines).encode("latin-1") + b"\r\n\r\n" + (self.framed(body) if self.framed else body)


def _each(name: str, value: Change) -> list[tuple[str, str]]:
    if value is None:
        return []
    return [(name, one) for one in ([value] if isinstance(value, str) else value)]


def chunks(body: bytes, size: int = 700, *, end: bytes = b"0\r\n\r\n", line: bytes = b"%x\r\n") -> bytes:
    """A body in chunks."""
    parts = [body[n : n + size] for n in range(0, len(body), size)]
    return b"".join(line % len(part) + part + b"\r\n" for part in parts) + end


def padded(size: int) -> Callable[[str], bytes]:
    """A JSON body of exactly so many bytes."""

    def body(id_: str) -> bytes:
        start = wire(copy(id_))[:-1] + b',"pad":"'
        return start + b"x" * (size - len(start) - 2) + b'"}'

    return body
