"""Erasing: whoever was erased is in no row and no byte, the rest is as it was, and nothing brings anybody back."""

from __future__ import annotations

import json
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.arrivals import Arrival
from service.audit import ranges, sequencer
from service.errors import NotErased, NotFound
from service.incidents import Occurrence
from service.intake.deferred import read_deferred
from service.intake.replay import Operator, replay_delivery, replay_event
from service.merkle import leaves
from service.privacy import erasure, plan
from service.privacy.mentions import Names
from service.router import Verdict
from service.store import Store, holds, incident_alerts, queries
from service.store.audit import entry, write_audit
from service.store.follow_up_rows import try_again
from service.store.keep import keep
from service.store.schema import (
    attempts,
    audit_entries,
    deliveries,
    events,
    follow_ups,
    incident_subjects,
    incidents,
    metadata,
    spell,
    states,
    transitions,
)
from service.vault import Vault
from tests import bodies
from tests.audit.record import KEY, verified
from tests.privacy.conftest import (
    COPY,
    EMAIL,
    MINE,
    SOURCE,
    TARGET,
    WHY,
    end_work,
    erase,
    keys,
    tell,
    tell_others,
    tell_story,
)
from tests.rows import rows

NAMES = (COPY, SOURCE, TARGET, EMAIL)


def everything(store: Store) -> str:
    """All rows of all tables as one text, bytes among them."""
    return repr({table.name: rows(store, table) for table in metadata.sorted_tables})


