"""Posting signed deliveries over kept connections, as a sender does, and timing the answers."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import SplitResult, urlsplit

import click

from service.signature import sign

# As patient as Commerce Layer: https://docs.commercelayer.io/core/real-time-webhooks
PATIENCE = 5.0


@dataclass(frozen=True, slots=True)
class Answered:
    """One delivery's answer; without a status there was none, and `error` says why."""

    status: int | None
    milliseconds: float
    error: str | None = None


@dataclass(frozen=True, slots=True)
class Delivery:
    """One request to make."""

    topic: str
    body: bytes
    signature: bytes

    @classmethod
    def signed(cls, topic: str, body: bytes, secret: str) -> Delivery:
        """Sign a body as the sender would."""
        return cls(topic, body, sign(secret.encode("ascii"), body))


def target(url: str) -> SplitResult:
    """Read an address to post to.

    Raises:
        BadParameter: it is not an http or https address with a host.
    """
    parts = urlsplit(url)
    try:
        sound = parts.scheme in ("http", "https") and bool(parts.hostname) and parts.port != 0
    except ValueError:
        sound = False
    if not sound:
        raise click.BadParameter(f"{url!r} is not an http:// or https:// address", param_hint="--to")
    return parts


def post_all(
    to: SplitResult, deliveries: Iterable[Delivery], connections: int, tell: Callable[[Answered], None]
) -> list[Answered]:
    """Post deliveries over several connections; the answers come in any order.

    Args:
        to: where to.
        deliveries: what to post; taken one by one.
        connections: how many at once.
        tell: called for each answer, by one thread at a time.
    """
    lock, answers, source = threading.Lock(), list[Answered](), iter(deliveries)

    def run() -> None:
        with closing(_connect(to)) as connection:
            while (delivery := _next(lock, source)) is not None:
                answered = post(connection, to, delivery)
                with lock:
                    answers.append(answered)
                    tell(answered)

    # Daemons, so that Ctrl-C does not wait for a server that does not answer.
    threads = [threading.Thread(target=run, daemon=True) for _ in range(connections)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return answers


def post(connection: http.client.HTTPConnection, to: SplitResult, delivery: Delivery) -> Answered:
    """Post one delivery and read the whole answer."""
    headers = {
        "Content-Type": "application/vnd.api+json",
        "X-CommerceLayer-Topic": delivery.topic,
        "X-CommerceLayer-Signature": delivery.signature.decode("latin-1"),
    }
    path = (to.path or "/") + (f"?{to.query}" if to.query else "")
    began = time.perf_counter()
    try:
        connection.request("POST", path, delivery.body, headers)
        response = connection.getresponse()
        response.read()
        return Answered(response.status, _since(began))
    except (OSError, http.client.HTTPException) as error:
        connection.close()
        return Answered(None, _since(began), str(error) or type(error).__name__)


def _connect(to: SplitResult) -> http.client.HTTPConnection:
    kind = http.client.HTTPSConnection if to.scheme == "https" else http.client.HTTPConnection
    return kind(to.hostname or "", to.port, timeout=PATIENCE)


def _next(lock: threading.Lock, source: Iterator[Delivery]) -> Delivery | None:
    with lock:
        return next(source, None)


def _since(began: float) -> float:
    return round((time.perf_counter() - began) * 1000, 2)
