"""keep(): one transaction holds a delivery and all that follows from it, on both databases."""

from __future__ import annotations

import json
import random
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import timedelta
from types import ModuleType
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service import Event, Note, Outcome, Transition, alert, on
from service.arrivals import Arrival, Receipt
from service.store import Store
from service.store.keep import keep
from service.store.schema import deliveries, events, follow_ups, metadata, states, transitions
from tests.bodies import NOON, NOW, arrival, copy, door, order, sample, subscription, wire
from tests.rows import actions, counts, empty, rows, state_of, verdicts

SUBJECT = "order_copies/XAyRWNUzyN"
HOSTILE = "a\0b\r\n\x1b[2J\u202e\ud7ff'; DROP TABLE events; --"
CLEAN = "a\ufffdb\ufffd\ufffd\ufffd[2J\ufffd\ud7ff'; DROP TABLE events; --"


def kept(store: Store, *arrivals: Arrival) -> list[Receipt]:
    """Keep arrivals in one transaction."""
    with store.write() as connection:
        return keep(connection, arrivals)


def handled_by(*functions: Any) -> Any:
    """A door whose only handlers are these."""
    module = ModuleType("handlers_of_this_test")
    for function in functions:
        setattr(module, function.name, function)
    return door([module])


@on("*")
def raises(event: Event) -> list[Outcome]:
    """A handler with a mistake in it."""
    raise ValueError(HOSTILE)


@on("*")
def says_hostile_things(event: Event) -> list[Outcome]:
    """A handler that passes text of the body on."""
    text = str(event.attributes["text"])
    return [Note(text), Transition(event.subject, text, event.updated_at), alert(event.subject, text, what=text)]


def test_one_delivery_is_kept_with_all_that_follows(store: Store) -> None:
    """Delivery, event, transition, state, follow-up and audit entries are there after one transaction."""
    raw = sample("order_copies.complete")
    (receipt,) = kept(store, arrival("order_copies.complete", raw))
    assert receipt.verdict == "event"
    (delivery,), (event,), (moved,), (state,), (planned,) = (
        rows(store, table) for table in (deliveries, events, transitions, states, follow_ups)
    )
    assert bytes(delivery["body"]) == raw
    assert (delivery["event_id"], delivery["received_at"], delivery["verdict"]) == (event["id"], NOW, "event")
    assert (event["id"], event["subject"], event["result"]) == (receipt.event_id, SUBJECT, "handled")
    assert (event["told_status"], event["deliveries"], event["superseded"]) == ("completed", 1, 0)
    assert (moved["from_status"], moved["to_status"], bool(moved["applied"])) == (None, "completed", True)
    assert (state["source_order_id"], state["target_order_id"]) == ("NgojhelVGm", "qAlMhokOGm")
    assert planned["identity"] == f"settle_source_order:{SUBJECT}:completed"
    assert (planned["status"], planned["attempt"], planned["due_at"]) == ("planned", 1, NOW)
    assert [action for action, _ in actions(store)] == ["received", "state.changed", "follow_up.planned"]


def test_a_redelivery_is_counted_and_changes_nothing_else(store: Store) -> None:
    """Another delivery of a known event, in other bytes, is kept and counted, and has no new effect."""
    first = json.loads(sample("order_copies.complete"))
    kept(store, arrival("order_copies.complete", first))
    before = counts(store)
    again = arrival("order_copies.complete", json.dumps(first, indent=1).encode(), NOW + timedelta(days=3))
    (receipt,) = kept(store, again)
    assert receipt.verdict == "redelivery"
    assert counts(store) == before | {"deliveries": 2, "audit_entries": before["audit_entries"] + 1}
    (event,) = rows(store, events)
    assert (event["deliveries"], event["first_seen_at"], event["last_seen_at"]) == (2, NOW, NOW + timedelta(days=3))
    assert actions(store)[-1][0] == "redelivered"


def test_last_seen_never_goes_back(store: Store) -> None:
    """Two processes may commit in another order than they received in; the later time stands."""
    one = arrival("orders.place", order())
    for hours in (2, 1):
        kept(store, arrival("orders.place", order(), NOW + timedelta(hours=hours)))
    kept(store, one)
    (event,) = rows(store, events)
    assert (event["deliveries"], event["last_seen_at"]) == (3, NOW + timedelta(hours=2))


def test_duplicates_within_one_batch(store: Store) -> None:
    """Of several deliveries of one event in one transaction, the first is the event and the others are counted."""
    batch = [arrival("order_copies.fail", copy(id_, "failed")) for id_ in ("b", "a", "b", "b", "a")]
    receipts = kept(store, *batch)
    assert [r.verdict for r in receipts] == ["event", "event", "redelivery", "redelivery", "redelivery"]
    assert receipts[0].event_id == receipts[2].event_id == receipts[3].event_id != receipts[1].event_id
    assert {row["subject"]: row["deliveries"] for row in rows(store, events)} == {
        "order_copies/a": 2,
        "order_copies/b": 3,
    }
    assert kept(store, *batch)[0].verdict == "redelivery"
    assert len(rows(store, follow_ups)) == 4  # an alert and the question for its orders, for each of the two copies


