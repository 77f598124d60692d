"""By the clock: what is due goes in small batches, each with its entry; what is held or worked on stays."""

from __future__ import annotations

import json
import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service.audit import ranges
from service.errors import NotFound
from service.intake.replay import Operator, replay_event
from service.privacy import plan, retention
from service.privacy.retention import Clocks, Gone, Sweeper
from service.settings import Settings
from service.store import Store, holds
from service.store.refusals import add_refusals
from service.store.schema import audit_entries, deliveries, events, refusals, states
from service.vault import Vault
from tests import bodies
from tests.audit.record import verified
from tests.privacy.conftest import COPY, EMAIL, MINE, SOURCE, TARGET, end_work, tell, tell_others, tell_story
from tests.rows import rows

NOW = datetime(2026, 9, 1, 12, tzinfo=UTC)
LONG_AGO, LATELY = NOW - timedelta(days=100), NOW - timedelta(days=10)
MONTHS = timedelta(days=90)
BODIES = Clocks(MONTHS, None, None)
NAMES = Clocks(None, MONTHS, None)


def sweeper(store: Store, clocks: Clocks, **changes: Any) -> Sweeper:
    """One run at the time of these tests."""
    return Sweeper(store, Vault(), clocks, NOW, "worker w", **changes)


def kept(store: Store) -> set[int]:
    """The deliveries whose bytes are kept."""
    return {row["id"] for row in rows(store, deliveries) if row["body"] is not None}


