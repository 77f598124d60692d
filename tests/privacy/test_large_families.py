"""Erasing many who belong together: a few in a transaction, the log whole between any two, and nobody forgotten."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner

from service.audit import sequencer
from service.cli import copydesk
from service.errors import NotErased
from service.intake.replay import Operator
from service.privacy import erasure, plan
from service.privacy.erasure import Done
from service.privacy.retention import Clocks, Gone, Sweeper
from service.store import Store, holds, open_store
from service.store.audit import entry, write_audit
from service.store.schema import audit_entries, deliveries, events, follow_ups, metadata, states, transitions
from service.vault import Vault
from tests import bodies
from tests.audit.record import KEY, verified
from tests.privacy.conftest import EMAIL, WHY, end_work, tell, tell_others
from tests.privacy.test_under_fire import unexplained
from tests.rows import rows

SUBSCRIPTION = "order_subscriptions/Renewing01"
# The subscription, and of each run a copy and the order that it made.
RUNS = 8
SUBJECTS = 1 + 2 * RUNS
_ERASE = """
import os, signal, sys
from service.privacy import erasure, plan
from service.store import open_store
from service.vault import Vault

plan.TOGETHER = 3
store = open_store(sys.argv[1], busy_seconds=30)
left = int(sys.argv[3])

def told(done):
    global left
    left -= 1
    if left == 0:
        os.kill(os.getpid(), signal.SIGKILL)

erasure.erase(store, plan.plan(store, Vault(), [sys.argv[2]]), erasure.Why("operator Robin", "request"), told=told)
"""


def runs(store: Store, number: int = RUNS) -> None:
    """A subscription that ran some times, with follow-ups of all kinds, and what others say of its orders."""
    tell(store, "order_subscriptions.last_run_failed", bodies.subscription("Renewing01", customer_email=EMAIL))
    for one in range(number):
        of = {"order_subscription": "Renewing01", "target_order": f"Renewed{one:03d}", "customer_email": EMAIL}
        stage = "fail" if one % 2 else "complete"
        told = bodies.copy(f"Renewal{one:03d}", bodies.STAGES[stage], recurring=True, **of)
        tell(store, f"recurring_order_copies.{stage}", told)
        tell(store, "orders.place", bodies.order(f"Renewed{one:03d}", customer_email=EMAIL))
        told = bodies.wire(bodies.order(f"Renewed{one:03d}")) + b" and more"
        tell(store, "orders.place", told)
    tell_others(store, 2)
    now = datetime.now(UTC)
    with store.write() as connection:
        texts = (f"after Renewed{one:03d}" for one in range(number))
        write_audit(connection, [entry(now, "orders/Other00000", "operator Jo", "note", {"text": t}) for t in texts])
    end_work(store, f"of Renewed{0:03d} and Renewed{number - 1:03d}")


def left_of(store: Store) -> set[str]:
    """Whom of the family any row of any table names, bytes included."""
    whole = repr([rows(store, table) for table in metadata.sorted_tables])
    ids = {f"{kind}{one:03d}" for kind in ("Renewal", "Renewed") for one in range(RUNS)} | {"Renewing01", EMAIL}
    return {id_ for id_ in ids if id_ in whole}


@pytest.mark.parametrize("named", [SUBSCRIPTION, "orders/Renewed003", "recurring_order_copies/Renewal007"])
def test_many_go_a_few_at_a_time_and_the_log_is_whole_after_each(
    store: Store, monkeypatch: pytest.MonkeyPatch, named: str
) -> None:
    """Whoever was named goes last, so that the same command finds the rest; others are as they were."""
    monkeypatch.setattr(plan, "TOGETHER", 3)
    runs(store)
    sequencer.sequence(store, KEY, datetime.now(UTC))
    found: list[object] = []

    def look(done: Done) -> None:
        sequencer.sequence(store, KEY, datetime.now(UTC))
        found.extend(verified(store).violations + unexplained(store))
        gone.append(len(done.places))

    gone: list[int] = []
    wanted = plan.plan(store, Vault(), [named])
    done = erasure.erase(store, wanted, WHY, told=look)
    assert done
    assert (len(done.places), wanted.subjects[-1], gone) == (SUBJECTS, named, [3, 3, 3, 3, 3, 2])
    assert found == []
    assert left_of(store) == set()
    assert len([r for r in rows(store, states) if "Other" in r["subject"]]) == 2


@pytest.mark.parametrize("after", range(1, 6))
def test_killed_between_two_pieces_it_is_finished_by_the_same_call(database_url: str, after: int) -> None:
    """Nobody is half erased, nobody who is left is lost, and the log holds."""
    store = open_store(database_url)
    runs(store)
    call = [sys.executable, "-c", _ERASE, database_url, SUBSCRIPTION, str(after)]
    assert subprocess.run(call, cwd=bodies.ROOT, check=False).returncode == -signal.SIGKILL
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations + unexplained(store) == []
    named = {row["subject"] for table in (events, transitions, follow_ups, states) for row in rows(store, table)}
    assert len([one for one in named if "Renew" in one]) == SUBJECTS - 3 * after
    assert erasure.erase(store, plan.plan(store, Vault(), [SUBSCRIPTION]), WHY)
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations + unexplained(store) == []
    assert left_of(store) == set()
    store.close()


def held_after(monkeypatch: pytest.MonkeyPatch, number: int, subject: str) -> None:
    """Have somebody place a hold as soon as so many pieces went."""
    write_entries, pieces = erasure.write_audit, []

    def held_meanwhile(connection: object, written: object) -> None:
        write_entries(connection, written)  # type: ignore[arg-type]
        pieces.append(1)
        if len(pieces) == number:
            holds.place(connection, subject, "case 17", "operator Jo", datetime.now(UTC))  # type: ignore[arg-type]

    monkeypatch.setattr(plan, "TOGETHER", 3)
    monkeypatch.setattr(erasure, "write_audit", held_meanwhile)


def test_a_hold_that_comes_between_two_pieces_keeps_the_rest_and_the_command_says_how_far_it_came(
    sqlite_store: Store, sqlite_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Released, the same command goes on."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", sqlite_url)
    runs(sqlite_store)
    held_after(monkeypatch, 2, SUBSCRIPTION)
    refused = CliRunner().invoke(copydesk, ["erase", SUBSCRIPTION, "--yes"])
    assert (refused.exit_code, len(refused.stderr.strip().splitlines())) == (1, 1)
    assert "legal hold" in refused.stderr
    assert "6 subjects are erased, the same command goes on" in refused.stderr
    with sqlite_store.write() as connection:
        holds.release(connection, SUBSCRIPTION, None, Operator("Jo").actor, datetime.now(UTC))
    done = CliRunner().invoke(copydesk, ["erase", SUBSCRIPTION, "--yes", "--json"])
    assert done.exit_code == 0, done.output
    assert left_of(sqlite_store) == set()


def test_what_went_before_a_trouble_leaves_nothing_in_the_files(
    store: Store,
    database_url: str,
    monkeypatch: pytest.MonkeyPatch,
    look: Callable[[str], set[str]],
) -> None:
    """Or it is said what is left to do, as where all of it went."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", database_url)
    runs(store)
    tell(store, "orders.cancel", bodies.order("Renewed000", "cancelled", customer_email="first@example.com"))
    end_work(store)
    sqlite = store.dialect == "sqlite"
    assert bool(look("first@example.com")) == sqlite
    held_after(monkeypatch, 2, SUBSCRIPTION)
    refused = CliRunner().invoke(copydesk, ["erase", SUBSCRIPTION, "--yes"])
    assert (refused.exit_code, "6 subjects are erased" in refused.stderr) == (1, True)
    assert look("first@example.com") == set()
    assert ("until VACUUM" in refused.stderr) != sqlite


