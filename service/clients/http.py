"""One bounded HTTP exchange with an outside system; what its failures mean is in `service.clients.peer`.

An `httpx.Client` over `service.clients.pool`, where the deadline and the knowledge of what was sent live. Of what
httpx can do by itself nothing is left on: no redirects, no cookies, no proxy or netrc from the environment, no
headers of its own, no inflating of what was compressed, and no log of the addresses, one of which is a secret.
"""

from __future__ import annotations

import logging
import ssl
import time
from dataclasses import dataclass
from functools import cache
from http.cookiejar import CookieJar, DefaultCookiePolicy

import httpcore
import httpx

from service.clients.deadline import Exchange, bounded_by
from service.clients.peer import MEBIBYTE, Peer, Request, Response
from service.clients.pool import BoundedPool

_FAILURES = (
    httpcore.TimeoutException,
    httpcore.NetworkError,
    httpcore.ProtocolError,
    httpcore.UnsupportedProtocol,
    httpx.InvalidURL,
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
        self._client = _client()

    def close(self) -> None:
        """Close every connection; the transport must not be used afterwards."""
        self._client.close()

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
        # Not `Client.build_request`, which would add headers of httpx's own.
        asked = httpx.Request(
            request.method, request.url, headers=headers, content=request.body, extensions={"timeout": timeouts}
        )
        answer = self._client.send(asked, stream=True)
        try:
            fields = {name.decode("latin-1").lower(): value.decode("latin-1") for name, value in answer.headers.raw}
            body = bytearray()
            for part in answer.iter_raw():
                body += part
                if len(body) > request.most_bytes:
                    head = Response(answer.status_code, fields)
                    more = f"more than {request.most_bytes // MEBIBYTE} MiB"
                    raise self._peer.misunderstood(request, head, instead=more)
            return Response(answer.status_code, fields, bytes(body))
        finally:
            answer.close()


def _client() -> httpx.Client:
    """A client that does what it is told and nothing else."""
    # httpx logs every address at INFO. A filter on its logger, for the whole process, holds whatever levels logging
    # is configured with, and whenever; adding it again changes nothing.
    logging.getLogger("httpx").addFilter(_is_no_request)
    return httpx.Client(
        transport=BoundedPool(tls_context()),
        follow_redirects=False,
        trust_env=False,
        cookies=CookieJar(DefaultCookiePolicy(allowed_domains=[])),
    )


def _is_no_request(record: logging.LogRecord) -> bool:
    return record.levelno > logging.INFO
