"""One attempt, on both databases, against a provider that has trouble."""

from __future__ import annotations

import socket
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import SecretStr

from service.errors import Unavailable
from service.follow_ups.attempt import attempt
from service.outcomes import FollowUp, alert
from service.store import follow_up_rows
from service.store.follow_up_rows import Due, Ending
from service.store.schema import follow_ups
from tests.follow_ups.desk import Desk, clients_for
from tests.rows import rows

DAY = timedelta(hours=24)
ENDLESS = "started 3 times, and never came to an end"


def settle(desk: Desk, scenario: str = "forgotten-source", **more: Any) -> int:
    """Play a scenario and plan to see to its source order; the follow-up's id."""
    made = desk.sandbox.play(scenario)
    kind = "order_copy" if "order_copy" in made else "recurring_order_copy"
    table = {"order_copy": "order_copies", "recurring_order_copy": "recurring_order_copies"}
    return desk.plan(FollowUp("settle_source_order", f"{table[kind]}/{made[kind]}", "completed"), **more)


def patches(**trouble: Any) -> dict[str, Any]:
    return {"path": "/api/orders", "method": "PATCH", "calls": 1} | trouble


def reads(**trouble: Any) -> dict[str, Any]:
    return {"path": "/api/", "method": "GET", "calls": 1} | trouble


@pytest.mark.parametrize(
    ("scenario", "status", "words", "cancels", "alerts"),
    [
        ("forgotten-source", "done", "Copydesk cancelled", 1, ["cancelled in the platform's place"]),
        ("good-copy", "done", "the platform has cancelled", 0, []),
        ("metadata-copy", "left", "did not ask", 0, []),
        ("unplaced-target", "left", "did not ask", 0, []),
        ("skip-errors", "left", "did not ask", 0, []),
        ("failing-copy", "left", "failed now", 0, ["source order left alone"]),
        ("good-renewal", "left", "never cancelled", 0, []),
    ],
)
def test_every_story_ends_as_it_should(
    desk: Desk, scenario: str, status: str, words: str, cancels: int, alerts: list[str]
) -> None:
    id_ = settle(desk, scenario)

    row = desk.attempt(id_)

    assert (row["status"], desk.cancels(), desk.alerts()) == (status, cancels, alerts)
    assert words in row["result"]


def test_an_attempt_is_told_whole_in_its_row_and_in_the_trail(desk: Desk) -> None:
    id_ = settle(desk)

    desk.attempt(id_)

    (told,) = desk.attempt_rows(id_)
    cancelling = next(call for call in desk.sandbox.calls if call["method"] == "PATCH")
    assert (told["worker"], told["result"], told["request_id"]) == ("worker-1", "done", cancelling["request_id"])
    assert told["started_at"] <= told["acting_at"] <= told["finished_at"]
    assert desk.trail(id_) == ["follow_up.planned", "attempt.started", "attempt.acting", "attempt.done"]


def test_the_commitment_to_act_is_on_disk_before_the_call(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    id_ = settle(desk)
    seen = []
    client = desk.tools.commerce_layer
    assert client is not None
    cancel = client.cancel_order
    monkeypatch.setattr(client, "cancel_order", lambda order: (seen.append(desk.row(id_)["status"]), cancel(order))[1])

    desk.attempt(id_)

    assert seen == ["attempting"]


def test_within_the_platforms_time_it_waits_and_asks_again_as_the_next_attempt(desk: Desk) -> None:
    id_ = settle(desk)

    row = desk.under(cancel_grace_seconds=300).attempt(id_)

    assert (row["status"], row["attempt"], desk.writes()) == ("planned", 2, 0)
    assert 295 < desk.pause(id_) <= 300
    assert desk.attempt(id_)["status"] == "done"
    assert desk.tries(id_) == [(1, 1, "waited"), (2, 1, "done")]


@pytest.mark.parametrize(
    ("trouble", "words"),
    [
        (patches(status=422), "422"),
        (patches(status=403), "403"),
        (patches(status=409), "409"),
        (reads(status=404), "404"),
        (reads(status=401, code="UNAUTHORIZED"), "UNAUTHORIZED"),
    ],
    ids=str,
)
def test_a_refusal_is_final_and_plans_one_alert(desk: Desk, trouble: dict[str, Any], words: str) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**trouble)

    row = desk.attempt(id_)

    assert (row["status"], desk.cancels(), desk.tries(id_)) == ("refused", 0, [(1, 1, "refused")])
    assert words in row["result"]
    assert desk.alerts() == [f"follow-up ended badly {id_}"]
    assert desk.trail(id_)[-1] == "attempt.refused"


