"""HTTP/1.1 for a WSGI application: connections stay open between requests, and threads are bounded.

Werkzeug's own server closes the connection after every answer, so that every request of a client would pay for a new
one. Here a thread serves one connection; where all are taken, the connection that has waited longest for its next
request makes room.
"""

from __future__ import annotations

import contextlib
import io
import socket
import sys
import threading
from collections.abc import Iterable
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler
from socketserver import TCPServer, ThreadingMixIn
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote_to_bytes

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

# Clients that connect in the same instant wait their turn instead of being refused.
BACKLOG = 512
MOST_CONNECTIONS = 128
MOST_BODY = 8 * 1024 * 1024
# Longer than a client keeps an unused connection, so that it is the client who closes it.
IDLE_SECONDS = 75.0
_ENCODING = "latin-1"  # of header values and addresses in WSGI (PEP 3333)
_BODILESS = frozenset({HTTPStatus.NO_CONTENT, HTTPStatus.NOT_MODIFIED})


class Handler(BaseHTTPRequestHandler):
    """Hands the requests of one connection to the application; every answer tells its length."""

    protocol_version = "HTTP/1.1"
    timeout = IDLE_SECONDS
    server_version = "Sandbox"
    sys_version = ""
    # An answer leaves in one piece: buffered, and flushed once it is whole.
    wbufsize = -1
    disable_nagle_algorithm = True
    server: Server

    def handle(self) -> None:
        """Serve until the client or the server wants no more; a client that went away is no error."""
        with contextlib.suppress(ConnectionError, TimeoutError):
            super().handle()

    def handle_one_request(self) -> None:
        """Wait for the next request and answer it."""
        self.server.waits(self.connection)
        super().handle_one_request()

    def parse_request(self) -> bool:
        """Read the request's head: from here on the connection is busy."""
        self.server.works(self.connection)
        return super().parse_request()

    def log_message(self, *_arguments: object) -> None:
        """Say nothing: the sandbox has its own log of calls."""

    def _serve(self) -> None:
        body = self._body()
        if body is None:
            return
        began: list[tuple[str, list[tuple[str, str]]]] = []

        def start_response(status: str, headers: list[tuple[str, str]], _error: object = None) -> Any:
            began[:] = [(status, headers)]

        answer = self.server.application(self._environ(body), start_response)
        content = _joined(answer)
        ((line, headers),) = began
        self._answer(line, headers, content)

    do_GET = do_HEAD = do_POST = do_PUT = do_PATCH = do_DELETE = do_OPTIONS = _serve  # noqa: N815 (the names that http.server asks for)

    def _body(self) -> bytes | None:
        """The request's body, read whole so that the next request begins where this one ends; None: refused."""
        length = self.headers.get("Content-Length", "0")
        refusal = None
        if "Transfer-Encoding" in self.headers or not (length.isascii() and length.isdigit()):
            refusal = HTTPStatus.LENGTH_REQUIRED
        elif int(length) > MOST_BODY:
            refusal = HTTPStatus.REQUEST_ENTITY_TOO_LARGE
        if refusal is not None:
            self.close_connection = True
            self.send_error(refusal)
            return None
        body = self.rfile.read(int(length))
        if len(body) < int(length):
            raise ConnectionAbortedError("the request ended early")
        return body

    def _environ(self, body: bytes) -> dict[str, Any]:
        path, _, query = self.path.partition("?")
        environ: dict[str, Any] = {
            "REQUEST_METHOD": self.command,
            "SCRIPT_NAME": "",
            "PATH_INFO": unquote_to_bytes(path).decode(_ENCODING),
            "QUERY_STRING": query,
            "SERVER_NAME": self.server.server_address[0],
            "SERVER_PORT": str(self.server.port),
            "SERVER_PROTOCOL": self.request_version,
            "REMOTE_ADDR": self.client_address[0],
            "CONTENT_LENGTH": str(len(body)),
            "wsgi.version": (1, 0),
            "wsgi.url_scheme": "http",
            "wsgi.input": io.BytesIO(body),
            "wsgi.errors": sys.stderr,
            "wsgi.multithread": True,
            "wsgi.multiprocess": False,
            "wsgi.run_once": False,
            "sandbox.connection": self.connection,
        }
        for name, value in self.headers.items():
            key = name.upper().replace("-", "_")
            environ["CONTENT_TYPE" if key == "CONTENT_TYPE" else f"HTTP_{key}"] = value
        return environ

    def _answer(self, line: str, headers: list[tuple[str, str]], content: bytes) -> None:
        code, _, phrase = line.partition(" ")
        self.send_response(int(code), phrase)
        for name, value in headers:
            if name.lower() not in ("content-length", "connection"):
                self.send_header(name, value)
        if int(code) not in _BODILESS:
            self.send_header("Content-Length", str(len(content)))
        self.close_connection = self.close_connection or self.server.stopping.is_set()
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD" and int(code) not in _BODILESS:
            self.wfile.write(content)


