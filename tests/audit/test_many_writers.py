"""A record that many write at once verifies, while it is written and afterwards."""

from __future__ import annotations

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import sqlalchemy as sa

from service.audit import sequencer
from service.audit.verification.findings import VIOLATION
from service.audit.verification.places import FLAGS, is_time
from service.store import Store
from service.store.keep import keep
from service.store.schema import metadata
from service.store.schema.columns import Instant
from tests.audit.record import KEY, verified
from tests.audit.tampering import TABLES
from tests.bodies import STAGES, arrival, copy

WRITERS, EACH = 8, 12


def test_eight_writers_and_a_sequencer_leave_a_record_that_verifies(store: Store) -> None:
    """They tell of the same copies, so that they meet; a verification in the middle of it finds nothing either."""
    written = threading.Event()

    def write(number: int) -> None:
        for turn in range(EACH):
            stage = tuple(STAGES)[(number + turn) % 4]
            told = copy(f"Copy{turn:06}", STAGES[stage], updated_at=f"2026-03-02T09:00:{number:02}.000Z")
            with store.write() as connection:
                keep(connection, [arrival(f"order_copies.{stage}", told, datetime.now(UTC))])

    def place() -> None:
        while not written.is_set():
            sequencer.sequence(store, KEY, datetime.now(UTC))

    with ThreadPoolExecutor(WRITERS + 1) as threads:
        placing = threads.submit(place)
        writing = [threads.submit(write, number) for number in range(WRITERS)]
        midway = verified(store)
        for one in writing:
            one.result()
        written.set()
        placing.result()
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert midway.exit_code != VIOLATION, midway.violations
    found = verified(store, pinned=[KEY.verifier])
    assert found.violations == []
    assert found.counts["entries"] == found.counts["leaves"] > WRITERS * EACH


def test_columns_are_named_for_what_they_hold() -> None:
    """The verifier tells times and flags by the names of columns, in every table that it reads."""
    for table in TABLES:
        for column in metadata.tables[table].c:
            assert is_time(column.name) == isinstance(column.type, Instant), column
            assert (column.name in FLAGS) == isinstance(column.type, sa.Boolean), column
