"""Who erases and who gives entries their place change the same rows of the trail, and never wait in a circle."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Collection, Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from functools import partial

import pytest
import sqlalchemy as sa

from service.audit import sequencer
from service.privacy import erasure, plan, rows
from service.store import Store, open_store
from service.store.audit import entry, write_audit
from service.vault import Vault
from tests.audit.record import KEY, verified
from tests.privacy.conftest import WHY, end_work
from tests.privacy.test_under_fire import customers

ROUNDS, NOTES = 20, 50


@pytest.fixture
def on_postgresql(new_postgres: Callable[[], AbstractContextManager[str]]) -> Iterator[Store]:
    """SQLite has one writer at a time: there is nothing to wait for in a circle."""
    with new_postgres() as url:
        opened = open_store(url)
        yield opened
        opened.close()


def test_an_erasure_and_the_sequencer_at_the_same_entries_end_both(
    on_postgresql: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The one begins with the newest entries, the other with the oldest: neither is the other's victim."""
    trouble: list[Exception] = []
    under_way = threading.Event()
    blank = rows.blank_entries

    def blank_and_wait(connection: sa.Connection, ids: Collection[int], place: str) -> None:
        blank(connection, ids, place)
        if not under_way.is_set():
            under_way.set()
            time.sleep(0.05)

    def tried(work: Callable[[], object]) -> None:
        try:
            work()
        except Exception as error:  # noqa: BLE001 - counted below
            trouble.append(error)

    def place() -> None:
        under_way.wait()
        sequencer.sequence(on_postgresql, KEY, datetime.now(UTC))

    monkeypatch.setattr(rows, "blank_entries", blank_and_wait)
    customers(on_postgresql, ROUNDS)
    end_work(on_postgresql)
    for number in range(ROUNDS):
        # The last of these is whose turn comes first.
        notes(on_postgresql, f"orders/Source{number:05d}", f"orders/Target{number:05d}")
        wanted = plan.plan(on_postgresql, Vault(), [f"orders/Source{number:05d}"])
        assert wanted.subjects[0] == f"orders/Target{number:05d}"
        under_way.clear()
        threads = [
            threading.Thread(target=tried, args=(one,))
            for one in (partial(erasure.erase, on_postgresql, wanted, WHY), place)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert trouble == []
    assert verified(on_postgresql).violations == []


def notes(store: Store, *subjects: str) -> None:
    """Some entries about each of these, in this order."""
    with store.write() as connection:
        told = [(subject, str(one)) for subject in subjects for one in range(NOTES)]
        write_audit(connection, [entry(datetime.now(UTC), s, "operator Jo", "note", {"text": t}) for s, t in told])
