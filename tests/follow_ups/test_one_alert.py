"""One failed run is told by two events; people hear of it once, on both databases."""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import permutations
from typing import Any

import pytest

from service.follow_ups.moves import Tools
from service.outcomes import alert
from service.store import open_store
from service.store.schema import follow_ups, incidents, told_runs
from service.store.subjects import claim_run
from tests import bodies
from tests.follow_ups.desk import Desk
from tests.rows import rows

RUN = datetime(2026, 3, 2, 9, 0, 1, tzinfo=UTC)
SUBSCRIPTION = "nZvYhWxKqB"


def iso(moment: datetime) -> str:
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def copy_failed(
    id_: str = "XAyRWNUzyN", at: datetime = RUN, subscription: str | None = SUBSCRIPTION
) -> tuple[str, Any]:
    """The copy's own failure, as its webhook tells it."""
    told = {"started_at": iso(at), "failed_at": iso(at + timedelta(seconds=2)), "updated_at": iso(at)}
    related = {"source_order": "SourceOrdr"} | ({"order_subscription": subscription} if subscription else {})
    return "recurring_order_copies.fail", bodies.copy(id_, "failed", recurring=True, **told, **related)


def run_failed(at: datetime = RUN, subscription: str = SUBSCRIPTION) -> tuple[str, Any]:
    """The subscription's."""
    body = bodies.subscription(subscription, last_run_at=iso(at), updated_at=iso(at))
    return "order_subscriptions.last_run_failed", body


def alerts(desk: Desk) -> list[int]:
    return [row["id"] for row in rows(desk.store, follow_ups) if row["kind"] == "alert"]


def told(desk: Desk) -> int:
    return len(desk.sandbox.slack)


@pytest.mark.parametrize("order", [(0, 1), (1, 0)], ids=["the copy first", "the subscription first"])
@pytest.mark.parametrize("tellers", [(0, 1), (1, 0)], ids=["in turn", "in reverse"])
@pytest.mark.parametrize("apart", [timedelta(0), timedelta(seconds=3), timedelta(minutes=20)], ids=str)
def test_a_failed_run_is_one_alert_in_every_order(
    desk: Desk, order: tuple[int, int], tellers: tuple[int, int], apart: timedelta
) -> None:
    events = [copy_failed(), run_failed(RUN + apart)]
    for n in order:
        desk.receive(*events[n])
    ids = alerts(desk)

    ends = [desk.attempt(ids[n])["status"] for n in tellers]

    assert (ends, told(desk)) == (["done", "left"], 1)


@pytest.mark.parametrize("late", [0, 1], ids=["the subscription late", "the copy late"])
def test_an_event_that_comes_when_the_run_was_told_long_ago_is_silent(desk: Desk, late: int) -> None:
    events = [copy_failed(), run_failed()][:: -1 if late else 1]
    desk.receive(*events[0])
    (first,) = alerts(desk)
    desk.attempt(first)
    desk.make_older(first, timedelta(days=5))

    desk.receive(*events[1])
    second = next(id_ for id_ in alerts(desk) if id_ != first)

    assert (desk.attempt(second)["status"], told(desk)) == ("left", 1)
    assert desk.row(second)["result"] == f"the same failed run is told by follow-up {first}"


@pytest.mark.parametrize("between", [timedelta(hours=1), timedelta(days=1), timedelta(days=30)], ids=str)
def test_two_runs_are_two_alerts_whatever_the_order(desk: Desk, between: timedelta) -> None:
    later = RUN + between
    for event in (copy_failed("CopyTwoooo", later), run_failed(), copy_failed("CopyOneeee"), run_failed(later)):
        desk.receive(*event)

    ends = sorted(desk.attempt(id_)["status"] for id_ in alerts(desk))

    assert (ends, told(desk)) == (["done", "done", "left", "left"], 2)


def test_the_runs_of_two_subscriptions_at_one_moment_are_two_and_one_incident(desk: Desk) -> None:
    for subscription, copy in (("SubscrOnee", "CopyOneeee"), ("SubscrTwoo", "CopyTwoooo")):
        desk.receive(*copy_failed(copy, subscription=subscription))
        desk.receive(*run_failed(subscription=subscription))

    ends = sorted(desk.attempt(id_)["status"] for id_ in alerts(desk))

    assert (ends, told(desk)) == (["done", "left", "left", "left"], 1)
    assert [row["count"] for row in rows(desk.store, incidents)] == [2]