def test_by_the_clock_a_family_goes_on_where_it_was_stopped_though_no_event_tells_of_the_rest(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An order and a subscription that only copies name: those go first, and their notes with them."""
    monkeypatch.setattr(plan, "TOGETHER", 3)
    now = datetime.now(UTC)
    of = {"source_order": "Renewed000", "order_subscription": "Renewing01", "customer_email": EMAIL}
    for one in range(9):
        told = bodies.copy(f"Renewal{one:03d}", **of)
        tell(store, "order_copies.complete", told, at=now - timedelta(days=100))
    end_work(store)
    about = ("orders/Renewed000", SUBSCRIPTION, "incidents/5")
    with store.write() as connection:
        texts = {"text": f"{EMAIL}, of Renewed000 and Renewing01"}
        write_audit(connection, [entry(now, one, "operator Jo", "note", texts) for one in about])
    stop, gone = threading.Event(), []
    clocks = Clocks(None, timedelta(days=90), None)
    while found := Sweeper(store, Vault(), clocks, now, "worker w", stop=stop, progress=lambda _: stop.set()).run():
        gone.append(found)
        stop.clear()
        sequencer.sequence(store, KEY, datetime.now(UTC))
        assert verified(store).violations + unexplained(store) == []
    # Whom the last copy names goes with it once more.
    assert gone == [Gone(subjects=3)] * 4
    assert left_of(store) == set()


def test_what_is_held_when_it_begins_loses_nobody(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Though it is one of many, whose turn would come late."""
    monkeypatch.setattr(plan, "TOGETHER", 3)
    runs(store)
    with store.write() as connection:
        holds.place(connection, "orders/Renewed002", "case 17", "operator Jo", datetime.now(UTC))
    before = [rows(store, table) for table in (events, deliveries, audit_entries)]
    with pytest.raises(NotErased, match="legal hold"):
        erasure.erase(store, plan.plan(store, Vault(), ["orders/Renewed005"]), WHY)
    assert [rows(store, table) for table in (events, deliveries, audit_entries)] == before


def test_everybody_with_an_address_goes_a_few_at_a_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """The texts that hold it too, and what stands apart."""
    monkeypatch.setattr(plan, "TOGETHER", 3)
    runs(store)
    with store.write() as connection:
        told = entry(datetime.now(UTC), "orders/Other00001", "operator Jo", "note", {"text": f"as {EMAIL} has it"})
        write_audit(connection, [told])
    tell(store, "orders.place", b"not json, of " + EMAIL.encode())
    wanted = plan.plan_for_address(store, Vault(), EMAIL)
    assert erasure.erase(store, wanted, WHY)
    assert left_of(store) == set()
    sequencer.sequence(store, KEY, datetime.now(UTC))
    assert verified(store).violations + unexplained(store) == []
    told = [json.loads(row["detail"]) for row in rows(store, audit_entries) if row["action"] == "payload.erased"]
    assert len(told) > SUBJECTS / 3
