"""gunicorn with our settings, each with its reason; `copydesk serve` runs it."""

from __future__ import annotations

import os
import socket
import tempfile
from collections.abc import Callable
from typing import Any

from gunicorn.app.base import BaseApplication
from gunicorn.glogging import Logger

from service.router import Router
from service.settings import Settings

# Wakes the process for a connection only when its first bytes are there: idle sockets cost nothing.
_TCP_DEFER_ACCEPT_SECONDS = 10


class Log(Logger):  # type: ignore[misc]
    """gunicorn's own log, as lines like ours: it hands its records on to the root logger."""

    def setup(self, cfg: Any) -> None:
        """Take no handler of its own; `service.logs` decides where lines go and how they look."""
        super().setup(cfg)
        self.error_log.handlers.clear()
        self.error_log.propagate = True
        # gunicorn would say at info what it means at the level that the operator chose for the rest.
        self.error_log.setLevel("NOTSET")


def options(settings: Settings) -> dict[str, Any]:
    """Gunicorn's settings by their names in its documentation."""
    return {
        "bind": settings.bind,
        "workers": settings.web_workers,
        # Slow clients hold a greenlet, not a thread: idle and dripping senders do not delay the others.
        "worker_class": "service.web.worker.Worker",
        "worker_connections": 1000,
        "timeout": 30,
        "graceful_timeout": 15,  # longer than any answer may take
        "keepalive": 2,
        "backlog": 2048,
        # Commerce Layer needs far less, and a filter of the API by a hundred ids fits in.
        "limit_request_line": 3072,
        "limit_request_fields": 50,
        "limit_request_field_size": 4096,
        "control_socket_disable": True,
        "umask": 0o007,
        "header_map": "drop",
        "forwarded_allow_ips": "127.0.0.1,::1",
        "preload_app": False,  # no database connection may cross a fork
        # The heartbeat must not wait for a busy disk.
        "worker_tmp_dir": "/dev/shm" if os.access("/dev/shm", os.W_OK) else tempfile.gettempdir(),  # noqa: S108
        "logger_class": Log,
        "accesslog": None,  # each delivery is one line of our own
        "proc_name": "copydesk",
        "when_ready": _defer_accept,
        "post_worker_init": _say_ready,
        "worker_exit": _close,
    }


class Server(BaseApplication):  # type: ignore[misc]
    """gunicorn, told everything here and nothing by the environment or the command line."""

    def __init__(self, make_app: Callable[[], Any], settings: dict[str, Any]) -> None:
        self._make_app, self._settings = make_app, settings
        super().__init__()

    def load_config(self) -> None:
        """Hand over our settings."""
        for name, value in self._settings.items():
            self.cfg.set(name, value)

    def load(self) -> Any:
        """Make the application; gunicorn calls it in each worker, after the fork."""
        return self._make_app()


def serve(settings: Settings, router: Router) -> None:
    """Run the web process until it is told to stop (SIGTERM, SIGINT)."""
    from service.web.app import create_app  # noqa: PLC0415 - imports must follow gevent's patches, in the worker

    Server(lambda: create_app(settings, router), options(settings)).run()


def _defer_accept(server: Any) -> None:
    for listener in server.LISTENERS:
        if listener.sock.family in (socket.AF_INET, socket.AF_INET6) and hasattr(socket, "TCP_DEFER_ACCEPT"):
            listener.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_DEFER_ACCEPT, _TCP_DEFER_ACCEPT_SECONDS)


def _say_ready(worker: Any) -> None:
    worker.log.info("Worker ready (pid: %s)", worker.pid)


def _close(_server: Any, worker: Any) -> None:
    app = getattr(worker, "wsgi", None)
    if app is not None and (services := app.extensions.get("copydesk")):
        services.close()