@pytest.mark.parametrize("tellers", list(permutations(range(2))), ids=str)
def test_a_copy_whose_webhook_names_no_subscription_is_one_alert_all_the_same(
    desk: Desk, tellers: tuple[int, int]
) -> None:
    made = desk.sandbox.play("failing-renewal")
    at = datetime.now(UTC)
    topic, body = copy_failed(made["recurring_order_copy"], at, subscription=None)
    body["data"]["relationships"] = {}
    desk.receive(topic, body)
    desk.receive(*run_failed(at, made["order_subscription"]))
    copy_alert, run_alert = alerts(desk)

    waited = desk.attempt(copy_alert)["status"]
    desk.attempt(desk.id_of(f"hydrate:recurring_order_copies/{made['recurring_order_copy']}:no order ids"))
    ends = [desk.attempt((copy_alert, run_alert)[n])["status"] for n in tellers]

    assert (waited, ends, told(desk)) == ("planned", ["done", "left"], 1)


def test_two_workers_at_one_moment_tell_it_once(desk: Desk) -> None:
    url = desk.store.engine.url.render_as_string(hide_password=False)
    other = open_store(url)
    tools = [desk.tools, replace(desk.tools, store=other)]
    for run in range(4):
        at = RUN + timedelta(days=run)
        desk.receive(*copy_failed(f"Copy{run}", at))
        desk.receive(*run_failed(at))
    ids = alerts(desk)

    for copy_alert, run_alert in zip(ids[::2], ids[1::2], strict=True):
        start = threading.Barrier(2)

        def tell(tools: Tools, id_: int, start: threading.Barrier = start) -> None:
            start.wait()
            replace(desk, tools=tools).attempt(id_)

        threads = [
            threading.Thread(target=tell, args=pair) for pair in zip(tools, (copy_alert, run_alert), strict=True)
        ]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    other.close()

    # Each run is taken once, whichever of the two takes it.
    assert len(rows(desk.store, told_runs)) == 4
    assert sum(row["count"] for row in rows(desk.store, incidents)) == 4
    assert told(desk) == len(rows(desk.store, incidents))


def test_what_one_could_not_tell_the_other_tells(desk: Desk) -> None:
    desk.receive(*copy_failed())
    desk.receive(*run_failed())
    copy_alert, run_alert = alerts(desk)
    desk.sandbox.trouble(path="/sandbox/slack", method="POST", status=404, calls=1)

    ends = [desk.attempt(copy_alert)["status"], desk.attempt(run_alert)["status"]]

    assert (ends, told(desk)) == (["refused", "done"], 1)


def test_an_alert_that_is_tried_again_still_holds_its_run(desk: Desk) -> None:
    desk.receive(*copy_failed())
    desk.receive(*run_failed())
    copy_alert, run_alert = alerts(desk)
    desk.sandbox.trouble(path="/sandbox/slack", method="POST", status=429, retry_after=1, calls=1)

    ends = [desk.attempt(id_)["status"] for id_ in (copy_alert, run_alert, copy_alert)]

    assert (ends, told(desk)) == (["planned", "left", "done"], 1)


def test_what_slack_is_told_of_a_real_renewal_holds_nothing_of_the_customer(desk: Desk) -> None:
    made = desk.sandbox.play("failing-renewal", errors={"payment_source": ["card of customer@example.com expired"]})
    desk.receive(*copy_failed(made["recurring_order_copy"], datetime.now(UTC), made["order_subscription"]))

    desk.attempt(alerts(desk)[0])

    (said,) = desk.sandbox.slack
    assert made["recurring_order_copy"] in str(said)
    assert "example.com" not in str(said)


def test_a_run_at_the_edge_of_the_calendar_is_told(desk: Desk) -> None:
    """A run dated to the first moment that there is has an alert like any other, once."""
    first = datetime(1, 1, 1, tzinfo=UTC)
    id_ = desk.plan(alert("order_subscriptions/nZvYhWxKqB", "run failed 0001-01-01T00:00:00.000Z"))
    other = desk.plan(alert("order_copies/XAyRWNUzyN", "copy failed"))
    with desk.store.write() as connection:
        assert claim_run(connection, "nZvYhWxKqB", first, id_) is None
        assert claim_run(connection, "nZvYhWxKqB", first, other) == id_