def test_a_refusal_of_what_the_platform_has_just_done_is_a_success(desk: Desk) -> None:
    id_ = settle(desk)
    # The order is cancelled by this very call, and the answer says no.
    desk.sandbox.trouble(**patches(status=422, when="after"))

    row = desk.attempt(id_)

    assert (row["status"], row["result"]) == ("done", "the order was cancelled meanwhile")
    assert desk.alerts() == []


@pytest.mark.parametrize(
    ("trouble", "least", "most"),
    [
        (reads(status=503), 2, 4),
        (reads(status=503, retry_after=120), 120, 150),
        (reads(status=503, retry_after=10**9), 900, 1125),
        (reads(status=429), 10, 12.5),
        (reads(status=500), 2, 4),
        (patches(status=429), 10, 12.5),
    ],
    ids=str,
)
def test_what_is_unavailable_is_tried_again_no_sooner_than_asked(
    desk: Desk, trouble: dict[str, Any], least: float, most: float
) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**trouble)

    row = desk.attempt(id_)

    assert (row["status"], row["attempt"], row["starts"], desk.cancels()) == ("planned", 2, 0, 0)
    assert least - 0.1 <= desk.pause(id_) <= most + 0.1
    assert desk.attempt(id_)["status"] == "done"
    assert desk.tries(id_) == [(1, 1, "unavailable"), (2, 1, "done")]
    assert desk.cancels() == 1


def test_an_answer_to_a_question_that_never_came_is_no_doubt_but_another_try(desk: Desk) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**reads(drop=True, calls=None))

    row = desk.attempt(id_)

    assert (row["status"], desk.tries(id_)) == ("planned", [(1, 1, "unavailable")])


def test_the_pauses_grow(desk: Desk) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**reads(status=503, calls=5))
    pauses = []
    for _ in range(5):
        desk.attempt(id_)
        pauses.append(desk.pause(id_))

    assert pauses == sorted(pauses)
    assert pauses[-1] > 30


def test_a_provider_that_is_not_there_is_waited_for(desk: Desk) -> None:
    id_ = settle(desk)
    with socket.create_server(("127.0.0.1", 0)) as nobody:
        url = f"http://127.0.0.1:{nobody.getsockname()[1]}"
    settings = desk.tools.settings.model_copy(update={"api_url": url})

    with clients_for(settings) as (commerce_layer, slack):
        elsewhere = replace(desk, tools=replace(desk.tools, commerce_layer=commerce_layer, slack=slack))
        row = elsewhere.attempt(id_)

    assert (row["status"], desk.tries(id_)) == ("planned", [(1, 1, "unavailable")])
    assert "refused" in row["result"]
    assert "nothing was sent" in row["result"]


def test_a_call_that_took_effect_unanswered_is_read_back_and_not_repeated(desk: Desk) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**patches(drop=True, when="after"))

    first = desk.attempt(id_)
    paused = desk.pause(id_)
    second = desk.attempt(id_)

    assert (first["status"], second["status"], desk.writes(), desk.cancels()) == ("planned", "done", 1, 1)
    assert paused >= 9.9
    assert "took effect" in second["result"]
    assert desk.tries(id_) == [(1, 1, "unknown"), (2, 1, "done")]
    assert desk.alerts() == ["cancelled in the platform's place"]


@pytest.mark.parametrize("trouble", [patches(drop=True), patches(status=503), patches(status=500)], ids=str)
def test_a_call_whose_fate_is_unknown_and_that_did_nothing_is_repeated_after_reading(
    desk: Desk, trouble: dict[str, Any]
) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**trouble)

    desk.attempt(id_)
    before = len(desk.sandbox.calls)
    row = desk.attempt(id_)

    methods = [call["method"] for call in desk.sandbox.calls[before:]]
    assert (row["status"], methods, desk.cancels()) == ("done", ["GET", "PATCH"], 1)
    assert desk.tries(id_) == [(1, 1, "unknown"), (2, 1, "done")]


@pytest.mark.parametrize(
    ("trouble", "result"), [(reads(status=503), "unavailable"), (patches(drop=True), "unknown")], ids=str
)
def test_after_a_day_it_is_given_up_and_people_hear_of_it(desk: Desk, trouble: dict[str, Any], result: str) -> None:
    id_ = settle(desk)
    desk.make_older(id_, DAY - timedelta(minutes=1))
    desk.sandbox.trouble(**trouble | {"calls": 2})

    assert desk.attempt(id_)["status"] == "planned"
    desk.make_older(id_, timedelta(minutes=1))
    row = desk.attempt(id_)

    assert (row["status"], desk.tries(id_)[-1]) == ("dead", (2, 1, result))
    assert row["result"].startswith("given up: ")
    assert desk.alerts() == [f"follow-up ended badly {id_}"]