def test_quarantine_and_deferred_stand_apart(store: Store) -> None:
    """What is not an event is kept byte for byte with its reason, and nothing follows from it."""
    bad, big = b"\xff\xfe", wire(copy(metadata={"x": "y" * 300_000}))
    receipts = kept(store, arrival("order_copies.fail", bad), arrival("order_copies.complete", big))
    assert [(r.verdict, r.event_id) for r in receipts] == [("quarantine", None), ("deferred", None)]
    first, second = rows(store, deliveries)
    assert (bytes(first["body"]), first["reason"], first["event_id"]) == (bad, "not UTF-8", None)
    assert bytes(second["body"]) == big
    assert counts(store) == dict.fromkeys(counts(store), 0) | {"deliveries": 2, "audit_entries": 2}
    assert [action for action, _ in actions(store)] == ["quarantined", "deferred"]


def test_a_late_event_is_marked_superseded(store: Store) -> None:
    """An older transition is kept, does not move the state, and says so in event, transition and audit trail."""
    kept(store, arrival("order_copies.complete", copy(updated_at="2026-03-02T12:00:00.000Z")))
    late = copy(status="in_progress", updated_at="2026-03-02T11:00:00.000Z", source_order="aaaaaaaaaa")
    kept(store, arrival("order_copies.start", late))
    assert [bool(row["superseded"]) for row in rows(store, events)] == [False, True]
    assert [bool(row["applied"]) for row in rows(store, transitions)] == [True, False]
    state = state_of(store, SUBJECT)
    assert (state["status"], state["source_order_id"]) == ("completed", "aaaaaaaaaa")
    told = [detail for action, detail in actions(store) if action == "state.superseded"]
    assert [(one["before"], one["status"]) for one in told] == [("completed", "in_progress")]


def test_a_follow_up_is_planned_once(store: Store) -> None:
    """Two events that ask for one follow-up plan it once, and the audit trail names the event that did."""

    @on("orders.*")
    def always_the_same(event: Event) -> list[Outcome]:
        return [alert("orders/one", "one cause", delay=30, n=1), alert("orders/one", "one cause", n=2)]

    at = handled_by(always_the_same)
    first = arrival("orders.place", order(), at=at)
    second = arrival("orders.cancel", order(status="cancelled"), NOW + timedelta(seconds=1), at=at)
    kept(store, first)
    kept(store, second)
    (planned,) = rows(store, follow_ups)
    assert (planned["identity"], planned["params"]) == ("alert:orders/one:one cause", '{"n": 1}')
    assert planned["due_at"] == NOW + timedelta(seconds=30)
    assert [action for action, _ in actions(store)] == ["received", "follow_up.planned", "received"]


def test_a_handler_that_raises_does_not_lose_the_event(store: Store) -> None:
    """The event is kept as failed with the error, to be replayed; the other handlers' outcomes stand."""

    @on("*")
    def works(event: Event) -> list[Outcome]:
        return [Note("all is well")]

    kept(store, arrival("orders.place", order(), at=handled_by(raises, works)))
    (event,) = rows(store, events)
    assert (event["result"], event["error"]) == ("failed", f"raises: ValueError: {CLEAN}")
    assert actions(store)[1:] == [
        ("note", {"text": "all is well"}),
        ("handler.failed", {"text": f"raises: ValueError: {CLEAN}"}),
    ]


def test_an_event_that_no_handler_wants_is_kept(store: Store) -> None:
    """Without a handler the event is kept as ignored."""
    kept(store, arrival("customers.create", {"data": order()["data"] | {"type": "customers"}}, at=handled_by()))
    assert [row["result"] for row in rows(store, events)] == ["ignored"]


@pytest.mark.parametrize("text", [HOSTILE, "", "x" * 50_000, "\N{GRINNING FACE}" * 3_000])
def test_hostile_text_is_kept_alike_on_both_databases(store: Store, text: str) -> None:
    """NUL, controls, quotes and great length in a body reach every column as one harmless line."""
    body = order(text=text, status=text)
    (receipt,) = kept(store, arrival("orders.place", body, at=handled_by(says_hostile_things)))
    assert receipt.verdict == "event"
    assert bytes(rows(store, deliveries)[0]["body"]) == wire(body)
    clean = CLEAN if text == HOSTILE else text
    status = clean if len(clean) <= 64 else clean[:63] + "…"
    (event,), (moved,), (planned,) = (rows(store, t) for t in (events, transitions, follow_ups))
    assert event["told_status"] == (status or None)
    assert moved["to_status"] == status
    assert len(planned["identity"]) < 400
    assert json.loads(planned["params"]) == {"what": text}
    with store.read() as connection:
        assert connection.execute(sa.select(sa.func.count()).select_from(states)).scalar_one() == 1