def others(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row that is about nobody erased."""
    found = {}
    for table in (events, transitions, states, follow_ups, audit_entries):
        found[table.name] = [r for r in rows(store, table) if "Other" in r["subject"]]
    ids = {row["id"] for row in found["events"]}
    return found | {"deliveries": [row for row in rows(store, deliveries) if row["event_id"] in ids]}


def trouble(store: Store) -> None:
    """An incident that the copy and another are in, a note with the address, and one of the sweep's with the copy."""
    now = datetime.now(UTC)
    by = {row["subject"]: row["id"] for row in rows(store, follow_ups)}
    with store.write() as connection:
        for subject in (MINE[0], "order_copies/Other00000"):
            what = Occurrence("failure", "order_copies", "the shop is closed", f"{subject} failed", affected=subject)
            incident_alerts.join(connection, what, by[subject], now, "worker")
        write_audit(connection, [entry(now, "orders/qAlMhokOGm", "operator Jo", "note", {"text": f"asked by {EMAIL}"})])
        write_audit(connection, [entry(now, "copydesk/sweep", "sweep", "note", {"text": f"{MINE[0]} was late"})])


@pytest.mark.parametrize("sealed", [False, True], ids=["plain", "sealed"])
def test_nothing_of_the_erased_is_left_in_any_row_and_the_others_are_as_they_were(store: Store, sealed: bool) -> None:
    """The copy named: its source and its target belong to it and go with it."""
    vault = Vault(keys()) if sealed else Vault()
    tell_story(store, vault=vault)
    tell_others(store, 3, vault=vault)
    end_work(store, f"cancelled {SOURCE}" if not sealed else "done")
    trouble(store)
    digests = [row["key"].hex() for row in rows(store, events) if row["subject"] in MINE]
    before = others(store)
    done = erase(store, MINE[0], vault=vault)
    assert sorted(done.places) == sorted(MINE)
    assert (done.deliveries, sorted(done.places.values())) == (3, ["erased/1", "erased/2", "erased/3"])
    kept = everything(store)
    assert [name for name in (*NAMES, "Jo'", *digests) if name in kept] == []
    after = others(store)
    assert after["deliveries"] == before["deliveries"]
    for name in ("events", "transitions", "states"):
        assert after[name] == before[name]


def test_the_trail_says_what_was_erased_and_its_leaves_are_as_they_were(store: Store) -> None:
    """Who, when, on what ground, and which rows by their numbers: an erasure is told from a loss."""
    tell_story(store)
    tell_others(store, 2)
    end_work(store)
    hashes = [(row["id"], row["leaf_hash"], row["commitment"]) for row in rows(store, audit_entries)]
    erase(store, MINE[0])
    found = rows(store, audit_entries)
    assert [(r["id"], r["leaf_hash"], r["commitment"]) for r in found][: len(hashes)] == hashes
    told = [json.loads(row["detail"]) for row in found if row["action"] == "payload.erased"]
    assert {(row["actor"], row["subject"]) for row in found if row["action"] == "payload.erased"} == {
        ("operator Robin", one["subject"]) for one in told
    }
    assert {one["basis"] for one in told} == {"request"}
    named = {id_ for one in told for part in ranges.parse(one["entries"]) for id_ in part}
    blank = [row for row in found if row["salt"] is None]
    assert {row["id"] for row in blank} == named
    for row in blank:
        assert (row["detail"], row["actor"] in {"intake", "worker", "operator"}) == ("{}", True)
        assert row["subject"].startswith("erased/")
        assert row["leaf_hash"] == leaves.leaf_hash(leaves.leaf(spell(row["at"]), row))
    gone = {id_ for one in told for part in ranges.parse(one["deliveries"]) for id_ in part}
    assert {row["id"] for row in rows(store, deliveries) if row["body"] is None} == gone


def test_what_comes_again_is_a_redelivery_and_brings_nothing_back(store: Store) -> None:
    """The same events, and new ones of the erased: counted or kept as bare facts, without bytes, states or work."""
    tell_story(store)
    end_work(store)
    number = len(rows(store, events))
    erase(store, MINE[0])
    tell_story(store)
    assert len(rows(store, events)) == number
    assert {row["deliveries"] for row in rows(store, events)} == {2}
    tell(store, "order_copies.fail", bodies.copy(COPY, "failed", source_order=SOURCE, customer_email=EMAIL))
    new = rows(store, events)[-1]
    assert (new["subject"].partition("/")[0], new["result"]) == ("erased", "ignored")
    kept = everything(store)
    assert [name for name in NAMES if name in kept] == []
    assert rows(store, states) == []
    assert len(rows(store, follow_ups)) == 1
    told = [json.loads(row["detail"]) for row in rows(store, audit_entries) if row["action"] == "payload.erased"]
    missing = {row["id"] for row in rows(store, deliveries) if row["body"] is None}
    assert {id_ for one in told for part in ranges.parse(one.get("deliveries", "")) for id_ in part} == missing
    assert {one["basis"] for one in told} == {"request", "erased before"}


def test_a_replay_that_had_read_the_bytes_already_brings_nothing_back(
    store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The erasure comes between its look and its transaction."""
    tell_story(store)
    end_work(store)
    door = bodies.door()
    understand = door.understand

    def erased_meanwhile(arrival: Arrival) -> Arrival:
        erase(store, MINE[0])
        return understand(arrival)

    monkeypatch.setattr(type(door), "understand", lambda _door, arrival: erased_meanwhile(arrival))
    with pytest.raises(NotFound, match="was erased"):
        replay_event(store, door, 1, Operator("Robin"))
    assert [name for name in NAMES if name in everything(store)] == []


def test_an_event_that_is_erased_is_known_though_its_identity_is_another(store: Store) -> None:
    """A sweep asks by the identity that the provider's answer has, and must not take it for news."""
    tell_story(store)
    end_work(store)
    before = {row["key"] for row in rows(store, events)}
    erase(store, MINE[0])
    assert not before & {row["key"] for row in rows(store, events)}
    with store.read() as connection:
        assert queries.known_keys(connection, before | {b"x" * 32}) == before


def test_a_body_that_was_set_aside_is_erased_when_a_worker_reads_it(store: Store) -> None:
    """Too large to be read at the door, it says whose it is only later."""
    tell_story(store)
    end_work(store)
    erase(store, MINE[0])
    tell(store, "order_copies.fail", bodies.copy(COPY, "failed", metadata={"x": "y" * 300_000, "for": EMAIL}))
    assert rows(store, deliveries)[-1]["verdict"] == "deferred"
    assert read_deferred(store, bodies.door()) == 1
    last = rows(store, deliveries)[-1]
    assert (last["verdict"], last["body"], last["salt"]) == ("event", None, None)
    assert EMAIL not in everything(store)


def test_what_stands_apart_and_names_the_erased_goes_too(store: Store) -> None:
    """A body in quarantine has no subject, and holds the same data."""
    tell_story(store)
    end_work(store)
    tell(store, "order_copies.fail", bodies.wire(bodies.copy(COPY, "failed")) + b" and more")
    assert rows(store, deliveries)[-1]["verdict"] == "quarantine"
    assert erase(store, MINE[0]).deliveries == 4
    assert {row["body"] for row in rows(store, deliveries)} == {None}


def test_an_open_follow_up_and_a_hold_are_in_the_way(store: Store) -> None:
    """Work under way needs what it is about; what is held must stay. Nothing is erased then."""
    tell_story(store)
    before = everything(store)
    with pytest.raises(NotErased, match="settle_source_order"):
        erase(store, MINE[2])
    assert everything(store) == before
    end_work(store)
    with store.write() as connection:
        assert holds.place(connection, MINE[2], "case 17", "operator Jo", datetime.now(UTC))
    with pytest.raises(NotErased, match="legal hold"):
        erase(store, MINE[0])
    with store.write() as connection:
        assert holds.release(connection, MINE[2], None, "operator Jo", datetime.now(UTC))
    erase(store, MINE[0])
    assert [name for name in (*NAMES, "case 17") if name in everything(store)] == []


def test_an_erased_follow_up_cannot_be_tried_again(store: Store) -> None:
    """It does not know any more what it is about."""
    tell_story(store)
    end_work(store)
    erase(store, MINE[0])
    with store.write() as connection:
        assert not try_again(connection, 1, datetime.now(UTC), "operator Jo", "why not")


def test_incidents_forget_whom_they_were_about(store: Store) -> None:
    """One that affected others too stays open for them."""
    tell_story(store)
    tell_others(store, 1)
    end_work(store)
    trouble(store)
    erase(store, MINE[0])
    (incident,) = rows(store, incidents)
    assert (incident["status"], incident["cause"]) == ("open", "the shop is closed")
    affected = {row["subject"]: row["cured_at"] for row in rows(store, incident_subjects)}
    assert set(affected) == {"erased/1", "order_copies/Other00000"}
    assert affected["erased/1"] is not None
    assert affected["order_copies/Other00000"] is None


def test_everybody_with_an_address_is_found_whatever_its_case_and_spelling(store: Store) -> None:
    """Exactly this address: one that is longer, or stands in another's longer one, is somebody else's."""
    vault = Vault(keys())
    tell_story(store, vault=vault)
    tell(store, "orders.place", bodies.order("Upper00001", customer_email=EMAIL.upper()), vault=vault)
    escaped = bodies.wire(bodies.order("Escap00001", customer_email="AT")).replace(
        b"AT", rb"jean.dupont\u0040example.com"
    )
    tell(store, "orders.place", escaped, vault=vault)
    tell(store, "orders.place", bodies.order("Longer0001", customer_email="x" + EMAIL), vault=vault)
    tell(store, "orders.place", b"not json, of " + EMAIL.encode(), vault=vault)
    with store.write() as connection:
        told = entry(datetime.now(UTC), "orders/Noted00001", "operator Jo", "note", {"text": f"({EMAIL})"})
        write_audit(connection, [told])
    end_work(store)
    found = plan.plan_for_address(store, vault, EMAIL)
    assert set(found.subjects) == {*MINE, "orders/Upper00001", "orders/Escap00001", "orders/Noted00001"}
    assert len(found.apart) == 1
    done = erasure.erase(store, found, WHY)
    assert done
    assert done.deliveries == 6
    kept = everything(store)
    assert EMAIL not in kept.lower().replace("x" + EMAIL, "")
    assert [row["subject"] for row in rows(store, events) if row["subject"].startswith("orders")] == [
        "orders/Longer0001"
    ]


def test_not_a_byte_is_left_in_the_files(sqlite_store: Store, look: Callable[[str], set[str]]) -> None:
    """Neither in the database nor in its write-ahead log, though nothing was encrypted."""
    tell_story(sqlite_store)
    tell_others(sqlite_store, 5)
    end_work(sqlite_store, f"cancelled {SOURCE}")
    assert all(look(name) for name in NAMES)
    erase(sqlite_store, MINE[0])
    assert sqlite_store.cut_wal()
    assert {name: look(name) for name in NAMES} == {key: set() for key in NAMES}
    assert look("Other00000")
    with sqlite_store.read() as connection:
        assert connection.execute(sa.text("PRAGMA quick_check")).scalar() == "ok"
    assert len(rows(sqlite_store, attempts)) == 6


@pytest.mark.parametrize("filling", ["y", "y/", "_", "/y", "@", ".a", "jean.dupont@example.com"])
def test_a_large_text_of_any_kind_is_looked_through_in_no_time(filling: str) -> None:
    """Five million letters, whatever they are: nobody makes an erasure stand still."""
    text = (filling * 5_000_000)[:5_000_000]
    names = Names(frozenset(MINE), frozenset({EMAIL}))
    began = time.process_time()
    found = names.named_in(f"{text} {MINE[0]}")
    assert found == MINE[0]
    assert names.named_in(text) is None
    assert time.process_time() - began < 8


@pytest.mark.parametrize(
    ("text", "whom"),
    [
        (f"of {MINE[0]}.", MINE[0]),
        (f'{{"id": "{COPY}"}}', MINE[0]),
        (f"hydrate:{MINE[0]}:orders", MINE[0]),
        (f"x{COPY}", None),
        (f"{COPY}x", None),
        (f"<{EMAIL.upper()}>", ""),
        (f"x{EMAIL}", None),
        (f"{EMAIL}.org", None),
        (f"{EMAIL}. Then", ""),
        (json.dumps({"text": f"\u201c{COPY}\u201d is gone"}), MINE[0]),
        (json.dumps({"text": f"\u2192{MINE[0]}"}), MINE[0]),
        (json.dumps({"text": f"\u201c{EMAIL}\u201d"}), ""),
        ("nobody", None),
    ],
)
def test_a_name_is_found_where_it_stands_by_itself(text: str, whom: str | None) -> None:
    """Not as a part of another one."""
    assert Names(frozenset(MINE), frozenset({EMAIL})).named_in(text) == whom


def test_what_named_the_erased_in_passing_still_verifies(store: Store) -> None:
    """An event of somebody else whose error named them loses that text, and stays somebody else's."""
    tell_story(store)
    end_work(store)
    door = bodies.door()
    failed = bodies.arrival("orders.place", bodies.order("OtherOrder"), datetime.now(UTC), at=door)
    with store.write() as connection:
        keep(connection, [replace(failed, verdict=Verdict(errors=(f"ValueError: {TARGET} is not there",)))])
    erase(store, MINE[0])
    sequencer.sequence(store, KEY, datetime.now(UTC))
    (other,) = (row for row in rows(store, events) if row["subject"] == "orders/OtherOrder")
    assert (other["result"], other["error"]) == ("failed", "erased")
    assert verified(store).violations == []


def test_what_stood_apart_is_replayed_without_the_name_of_the_erased(store: Store) -> None:
    """A delivery that could not be read came after the erasure; read at last, it brings no name back."""
    tell_story(store)
    end_work(store)
    erase(store, MINE[0])
    told = bodies.arrival("orders.cancel", bodies.order(SOURCE, "cancelled"), datetime.now(UTC), at=bodies.door())
    with store.write() as connection:
        keep(connection, [replace(told, event=None, apart="quarantine", reason="read more strictly once")])
    (apart,) = (row["id"] for row in rows(store, deliveries) if row["verdict"] == "quarantine")
    replay_delivery(store, bodies.door(), apart, Operator("jane", "because"))
    kept = everything(store)
    assert [name for name in NAMES if name in kept] == []
    assert verified(store).violations == []
