"""Group commit: shared transactions, each arrival answered after its commit, and nobody spoils it for the others."""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

import pytest
import sqlalchemy as sa

from service import Event, Note, Outcome, Transition, on
from service.arrivals import Arrival, Receipt
from service.errors import StoreUnavailable
from service.intake import Writer
from service.router import Verdict
from service.store import Store
from service.store.schema import deliveries, events, states
from tests.bodies import arrival, copy, order
from tests.rows import actions, counts, rows

THREADS = 32


@contextmanager
def writing(store: Store, **settings: Any) -> Iterator[Writer]:
    """A writer for the length of a `with`."""
    writer = Writer(store, **settings)
    yield writer
    writer.close()


@contextmanager
def locked(store: Store) -> Iterator[sa.Connection]:
    """Hold what every writer needs: the write lock of the file, or a lock on the table of events."""
    with store.engine.begin() as connection:
        if store.dialect == "postgresql":
            connection.exec_driver_sql("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
        yield connection


def copies(number: int, first: int = 0) -> list[Arrival]:
    """Deliveries of so many copies."""
    return [arrival("order_copies.complete", copy(f"copy{n}")) for n in range(first, first + number)]


def all_at_once(writer: Writer, arrivals: list[Arrival]) -> list[Future[Receipt]]:
    """Every arrival in a thread of its own, each waiting for its answer."""
    with ThreadPoolExecutor(max(len(arrivals), 1)) as threads:
        return [threads.submit(writer.keep, one) for one in arrivals]


def test_concurrent_arrivals_share_transactions(store: Store) -> None:
    """Arrivals that come while another batch is written are written together, each with its own receipt."""
    begun = []
    with writing(store) as writer:
        sa.event.listen(writer._store.engine, "begin", begun.append)  # noqa: SLF001 - counts its transactions
        futures = all_at_once(writer, copies(THREADS))
    receipts = [future.result() for future in futures]
    assert {r.verdict for r in receipts} == {"event"}
    assert len({r.event_id for r in receipts}) == THREADS
    assert counts(store)["events"] == THREADS
    assert len(begun) < THREADS


def test_answered_only_after_the_commit(store: Store) -> None:
    """When an arrival is answered, another connection sees its delivery."""
    with writing(store) as writer:
        for number, one in enumerate(copies(5), 1):
            receipt = writer.keep(one)
            found = rows(store, deliveries)
            assert (len(found), found[-1]["event_id"]) == (number, receipt.event_id)


def test_not_answered_where_the_commit_fails(store: Store) -> None:
    """An error of the commit itself is no receipt: the arrival is tried again, and then given up."""
    tries, broken = [], True

    def fail(_connection: sa.Connection) -> None:
        tries.append(1)
        if broken:
            raise sa.exc.OperationalError("COMMIT", {}, Exception("disk I/O error"))

    with writing(store, patience=0.3) as writer:
        sa.event.listen(writer._store.engine, "commit", fail)  # noqa: SLF001 - the writer's own connections
        with pytest.raises(StoreUnavailable, match="disk I/O error"):
            writer.keep(copies(1)[0])
        broken = False
        assert len(tries) > 1
        assert counts(store)["deliveries"] == 0
        assert writer.keep(copies(1)[0]).verdict == "event"


class Poison:
    """No database can take it."""


@on("*")
def far_too_long(event: Event) -> list[Outcome]:
    """A subject that no index of PostgreSQL has room for; random, since it compresses."""
    return [Transition(random.Random(1).randbytes(9_000).hex(), "placed", event.updated_at)]


@on("*")
def never_json(event: Event) -> list[Outcome]:
    """A parameter that is no JSON."""
    return [Note(text=Poison())]  # type: ignore[arg-type]


def _poisoned(kind: str) -> Arrival:
    one = arrival("orders.place", order())
    said = {"index": far_too_long, "type": never_json}
    if kind == "topic":
        return replace(one, topic=None)  # type: ignore[arg-type]
    assert one.event is not None
    return replace(one, verdict=Verdict(1, *_split(said[kind](one.event))))


def _split(outcomes: Any) -> tuple[tuple[Transition, ...], tuple[Note, ...]]:
    return (
        tuple(o for o in outcomes if isinstance(o, Transition)),
        tuple(o for o in outcomes if isinstance(o, Note)),
    )


@pytest.mark.parametrize("kind", ["type", "index"])
def test_one_that_spoils_its_batch_stands_apart(
    store: Store, kind: str, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    """An arrival that no transaction can hold is kept as bare bytes in quarantine; its neighbours are events."""
    poison, neighbours = _poisoned(kind), copies(6)
    with writing(store, patience=5) as writer:
        with locked(store):  # so that all of them are one batch
            threads = ThreadPoolExecutor(8)
            futures = [threads.submit(writer.keep, one) for one in [*neighbours[:3], poison, *neighbours[3:]]]
            time.sleep(0.1)
        receipts = [future.result(10) for future in futures]
        threads.shutdown()
    spoilt = "event" if kind == "index" and store.dialect == "sqlite" else "quarantine"
    assert [r.verdict for r in receipts] == ["event"] * 3 + [spoilt] + ["event"] * 3
    (kept,) = (row for row in rows(store, deliveries) if row["topic"] == "orders.place")
    assert bytes(kept["body"]) == poison.body
    assert spoilt == "event" or kept["reason"].startswith("could not be recorded: ")
    assert "qAlMhokOGm" not in caplog.text + "".join(capsys.readouterr())


def test_one_that_cannot_be_kept_at_all_is_unavailable(store: Store) -> None:
    """Where not even the bytes go in, the sender is told to come again, in words that hold nothing of the body."""
    with writing(store) as writer:
        with pytest.raises(StoreUnavailable) as refused:
            writer.keep(_poisoned("topic"))
        assert str(refused.value) == "could not be kept: IntegrityError"
        assert writer.keep(copies(1)[0]).verdict == "event"


def test_locked_it_waits(store: Store) -> None:
    """A lock that is released in time delays the answer and nothing else."""
    with writing(store) as writer, ThreadPoolExecutor(1) as threads:
        with locked(store):
            future = threads.submit(writer.keep, copies(1)[0])
            time.sleep(0.3)
            assert not future.done()
        assert future.result(3).verdict == "event"


def test_locked_for_long_it_gives_up_in_time_and_recovers(store: Store) -> None:
    """Within 2.5 s every arrival is given up, and as soon as the lock is gone the next is kept, by itself."""
    with writing(store) as writer:
        with locked(store):
            began = time.monotonic()
            futures = all_at_once(writer, copies(8))
            assert time.monotonic() - began < 2.5
            for future in futures:
                with pytest.raises(StoreUnavailable):
                    future.result()
        began = time.monotonic()
        # PostgreSQL may have written the first after all, in a statement that waited; then this one is counted.
        assert writer.keep(copies(1)[0]).verdict == "event" or store.dialect == "postgresql"
        assert time.monotonic() - began < 1
    assert sum(row["deliveries"] for row in rows(store, events)) == len(rows(store, deliveries))


def test_given_up_in_the_queue_it_recovers(store: Store) -> None:
    """Arrivals that nobody waits for any more, and no others, are in the queue: the writer lives on."""
    with writing(store, patience=0.2) as writer:
        pauses = [0.8]
        sa.event.listen(writer._store.engine, "begin", lambda _c: time.sleep(pauses.pop() if pauses else 0))  # noqa: SLF001
        with ThreadPoolExecutor(8) as threads:
            first = threads.submit(writer.keep, copies(1)[0])
            time.sleep(0.1)
            later = [threads.submit(writer.keep, one) for one in copies(5, first=1)]
        for future in [first, *later]:
            with pytest.raises(StoreUnavailable):
                future.result()
        time.sleep(0.6)
        assert writer.keep(copies(1)[0]).verdict == "redelivery"


def test_the_batch_grows_while_locked(store: Store) -> None:
    """What comes while the database is locked is written in one transaction once it is not."""
    begun: list[Any] = []
    with writing(store, patience=5) as writer, ThreadPoolExecutor(THREADS) as threads:
        with locked(store):
            futures = [threads.submit(writer.keep, one) for one in copies(THREADS)]
            time.sleep(0.3)
            sa.event.listen(writer._store.engine, "commit", begun.append)  # noqa: SLF001
        assert {future.result(5).verdict for future in futures} == {"event"}
    # PostgreSQL waits inside the first arrival's statement; SQLite's lock is asked for again and again.
    assert len(begun) <= (1 if store.dialect == "sqlite" else 3)


def test_a_batch_is_not_larger_than_allowed(store: Store) -> None:
    """With one arrival in a transaction there are as many commits as arrivals."""
    commits: list[Any] = []
    with writing(store, max_batch=1) as writer:
        sa.event.listen(writer._store.engine, "commit", commits.append)  # noqa: SLF001
        all_at_once(writer, copies(10))
    assert (len(commits), counts(store)["events"]) == (10, 10)


def test_close_writes_what_waits(store: Store) -> None:
    """What is in the queue when the process is told to stop is on disk when it has stopped."""
    writer = Writer(store)
    with ThreadPoolExecutor(8) as threads:
        with locked(store):
            futures = [threads.submit(writer.keep, one) for one in copies(1)]
            time.sleep(0.05)
        futures += [threads.submit(writer.keep, one) for one in copies(7, first=1)]
        time.sleep(0.02)
        writer.close()
        kept = sum(future.exception() is None for future in futures)
    assert kept == counts(store)["deliveries"] == 8


def test_after_close_nothing_is_promised(store: Store) -> None:
    """A writer that has stopped answers that it could not."""
    writer = Writer(store, patience=0.1)
    writer.close()
    with pytest.raises(StoreUnavailable):
        writer.keep(copies(1)[0])
    assert counts(store)["deliveries"] == 0


def test_a_row_written_late_is_one_event(store: Store) -> None:
    """An arrival given up and sent again is one event, whether or not the first was written after all."""
    with writing(store) as writer:
        receipts = [writer.keep(one) for one in copies(1) * 3]
    assert [r.verdict for r in receipts] == ["event", "redelivery", "redelivery"]
    assert len(rows(store, events)) == len(rows(store, states)) == 1
    assert [action for action, _ in actions(store)].count("redelivered") == 2
