"""The reading commands on PostgreSQL: the same questions, the same answers."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager

import pytest

from service.store import Store, open_store
from tests.cli.conftest import Run, deliver_to, settings_of

COPY = "XAyRWNUzyN"
UNMASKED = ("--unmask", "--reason", "a test")


@pytest.fixture
def postgres_store(
    new_postgres: Callable[[], AbstractContextManager[str]], monkeypatch: pytest.MonkeyPatch
) -> Iterator[Store]:
    """An installation on PostgreSQL, and its store."""
    with new_postgres() as url:
        for name, value in settings_of(url).items():
            monkeypatch.setenv(name, value)
        store = open_store(url)
        yield store
        store.close()


def test_every_reading_command_answers(run: Run, postgres_store: Store) -> None:
    """Lists, single things, trails, filters, bodies, replays and the doctor speak to PostgreSQL too."""
    deliver_to(postgres_store, "order_copies.start", COPY)
    deliver_to(postgres_store, "order_copies.complete", COPY)
    deliver_to(postgres_store, "order_copies.complete", "x", body=b"{}")
    event = json.loads(run("events", "--json", "--since", "1h", "--limit", 1).stdout)[0]
    assert event["topic"] == "order_copies.complete"
    one = json.loads(run("events", event["id"], "--json").stdout)
    assert one["delivered"][0]["size"] == len(run("events", event["id"], "--body", *UNMASKED).stdout_bytes)
    assert json.loads(run("events", "--failed", "--json").stdout) == []
    assert len(json.loads(run("events", "--quarantine", "--json").stdout)) == 1
    assert len(json.loads(run("follow-ups", "--open", "--json").stdout)) == 1
    assert json.loads(run("audit", COPY, "--json").stdout)[0]["action"] == "received"
    assert json.loads(run("replay", event["id"], "--json").stdout)[0]["changes"] is False
    assert run("doctor", "--offline").exit_code == 0
    assert run("audit", "nope").exit_code == 1
