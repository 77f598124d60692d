"""copydesk replay: today's handlers on kept bytes, effects single."""

from __future__ import annotations

import json

import sqlalchemy as sa

from service.store import Store
from service.store.schema import audit_entries, deliveries, events, follow_ups
from tests.cli.conftest import Deliver, Run
from tests.rows import allow_deletion

COPY = "XAyRWNUzyN"


def _count(store: Store, table: sa.Table) -> int:
    with store.read() as connection:
        return int(connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def test_a_replay_changes_nothing_that_stands(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """Replayed as often as one likes, an event has its follow-ups once; the trail says who replayed it and why."""
    deliver("order_copies.complete", COPY)
    for _ in range(3):
        (told,) = json.loads(run("replay", 1, "--by", "Robin", "--reason", "to be sure", "--json").stdout)
        assert (told["changes"], told["follow_ups"], told["states"]) == (False, [], [])
    assert _count(sqlite_store, follow_ups) == 1
    entries = json.loads(run("audit", COPY, "--json").stdout)
    replayed = [entry for entry in entries if entry["action"] == "replayed"]
    assert [entry["actor"] for entry in replayed] == ["operator Robin"] * 3
    assert replayed[0]["detail"]["reason"] == "to be sure"


def test_a_mended_handler_gets_its_say(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """What a broken handler failed to plan is planned by the replay, and the event is no longer failed."""
    deliver("order_copies.complete", COPY)
    with sqlite_store.write() as connection:
        connection.execute(sa.update(events).values(result="failed", error="boom"))
        allow_deletion(connection)
        connection.execute(sa.delete(audit_entries).where(audit_entries.c.follow_up_id.is_not(None)))
        connection.execute(sa.delete(follow_ups))
    (dry,) = json.loads(run("replay", 1, "--dry-run", "--json").stdout)
    assert (dry["result_before"], dry["result"]) == ("failed", "handled")
    assert dry["follow_ups"] == [f"settle_source_order:order_copies/{COPY}:completed"]
    assert _count(sqlite_store, follow_ups) == 0
    (done,) = json.loads(run("replay", 1, "--json").stdout)
    assert done | {"dry_run": True} == dry
    assert _count(sqlite_store, follow_ups) == 1
    (event,) = json.loads(run("events", "--json").stdout)
    assert (event["result"], event["error"]) == ("handled", None)


def test_a_dry_run_writes_nothing(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """--dry-run leaves every table as it is, the audit trail too."""
    deliver("order_copies.complete", COPY)
    before = [_count(sqlite_store, table) for table in (audit_entries, follow_ups, deliveries, events)]
    assert run("replay", 1, "--dry-run").exit_code == 0
    assert [_count(sqlite_store, table) for table in (audit_entries, follow_ups, deliveries, events)] == before


def test_a_quarantined_delivery_can_become_its_event(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """What was set aside and is understood by now becomes the event it always was, once."""
    deliver("order_copies.complete", COPY)
    with sqlite_store.write() as connection:
        # As after an upgrade: set aside then, readable now.
        body = connection.execute(sa.select(deliveries.c.body)).scalar_one().replace(COPY.encode(), b"YAyRWNUzyN")
        aside = {"event_id": None, "verdict": "quarantine", "reason": "not understood", "body": body}
        columns = [c.name for c in deliveries.c if c.name != "id"]
        row = connection.execute(sa.select(*(deliveries.c[name] for name in columns))).mappings().one()
        connection.execute(sa.insert(deliveries).values(**dict(row) | aside))
    (told,) = json.loads(run("replay", "--delivery", 2, "--json").stdout)
    assert (told["subject"], told["result"], told["event_id"]) == ("order_copies/YAyRWNUzyN", "handled", 2)
    assert json.loads(run("events", "--quarantine", "--json").stdout) == []
    (again,) = json.loads(run("replay", "--delivery", 2, "--json").stdout)
    assert again["changes"] is False
    assert _count(sqlite_store, follow_ups) == 2


def test_what_still_cannot_be_read_stays_aside(run: Run, deliver: Deliver) -> None:
    """A replay of an unreadable delivery says why and finds trouble: exit 1."""
    deliver("order_copies.complete", COPY, body=b"not json")
    told = run("replay", "--delivery", 1)
    assert told.exit_code == 1
    assert "not JSON" in told.stdout


def test_unknown_events_are_not_found(run: Run, sqlite_store: Store) -> None:
    """An event that is not kept: exit 1, one line."""
    told = run("replay", 7)
    assert (told.exit_code, told.stderr) == (1, "copydesk: event 7 is not kept\n")
    assert run("replay").exit_code == 2
