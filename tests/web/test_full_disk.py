"""A disk that is full: what is acknowledged is kept, all the same, and it recovers by itself."""

from __future__ import annotations

import json
import resource
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from service.store import open_store
from service.store.schema import deliveries, events
from tests.bodies import copy, wire
from tests.rows import rows
from tests.web.requests import TOPIC
from tests.web.test_trouble import several
from tests.web_process import Web, running

# For one transaction and not for all of them: one touches a page or two of every table and index.
ROOM = 250_000


@contextmanager
def full(web: Web, wal: Path) -> Iterator[None]:
    """Let no file of the workers grow beyond what the WAL is now and a little room, as a full disk does."""
    limit = wal.stat().st_size + ROOM
    for pid in web.workers:
        resource.prlimit(pid, resource.RLIMIT_FSIZE, (limit, resource.RLIM_INFINITY))
    try:
        yield
    finally:
        for pid in web.workers:
            resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))


@pytest.mark.skipif(sys.platform != "linux", reason="prlimit is Linux's")
def test_a_full_disk_refuses_and_loses_nothing(tmp_path: Path) -> None:
    """On a full disk deliveries are 503, what was answered 200 is kept as an event, and room is all it needs."""
    path = tmp_path / "copydesk.db"
    with running(f"sqlite:///{path}") as web:
        assert web.deliver(TOPIC, wire(copy("before"))).status == 200
        bodies = [wire(copy(f"full{n}")) for n in range(48)]
        with full(web, Path(f"{path}-wal")):
            answers = several(web, bodies, threads=16)
            refused = web.deliver(TOPIC, wire(copy("late")))
            # The question writes a page itself, so the last of the room goes to it.
            ready = next((r for r in (web.get("/readyz") for _ in range(60)) if r.status != 200), None)
        assert {a.status for a in answers} == {200, 503}
        assert refused.status == 503
        assert ready is not None
        assert (ready.status, json.loads(ready.body)["ready"]) == (503, False)
        again = several(web, [b for a, b in zip(answers, bodies, strict=True) if a.status != 200])
        assert {a.status for a in again} == {200}
        assert web.get("/readyz").status == 200
        # One process wrote them, so its log has no line that is not ours.
        assert all(line.startswith("{") for line in web.log.splitlines() if line)
    store = open_store(f"sqlite:///{path}")
    kept = {bytes(row["body"]) for row in rows(store, deliveries)}
    assert set(bodies) <= kept
    assert {row["verdict"] for row in rows(store, deliveries)} <= {"event", "redelivery"}
    assert len(rows(store, events)) == len(bodies) + 1
    store.close()
