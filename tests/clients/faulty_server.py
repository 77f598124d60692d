"""An HTTP server on loopback that misbehaves to order: one scripted action per request, the last one for ever."""

from __future__ import annotations

import json
import socket
import struct
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeAlias

DRIP_SECONDS = 0.02
POLL_SECONDS = 0.01


@dataclass
class Visit:
    """One request as the server sees it; the action decides how much of it is read."""

    sock: socket.socket
    stop: threading.Event
    requests: list[bytes]

    def read(self) -> bytes:
        """Read one whole request and remember it."""
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._receive()
        head, _, body = head.partition(b"\r\n\r\n")
        lengths = [line.split(b":")[1] for line in head.split(b"\r\n") if line.lower().startswith(b"content-length:")]
        while lengths and len(body) < int(lengths[0]):
            body += self._receive()
        self.requests.append(head + b"\r\n\r\n" + body)
        return self.requests[-1]

    def _receive(self) -> bytes:
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionError("the client gave up")
        return data

    def drip(self, data: bytes) -> None:
        """Send byte by byte, each well inside any read timeout."""
        for position in range(len(data)):
            if self.stop.wait(DRIP_SECONDS):
                return
            self.sock.sendall(data[position : position + 1])


Action: TypeAlias = Callable[[Visit], bool]  # True: keep the connection


@dataclass
class FaultyServer:
    """Listens from the moment it is made until `close`."""

    script: list[Action]
    requests: list[bytes] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._stop = threading.Event()
        self._lock = threading.Lock()
        self._listener = socket.create_server(("127.0.0.1", 0), backlog=128)
        self._listener.settimeout(POLL_SECONDS)
        self._threads = [threading.Thread(target=self._accept)]
        self._threads[0].start()

    @property
    def port(self) -> int:
        return int(self._listener.getsockname()[1])

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def close(self) -> None:
        self._stop.set()
        for thread in self._threads:
            thread.join(5)
        self._listener.close()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                sock, _ = self._listener.accept()
            except TimeoutError:
                continue
            self.connections += 1
            self._threads.append(threading.Thread(target=self._serve, args=(sock,)))
            self._threads[-1].start()

    def _serve(self, sock: socket.socket) -> None:
        with sock:
            try:
                while self._wait_for_request(sock) and self._next()(Visit(sock, self._stop, self.requests)):
                    pass
            except OSError:
                return  # the client gave up first, as it should

    def _wait_for_request(self, sock: socket.socket) -> bool:
        sock.settimeout(POLL_SECONDS)
        while not self._stop.is_set():
            try:
                peeked = sock.recv(1, socket.MSG_PEEK)
            except TimeoutError:
                continue
            sock.settimeout(5)
            return bool(peeked)
        return False

    def _next(self) -> Action:
        with self._lock:
            return self.script.pop(0) if len(self.script) > 1 else self.script[0]


def answer(status: int, body: Any = b"", *headers: str, delay: float = 0.0) -> Action:
    """Answer properly, with a JSON body unless bytes are given."""
    return computed(lambda _request: body, status, *headers, delay=delay)


def computed(body_of: Callable[[bytes], Any], status: int = 200, *headers: str, delay: float = 0.0) -> Action:
    """Answer properly, with a body that depends on the request: JSON unless it is bytes."""

    def act(visit: Visit) -> bool:
        body = body_of(visit.read())
        content = body if isinstance(body, bytes) else json.dumps(body).encode()
        lines = [f"HTTP/1.1 {status} X", f"Content-Length: {len(content)}", "X-Request-Id: req-1", *headers, "", ""]
        visit.stop.wait(delay)
        visit.sock.sendall("\r\n".join(lines).encode() + content)
        return True

    return act


def raw(data: bytes) -> Action:
    """Answer with these bytes, then close."""

    def act(visit: Visit) -> bool:
        visit.read()
        visit.sock.sendall(data)
        return False

    return act


def dripping(data: bytes, at_once: bytes = b"") -> Action:
    """Answer `at_once`, then `data` byte by byte."""

    def act(visit: Visit) -> bool:
        visit.read()
        visit.sock.sendall(at_once)
        visit.drip(data)
        return False

    return act


def endless(visit: Visit) -> bool:
    """Answer with a body that never ends, as fast as it is taken."""
    visit.read()
    visit.sock.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    while not visit.stop.is_set():
        visit.sock.sendall(b"10000\r\n" + b"x" * 0x10000 + b"\r\n")
    return False


def silent(visit: Visit) -> bool:
    """Read the request and never answer."""
    visit.read()
    visit.stop.wait()
    return False


def deaf(visit: Visit) -> bool:
    """Never read, never answer: also what a client that wants TLS meets."""
    visit.stop.wait()
    return False


def hang_up(visit: Visit) -> bool:
    """Read the request and close without a word, as a server does whose keep-alive ran out."""
    visit.read()
    return False


def reset_unread(visit: Visit) -> bool:
    """Reset the connection without reading the request."""
    _reset(visit.sock)
    return False


def reset_read(visit: Visit) -> bool:
    """Read the request, then reset the connection."""
    visit.read()
    _reset(visit.sock)
    return False


def dripping_tls(visit: Visit) -> bool:
    """Begin a TLS record of 16 KiB and send it byte by byte."""
    visit.sock.sendall(b"\x16\x03\x03\x40\x00")
    visit.drip(b"\x02" + b"\x00" * 1000)
    return False


def _reset(sock: socket.socket) -> None:
    sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
