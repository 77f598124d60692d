"""Real worker processes on both databases, from a delivered event to the cancelled order, and what kills them."""

from __future__ import annotations

import signal
from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from handlers import MODULES
from service.errors import ConfigurationError
from service.outcomes import FollowUp
from service.router import Router
from service.sandbox import Sandbox
from service.store import Store, heartbeats
from service.store.record import plan
from service.store.schema import follow_ups
from service.worker import Worker, queues
from tests.engine.conftest import Installation
from tests.follow_ups.desk import settings_for
from tests.worker_process import eventually

Make = Callable[..., AbstractContextManager[Installation]]

# Kills its worker whenever it is read.
POISON = """
import os, signal
from service.follow_ups import KINDS, settle_source_order
def read(started, tools):
    if started.cause == "poison":
        os.kill(os.getpid(), signal.SIGKILL)
    return settle_source_order.read(started, tools)
from dataclasses import replace
KINDS["settle_source_order"] = replace(settle_source_order.KIND, read=read)
"""


def plan_settling(made: Installation, copies: list[str], cause: str = "completed") -> None:
    """Plan to see to the source orders of copies, without their events."""
    with made.store.write() as connection:
        for copy in copies:
            follow_up = FollowUp("settle_source_order", f"order_copies/{copy}", cause)
            plan(connection, follow_up, datetime.now(UTC), "intake")


def forgotten(made: Installation, number: int) -> list[str]:
    """Copies whose sources the platform forgot to cancel."""
    return [made.sandbox.play("forgotten-source")["order_copy"] for _ in range(number)]


def calls(made: Installation, method: str) -> list[dict[str, Any]]:
    return [call for call in made.sandbox.calls if call["method"] == method and call["path"].startswith("/api/")]


def test_a_delivered_event_ends_in_a_cancelled_order_and_the_worker_drains_and_exits_0(installation: Make) -> None:
    with installation(web=True) as made:
        made.workers.start()
        played = made.sandbox.play("forgotten-source")

        assert made.all_end(1)
        assert made.cancelled() == [played["source_order"]]
        assert eventually(lambda: made.statuses("alert") == ["done"], 10)
        assert "forgotten" in str(made.sandbox.slack)

        # One that is under way when its worker is told to stop, for longer than a silent worker is taken for alive.
        made.workers.start()
        made.sandbox.trouble(path="/api/orders", method="PATCH", latency=2.5, calls=1)
        made.sandbox.play("forgotten-source")
        assert eventually(lambda: "attempting" in made.statuses(), 10)
        busy = made.attempts()[-1]["worker"]
        (worker,) = (worker for worker in made.workers.started if worker.name == busy)

        assert worker.stop() == 0
        assert made.statuses() == ["done", "done"]
        assert [(row["start"], row["result"]) for row in made.attempts()] == [(1, "done"), (1, "done")]
        with made.store.read() as connection:
            living = heartbeats.living(connection, datetime.now(UTC) - timedelta(hours=1))
        assert living == [other.name for other in made.workers.started if other is not worker]


def test_what_a_killed_worker_had_under_way_is_finished_by_another_and_nothing_happens_twice(
    installation: Make,
) -> None:
    with installation() as made:
        copies = forgotten(made, 4)
        made.sandbox.trouble(path="/api/orders", method="PATCH", latency=3.0, calls=4)
        first = made.workers.start()
        plan_settling(made, copies)
        assert eventually(lambda: made.statuses().count("attempting") == 4, 15)
        second = made.workers.start(wait=False)

        first.kill()

        assert made.all_end(4, 25)
        assert made.statuses() == ["done"] * 4
        assert len(set(made.cancelled())) == len(made.cancelled()) == 4
        results = [(row["start"], row["result"]) for row in made.attempts()]
        assert sorted(results) == [(1, "unknown")] * 4 + [(2, "done")] * 4
        assert {row["worker"] for row in made.attempts()} == {first.name, second.name}


def test_what_the_engine_lost_is_planned_again(installation: Make) -> None:
    with installation() as made:
        plan_settling(made, forgotten(made, 2))
        with made.store.write() as connection:
            long_ago = datetime.now(UTC) - timedelta(minutes=5)
            connection.execute(sa.update(follow_ups).values(status="queued", changed_at=long_ago))

        made.workers.start(pace={"stranded_after": 1.0, "housekeeping": 0.5})

        assert made.all_end(2, 15)
        assert [(row["status"], row["attempt"]) for row in made.follow_ups()] == [("done", 2)] * 2
        assert "follow-up was stranded" in made.workers.logs()