class Server(ThreadingMixIn, TCPServer):
    """A thread per connection, at most `MOST_CONNECTIONS`, all of which end with the server."""

    daemon_threads = False
    block_on_close = True

    def __init__(self, host: str, port: int, application: WSGIApplication) -> None:
        """Bind and listen.

        Raises:
            OSError: the port is taken.
        """
        self.application = application
        self.stopping = threading.Event()
        # Waiting connections, the one that has waited longest first, and those at work.
        self._waiting: dict[socket.socket, None] = {}
        self._working: set[socket.socket] = set()
        self._changed = threading.Condition()
        super().__init__((host, port), Handler, bind_and_activate=False)
        self.socket.close()
        family = socket.AF_INET6 if ":" in host else socket.AF_INET
        self.socket = socket.create_server((host, port), family=family, backlog=BACKLOG)
        self.server_address = self.socket.getsockname()

    @property
    def port(self) -> int:
        """The port it listens on."""
        return int(self.server_address[1])

    def waits(self, connection: socket.socket) -> None:
        """A connection waits for its next request."""
        with self._changed:
            self._working.discard(connection)
            self._waiting[connection] = None
            self._changed.notify_all()

    def works(self, connection: socket.socket) -> None:
        """A connection has a request to answer."""
        with self._changed:
            self._waiting.pop(connection, None)
            self._working.add(connection)

    def process_request(self, request: Any, client_address: Any) -> None:
        """Serve a connection in a thread, once there is room for it."""
        with self._changed:
            while len(self._waiting) + len(self._working) >= MOST_CONNECTIONS and not self.stopping.is_set():
                _end(next(iter(self._waiting), None))
                self._changed.wait(0.1)
            self._waiting[request] = None
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        """Forget the connection and close it."""
        with self._changed:
            self._working.discard(request)
            self._waiting.pop(request, None)
            self._changed.notify_all()
        super().shutdown_request(request)

    def serve(self) -> None:
        """Take connections until the server is stopped."""
        while not self.stopping.is_set():
            self.handle_request()

    def stop(self) -> None:
        """Take no more connections, and let those that are open come to their end."""
        self.stopping.set()
        # Whoever waits for the next connection has one, and sees that it was the last.
        with contextlib.suppress(OSError):
            socket.create_connection((str(self.server_address[0]), self.port), timeout=1).close()

    def server_close(self) -> None:
        """End the connections that wait for a request, so that their threads end; answers are still written."""
        with self._changed:
            for connection in (*self._waiting, *self._working):
                _end(connection)
        super().server_close()

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A client that went away is no error; everything else is told."""
        if not isinstance(sys.exception(), ConnectionError):
            super().handle_error(request, client_address)


def _end(connection: socket.socket | None) -> None:
    """Let the thread that reads from a connection find its end."""
    if connection is not None:
        # The client may have been quicker.
        with contextlib.suppress(OSError):
            connection.shutdown(socket.SHUT_RD)


def _joined(answer: Iterable[bytes]) -> bytes:
    try:
        return b"".join(answer)
    finally:
        close = getattr(answer, "close", None)
        if close is not None:
            close()