def test_in_a_dry_run_nothing_is_changed_at_the_provider_and_nobody_is_told(desk: Desk) -> None:
    dry = desk.under(dry_run=True)

    settled = dry.attempt(settle(desk))
    told = dry.attempt(desk.plan(alert("order_copies/XAyRWNUzyN", "copy failed")))

    assert (settled["status"], settled["result"]) == ("left", "dry run: would cancel the source order")
    assert (told["status"], told["result"]) == ("left", "dry run: would tell Slack")
    assert (desk.writes(), desk.cancels(), desk.sandbox.slack) == (0, 0, [])


def test_while_it_is_not_certain_whose_the_credentials_are_nothing_is_asked(desk: Desk) -> None:
    id_ = settle(desk)
    told = desk.plan(alert("order_copies/XAyRWNUzyN", "copy failed"))

    def check() -> None:
        raise Unavailable("the credentials are of somebody else")

    unsure = replace(desk, tools=replace(desk.tools, check=check))

    assert (unsure.attempt(id_)["status"], unsure.attempt(told)["status"]) == ("planned", "done")
    assert [call for call in desk.sandbox.calls if call["path"].startswith("/api")] == []
    assert desk.attempt(id_)["status"] == "done"


def test_without_credentials_the_order_is_left_and_the_reason_told(desk: Desk) -> None:
    id_ = settle(desk)
    bare = replace(desk, tools=replace(desk.tools, commerce_layer=None))

    row = bare.attempt(id_)

    assert (row["status"], desk.sandbox.calls) == ("left", [])
    assert "no API credentials" in row["result"]


@pytest.mark.parametrize(
    ("trouble", "status", "result"),
    [
        ({"status": 500}, "planned", "unknown"),
        ({"status": 429, "retry_after": 30}, "planned", "unavailable"),
        ({"status": 404}, "refused", "refused"),
        ({"drop": True}, "planned", "unknown"),
    ],
    ids=str,
)
def test_slack_in_trouble_leaves_cancellations_untouched(
    desk: Desk, trouble: dict[str, Any], status: str, result: str
) -> None:
    desk.sandbox.trouble(path="/sandbox/slack", method="POST", **trouble)
    told = desk.plan(alert("order_copies/XAyRWNUzyN", "copy failed"))
    settled = settle(desk)

    row = desk.attempt(told)

    assert (row["status"], desk.tries(told)) == (status, [(1, 1, result)])
    assert desk.attempt(settled)["status"] == "done"
    assert desk.cancels() == 1


def test_an_alert_that_ends_badly_plans_no_other(desk: Desk) -> None:
    desk.sandbox.trouble(path="/sandbox/slack", method="POST", status=404)

    desk.attempt(desk.plan(alert("order_copies/XAyRWNUzyN", "copy failed")))

    assert desk.alerts() == ["copy failed"]


def test_a_worker_that_was_thought_dead_and_wakes_up_changes_nothing(desk: Desk) -> None:
    id_ = settle(desk)
    with desk.store.write() as connection:
        zombie = follow_up_rows.start(connection, id_, 1, "zombie", datetime.now(UTC))
    assert zombie is not None
    with desk.store.write() as connection:
        survivor = follow_up_rows.start(connection, id_, 1, "survivor", datetime.now(UTC))
    assert survivor is not None
    before = desk.row(id_)

    with desk.store.write() as connection:
        acts = follow_up_rows.begin_acting(connection, zombie, "cancel", datetime.now(UTC))
        ends = follow_up_rows.finish(connection, zombie, Ending("dead", "refused", "late"), datetime.now(UTC))

    assert (acts, ends, desk.row(id_)) == (False, False, before)
    assert desk.tries(id_) == [(1, 1, "died"), (1, 2, None)]


@pytest.mark.parametrize("end", ["done", "dead", "left", "refused"])
def test_an_ended_follow_up_is_not_started_again(desk: Desk, end: str) -> None:
    id_ = settle(desk)
    with desk.store.write() as connection:
        started = follow_up_rows.start(connection, id_, 1, "worker", datetime.now(UTC))
        assert started is not None
        assert follow_up_rows.finish(connection, started, Ending(end, "done", "so"), datetime.now(UTC))

    attempt(desk.tools, id_, 1, "late")

    assert (desk.row(id_)["status"], len(desk.tries(id_))) == (end, 1)


@pytest.mark.parametrize("number", [0, 2])
def test_another_attempt_than_the_one_whose_turn_it_is_is_not_made(desk: Desk, number: int) -> None:
    id_ = settle(desk)

    attempt(desk.tools, id_, number, "late")

    assert (desk.row(id_)["status"], desk.tries(id_)) == ("planned", [])


def die(desk: Desk, id_: int, *, acting: bool) -> None:
    """Begin an attempt and never end it, as a killed worker does."""
    with desk.store.write() as connection:
        started = follow_up_rows.start(connection, id_, desk.row(id_)["attempt"], "killed", datetime.now(UTC))
        assert started is not None
        if acting:
            assert follow_up_rows.begin_acting(connection, started, "cancel", datetime.now(UTC))


