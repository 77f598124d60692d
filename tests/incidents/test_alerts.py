"""Alerts of failures join incidents, against a sandbox that takes what Slack is told."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from service.clients.slack import Slack
from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.settings import Settings
from service.store import Store
from service.store.keep import keep
from service.store.schema import follow_ups
from service.store.schema import incidents as table
from tests.bodies import ORGANIZATION, arrival, copy, subscription
from tests.rows import rows

EXPIRED = {"payment_source": ["card ending {n} expired"]}


@pytest.fixture(scope="module")
def running() -> Iterator[Sandbox]:
    with Sandbox(step_seconds=0.0) as sandbox:
        yield sandbox


@pytest.fixture
def tools(store: Store, running: Sandbox) -> Iterator[Tools]:
    running.reset()
    url = f"{running.url}/sandbox/slack"
    settings = Settings(organization=ORGANIZATION, api_url=running.url, slack_webhook_url=url)
    slack = Slack(settings.slack_webhook_url)
    yield Tools(settings, store, None, slack)
    slack.close()


def receive(tools: Tools, *told: tuple[str, Any]) -> None:
    now = datetime.now(UTC)
    with tools.store.write() as connection:
        keep(connection, [arrival(topic, document, now) for topic, document in told])


def fail(number: int, error: str = "card ending {n} expired", whose: str = "") -> tuple[str, Any]:
    at = f"2026-03-02T09:{number % 60:02d}:00.000Z"
    told = {"errors_log": {"payment_source": [error.format(n=4000 + number)]}, "started_at": at}
    body = copy(
        f"copy{number:06d}",
        "failed",
        recurring=True,
        source_order=f"source{number:04d}",
        order_subscription=whose or f"subscr{number:04d}",
        **told,
    )
    return "recurring_order_copies.fail", body


def run_alerts(tools: Tools) -> None:
    with tools.store.read() as connection:
        query = sa.select(follow_ups.c.id, follow_ups.c.attempt).where(follow_ups.c.status == "planned")
        planned = connection.execute(query.where(follow_ups.c.kind == "alert").order_by(follow_ups.c.id)).all()
    for id_, number in planned:
        attempt(tools, id_, number, "worker")


def told(sandbox: Sandbox) -> list[str]:
    return [str(message["payload"]) for message in sandbox.slack]


def test_five_hundred_failed_renewals_of_one_cause_are_one_message(tools: Tools, running: Sandbox) -> None:
    # On PostgreSQL each attempt waits for its disk; the rule is the same.
    count = 500 if tools.store.dialect == "sqlite" else 100
    receive(tools, *(fail(number) for number in range(count)))
    run_alerts(tools)
    (message,) = told(running)
    assert "Subscription renewal failed" in message
    assert "Others like it are counted" in message
    (incident,) = rows(tools.store, table)
    assert (incident["count"], incident["status"]) == (count, "open")
    assert incident["cause"] == "copy failed: payment_source: card ending … expired"


def test_failures_of_two_causes_are_two_messages(tools: Tools, running: Sandbox) -> None:
    receive(tools, fail(1), fail(2, "insufficient funds"), fail(3))
    run_alerts(tools)
    assert len(told(running)) == 2


def test_the_next_run_that_succeeds_ends_the_incident_with_one_notice(tools: Tools, running: Sandbox) -> None:
    receive(tools, fail(1), fail(2))
    run_alerts(tools)
    receive(tools, ("order_subscriptions.last_run_succeeded", subscription("subscr0001")))
    assert [row["status"] for row in rows(tools.store, table)] == ["open"]
    later = copy("copy000099", recurring=True, source_order="source0002", order_subscription="subscr0002")
    receive(tools, ("recurring_order_copies.complete", later))
    assert [row["status"] for row in rows(tools.store, table)] == ["resolved"]
    run_alerts(tools)
    notice = told(running)[-1]
    assert "Recovered: copy failed" in notice
    assert "2 occurrences" in notice
    assert len(told(running)) == 2


def test_what_was_cured_before_anybody_heard_of_it_is_not_told(tools: Tools, running: Sandbox) -> None:
    receive(tools, fail(1))
    running.trouble(path="/sandbox/slack", status=503, calls=1)
    run_alerts(tools)
    receive(tools, ("order_subscriptions.last_run_succeeded", subscription("subscr0001")))
    run_alerts(tools)
    assert told(running) == []


def test_a_copy_and_its_subscription_that_tell_one_failed_run_are_counted_once(tools: Tools, running: Sandbox) -> None:
    at = "2026-03-02T09:01:00.000Z"
    run = subscription("subscr0001", last_run_at=at)
    receive(tools, fail(1), ("order_subscriptions.last_run_failed", run))
    run_alerts(tools)
    assert len(told(running)) == 1
    assert [row["count"] for row in rows(tools.store, table)] == [1]