def test_two_workers_together_keep_within_the_budget(installation: Make) -> None:
    # 60 a minute is ten in any ten seconds, for both together.
    with installation(attempts_per_minute="60") as made:
        copies = [played for _ in range(24) if (played := made.sandbox.play("good-copy")["order_copy"])]
        for _ in range(2):
            made.workers.start(wait=False)
        for worker in made.workers.started:
            worker.wait_until_started()
        began = datetime.now(UTC)
        plan_settling(made, copies)

        assert eventually(lambda: made.statuses().count("done") >= 10, 10)
        eventually(lambda: datetime.now(UTC) - began > timedelta(seconds=4), 5)
        within = [r for r in made.attempts() if r["started_at"] - began < timedelta(seconds=4)]

        assert len(within) == 10
        assert len(calls(made, "GET")) == 10


@pytest.mark.long
def test_a_worker_that_is_frozen_and_wakes_up_changes_nothing(installation: Make) -> None:
    with installation() as made:
        copies = forgotten(made, 2)
        made.sandbox.trouble(path="/api/order_copies", method="GET", latency=1.0, calls=2)
        frozen = made.workers.start()
        plan_settling(made, copies)
        assert eventually(lambda: made.statuses().count("running") == 2, 15)
        frozen.process.send_signal(signal.SIGSTOP)
        made.workers.start()

        assert made.all_end(2, 25)
        frozen.process.send_signal(signal.SIGCONT)
        assert frozen.stop() == 0

        assert made.statuses() == ["done"] * 2
        assert len(made.cancelled()) == 2
        assert sorted((row["start"], row["result"]) for row in made.attempts()) == [(1, "died")] * 2 + [(2, "done")] * 2


@pytest.mark.long
def test_a_follow_up_that_kills_its_workers_takes_no_bystander_down(installation: Make) -> None:
    with installation() as made:
        copies = forgotten(made, 8)
        plan_settling(made, copies[:1], cause="poison")
        plan_settling(made, copies[1:])
        worker = made.workers.start(before=POISON, wait=False)

        def over() -> bool:
            nonlocal worker
            if worker.process.poll() is not None:
                worker = made.workers.start(before=POISON, wait=False)
            return made.all_end(8, 0.1)

        assert eventually(over, 120)
        by_cause = {(row["cause"], row["status"]) for row in made.follow_ups()}
        assert by_cause == {("poison", "dead"), ("completed", "done")}
        assert len(made.workers.started) == 4
        assert len(set(made.cancelled())) == len(made.cancelled()) == 7


@pytest.mark.parametrize(
    ("theirs", "sentence"),
    [
        ({"organization": "OtherOrgan"}, "COPYDESK_ORGANIZATION: is xRRkjDFafe; the credentials"),
        ({"mode": "live"}, "COPYDESK_MODE: is test; the credentials"),
    ],
    ids=["another organization", "another mode"],
)
def test_credentials_of_somebody_else_are_refused_in_a_sentence(
    store: Store, database_url: str, theirs: dict[str, Any], sentence: str
) -> None:
    with Sandbox(**theirs) as sandbox:
        settings = settings_for(sandbox, database_url=database_url)

        with pytest.raises(ConfigurationError) as caught:
            Worker(settings, Router(MODULES))

    assert [mistake.startswith(sentence) for mistake in caught.value.mistakes] == [True]


@pytest.mark.long
def test_credentials_that_could_not_be_checked_at_the_start_are_checked_before_anything_is_asked(
    installation: Make,
) -> None:
    with installation(organization="OurOrganiz", attempts_per_minute="6000") as made:
        copies = forgotten(made, 1)
        # The token endpoint is down when the worker starts, and then tells that the credentials are of another.
        made.sandbox.trouble(path="/oauth", status=503, calls=1)
        made.workers.start()
        plan_settling(made, copies)

        assert eventually(lambda: len(made.attempts()) >= 2, 20)
        assert made.sandbox.effects[-1]["by"] == "platform"
        assert [call["path"] for call in made.sandbox.calls if call["path"].startswith("/api")] == []
        assert eventually(lambda: "COPYDESK_ORGANIZATION: is OurOrganiz" in str(made.attempts()), 20)
        assert made.statuses()[0] not in ("done", "left", "refused", "dead")


@pytest.mark.parametrize(
    ("mode", "given", "a_window"), [("live", 0, 30), ("test", 0, 15), ("test", 60, 10), ("live", 1, 1)]
)
def test_budgets_are_the_published_ones_unless_told_otherwise(mode: str, given: int, a_window: int) -> None:
    with Sandbox() as sandbox:
        found = queues(settings_for(sandbox, mode=mode, attempts_per_minute=given))

    assert (found["commerce_layer"].limit, found["commerce_layer"].period) == (a_window, 10)
    assert (found["slack"].limit, found["slack"].period) == (10, 10)
