"""The sequencer: every committed entry gets one place, whoever writes and whoever dies."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, closing
from pathlib import Path
from threading import Event

import pytest

from service.audit import sequencer
from service.audit.sequencer import sequence
from service.errors import ConfigurationError, StoreLocked
from service.store import Store, open_store
from service.store.keep import keep
from service.store.schema import audit_entries
from tests.audit.book import KEY, LAST, NAME, NEXT, NOW, check, current, keys, places, unplaced, write
from tests.bodies import arrival, copy
from tests.rows import rows

PROCESS = Path(__file__).parent / "one_process.py"


def test_entries_get_their_place_in_the_order_in_which_they_were_written(store: Store) -> None:
    """Behind the leaf that tells of the first key; a second look finds nothing to do."""
    write(store, 5)
    assert sequence(store, KEY, NOW) == 6
    assert [action for _, action, _ in places(store)] == ["key.added"] + ["note"] * 5
    indexes = [row["leaf_index"] for row in rows(store, audit_entries)]
    assert indexes == [1, 2, 3, 4, 5, 0]
    assert check(store, KEY).origin == NAME
    assert sequence(store, KEY, NOW) == 0


def test_without_a_key_the_log_is_kept_unsigned_and_signed_with_the_first_key(store: Store) -> None:
    write(store, 3)
    assert sequence(store, None, NOW) == 3
    assert check(store).origin == "unsigned"
    assert sequence(store, KEY, NOW) == 1
    assert check(store, KEY).origin == NAME
    write(store, 2)
    sequence(store, None, NOW)
    check(store)
    assert sequence(store, KEY, NOW) == 0
    assert check(store, KEY).size == 6


def test_an_empty_log_stays_empty(store: Store) -> None:
    """With a key as well: its leaf comes with the first entry."""
    assert sequence(store, None, NOW) == sequence(store, KEY, NOW) == 0
    assert places(store) == []


def test_more_than_a_batch(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whole batches, a part of one, and exactly none left over."""
    monkeypatch.setattr(sequencer, "BATCH", 10)
    for number in (9, 10, 25, 40, 1):
        write(store, number)
        sequence(store, KEY, NOW)
        check(store, KEY)
    assert unplaced(store) == 0


def test_a_transaction_that_commits_late_is_not_skipped(
    new_postgres: Callable[[], AbstractContextManager[str]],
) -> None:
    """Its entries have smaller numbers than some that have their place already; SQLite has one writer at a time."""
    with new_postgres() as url, closing(open_store(url)) as store:
        with store.write() as connection:
            keep(connection, [arrival("order_copies.complete", copy("late"))])
            write(store, 3)
            assert sequence(store, KEY, NOW) == 4
        written = len(rows(store, audit_entries))
        assert sequence(store, KEY, NOW) == written - 4 > 0
        check(store, KEY)


def test_eight_writers_and_two_sequencers_at_once(store: Store, database_url: str) -> None:
    """No gap, no entry twice, the root of the definition; both sequencers are at it while the writers are."""
    over = Event()

    def deliver(writer: int) -> None:
        own = open_store(database_url, busy_seconds=20)
        for number in range(12):
            with own.write() as connection:
                keep(connection, [arrival("order_copies.complete", copy(f"copy{writer}x{number}"))])
        own.close()

    def order(_: int) -> int:
        own, done = open_store(database_url, busy_seconds=20), 0
        while not over.is_set():
            done += sequence(own, KEY, NOW)
            over.wait(random.random() / 100)
        own.close()
        return done

    with ThreadPoolExecutor(10) as threads:
        sequencers = [threads.submit(order, number) for number in range(2)]
        for writer in [threads.submit(deliver, number) for number in range(8)]:
            writer.result(60)
        time.sleep(0.1)
        over.set()
        done = sum(one.result(20) for one in sequencers)
    done += sequence(store, KEY, NOW)
    assert done == current(store).size == len(rows(store, audit_entries)) > 8 * 12 * 2
    check(store, KEY)


def test_killed_at_any_statement_it_loses_nothing_and_leaves_nothing_half(store: Store, database_url: str) -> None:
    """Each process is killed one or two statements further on; what it left is whole, and the next goes on."""
    write(store, 30)
    killed = 0
    for statement in (2, 5, 9, 14, 22):
        command = [sys.executable, str(PROCESS), "die_sequencing", database_url, str(statement)]
        done = subprocess.run(command, timeout=60, check=False, capture_output=True)
        assert done.returncode in (0, -signal.SIGKILL), done.stderr.decode()
        killed += done.returncode != 0
        if places(store):
            check(store, KEY)
        write(store, 5)
    assert killed >= 4
    sequence(store, KEY, NOW)
    assert unplaced(store) == 0
    assert check(store, KEY).size == len(rows(store, audit_entries))


def test_a_new_key_takes_the_place_of_the_old_one_and_both_sign_once(store: Store) -> None:
    """A leaf names both; the ranges meet at the head that both signed."""
    write(store, 2)
    sequence(store, KEY, NOW)
    write(store, 2)
    assert sequence(store, NEXT, NOW, [KEY]) == 3
    assert [action for _, action, _ in places(store)][3] == "key.rotated"
    check(store, KEY, NEXT)
    write(store, 1)
    sequence(store, NEXT, NOW, [KEY])
    assert "KEY" not in str(current(store).head)
    assert str(current(store).head).count("— ") == 1
    check(store, NEXT)
    assert keys(store) == [(KEY.verifier.text, 1, 3, 1, 6), (NEXT.verifier.text, 1, 6, None, None)]


def test_a_new_key_without_the_old_one_signs_alone(store: Store) -> None:
    write(store, 2)
    sequence(store, KEY, NOW)
    sequence(store, NEXT, NOW, [LAST])
    check(store, NEXT)
    assert keys(store) == [(KEY.verifier.text, 1, 3, 1, 3), (NEXT.verifier.text, 1, 4, None, None)]


def test_a_key_that_was_retired_signs_nothing_any_more(store: Store) -> None:
    """Such as that of a worker which was not restarted; what waits is left to others."""
    sequence(store, KEY, NOW)
    write(store, 1)
    sequence(store, KEY, NOW)
    sequence(store, NEXT, NOW)
    write(store, 1)
    with pytest.raises(ConfigurationError, match="was retired") as caught:
        sequence(store, KEY, NOW)
    assert "PRIVATE" not in str(caught.value)
    assert unplaced(store) == 1
    assert sequence(store, NEXT, NOW) == 1
    check(store, NEXT)


def test_a_backlog_leaves_the_senders_their_turn(sqlite_url: str) -> None:
    """While thousands of entries are sequenced, no delivery waits half as long as a sender is patient."""
    patient, web = open_store(sqlite_url, busy_seconds=30), open_store(sqlite_url)
    for _ in range(6):
        write(patient, 2000)
    impatient, longest = web.impatient(), 0.0
    with ThreadPoolExecutor(1) as threads:
        running = threads.submit(sequence, patient, KEY, NOW)
        for number in range(20):
            began = time.monotonic()
            while True:
                try:
                    with impatient.write() as connection:
                        keep(connection, [arrival("order_copies.complete", copy(f"copy{number}"))])
                    break
                except StoreLocked:  # the intake asks again as often
                    time.sleep(0.001)
            longest = max(longest, time.monotonic() - began)
        assert running.result(60) >= 12_000
    assert longest < 1
    check(patient, KEY)
    for one in (impatient, web, patient):
        one.close()
