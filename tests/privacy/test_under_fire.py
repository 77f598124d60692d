"""Erasing while deliveries come in, killed in the middle, and of every tenth customer: the rest is as it was."""

from __future__ import annotations

import json
import random
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

from service.audit import ranges, sequencer
from service.intake.deferred import read_deferred
from service.merkle import leaves
from service.privacy import erasure, plan, sealing
from service.privacy.retention import Clocks, Gone, Sweeper
from service.store import Store, holds, open_store
from service.store.schema import audit_entries, deliveries, events, follow_ups, spell, states, transitions
from service.vault import Vault
from tests import bodies
from tests.audit.record import KEY, verified
from tests.privacy.conftest import EMAIL, WHY, door_with, end_work, keys, tell, tell_others, tell_story
from tests.rows import rows

_ERASE = """
import sys
from service.privacy import erasure, plan
from service.store import open_store, Store
from service.vault import Vault

store = open_store(sys.argv[1], busy_seconds=30)
wanted = plan.plan(store, Vault(), [sys.argv[2]])
print("planned", flush=True)
erasure.erase(store, wanted, erasure.Why("operator Robin", "request"))
print("erased", flush=True)
"""


def customers(store: Store, number: int, vault: Vault | None = None) -> list[str]:
    """Customers with a source order, a copy and a target each; their copies."""
    for one in range(number):
        email = {"customer_email": f"customer{one}@example.com"}
        tell(store, "orders.place", bodies.order(f"Source{one:05d}", **email), vault=vault)
        told = bodies.copy(
            f"Copied{one:05d}", source_order=f"Source{one:05d}", target_order=f"Target{one:05d}", **email
        )
        tell(store, "order_copies.complete", told, vault=vault)
        tell(store, "orders.place", bodies.order(f"Target{one:05d}", **email), vault=vault)
    return [f"order_copies/Copied{one:05d}" for one in range(number)]


def unexplained(store: Store) -> list[str]:
    """What an auditor would find wrong: bytes or salts that are missing without an entry, leaves that do not fit."""
    found = rows(store, audit_entries)
    told = [json.loads(row["detail"]) for row in found if row["action"] == "payload.erased"]
    gone = {id_ for one in told for part in ranges.parse(one.get("deliveries", "")) for id_ in part}
    blank = {id_ for one in told for part in ranges.parse(one.get("entries", "")) for id_ in part}
    wrong = [f"delivery {r['id']}" for r in rows(store, deliveries) if (r["body"] is None) != (r["id"] in gone)]
    for row in found:
        if (row["salt"] is None) != (row["id"] in blank):
            wrong.append(f"entry {row['id']} without a salt")
        if row["leaf_hash"] != leaves.leaf_hash(leaves.leaf(spell(row["at"]), row)):
            wrong.append(f"leaf of {row['id']}")
        if row["salt"] is not None and row["commitment"] != leaves.commit_to_entry(
            row["salt"], row["actor"], row["subject"], row["detail"]
        ):
            wrong.append(f"commitment of {row['id']}")
    return wrong


def replayed_states(store: Store) -> dict[str, str]:
    """The states as the trail tells them, of subjects that are not erased."""
    told: dict[str, str] = {}
    for row in rows(store, audit_entries):
        if row["action"] == "state.changed" and row["salt"] is not None:
            told[row["subject"]] = json.loads(row["detail"])["status"]
    return told


def test_every_tenth_of_a_rich_database_goes_and_the_rest_still_reads(store: Store) -> None:
    """Bodies open, commitments fit, states are what the trail tells, and of the tenth nothing is left."""
    vault = Vault(keys())
    copies = customers(store, 40, vault)
    end_work(store)
    gone = random.Random(4).sample(copies, 4)
    for one in gone:
        assert erasure.erase(store, plan.plan(store, vault, [one]), WHY)
    assert unexplained(store) == []
    assert replayed_states(store) == {row["subject"]: row["status"] for row in rows(store, states)}
    assert len(rows(store, states)) == 3 * 36
    whole = repr([rows(store, table) for table in (events, transitions, states, follow_ups, audit_entries)])
    numbers = {one[-5:] for one in gone}
    assert not [n for n in numbers if f"Copied{n}" in whole or f"Source{n}" in whole or f"Target{n}" in whole]
    assert all(f"Copied{one[-5:]}" in whole for one in copies if one not in gone)
    found = {row["id"] for row in rows(store, deliveries) if row["body"] is not None}
    assert len(found) == 3 * 36
    sequencer.sequence(store, KEY, datetime.now(UTC))
    report = verified(store)
    assert report.violations == []


