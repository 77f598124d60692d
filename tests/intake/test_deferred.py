"""Deliveries that were too large to be read at once: read later, once, by whichever worker comes first."""

from __future__ import annotations

import json
import threading

import pytest
import sqlalchemy as sa

from service.intake import deferred
from service.intake.deferred import read_deferred
from service.store import Store, queries
from service.store.schema import events, follow_ups
from tests.cli.conftest import deliver_to, door

COPY = "XAyRWNUzyN"
LARGE = "x" * 300_000


def _verdicts(store: Store) -> list[str]:
    with store.read() as connection:
        rows = queries.deliveries_of(connection, 1) + queries.apart(connection)
    return [row.verdict for row in rows]


def _count(store: Store, table: sa.Table) -> int:
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_deferred_delivery_becomes_its_event(store: Store) -> None:
    """It gets its event, its transition and its follow-ups, as if it had been read at the door."""
    assert deliver_to(store, "order_copies.complete", COPY, note=LARGE).verdict == "deferred"
    assert read_deferred(store, door()) == 1
    with store.read() as connection:
        (event,) = queries.events(connection)
        (moved,) = queries.transitions_of(connection, event.id)
        (delivery,) = queries.deliveries_of(connection, event.id)
        (follow_up,) = queries.follow_ups(connection, event_id=event.id)
        actions = [entry.action for entry in queries.trail(connection, [event.subject])]
    assert (event.subject, event.result, moved.to_status) == (f"order_copies/{COPY}", "handled", "completed")
    assert (delivery.verdict, delivery.reason, follow_up.kind) == ("event", None, "settle_source_order")
    assert actions == ["received", "state.changed", "follow_up.planned"]


def test_reading_again_finds_nothing(store: Store) -> None:
    """A second reading has nothing to do and changes nothing."""
    deliver_to(store, "order_copies.complete", COPY, note=LARGE)
    assert [read_deferred(store, door()) for _ in range(3)] == [1, 0, 0]
    assert (_count(store, events), _count(store, follow_ups)) == (1, 1)


def test_a_second_delivery_of_a_known_event_is_a_redelivery(store: Store) -> None:
    """Two deferred deliveries of one event make one event with two deliveries."""
    deliver_to(store, "order_copies.complete", COPY, note=LARGE)
    deliver_to(store, "order_copies.complete", COPY, note=LARGE)
    assert read_deferred(store, door()) == 2
    assert _verdicts(store) == ["event", "redelivery"]
    with store.read() as connection:
        assert [event.deliveries for event in queries.events(connection)] == [2]


def test_unreadable_ones_go_to_quarantine(store: Store) -> None:
    """A large body that is not the document we know is set aside with its reason."""
    deliver_to(store, "order_copies.complete", COPY, body=json.dumps({"data": LARGE}).encode())
    assert read_deferred(store, door()) == 1
    with store.read() as connection:
        (row,) = queries.apart(connection)
    assert (row.verdict, row.reason) == ("quarantine", "not a JSON:API document of one resource")


def test_one_that_cannot_be_recorded_is_not_tried_for_ever(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever a delivery does to its transaction, it ends in quarantine and the next one is read."""
    deliver_to(store, "order_copies.complete", COPY, note=LARGE)
    whole = deferred.adopt

    def spoilt(*arguments: object) -> object:
        if arguments[3].event is not None:  # type: ignore[attr-defined]
            raise ValueError("cannot be written")
        return whole(*arguments)  # type: ignore[arg-type]

    monkeypatch.setattr(deferred, "adopt", spoilt)
    assert read_deferred(store, door()) == 1
    assert _verdicts(store) == ["quarantine"]


def test_several_workers_share_the_work(store: Store) -> None:
    """Read by four at once, each delivery gets its place once and each event its follow-up once."""
    for number in range(6):
        deliver_to(store, "order_copies.complete", f"copy{number}", note=LARGE)
    done: list[int] = []
    threads = [threading.Thread(target=lambda: done.append(read_deferred(store, door()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sum(done) == 6
    assert (_count(store, events), _count(store, follow_ups)) == (6, 6)
    with store.read() as connection:
        assert queries.totals(connection).deferred == 0
