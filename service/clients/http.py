"""One bounded HTTP exchange with an outside system; what its failures mean is in `service.clients.peer`.

Built on httpcore, the engine inside httpx, through its public interface. `httpx.Client` is not used because
it logs every address at INFO (a Slack webhook's address is a secret), inflates gzip before its size is known,
and offers no public place for sockets of our own. What is not built in cannot go wrong: no redirects, no
cookies, no proxy or netrc from the environment, no decoding.
"""

from __future__ import annotations

import ssl
import time
from dataclasses import dataclass
from functools import cache

import httpcore
import httpx

from service.clients.deadline import BoundedBackend, Exchange, bounded_by
from service.clients.peer import Peer, Request, Response

MAX_BODY_BYTES = 1024 * 1024
_MAX_CONNECTIONS = 20
# Shorter than any common server's, so that a kept connection is rarely found closed.
_KEEPALIVE_SECONDS = 15.0
_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
)


@dataclass(frozen=True, slots=True)
class Deadlines:
    """How long an exchange may take, in seconds: to connect, for each read or write, and in total."""

    connect: float = 3.0
    read: float = 10.0
    total: float = 20.0


DEADLINES = Deadlines()


@cache
def tls_context() -> ssl.SSLContext:
    """How TLS is spoken: names and certificates are verified, SSL_CERT_FILE and the like are not read.

    Made once, because reading the trusted certificates takes longer than most requests.
    """
    return httpx.create_ssl_context(trust_env=False)


class Transport:
    """Pooled connections to one outside system; safe for threads and greenlets.

    Args:
        peer: the system.
        deadlines: how long an exchange may take.
    """

    def __init__(self, peer: Peer, deadlines: Deadlines = DEADLINES) -> None:
        self._peer = peer
        self._deadlines = deadlines
        self._backend = BoundedBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=tls_context(),
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=self._backend,
        )

    def close(self) -> None:
        """Close every connection; the transport must not be used afterwards."""
        self._pool.close()
        self._backend.close()

    def until(self) -> float:
        """When something that begins now must have ended, as `time.monotonic()` tells time."""
        return time.monotonic() + self._deadlines.total

    def send(self, request: Request, until: float | None = None) -> Response:
        """Send `request` and read the whole answer, whatever its status.

        Args:
            request: what to send.
            until: the end of a larger undertaking that this is part of (`until()`).

        Raises:
            Unavailable: it was certainly not sent, or it is repeatable and no whole answer came.
            OutcomeUnknown: it is a write, it was sent and no whole answer came.
        """
        until = self.until() if until is None else min(until, self.until())
        may_repeat = request.repeatable
        while True:
            exchange = Exchange(until)
            try:
                with bounded_by(exchange):
                    return self._exchange(request, exchange)
            except _FAILURES as failure:
                late = isinstance(failure, httpcore.TimeoutException)
                stale = exchange.reused and not exchange.answered and not late
                if not (may_repeat and stale):
                    # The cause stays behind: a protocol error quotes header lines, ours included.
                    raise self._peer.unanswered(request, failure, sent=exchange.sent) from None
                may_repeat = False

    def _exchange(self, request: Request, exchange: Exchange) -> Response:
        timeouts = {
            "pool": exchange.clip(None, httpcore.PoolTimeout),
            "connect": self._deadlines.connect,
            "read": self._deadlines.read,
            "write": self._deadlines.read,
        }
        headers = {"Accept-Encoding": "identity", "User-Agent": "copydesk", **request.headers}
        with self._pool.stream(
            request.method,
            request.url,
            headers=list(headers.items()),
            content=request.body,
            extensions={"timeout": timeouts},
        ) as answer:
            fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers}
            body = bytearray()
            for part in answer.iter_stream():
                body += part
                if len(body) > MAX_BODY_BYTES:
                    head = Response(answer.status, fields)
                    raise self._peer.misunderstood(request, head, instead="more than 1 MiB")
            return Response(answer.status, fields, bytes(body))