def test_long_causes_stay_apart(store: Store) -> None:
    """Two causes that differ only far behind are two follow-ups."""
    for end in "ab":
        body = order(f"order{end}", text="x" * 5_000 + end)
        other = order(f"order{end}", text="x" * 5_000 + end + "\0")
        kept(store, arrival("orders.place", body, at=handled_by(says_hostile_things)))
        kept(store, arrival("orders.cancel", other, at=handled_by(says_hostile_things)))
    assert len(rows(store, follow_ups)) == 4


def test_a_hostile_status_of_a_copy_is_kept(store: Store) -> None:
    """A status with a NUL comes through the handlers of the product as an event, on both databases."""
    kept(store, arrival("order_copies.complete", copy(status="com\0pleted")))
    assert verdicts(store) == {"event": 1}
    assert state_of(store, SUBJECT)["status"] == "com\ufffdpleted"


def test_a_hostile_run_of_a_subscription_is_kept(store: Store) -> None:
    """The time of a run that is no time, and long, is not passed on into an identity."""
    kept(store, arrival("order_subscriptions.last_run_failed", subscription(last_run_at="x\0" * 9_000)))
    (planned,) = rows(store, follow_ups)
    assert len(planned["cause"]) < 40
    assert planned["due_at"] == NOW + timedelta(seconds=20)


@contextmanager
def _breaking(store: Store) -> Iterator[sa.Connection]:
    with store.write() as connection:
        yield connection
        raise RuntimeError("the process has a fault before the commit")


def test_a_transaction_that_fails_leaves_nothing(store: Store) -> None:
    """Where anything fails before the commit, no table has a row."""
    with pytest.raises(RuntimeError), _breaking(store) as connection:
        keep(connection, [arrival("order_copies.complete", sample("order_copies.complete"))])
    assert set(counts(store).values()) == {0}


@pytest.mark.parametrize("statement", range(7))
def test_a_statement_that_fails_leaves_nothing(store: Store, statement: int) -> None:
    """Whichever statement of the transaction fails, no table has a row, and the next transaction works."""
    tables = [t.name for t in (events, deliveries, transitions, states, follow_ups, metadata.tables["audit_entries"])]
    number = iter(range(10_000))

    def fail(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        if any(name in sql for name in tables) and next(number) == statement:
            raise RuntimeError("injected")

    batch = [arrival("order_copies.complete", sample("order_copies.complete"))]
    sa.event.listen(store.engine, "before_cursor_execute", fail)
    with pytest.raises(RuntimeError, match="injected"):
        kept(store, *batch)
    sa.event.remove(store.engine, "before_cursor_execute", fail)
    assert set(counts(store).values()) == {0}
    assert kept(store, *batch)[0].verdict == "event"


def test_a_broken_rule_of_the_schema_is_not_trouble_of_the_database(store: Store) -> None:
    """What a value breaks is raised as it is, since trying again would not help."""
    with pytest.raises(sa.exc.IntegrityError), store.write() as connection:
        connection.execute(sa.insert(deliveries).values(topic=None))
    # Random, since PostgreSQL compresses; only its indexes have a limit.
    subject = random.Random(1).randbytes(9_000).hex()
    row = {"subject": subject, "status": "placed", "seen_at": NOW}
    if store.dialect == "postgresql":
        with pytest.raises(sa.exc.OperationalError, match="index row"), store.write() as connection:
            connection.execute(sa.insert(states), [row])


LIFE: Sequence[tuple[str, dict[str, Any]]] = (
    ("order_copies.create", copy(status="pending", updated_at="2026-03-02T09:00:00.000Z")),
    ("order_copies.start", copy(status="in_progress", updated_at=NOON, source_order="aaaaaaaaaa")),
    ("order_copies.complete", copy(status="completed", updated_at=NOON, target_order="bbbbbbbbbb")),
    ("order_copies.fail", copy(status="failed", updated_at="2026-03-02T10:00:00.000Z", source_order="cccccccccc")),
)


@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_every_order_of_arrival_gives_the_same_state(store: Store, data: st.DataObject) -> None:
    """For permutations, repeats and any cut into batches, the state row in the database is the same."""
    empty(store)
    repeated = list(LIFE) + data.draw(st.lists(st.sampled_from(LIFE), max_size=4))
    left = [arrival(topic, body) for topic, body in data.draw(st.permutations(repeated))]
    while left:
        size = data.draw(st.integers(1, len(left)))
        kept(store, *left[:size])
        left = left[size:]
    assert state_of(store, SUBJECT) == {
        "subject": SUBJECT,
        "status": "completed",
        "at": NOW.replace(hour=12, second=0),
        "source_order_id": "cccccccccc",
        "target_order_id": "bbbbbbbbbb",
        "order_subscription_id": None,
    }
    assert verdicts(store) == {"event": 4} | ({"redelivery": len(repeated) - 4} if len(repeated) > 4 else {})
    assert sum(row["deliveries"] for row in rows(store, events)) == len(repeated)
