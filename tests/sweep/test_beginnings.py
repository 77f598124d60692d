"""From when on is looked, at whose webhooks, and what a proof of one time says about another."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import httpx
import pytest

from service.resources import Webhook
from service.sandbox import Sandbox
from service.store import watermarks
from service.sweep.feeding import Site
from service.sweep.ledgers import is_ours
from service.sweep.proving import prove
from service.sweep.recovery import recover
from tests.sweep.ground import open_incidents

TOPIC = "order_copies.fail"
HERE = "https://copydesk.example.com"


@pytest.mark.parametrize(
    ("url", "public_url", "expected"),
    [
        (f"{HERE}/webhooks/{TOPIC}", HERE, True),
        (f"https://staging.example.com/webhooks/{TOPIC}", HERE, False),
        (f"{HERE}/webhooks/order_copies.complete", HERE, False),
        (f"{HERE}/elsewhere/webhooks/{TOPIC}", HERE, False),
        (f"https://staging.example.com/webhooks/{TOPIC}", "", True),
        ("https://another.example.com/hook", "", False),
        (None, "", False),
        (None, HERE, False),
    ],
)
def test_with_a_public_url_only_webhooks_under_it_are_ours(url: str | None, public_url: str, expected: bool) -> None:
    assert is_ours(Webhook("wXyZ", topic=TOPIC, callback_url=url), public_url) is expected


def test_a_proof_of_another_time_does_not_cure_a_gap(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    sandbox.settle()
    begin, end = datetime.now(UTC) - timedelta(hours=1), datetime.now(UTC) + timedelta(minutes=1)
    assert prove(site, begin, end).verdict == "gaps"

    assert prove(site, end, end + timedelta(minutes=1)).verdict == "complete"
    assert len(open_incidents(site.store, "proof")) == 1

    assert prove(site, begin - timedelta(hours=1), end, backfill=True).verdict == "complete"
    assert open_incidents(site.store, "proof") == []


def test_a_recovery_that_cannot_tell_keeps_its_beginning(site: Site, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    sandbox.settle()
    since = datetime.now(UTC) - timedelta(hours=2)
    sandbox.trouble(status=503, seconds=60, path="/api/event_callbacks")

    assert recover(site, since=since, actor="operator tester").proof.verdict == "unknown"
    with site.store.read() as connection:
        assert watermarks.watermark(connection, "recovery") is not None

    httpx.delete(f"{sandbox.url}/sandbox/trouble").raise_for_status()
    again = recover(site, actor="operator tester")
    assert again.proof.verdict == "complete"
    assert again.since <= since
    with site.store.read() as connection:
        assert watermarks.watermark(connection, "recovery") is None
