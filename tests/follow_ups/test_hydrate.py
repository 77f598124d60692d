"""Asking which orders a copy concerns, where its event did not say."""

from __future__ import annotations

from typing import Any

import pytest

from service.outcomes import FollowUp
from service.store import subjects
from service.store.schema import audit_entries, states
from tests import bodies
from tests.follow_ups.desk import Desk
from tests.rows import rows


def bare(id_: str, topic: str, **attributes: Any) -> tuple[str, dict[str, Any]]:
    """An event whose webhook includes no resources: links, and no ids."""
    status = bodies.STAGES[topic.partition(".")[2]]
    body = bodies.copy(id_, status, recurring=topic.startswith("recurring"), **attributes)
    return topic, body


def hydration(desk: Desk, id_: str) -> int:
    return desk.id_of(f"hydrate:order_copies/{id_}:no order ids")


def state(desk: Desk, subject: str) -> dict[str, Any]:
    return next(row for row in rows(desk.store, states) if row["subject"] == subject)


def test_the_orders_of_a_copy_are_known_afterwards(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    desk.receive(*bare(made["order_copy"], "order_copies.complete"))

    row = desk.attempt(hydration(desk, made["order_copy"]))

    known = state(desk, f"order_copies/{made['order_copy']}")
    assert (row["status"], row["result"]) == ("done", "its orders are known")
    assert (known["source_order_id"], known["target_order_id"]) == (made["source_order"], made["target_order"])


def test_an_event_that_names_its_orders_asks_nothing(desk: Desk) -> None:
    desk.receive(*bare("XAyRWNUzyN", "order_copies.complete", source_order="SourceOrdr"))

    with pytest.raises(StopIteration):
        hydration(desk, "XAyRWNUzyN")


def test_what_the_api_tells_moves_a_state_forward_only(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    subject = f"order_copies/{made['order_copy']}"
    desk.receive(*bare(made["order_copy"], "order_copies.complete", updated_at="2999-01-01T00:00:00.000Z"))
    before = state(desk, subject)

    desk.attempt(hydration(desk, made["order_copy"]))

    after = state(desk, subject)
    assert (after["status"], after["at"]) == (before["status"], before["at"])
    assert after["source_order_id"] == made["source_order"]


def test_done_twice_it_changes_nothing_more(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    subject = f"order_copies/{made['order_copy']}"
    desk.receive(*bare(made["order_copy"], "order_copies.complete"))
    desk.attempt(hydration(desk, made["order_copy"]))
    once = state(desk, subject)

    desk.attempt(desk.plan(FollowUp("hydrate", subject, "once more")))

    assert {**state(desk, subject), "seen_at": None} == {**once, "seen_at": None}


@pytest.mark.parametrize(
    ("scenario", "asked", "causes"),
    [
        ("good-copy", True, []),
        ("unplaced-target", False, []),
        ("failing-copy", True, []),
    ],
)
def test_people_hear_of_a_target_that_had_to_be_placed_and_is_not(
    desk: Desk, scenario: str, asked: bool, causes: list[str]
) -> None:
    made = desk.sandbox.play(scenario)
    topic = "order_copies.fail" if scenario == "failing-copy" else "order_copies.complete"
    desk.receive(*bare(made["order_copy"], topic, place_target_order=asked))
    before = desk.alerts()

    desk.attempt(hydration(desk, made["order_copy"]))

    assert desk.alerts()[len(before) :] == causes


def test_a_target_that_errors_kept_from_being_placed_is_told_though_the_event_could_not_tell(desk: Desk) -> None:
    made = desk.sandbox.play("skip-errors", errors={"payment_source": ["card expired"]})
    desk.receive(*bare(made["order_copy"], "order_copies.complete", place_target_order=True))

    desk.attempt(hydration(desk, made["order_copy"]))

    assert desk.alerts() == ["target not placed"]


def test_it_is_being_hydrated_until_it_is_over(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    subject = f"order_copies/{made['order_copy']}"
    desk.receive(*bare(made["order_copy"], "order_copies.complete"))
    seen = []
    for _ in range(2):
        with desk.store.read() as connection:
            seen.append(subjects.is_being_hydrated(connection, subject))
        desk.attempt(hydration(desk, made["order_copy"]))

    assert seen == [True, False]


def test_a_copy_that_is_gone_is_a_refusal_that_people_hear_of(desk: Desk) -> None:
    desk.receive(*bare("GoneForEvr", "order_copies.complete"))
    id_ = hydration(desk, "GoneForEvr")

    row = desk.attempt(id_)

    assert (row["status"], desk.alerts()) == ("refused", [f"follow-up ended badly {id_}"])


def test_a_dry_run_reads_and_records_all_the_same(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    desk.receive(*bare(made["order_copy"], "order_copies.complete"))

    row = desk.under(dry_run=True).attempt(hydration(desk, made["order_copy"]))

    assert (row["status"], desk.writes()) == ("done", 0)


def test_the_trail_names_who_told_it(desk: Desk) -> None:
    made = desk.sandbox.play("good-copy")
    desk.receive(*bare(made["order_copy"], "order_copies.complete", updated_at="2020-01-01T00:00:00.000Z"))

    desk.attempt(hydration(desk, made["order_copy"]))

    actors = {row["actor"] for row in rows(desk.store, audit_entries) if row["action"] == "state.changed"}
    assert actors == {"intake", "hydrate"}
