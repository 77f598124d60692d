"""A whole installation on each database: a sandbox that posts to a real web process, and worker processes."""

from __future__ import annotations

import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import Any

import pytest

from service.sandbox import Sandbox
from service.store import Store, open_store
from service.store.schema import attempts, follow_ups
from tests.bodies import SECRETS
from tests.rows import rows
from tests.web_process import Web, running
from tests.worker_process import Workers, eventually, workers

ENDS = ("done", "left", "refused", "dead")


@dataclass
class Installation:
    """Everything of one installation."""

    store: Store
    sandbox: Sandbox
    workers: Workers
    web: Web | None = None

    def follow_ups(self, kind: str = "settle_source_order") -> list[dict[str, Any]]:
        """The rows of one kind."""
        return [row for row in rows(self.store, follow_ups) if row["kind"] == kind]

    def attempts(self, kind: str = "settle_source_order") -> list[dict[str, Any]]:
        """Every attempt of the follow-ups of one kind."""
        ids = {row["id"] for row in self.follow_ups(kind)}
        return [row for row in rows(self.store, attempts) if row["follow_up_id"] in ids]

    def statuses(self, kind: str = "settle_source_order") -> list[str]:
        """Where the follow-ups of one kind stand."""
        return [row["status"] for row in self.follow_ups(kind)]

    def all_end(self, number: int, seconds: float = 30, kind: str = "settle_source_order") -> bool:
        """Wait until so many follow-ups of a kind are at an end, and no other is open."""

        def over() -> bool:
            found = self.statuses(kind)
            return len(found) >= number and all(status in ENDS for status in found)

        return eventually(over, seconds)

    def cancelled(self) -> list[str]:
        """The orders that Copydesk cancelled effectively, each as often as it did."""
        return [e["id"] for e in self.sandbox.effects if e["effect"] == "cancel" and e["by"] == "api"]


def free_port() -> int:
    """A port that nobody has just now."""
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        return int(nobody.getsockname()[1])


@pytest.fixture
def installation(database_url: str) -> Callable[..., AbstractContextManager[Installation]]:
    """Makes an installation on each database in turn; the caller starts its workers."""

    @contextmanager
    def make(*, web: bool = False, **settings: str) -> Iterator[Installation]:
        store = open_store(database_url)
        port = free_port()
        callback = {"callback": f"http://127.0.0.1:{port}/webhooks", "secrets": SECRETS} if web else {}
        try:
            with (
                Sandbox(step_seconds=0.0, **callback) as sandbox,
                workers(database_url, sandbox.url, **settings) as made,
            ):
                if not web:
                    yield Installation(store, sandbox, made)
                    return
                with running(database_url, bind=f"127.0.0.1:{port}", web_workers="1") as process:
                    yield Installation(store, sandbox, made, process)
        finally:
            store.close()

    return make