def test_bodies_go_when_their_time_has_come_and_nothing_else_does(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The states, the events and the trail stay; each batch says which deliveries."""
    monkeypatch.setattr(retention, "_BODIES", 2)
    tell_story(store, at=LONG_AGO)
    tell_others(store, 2, at=LATELY)
    end_work(store)
    before = [rows(store, table) for table in (events, states)]
    assert sweeper(store, BODIES, dry_run=True).run() == Gone(bodies=3)
    assert kept(store) == {1, 2, 3, 4, 5}
    assert sweeper(store, BODIES).run() == Gone(bodies=3)
    assert kept(store) == {4, 5}
    assert [rows(store, table) for table in (events, states)] == before
    told = [row for row in rows(store, audit_entries) if row["action"] == "payload.erased"]
    details = [json.loads(row["detail"]) for row in told]
    assert details == [{"basis": "retention", "deliveries": "1-2"}, {"basis": "retention", "deliveries": "3"}]
    assert {row["actor"] for row in told} == {"worker w"}
    assert not sweeper(store, BODIES).run()
    with pytest.raises(NotFound, match="no delivery with its bytes"):
        replay_event(store, bodies.door(), 1, Operator("Robin"))


def test_what_waits_to_be_read_stays_and_so_does_what_is_worked_on(store: Store) -> None:
    """A deferred body was never looked at; a follow-up may have to look again."""
    tell(store, "order_copies.fail", bodies.copy("Large00001", "failed", metadata={"x": "y" * 300_000}), at=LONG_AGO)
    tell_story(store, at=LONG_AGO)
    tell(store, "orders.place", b"in quarantine", at=LONG_AGO)
    assert sweeper(store, BODIES).run() == Gone(bodies=3, held_back=1)
    assert kept(store) == {1, 3}
    end_work(store)
    assert sweeper(store, BODIES).run() == Gone(bodies=1)
    assert kept(store) == {1}


def test_a_hold_keeps_all_that_belong_together(store: Store) -> None:
    """Held is the source order; the copy and the target stay with it until it is released."""
    tell_story(store, at=LONG_AGO)
    tell_others(store, 1, at=LONG_AGO)
    end_work(store)
    with store.write() as connection:
        holds.place(connection, MINE[2], "case 17", "operator Jo", NOW)
    assert sweeper(store, BODIES).run() == Gone(bodies=1, held_back=3)
    assert sweeper(store, NAMES).run() == Gone(subjects=3, held_back=3)
    with store.write() as connection:
        holds.release(connection, MINE[2], None, "operator Jo", NOW)
    assert sweeper(store, BODIES).run() == Gone(bodies=3)


def test_a_subject_goes_with_its_kin_when_the_newest_of_them_is_old(store: Store) -> None:
    """An order of long ago whose target was placed lately stays known."""
    tell_story(store, at=LONG_AGO)
    end_work(store)
    tell(store, "orders.place", bodies.order("Alone00001", customer_email=EMAIL), at=LONG_AGO)
    tell(store, "orders.cancel", bodies.order(TARGET, "cancelled"), at=LATELY)
    assert sweeper(store, NAMES, dry_run=True).run() == Gone(subjects=1, held_back=2)
    assert sweeper(store, NAMES).run() == Gone(subjects=1, held_back=2)
    assert {row["subject"] for row in rows(store, events)} == {*MINE, "erased/1"}
    later = Sweeper(store, Vault(), NAMES, NOW + timedelta(days=100), "worker w")
    assert later.run().subjects == 3
    text = repr([rows(store, table) for table in (events, states, deliveries, audit_entries)])
    assert [name for name in (COPY, SOURCE, TARGET, EMAIL, "Alone00001") if name in text] == []
    assert not later.run()


def test_counts_of_refusals_go_too(store: Store) -> None:
    """They name nobody, and are of no use after a while."""
    with store.write() as connection:
        for at in (LONG_AGO, LATELY):
            add_refusals(connection, {("orders.place", "bad signature"): 3}, at)
    clocks = Clocks(None, None, timedelta(days=30))
    assert sweeper(store, clocks, dry_run=True).run() == Gone(refusals=1)
    assert sweeper(store, clocks).run() == Gone(refusals=1)
    assert [row["last_at"] for row in rows(store, refusals)] == [LATELY]


def test_zero_is_for_ever(store: Store) -> None:
    """What nobody limits stays."""
    tell_story(store, at=LONG_AGO)
    end_work(store)
    settings = Settings(keep_bodies_days=0, keep_metadata_days=0, keep_refusals_days=0)
    assert Clocks.of(settings) == Clocks(None, None, None)
    assert not sweeper(store, Clocks.of(settings)).run()
    assert Clocks.of(Settings()) == Clocks(MONTHS, None, timedelta(days=30))


def test_a_run_that_is_stopped_goes_on_another_time(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Between two batches; what went stays gone."""
    monkeypatch.setattr(retention, "_BODIES", 2)
    tell_story(store, at=LONG_AGO)
    end_work(store)
    stop = threading.Event()
    assert sweeper(store, BODIES, stop=stop, progress=lambda _rows: stop.set()).run() == Gone(bodies=2)
    assert sweeper(store, BODIES).run() == Gone(bodies=1)


def test_what_a_stopped_run_did_not_reach_is_not_held_back(store: Store) -> None:
    """Only what it looked at and had to leave is."""
    tell_others(store, 10, at=LONG_AGO)
    end_work(store)
    with store.write() as connection:
        holds.place(connection, "order_copies/Other00009", "case 17", "operator Jo", NOW)
    stop = threading.Event()
    first = sweeper(store, NAMES, stop=stop, progress=lambda _rows: stop.set())
    assert first.run() == Gone(subjects=12, held_back=1)
    assert sweeper(store, NAMES).run() == Gone(subjects=15, held_back=1)


def test_every_delivery_that_lost_its_bytes_is_named_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Two workers at one moment: each delivery goes with one of them."""
    monkeypatch.setattr(retention, "_BODIES", 5)
    tell_others(store, 40, at=LONG_AGO)
    end_work(store)
    threads = [threading.Thread(target=sweeper(store, BODIES).run) for _ in range(2)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    told = [json.loads(row["detail"]) for row in rows(store, audit_entries) if row["action"] == "payload.erased"]
    named = [id_ for one in told for part in ranges.parse(one["deliveries"]) for id_ in part]
    assert sorted(named) == list(range(1, 41))


def test_few_subjects_go_in_a_transaction_and_texts_are_looked_through_once(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """However many belong together with those that are due: deliveries wait for each transaction."""
    looks: list[int] = []
    search = plan.search
    monkeypatch.setattr(plan, "search", lambda *told: looks.append(1) or search(*told))
    tell_others(store, 30, at=LONG_AGO)
    end_work(store)
    pieces: list[int] = []
    assert sweeper(store, NAMES, progress=pieces.append).run() == Gone(subjects=90)
    assert (max(pieces), sum(pieces), len(looks)) == (12, 90, 1)
    assert "Other" not in repr([rows(store, table) for table in (events, states, audit_entries)])
    assert verified(store).violations == []


def test_what_became_newer_since_it_was_found_stays(store: Store) -> None:
    """A delivery comes while others go: its subject is not of long ago any more, nor who belong to it."""
    tell_others(store, 10, at=LONG_AGO)
    end_work(store)
    late = [bodies.copy("Other00009", "failed")]

    def come(_rows: int) -> None:
        if late:
            tell(store, "order_copies.fail", late.pop(), at=LATELY)

    gone = sweeper(store, NAMES, progress=come).run()
    assert gone.subjects + gone.held_back == 30
    assert gone.held_back >= 3
    assert [row["subject"] for row in rows(store, events)][-2:] == ["order_copies/Other00009"] * 2