@pytest.mark.parametrize(("acting", "result"), [(False, "died"), (True, "unknown")])
def test_what_a_dead_worker_left_is_finished_by_the_next(desk: Desk, acting: bool, result: str) -> None:
    id_ = settle(desk)
    die(desk, id_, acting=acting)

    row = desk.attempt(id_)

    assert (row["status"], desk.cancels()) == ("done", 1)
    assert desk.tries(id_) == [(1, 1, result), (1, 2, "done")]


def test_a_follow_up_that_kills_its_workers_is_dead_after_three_starts(desk: Desk) -> None:
    id_ = settle(desk)
    for _ in range(3):
        die(desk, id_, acting=False)

    row = desk.attempt(id_)

    assert (row["status"], row["result"], desk.sandbox.calls) == ("dead", ENDLESS, [])
    assert desk.tries(id_) == [(1, 1, "died"), (1, 2, "died"), (1, 3, "died"), (1, 4, "died")]
    assert desk.alerts() == [f"follow-up ended badly {id_}"]


@pytest.mark.parametrize(("losses", "status"), [(2, "done"), (3, "dead")])
def test_what_the_engine_loses_is_planned_again_but_not_for_ever(desk: Desk, losses: int, status: str) -> None:
    id_ = settle(desk)
    for _ in range(losses):
        die(desk, id_, acting=False)
        with desk.store.write() as connection:
            due = Due(id_, "settle_source_order", desk.row(id_)["attempt"])
            assert follow_up_rows.plan_again(connection, due, datetime.now(UTC), "the engine had lost it")

    row = desk.attempt(id_)

    assert (row["status"], row["attempt"]) == (status, losses + 1)
    assert desk.trail(id_).count("follow_up.planned_again") == losses


def test_a_kind_that_this_version_does_not_know_ends_in_the_record(desk: Desk) -> None:
    id_ = desk.plan(FollowUp("write_a_poem", "order_copies/XAyRWNUzyN", "spring"))

    row = desk.attempt(id_)

    assert (row["status"], row["result"]) == ("dead", "KeyError: 'write_a_poem'")


def test_planned_twice_it_is_one_row_and_done_once(desk: Desk) -> None:
    made = desk.sandbox.play("forgotten-source")
    wanted = FollowUp("settle_source_order", f"order_copies/{made['order_copy']}", "completed")

    ids = {desk.plan(wanted), desk.plan(replace(wanted, delay=5))}
    for _ in range(2):
        desk.attempt(*ids)

    assert (len(ids), desk.cancels()) == (1, 1)
    assert sum(row["kind"] == "settle_source_order" for row in rows(desk.store, follow_ups)) == 1


def test_nothing_personal_and_no_secret_is_kept_of_an_attempt(desk: Desk) -> None:
    id_ = settle(desk)
    desk.sandbox.trouble(**patches(status=422))

    desk.attempt(id_)

    kept = repr([*rows(desk.store, follow_ups), *desk.attempt_rows(id_)])
    assert "example.com" not in kept
    assert desk.sandbox.options.client_secret not in kept


def test_a_person_has_it_tried_again_with_a_day_of_its_own(desk: Desk) -> None:
    """What was refused and mended is done when somebody asks for it; what is not at its end is left as it is."""
    id_ = settle(desk)
    desk.sandbox.trouble(**reads(status=404))
    desk.attempt(id_)
    assert desk.row(id_)["status"] == "refused"
    now = datetime.now(UTC)

    with desk.store.write() as connection:
        assert follow_up_rows.try_again(connection, id_, now, "operator Robin", "it is there now")
        assert not follow_up_rows.try_again(connection, id_, now, "operator Robin", "twice")
    desk.attempt(id_)

    assert desk.row(id_)["status"] == "done"
    assert desk.row(id_)["give_up_at"] == now + timedelta(hours=24)
    assert "follow_up.planned_again" in desk.trail(id_)


def test_refused_credentials_hold_up_and_do_not_end_a_follow_up(desk: Desk) -> None:
    """With a wrong secret everything waits, people are told once, and nothing is refused for good."""
    first, second = settle(desk), settle(desk)
    wrong = desk.tools.settings.model_copy(update={"client_secret": SecretStr("not-this-one")})

    with clients_for(wrong) as (client, _):
        mistaken = replace(desk, tools=replace(desk.tools, commerce_layer=client))
        ends = [mistaken.attempt(first), mistaken.attempt(second)]

    assert [row["status"] for row in ends] == ["planned", "planned"]
    assert desk.tries(first) == [(1, 1, "unavailable")]
    assert [cause for cause in desk.alerts() if cause.startswith("credentials refused")] == [
        f"credentials refused {datetime.now(UTC):%Y-%m-%d}"
    ]
    assert desk.cancels() == 0
