"""Real workers keep the audit log: in order, signed, published, and not behind what was published."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import AbstractContextManager

import pytest

from service.audit import published
from service.store import log
from tests.audit.book import KEY, NAME, check, unplaced, write
from tests.engine.conftest import Installation
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
