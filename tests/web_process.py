"""The real web process: gunicorn with the product's settings, in a process group of its own, spoken to over sockets."""

from __future__ import annotations

import os
import re
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from json import dumps
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Self

from tests.bodies import MODE, ORGANIZATION, ROOT, SECRETS, sign

_START = """
from handlers import MODULES
from service import logs, settings
from service.router import Router
from service.web.server import serve
logs.configure()
serve(settings.load("web"), Router(MODULES))
"""
START_SECONDS = 30.0


@dataclass(frozen=True, slots=True)
class Answer:
    """One HTTP answer; status 0 where the server closed without one."""

    status: int
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""


class Connection:
    """A raw client connection."""

    def __init__(self, port: int, seconds: float = 10.0) -> None:
        """Connect."""
        self.socket = socket.create_connection(("127.0.0.1", port), timeout=seconds)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.socket.close()

    def send(self, raw: bytes) -> None:
        """Send bytes; a server that has answered and closed meanwhile is no error."""
        try:
            self.socket.sendall(raw)
        except (BrokenPipeError, ConnectionResetError):
            return

    def answer(self) -> Answer:
        """Read one answer."""
        found = self._rest
        while b"\r\n\r\n" not in found:
            if not (part := self._receive()):
                return Answer(0, body=found)
            found += part
        head, _, body = found.partition(b"\r\n\r\n")
        first, *lines = head.decode("latin-1").split("\r\n")
        headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
        length = int(headers.get("content-length", "0"))
        while len(body) < length and (part := self._receive()):
            body += part
        self._rest = body[length:]
        return Answer(int(first.split()[1]), headers, body[:length])

    def _receive(self) -> bytes:
        try:
            return self.socket.recv(65_536)
        except ConnectionResetError:
            return b""


@dataclass
class Web:
    """A running web process."""

    process: subprocess.Popen[bytes]
    log_path: Path
    port: int = 0

    def connect(self, seconds: float = 10.0) -> Connection:
        """Open a raw connection."""
        return Connection(self.port, seconds)

    def exchange(self, raw: bytes, seconds: float = 10.0) -> Answer:
        """Send bytes over a connection of their own and read the answer."""
        with self.connect(seconds) as connection:
            connection.send(raw)
            return connection.answer()

    def get(self, path: str) -> Answer:
        """GET a path."""
        return self.exchange(f"GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n".encode())

    def deliver(self, topic: str, body: bytes) -> Answer:
        """Post a delivery, signed as the provider does."""
        return self.exchange(delivery(topic, body))

    @property
    def log(self) -> str:
        """What the process has written so far."""
        return self.log_path.read_text()

    @property
    def workers(self) -> list[int]:
        """The pids of all worker processes ever started, in order."""
        return [int(pid) for pid in re.findall(r"Booting worker with pid: (\d+)", self.log)]

    def kill(self) -> None:
        """SIGKILL the master and every worker, as a machine that goes down would."""
        for pid in (self.process.pid, *self.workers):
            with _gone_already():
                os.kill(pid, signal.SIGKILL)
        self.process.wait(10)

    def stop(self) -> int:
        """SIGTERM, as a deployment would; the exit status."""
        self.process.terminate()
        return self.process.wait(20)


def delivery(topic: str, body: bytes, *, version: str = "HTTP/1.1") -> bytes:
    """A whole signed request."""
    head = (
        f"POST /webhooks/{topic} {version}\r\nHost: localhost\r\nContent-Type: application/vnd.api+json\r\n"
        f"X-CommerceLayer-Topic: {topic}\r\nX-CommerceLayer-Signature: {sign(topic, body)}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


@contextmanager
def running(database_url: str, **settings: str) -> Iterator[Web]:
    """Start the web process, wait until it answers, and stop it afterwards, by its own pid.

    Args:
        database_url: where it keeps everything.
        settings: further variables without their prefix, such as `web_workers="1"`.
    """
    variables = {
        "database_url": database_url,
        "webhook_secrets": dumps(dict(SECRETS)),
        "organization": ORGANIZATION,
        "mode": MODE,
        "bind": "127.0.0.1:0",
        "web_workers": "2",
    } | settings
    environment = {f"COPYDESK_{name.upper()}": value for name, value in variables.items()}
    environment |= {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
    with TemporaryDirectory() as directory:
        log_path = Path(directory) / "log"
        with log_path.open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-c", _START], cwd=ROOT, env=environment, stdout=log, stderr=subprocess.STDOUT
            )
        web = Web(process, log_path)
        try:
            _wait(web, int(variables["web_workers"]))
            yield web
        finally:
            try:
                if process.poll() is None:
                    web.stop()
            except subprocess.TimeoutExpired:
                web.kill()
                raise


def _wait(web: Web, workers: int) -> None:
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        if web.process.poll() is not None:
            break
        if not web.port and (found := re.search(r"Listening at: http://127\.0\.0\.1:(\d+)", web.log)):
            web.port = int(found[1])
        # Every worker: gunicorn loses a signal to one that is not there yet, and would wait for it in vain.
        if web.port and web.log.count("Worker ready") == workers and web.get("/healthz").status == 200:
            return
        time.sleep(0.02)
    raise AssertionError(f"the web process did not start:\n{web.log}")


@contextmanager
def _gone_already() -> Iterator[None]:
    try:
        yield
    except ProcessLookupError:
        return