def test_the_log_verifies_after_everything_that_protects_what_is_kept(store: Store) -> None:
    """Sealed later, erased, gone by the clock, told again, held and released: nothing is left to explain."""
    long_ago = datetime.now(UTC) - timedelta(days=100)
    tell_story(store)
    tell_others(store, 3, at=long_ago)
    tell(store, "orders.place", b"in quarantine, of " + EMAIL.encode(), at=long_ago)
    tell(store, "order_copies.fail", bodies.copy("Large00001", "failed", metadata={"x": "y" * 300_000}))
    end_work(store, "of qAlMhokOGm")
    sequencer.sequence(store, KEY, datetime.now(UTC))
    (key,) = keys()
    vault = Vault([key])
    assert sealing.bring_up_to_date(store, vault, "operator Robin", lambda: datetime.now(UTC)).sealed == 8
    with store.write() as connection:
        holds.place(connection, "order_copies/Other00000", "case 17", "operator Jo", datetime.now(UTC))
    assert erasure.erase(store, plan.plan_for_address(store, vault, EMAIL), WHY)
    tell_story(store, vault=vault)
    tell(store, "order_copies.fail", bodies.copy("XAyRWNUzyN", "failed", metadata={"x": "y" * 300_000}), vault=vault)
    read_deferred(store, door_with(vault))
    end_work(store)
    clocks = Clocks(timedelta(days=90), timedelta(days=95), None)
    assert Sweeper(store, vault, clocks, datetime.now(UTC), "worker w").run() == Gone(2, 6, 0, 2)
    sequencer.sequence(store, KEY, datetime.now(UTC))
    report = verified(store, encryption_keys=(key.get_secret_value(),))
    assert report.violations == []


def test_deliveries_of_the_erased_keep_coming_while_they_are_erased(store: Store) -> None:
    """Whichever comes first, the erasure or the delivery: nothing of the erased is kept, and nobody else is lost."""
    tell_story(store)
    end_work(store)
    stop, trouble, told = threading.Event(), [], [0]

    def come(topic: str, document: Callable[[int], object]) -> None:
        number = 0
        while not stop.is_set():
            number += 1
            try:
                tell(store, topic, document(number))
            except Exception as error:  # noqa: BLE001 - counted below
                trouble.append(error)
            told[0] += 1
            # SQLite's write lock is not handed out in turn: without a pause somebody could wait for ever.
            time.sleep(0.005)

    noon = datetime(2026, 3, 2, 12, tzinfo=UTC).timestamp()

    def again(number: int) -> object:
        at = datetime.fromtimestamp(noon + number, UTC).isoformat().replace("+00:00", "Z")
        return bodies.order("qAlMhokOGm", "approved", customer_email=EMAIL, updated_at=at)

    streams = [
        threading.Thread(target=come, args=("orders.pending", again)),
        threading.Thread(target=come, args=("orders.place", lambda n: bodies.order(f"New{n:07d}"))),
    ]
    for stream in streams:
        stream.start()
    try:
        time.sleep(0.3)
        done = None
        while done is None:
            done = erasure.erase(store, plan.plan(store, Vault(), ["orders/qAlMhokOGm"]), WHY)
        time.sleep(0.3)
    finally:
        stop.set()
        for stream in streams:
            stream.join()
    assert trouble == []
    whole = repr([rows(store, t) for t in (events, deliveries, transitions, states, follow_ups, audit_entries)])
    assert EMAIL not in whole
    assert "qAlMhokOGm" not in whole
    assert unexplained(store) == []
    again_kept = [row for row in rows(store, events) if row["topic"] == "orders.pending"]
    assert {row["subject"].partition("/")[0] for row in again_kept} == {"erased"}
    new = [row for row in rows(store, events) if row["subject"].startswith("orders/New")]
    assert len(new) == len({row["subject"] for row in new}) > 0


def test_killed_at_any_moment_it_has_erased_all_or_nothing(sqlite_url: str) -> None:
    """And called again it goes to its end."""
    store = open_store(sqlite_url)
    tell_others(store, 30)
    copies = customers(store, 4)
    end_work(store)
    store.close()
    luck = random.Random(17)
    ended = 0
    for one in copies:
        with subprocess.Popen(
            [sys.executable, "-c", _ERASE, sqlite_url, one], stdout=subprocess.PIPE, cwd=bodies.ROOT
        ) as process:
            assert process.stdout
            assert process.stdout.readline() == b"planned\n"
            time.sleep(luck.uniform(0, 0.03))
            process.send_signal(signal.SIGKILL)
            ended += b"erased" in process.stdout.read()
        store = open_store(sqlite_url)
        assert unexplained(store) == []
        named = [name_of(one) in repr(rows(store, table)) for table in (events, states, audit_entries)]
        assert named in ([True] * 3, [False] * 3)
        if named[0]:
            assert erasure.erase(store, plan.plan(store, Vault(), [one]), WHY)
        assert name_of(one) not in repr([rows(store, table) for table in (events, states, audit_entries)])
        store.close()
    assert ended < len(copies)


def name_of(subject: str) -> str:
    """The id of a subject."""
    return subject.partition("/")[2]
