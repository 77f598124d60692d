"""After an outage: every state is known, nothing took effect twice, the proof is complete, the limits were kept."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from math import ceil
from typing import Any

import pytest

from service.errors import NotFound
from service.sandbox import Sandbox
from service.store import Store
from service.store.keep import keep
from service.store.schema import audit_entries, events, follow_ups, watermarks
from service.sweep.feeding import Site
from service.sweep.passing import sweep
from service.sweep.proving import prove
from service.sweep.recovery import Card, recover
from tests.bodies import ROOT, arrival
from tests.rows import rows
from tests.sweep.ground import calls, identities, open_incidents, record, truth


def circuits(site: Site) -> set[str | None]:
    return {one.circuit_state for one in site.client.webhooks.list().items()}


def check_recovered(site: Site, sandbox: Sandbox, card: Card) -> None:
    assert card.proof.verdict == "complete", card.proof
    assert record(site.store) == truth(site)
    assert circuits(site) == {"closed"}
    assert len(identities(site.store)) == len(set(identities(site.store)))
    assert rows(site.store, watermarks)[-1]["name"] != "recovery"


def test_after_a_weekend_everything_is_known_within_pages_and_a_tenth(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("weekend-outage", count=400)
    assert made["open"]
    before = len(calls(sandbox))
    card = recover(site, actor="operator tester")
    lists = [c for c in calls(sandbox)[before:] if "updated_at_gteq" in str(c["query"])]
    check_recovered(site, sandbox, card)
    assert len(lists) <= ceil(400 / 25) * 1.1
    assert card.backfilled >= 390
    assert any(action.startswith("reset the circuit") for action in card.actions)


def test_a_recovery_done_again_changes_nothing(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("weekend-outage", count=60)
    recover(site, actor="operator tester")
    before = (rows(site.store, events), identities(site.store))
    card = recover(site, actor="operator tester", since=datetime.now(UTC) - timedelta(days=4))
    assert card.backfilled == 0
    assert rows(site.store, events) == before[0]
    assert [i for i in identities(site.store) if ":recovery" not in i] == [i for i in before[1] if ":recovery" not in i]


def test_the_card_is_told_once_and_every_action_is_in_the_trail(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("weekend-outage", count=60)
    recover(site, actor="operator tester")
    cards = [row for row in rows(site.store, follow_ups) if row["cause"].startswith("recovery ")]
    assert len(cards) == 1
    assert "proof complete" in cards[0]["params"]
    done = [row["action"] for row in rows(site.store, audit_entries) if row["actor"] == "operator tester"]
    assert done[0] == "recovery.began"
    assert done[-1] == "recovery.ended"
    assert {"webhook.circuit_reset", "swept", "proved"} <= set(done)


def test_a_recovery_of_one_topic_leaves_the_other_circuits_as_they_are(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("weekend-outage", count=200)
    topic, *others = made["open"]
    assert others
    recover(site, topic, actor="operator tester")
    state = {one.topic: one.circuit_state for one in site.client.webhooks.list().items()}
    assert state[topic] == "closed"
    assert {state[other] for other in others} == {"open"}


def test_a_topic_without_a_webhook_is_refused_before_anything_is_done(site: Site, sandbox: Sandbox) -> None:
    with pytest.raises(NotFound, match=r"order_copies\.abort"):
        recover(site, "order_copies.abort", actor="operator tester")
    assert rows(site.store, watermarks) == []


def spoken(topic: str) -> dict[str, Any]:
    return {"data": {"type": topic.partition(".")[0], "id": "Spoken"}}


def test_a_recovery_begins_where_the_silent_topic_last_spoke(site: Site, sandbox: Sandbox) -> None:
    made = sandbox.play("weekend-outage", count=200)
    spoke = datetime.now(UTC) - timedelta(days=3)
    topics = {one.topic for one in site.client.webhooks.list().items()}
    with site.store.write() as connection:
        keep(connection, [arrival(topic, spoken(topic), spoke) for topic in made["open"]])
        newest = arrival("orders.place", b'{"data":{"type":"orders","id":"Newest"}}', datetime.now(UTC))
        keep(connection, [newest])
    assert "orders.place" in topics
    card = recover(site, actor="operator tester")
    assert card.since == spoke - timedelta(minutes=15)


def test_an_unheard_event_is_a_gap_until_it_is_backfilled(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    sandbox.settle()
    begin, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=1)
    proof = prove(site, begin, end)
    assert proof.verdict == "gaps"
    assert any(name.startswith("order_copies.complete") for name in proof.missing)
    assert len(proof.unlike) == 1
    assert len(open_incidents(site.store, "proof")) == 1
    mended = prove(site, begin, end, backfill=True)
    assert (mended.verdict, mended.missing, mended.unlike) == ("complete", (), ())
    assert mended.backfilled > 0
    assert open_incidents(site.store, "proof") == []


def test_a_proof_of_last_year_cannot_tell(site: Site, sandbox: Sandbox) -> None:
    proof = prove(site, datetime.now(UTC) - timedelta(days=60), datetime.now(UTC))
    assert proof.verdict == "unknown"


def test_a_proof_without_the_provider_cannot_tell(site: Site, sandbox: Sandbox) -> None:
    sandbox.trouble(status=503, seconds=60, path="/api")
    proof = prove(site, datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
    assert proof.verdict == "unknown"
    assert "503" in proof.doubts[0]


def test_what_the_provider_does_not_know_to_have_fired_is_extra(site: Site, sandbox: Sandbox) -> None:
    with site.store.write() as connection:
        keep(connection, [arrival("orders.place", b'{"data":{"type":"orders","id":"Forged"}}', datetime.now(UTC))])
    proof = prove(site, datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC))
    assert (proof.verdict, proof.extra) == ("complete", ("orders.place orders/Forged",))


@pytest.fixture
def environment(site: Site) -> dict[str, str]:
    settings = site.settings
    given = {
        "DATABASE_URL": site.store.engine.url.render_as_string(hide_password=False),
        "ORGANIZATION": settings.organization,
        "CLIENT_ID": settings.client_id,
        "CLIENT_SECRET": settings.client_secret.get_secret_value(),
        "API_URL": settings.api_url,
        "AUTH_URL": settings.auth_url,
        "ATTEMPTS_PER_MINUTE": "10000",
    }
    return dict(os.environ) | {f"COPYDESK_{name}": value for name, value in given.items()}


def command(environment: dict[str, str], *words: str) -> subprocess.Popen[str]:
    line = [sys.executable, "-m", "service", *words]
    return subprocess.Popen(line, cwd=ROOT, env=environment, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def killed_in_the_middle(environment: dict[str, str], store: Store, kept: int) -> Iterator[Any]:
    running = command(environment, "recover")
    until = time.monotonic() + 20
    while time.monotonic() < until and len(rows(store, events)) < kept and running.poll() is None:
        time.sleep(0.01)
    running.send_signal(signal.SIGKILL)
    running.communicate()
    yield running.returncode


def test_a_recovery_that_is_killed_is_done_again_from_the_same_beginning(
    site: Site, sandbox: Sandbox, environment: dict[str, str]
) -> None:
    sandbox.play("weekend-outage", count=300)
    sandbox.trouble(path="/api/order_factories", latency=0.05, calls=1000)
    (code,) = killed_in_the_middle(environment, site.store, 60)
    assert code == -signal.SIGKILL
    kept = len(rows(site.store, events))
    assert 0 < kept < 290
    (mark,) = (row for row in rows(site.store, watermarks) if row["name"] == "recovery")
    card = recover(site, actor="operator tester")
    assert card.since == mark["at"]
    assert card.backfilled >= 290
    check_recovered(site, sandbox, card)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_the_published_limits_are_kept(narrow: Site, sandbox: Sandbox) -> None:
    sandbox.make_factories(count=500)
    started = time.monotonic()
    sweep(narrow, datetime.now(UTC) - timedelta(days=7))
    assert record(narrow.store) == truth(narrow)
    assert time.monotonic() - started < 25
    assert [budget for budget in sandbox.budgets if budget["exceeded"]] == []


@pytest.mark.long
def test_a_weekend_of_five_thousand_under_the_published_limits(narrow: Site, sandbox: Sandbox) -> None:
    sandbox.play("weekend-outage", count=5000)
    card = recover(narrow, actor="operator tester")
    lists = [c for c in calls(sandbox) if "updated_at_gteq" in str(c["query"])]
    assert len(lists) <= ceil(5000 / 25) * 1.1
    assert [budget for budget in sandbox.budgets if budget["exceeded"]] == []
    check_recovered(narrow, sandbox, card)
