"""Sockets that obey one deadline per exchange, and that remember how far the exchange got.

A read timeout bounds one read: a server that sends a byte every nine seconds holds a ten-second timeout open
for ever. Here every wait of an exchange (for the name, the connection, TLS, each write, each read) is clipped
to what is left of its deadline, in the calling thread. The stream is also the one place that knows for
certain whether a byte of the request was handed to the network, and whether a byte of an answer came back.
"""

from __future__ import annotations

import socket
import ssl
import time
from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import httpcore

# A send of few bytes cannot be spread over many waits, each with the whole timeout, by a peer that reads
# slowly.
_PIECE_BYTES = 4096
# The system's resolver takes no timeout. Two threads at most ever hang in it; who waits for them gives up in
# time.
_RESOLVER_THREADS = 2


@dataclass(slots=True)
class Exchange:
    """One try of one request.

    Attributes:
        until: the end of it, as `time.monotonic()` tells time.
        sent: whether any byte of the request may have left; False means it certainly had no effect.
        reused: whether it went over a connection that had served an earlier exchange.
        answered: whether any byte of an answer came.
    """

    until: float
    sent: bool = False
    reused: bool = False
    answered: bool = False

    def clip(self, timeout: float | None, late: type[httpcore.TimeoutException]) -> float:
        """Shorten `timeout` to what is left, in seconds; raise `late` where nothing is."""
        left = self.until - time.monotonic()
        if left <= 0:
            raise late("the deadline has passed")
        return left if timeout is None else min(timeout, left)


# httpcore hands a stream its timeout and nothing else, so the exchange travels beside it: one per thread or
# greenlet.
_current: ContextVar[Exchange] = ContextVar("exchange")


@contextmanager
def bounded_by(exchange: Exchange) -> Iterator[None]:
    """Make everything that this thread does on our sockets part of `exchange`."""
    before = _current.set(exchange)
    try:
        yield
    finally:
        _current.reset(before)


class BoundedStream(httpcore.NetworkStream):
    """A connection whose every wait ends with the current exchange."""

    def __init__(self, inner: httpcore.NetworkStream) -> None:
        self._inner = inner
        self._used = False

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Read what has come, or wait for it."""
        exchange = _current.get()
        data = self._inner.read(max_bytes, exchange.clip(timeout, httpcore.ReadTimeout))
        exchange.answered = exchange.answered or bool(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Write all of `buffer`."""
        exchange = _current.get()
        for start in range(0, len(buffer), _PIECE_BYTES):
            left = exchange.clip(timeout, httpcore.WriteTimeout)
            if not exchange.sent:
                exchange.sent, exchange.reused, self._used = True, self._used, True
            self._inner.write(buffer[start : start + _PIECE_BYTES], left)

    def close(self) -> None:
        """Close at once; nothing is said to the other side."""
        self._inner.close()

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> httpcore.NetworkStream:
        """Shake hands; the whole handshake shares one timeout."""
        left = _current.get().clip(timeout, httpcore.ConnectTimeout)
        return BoundedStream(self._inner.start_tls(ssl_context, server_hostname, left))

    def get_extra_info(self, info: str) -> Any:
        """Say what httpcore asks of a socket, such as whether an idle one was closed by the other side."""
        return self._inner.get_extra_info(info)


class BoundedBackend(httpcore.NetworkBackend):
    """Opens connections within the current exchange; the timeout covers the name and all its addresses."""

    def __init__(self) -> None:
        self._inner = httpcore.SyncBackend()
        self._resolver = ThreadPoolExecutor(_RESOLVER_THREADS, thread_name_prefix="resolve")

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> httpcore.NetworkStream:
        """Connect to the first address of `host` that takes the connection; each has a fair share of the time."""
        ends = time.monotonic() + _current.get().clip(timeout, httpcore.ConnectTimeout)
        addresses = self._resolve(host, port, ends)
        failure: Exception = httpcore.ConnectError(socket.gaierror("no address"))
        for tried, address in enumerate(addresses):
            share = (ends - time.monotonic()) / (len(addresses) - tried)
            if share <= 0:
                raise httpcore.ConnectTimeout("no time left for another address")
            try:
                return BoundedStream(self._inner.connect_tcp(address, port, share, local_address, socket_options))
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as error:
                failure = error
        raise failure

    def close(self) -> None:
        """Let the resolver's threads go; a lookup that hangs is not waited for."""
        self._resolver.shutdown(wait=False, cancel_futures=True)

    def _resolve(self, host: str, port: int, ends: float) -> list[str]:
        """The addresses of `host`, in the system's order of preference, each once."""
        lookup = self._resolver.submit(socket.getaddrinfo, host, port, type=socket.SOCK_STREAM)
        try:
            found = lookup.result(max(0.0, ends - time.monotonic()))
        except TimeoutError:
            lookup.cancel()
            raise httpcore.ConnectTimeout("the name was not resolved in time") from None
        except (OSError, UnicodeError) as error:
            raise httpcore.ConnectError(error) from error
        return list(dict.fromkeys(str(address[0]) for *_, address in found))
