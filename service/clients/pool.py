"""httpx's transport over connections that obey one deadline per exchange.

`httpx.HTTPTransport` has no public place for sockets of our own; `httpx.BaseTransport` and `httpcore.ConnectionPool`
are the public interfaces on both sides of that gap. Failures stay httpcore's, because those still carry the
system's error, from which the message for an operator is made.
https://www.python-httpx.org/advanced/transports/, https://www.encode.io/httpcore/network-backends/
"""

from __future__ import annotations

import ssl
from collections.abc import Iterator

import httpcore
import httpx

from service.clients.deadline import BoundedBackend

_MAX_CONNECTIONS = 20
# Shorter than any common server's, so that a kept connection is rarely found closed.
_KEEPALIVE_SECONDS = 15.0


class BoundedPool(httpx.BaseTransport):
    """Pooled connections; to be used within `service.clients.deadline.bounded_by`.

    Args:
        context: how TLS is spoken.
    """

    def __init__(self, context: ssl.SSLContext) -> None:
        self._backend = BoundedBackend()
        self._pool = httpcore.ConnectionPool(
            ssl_context=context,
            max_connections=_MAX_CONNECTIONS,
            keepalive_expiry=_KEEPALIVE_SECONDS,
            network_backend=self._backend,
        )

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        """Send `request`; the answer's body is read while its stream is iterated.

        Raises:
            httpcore.TimeoutException, httpcore.NetworkError, httpcore.ProtocolError,
            httpcore.UnsupportedProtocol: there is no answer.
        """
        url = httpcore.URL(
            scheme=request.url.raw_scheme,
            host=request.url.raw_host,
            port=request.url.port,
            target=request.url.raw_path,
        )
        answer = self._pool.handle_request(
            httpcore.Request(
                request.method,
                url,
                headers=request.headers.raw,
                content=request.stream,
                extensions=request.extensions,
            )
        )
        # Redirects are answers like any other. httpx reads a Location even where it does not follow it, and an
        # unreadable one would turn a clear refusal into an unknown outcome.
        headers = [(name, value) for name, value in answer.headers if name.lower() != b"location"]
        return httpx.Response(answer.status, headers=headers, stream=_Body(answer), extensions=answer.extensions)

    def close(self) -> None:
        """Close every connection; a lookup of a name that hangs is not waited for."""
        self._pool.close()
        self._backend.close()


class _Body(httpx.SyncByteStream):
    """The body of an answer, as it came."""

    def __init__(self, answer: httpcore.Response) -> None:
        self._answer = answer

    def __iter__(self) -> Iterator[bytes]:
        return self._answer.iter_stream()

    def close(self) -> None:
        self._answer.close()
