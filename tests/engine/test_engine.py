"""The engine behind its port, and the traps of its library that it must not fall into, on both databases.

The traps are numbered D1 to D6 as in docs/decisions/0002-dbos-in-the-worker.md. D3, a queue is polled and gives at
most its concurrency at each poll, is a matter of settings: `service.worker.queues`.
"""

from __future__ import annotations

import itertools
import json
import threading
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from service.engine import Engine, QueueLimits
from service.store import Store, open_store
from tests.worker_process import eventually

RAISES, BLOCKS = 13, 50
_ids = itertools.count(1)


@dataclass
class Bench:
    """An engine on a database, and the attempts it made."""

    store: Store
    engine: Engine
    made: list[tuple[int, int]] = field(default_factory=list)
    gate: threading.Event = field(default_factory=threading.Event)

    def attempt(self, follow_up: int, number: int) -> None:
        """Note it; some raise and some wait for the gate."""
        self.made.append((follow_up, number))
        if number == RAISES:
            raise ValueError("a defect")
        if number == BLOCKS:
            self.gate.wait(20)

    def hand_over(self, follow_up: int, number: int) -> None:
        """Give one attempt to the engine, and keep the transaction."""
        with self.store.write() as connection:
            self.engine.enqueue(connection, "only", follow_up, number)

    def comes_to_be(self, *attempts: tuple[int, int]) -> bool:
        """Wait until attempts were made."""
        return eventually(lambda: set(attempts) <= set(self.made), 10)

    def ends(self, follow_up: int, number: int) -> bool:
        """Wait until the engine is done with an attempt."""
        return eventually(lambda: not self.engine.is_under_way(follow_up, number), 10)

    def rows(self, table: str = "workflow_status") -> list[dict[str, Any]]:
        """The engine's own rows, as they are kept."""
        with self.store.read() as connection:
            found = connection.execute(sa.text(f"SELECT * FROM {self.named(table)}"))  # noqa: S608 - our own words
            return [dict(row._mapping) for row in found]  # noqa: SLF001

    def row(self, workflow: str, table: str = "workflow_status") -> dict[str, Any] | None:
        """The engine's own row of one attempt."""
        return next((row for row in self.rows(table) if row["workflow_uuid"] == workflow), None)

    def named(self, table: str) -> str:
        """Where the engine keeps a table."""
        return table if self.store.dialect == "sqlite" else f"dbos.{table}"


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def bench(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    """One engine for all tests of a database: its library takes seconds to begin and to end."""
    if request.param == "sqlite":
        yield from _bench(f"sqlite:///{tmp_path_factory.mktemp('engine')}/copydesk.db")
    else:
        with request.getfixturevalue("new_postgres")() as url:
            yield from _bench(url)


def _bench(url: str) -> Iterator[Bench]:
    store = open_store(url)
    made = Bench(store, Engine(url, "alive", {"only": QueueLimits(1000, 10, concurrency=4, poll=0.02)}))
    made.engine.run(made.attempt)
    yield made
    made.gate.set()
    made.engine.stop(0)
    store.close()


@pytest.fixture
def id_() -> int:
    """A follow-up that no other test has."""
    return next(_ids)


def test_what_is_handed_over_is_attempted(bench: Bench, id_: int) -> None:
    bench.hand_over(id_, 1)

    assert bench.comes_to_be((id_, 1))


class _Trouble(Exception):
    pass


def test_what_is_rolled_back_was_never_handed_over(bench: Bench, id_: int) -> None:
    # D1: the enqueue is part of the caller's transaction.
    def hand_over_in_vain() -> None:
        with bench.store.write() as connection:
            bench.engine.enqueue(connection, "only", id_, 1)
            raise _Trouble

    with pytest.raises(_Trouble):
        hand_over_in_vain()
    bench.hand_over(id_, 2)

    assert bench.comes_to_be((id_, 2))
    assert (id_, 1) not in bench.made
    assert bench.row(f"{id_}#1") is None


def test_handing_over_again_and_again_is_one_attempt(bench: Bench, id_: int) -> None:
    for _ in range(2):
        bench.hand_over(id_, 1)
    assert bench.ends(id_, 1)
    bench.hand_over(id_, 1)
    bench.hand_over(id_, 2)

    assert bench.comes_to_be((id_, 2))
    assert bench.made.count((id_, 1)) == 1


def test_an_attempt_that_raises_is_not_made_again_by_the_engine(bench: Bench, id_: int) -> None:
    # D4: retries of the library sleep in a thread and hold a place in the queue; ours are rows.
    bench.hand_over(id_, RAISES)

    assert bench.ends(id_, RAISES)
    assert bench.made.count((id_, RAISES)) == 1


def test_it_knows_what_is_under_way_and_what_never_was(bench: Bench, id_: int) -> None:
    bench.gate.clear()
    bench.hand_over(id_, BLOCKS)
    assert bench.comes_to_be((id_, BLOCKS))

    seen = [bench.engine.is_under_way(id_, BLOCKS), bench.engine.is_under_way(id_, 1)]
    bench.gate.set()

    assert seen == [True, False]
    assert bench.ends(id_, BLOCKS)


def test_what_a_dead_worker_had_under_way_is_made_here_and_what_a_living_one_has_is_left_to_it(
    bench: Bench, id_: int
) -> None:
    # D2: the library recovers only for a worker of the same name, and ours never have the same name.
    theirs, mine = {"ghost": id_, "neighbour": next(_ids)}, next(_ids)
    update = f"UPDATE {bench.named('workflow_status')} SET status = 'PENDING', executor_id = :worker"  # noqa: S608
    bench.gate.clear()
    bench.hand_over(mine, BLOCKS)
    for worker, follow_up in theirs.items():
        with bench.store.write() as connection:
            bench.engine.enqueue(connection, "only", follow_up, 1)
            had = {"worker": worker, "id": f"{follow_up}#1"}
            connection.execute(sa.text(f"{update} WHERE workflow_uuid = :id"), had)
    assert bench.comes_to_be((mine, BLOCKS))

    resumed = bench.engine.resume_from_the_dead(lambda: ["alive", "neighbour"])
    assert bench.comes_to_be((theirs["ghost"], 1))
    bench.gate.set()

    assert resumed == 1
    assert bench.ends(mine, BLOCKS)
    assert bench.made.count((mine, BLOCKS)) == 1
    assert (theirs["neighbour"], 1) not in bench.made
    assert bench.engine.resume_from_the_dead(lambda: ["alive"]) == 1
    assert bench.comes_to_be((theirs["neighbour"], 1))


def test_a_worker_that_begins_while_the_dead_are_looked_for_is_not_taken_for_one(bench: Bench, id_: int) -> None:
    bench.gate.clear()

    def living() -> list[str]:
        # Between the listing and this answer the work of a new worker begins: it was not listed, so it is safe.
        bench.hand_over(id_, BLOCKS)
        assert bench.comes_to_be((id_, BLOCKS))
        return []

    with bench.store.write() as connection:
        first = next(_ids)
        bench.engine.enqueue(connection, "only", first, 1)
        update = f"UPDATE {bench.named('workflow_status')} SET status = 'PENDING', executor_id = 'ghost'"  # noqa: S608
        connection.execute(sa.text(f"{update} WHERE workflow_uuid = :id"), {"id": f"{first}#1"})

    resumed = bench.engine.resume_from_the_dead(living)
    bench.gate.set()

    assert resumed == 1
    assert bench.ends(id_, BLOCKS)
    assert bench.made.count((id_, BLOCKS)) == 1


def test_nobody_is_asked_for_where_nothing_is_under_way(bench: Bench) -> None:
    def nobody_was_asked() -> bool:
        asked: list[str] = []

        def living() -> list[str]:
            asked.extend(row["executor_id"] for row in bench.rows())
            return asked

        assert bench.engine.resume_from_the_dead(living) == 0
        return not asked

    # The engine's own clock may have begun something at this very moment; it is over soon.
    assert eventually(nobody_was_asked, 10)


def test_values_are_kept_as_plain_json_under_a_version_that_deployments_do_not_change(bench: Bench, id_: int) -> None:
    # D6: the library's default is pickle, and a version made from the code, which strands work at each deployment.
    bench.hand_over(id_, 3)
    assert bench.ends(id_, 3)

    row, given = bench.row(f"{id_}#3"), bench.row(f"{id_}#3", "workflow_input")

    assert row is not None
    assert given is not None
    assert (row["application_version"], row["serialization"]) == ("1", "portable_json")
    assert json.loads(given["inputs"])["positionalArgs"] == [id_, 3]


def test_the_file_stays_in_wal_mode_with_full_synchronisation(bench: Bench) -> None:
    # D6: the library sets neither, so it works on connections of ours.
    if bench.store.dialect != "sqlite":
        pytest.skip("SQLite only")
    with bench.engine._database.connect() as connection:  # noqa: SLF001 - the engine's own connections are the question
        found = [connection.exec_driver_sql(f"PRAGMA {name}").scalar() for name in ("journal_mode", "synchronous")]

    assert found == ["wal", 2]


def test_the_database_library_knows_subsecond_times(bench: Bench) -> None:
    # D5: before SQLite 3.42 the library's default for a version's time is NULL, and it dies at launch.
    if bench.store.dialect != "sqlite":
        pytest.skip("SQLite only")
    with bench.store.read() as connection:
        assert connection.exec_driver_sql("SELECT unixepoch('subsec')").scalar() is not None


def test_what_ended_long_ago_is_forgotten_and_what_is_under_way_is_not(bench: Bench, id_: int) -> None:
    # D6: the free edition keeps everything for ever.
    bench.gate.clear()
    for number in (1, RAISES, BLOCKS):
        bench.hand_over(id_, number)
    assert bench.ends(id_, 1)
    assert bench.ends(id_, RAISES)
    assert bench.comes_to_be((id_, BLOCKS))

    early = bench.engine.forget(datetime.now(UTC) - timedelta(hours=1))
    later = bench.engine.forget(datetime.now(UTC) + timedelta(hours=1))
    left = [row["workflow_uuid"] for row in bench.rows()]
    bench.gate.set()

    assert (early, left) == (0, [f"{id_}#{BLOCKS}"])
    assert later >= 2
    assert bench.ends(id_, BLOCKS)
