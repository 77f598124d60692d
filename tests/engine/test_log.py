"""Real workers keep the audit log: in order, signed, published, and not behind what was published."""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, suppress
from datetime import UTC, datetime

import pytest

from service.audit import published
from service.audit.sequencer import sequence
from service.errors import StoreLocked
from service.store import Store, log
from service.store.keep import keep
from service.store.schema import deliveries
from tests.audit.book import KEY, NAME, check, unplaced, write
from tests.audit.record import verified
from tests.bodies import arrival, copy
from tests.chaos.test_kill_anything import seed_of_the_day
from tests.engine.conftest import Installation
from tests.rows import rows
from tests.worker_process import eventually

Make = Callable[..., AbstractContextManager[Installation]]


def test_two_workers_keep_one_log_and_publish_its_head(
    installation: Make, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """At start and at stop, to the file and to Slack; a file that somebody changed is refused."""
    file = tmp_path_factory.mktemp("elsewhere") / "heads"
    with installation(audit_key=KEY.secret, checkpoints_file=str(file)) as made:
        write(made.store, 2500)
        workers = [made.workers.start(wait=False, pace={"sequence": 0.1}) for _ in range(2)]
        for worker in workers:
            worker.wait_until_started()
        assert eventually(lambda: len(made.sandbox.slack) == 1 and file.exists(), 30), made.workers.logs()
        for _ in range(20):
            write(made.store, 10)
        assert [worker.stop() for worker in workers] == [0, 0]
        found = check(made.store, KEY)
        assert (found.origin, unplaced(made.store)) == (NAME, 0)
        heads = [one.head for one in published.read(file)]
        assert len(heads) >= 2
        assert heads[-1].size > 2500 + 200
        with made.store.read() as connection:
            assert all(log.frontier_at(connection, 1, one.size).root == one.root for one in heads)
        assert len(made.sandbox.slack) == len(heads)
        file.write_text(file.read_text().replace(f"\n{heads[-1].size}\n", "\n99999\n"))
        refused = made.workers.start(wait=False)
        assert refused.process.wait(30) != 0
        assert "wrong signature" in refused.log


def test_a_worker_without_a_key_keeps_the_log_unsigned_and_says_so_once(installation: Make) -> None:
    with installation() as made:
        write(made.store, 3)
        worker = made.workers.start(pace={"sequence": 0.1})
        assert eventually(lambda: unplaced(made.store) == 0, 15)
        assert worker.stop() == 0
        check(made.store)
        assert worker.log.count("the audit log is not signed: COPYDESK_AUDIT_KEY is not set") == 1


@pytest.mark.long
def test_killed_at_any_moment_under_load_the_log_is_whole(installation: Make) -> None:
    """Twenty times, while entries are written all the time: nothing is lost, and the record verifies after each."""
    luck, over, told = random.Random(seed_of_the_day()), threading.Event(), [0]
    in_small_batches = "from service.audit import sequencer; sequencer.BATCH = 20"

    def deliver(store: Store) -> None:
        while not over.is_set():
            now, number = datetime.now(UTC), told[0]
            some = [copy(f"Copy{number + one:06d}", "in_progress") for one in range(3)]
            with suppress(StoreLocked), store.write() as connection:
                keep(connection, [arrival("order_copies.start", one, now) for one in some])
                told[0] += len(some)
            over.wait(0.01)

    with installation(audit_key=KEY.secret) as made, ThreadPoolExecutor(1) as threads:
        load = threads.submit(deliver, made.store)
        waiting = []
        try:
            for _ in range(20):
                worker = made.workers.start(before=in_small_batches, pace={"sequence": 0.05})
                time.sleep(luck.uniform(0, 1))
                worker.kill()
                waiting.append(unplaced(made.store))
                assert verified(made.store).violations == []
        finally:
            over.set()
        load.result()
        sequence(made.store, KEY, datetime.now(UTC))
        size = check(made.store, KEY).size
        assert sum(number > 0 for number in waiting) >= 10
        assert size > max(waiting)
        assert sum(row["verdict"] == "event" for row in rows(made.store, deliveries)) == told[0]
        report = verified(made.store, pinned=[KEY.verifier])
        assert (report.violations, report.counts["entries"]) == ([], size)
