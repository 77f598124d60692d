"""Many writers at once, in threads and in processes: one event each, and nobody waits in a circle."""

from __future__ import annotations

import random
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

from service.arrivals import Receipt
from service.store import Store
from service.store.keep import keep
from service.store.schema import events, follow_ups, states
from tests.bodies import arrival, copy, sample
from tests.rows import counts, rows, verdicts
from tests.store.test_opening import ends, process

TIMES = 50
THREADS = 8


def test_one_delivery_fifty_times_at_once(store: Store) -> None:
    """Fifty concurrent transactions with one delivery make one event, and the others count."""
    barrier = Barrier(THREADS)

    def deliver(number: int) -> Receipt:
        if number < THREADS:
            barrier.wait(10)
        with store.write() as connection:
            return keep(connection, [arrival("order_copies.complete", sample("order_copies.complete"))])[0]

    with ThreadPoolExecutor(THREADS) as threads:
        receipts = list(threads.map(deliver, range(TIMES)))
    assert sorted(r.verdict for r in receipts) == ["event"] + ["redelivery"] * (TIMES - 1)
    assert len({r.event_id for r in receipts}) == 1
    assert [row["deliveries"] for row in rows(store, events)] == [TIMES]
    assert counts(store) == {
        "events": 1,
        "deliveries": TIMES,
        "transitions": 1,
        "states": 1,
        "follow_ups": 1,
        "audit_entries": TIMES + 2,
    }


def test_batches_of_the_same_in_other_orders(store: Store) -> None:
    """Concurrent batches of the same subjects in every order commit, without a deadlock, to the same rows."""
    life = [
        (f"order_copies.{action}", copy(f"copy{n}", status, updated_at=f"2026-03-02T0{hour}:00:00.000Z"))
        for n in range(6)
        for hour, (action, status) in enumerate(
            [("create", "pending"), ("start", "in_progress"), ("complete", "completed")]
        )
    ]
    barrier = Barrier(4)

    def deliver(seed: int) -> None:
        mine = random.Random(seed).sample(life, len(life))
        barrier.wait(10)
        for start in range(0, len(mine), 6):
            with store.write() as connection:
                keep(connection, [arrival(topic, body) for topic, body in mine[start : start + 6]])

    with ThreadPoolExecutor(4) as threads:
        list(threads.map(deliver, range(4)))
    assert verdicts(store) == {"event": 18, "redelivery": 54}
    assert {row["status"] for row in rows(store, states)} == {"completed"}
    assert len(rows(store, follow_ups)) == 12
    assert {row["deliveries"] for row in rows(store, events)} == {4}


def test_processes_at_once(store: Store, database_url: str) -> None:
    """Processes that keep the same deliveries in opposite orders all succeed and make each event once."""
    assert ends(*(process("deliver", database_url, str(n)) for n in range(3))) == [0] * 3
    assert verdicts(store) == {"event": 10, "redelivery": 20}
    assert len(rows(store, states)) == len(rows(store, follow_ups)) == 10
