"""The circuit watch: what it says of a webhook, once, and that it is cured."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from service.errors import OutsideError
from service.resources import Webhook
from service.sandbox import Sandbox
from service.store import queries
from service.store.schema import follow_ups, incidents
from service.webhooks import circuits, rotation
from service.webhooks.circuits import Trouble, troubles
from service.webhooks.installation import Installation
from service.webhooks.plan import Known
from tests.rows import rows
from tests.webhooks.conftest import TOPICS, apply_all, drift, webhooks_of
from tests.webhooks.test_plan import NOW, STORED, TOPIC, WANTED, webhook

FIVE, FIFTEEN, TWENTY_FIVE = (f"{level} of 30 failures in a row" for level in (5, 15, 25))


def causes(found: list[Webhook], *already: str, known: Known = STORED) -> list[str]:
    """What is told of webhooks."""
    open_ = frozenset(("webhooks/A", cause) for cause in already)
    return [one.cause for one in troubles([WANTED], found, known, [(TOPIC, "A")], open_)]


@pytest.mark.parametrize(
    ("changes", "already", "told"),
    [
        ({}, (), []),
        ({"circuit_failure_count": 4}, (), []),
        ({"circuit_failure_count": 5}, (), [FIVE]),
        ({"circuit_failure_count": 14}, (FIVE,), [FIVE]),
        ({"circuit_failure_count": 15}, (FIVE,), [FIVE, FIFTEEN]),
        ({"circuit_failure_count": 29}, (), [TWENTY_FIVE]),
        ({"circuit_failure_count": 30, "circuit_state": "open"}, (), ["circuit open"]),
        ({"circuit_failure_count": 30, "circuit_state": "open"}, (FIVE,), ["circuit open", FIVE]),
        ({"circuit_failure_count": 0}, (FIVE, "circuit open"), []),
        ({"callback_url": "https://else.where/"}, (), ["webhook drifted"]),
        ({"include_resources": []}, (), ["webhook drifted"]),
        ({"disabled_at": NOW}, (), ["webhook disabled"]),
        ({"reference_origin": None, "circuit_failure_count": 5}, (), [FIVE]),
        ({"reference_origin": None, "callback_url": "https://else.where/", "circuit_failure_count": 5}, (), []),
    ],
)
def test_what_is_told_of_a_webhook(changes: dict[str, Any], already: tuple[str, ...], told: list[str]) -> None:
    """One message for each step up, at open, at drift and at disabled; made by hand but posting here counts too."""
    assert causes([webhook(**changes)], *already) == told


def test_a_webhook_that_is_gone_is_told() -> None:
    """One that we remember and that the provider does not have any more."""
    assert causes([]) == ["webhook gone"]


def test_a_rotation_is_no_drift() -> None:
    """While a topic is rotated, its silent second webhook is as it should be."""
    rotating = Known(frozenset({"A"}), frozenset({"A"}), frozenset({TOPIC}))
    assert causes([webhook(), webhook(id="B", disabled_at=NOW)], known=rotating) == []


def test_a_webhook_that_is_being_made_is_not_told_as_disabled() -> None:
    """A webhook is made disabled and enabled when every web process has its secret: until then nothing is wrong."""
    made = Known(frozenset({"A"}), frozenset({"A"}), settling=frozenset({"A"}))
    assert causes([webhook(disabled_at=NOW)], known=made) == []
    assert causes([webhook(disabled_at=NOW)], known=replace(made, settling=frozenset())) == ["webhook disabled"]


def told(site: Installation) -> dict[str, tuple[str, int]]:
    """Every incident: its cause, status and count."""
    return {one["cause"]: (one["status"], one["count"]) for one in rows(site.store, incidents)}


def test_incidents_open_once_and_are_cured(site: Installation, sandbox: Sandbox) -> None:
    """However often it looks, a trouble is one incident and one alert, with what to do; afterwards it is resolved."""
    apply_all(site)
    assert circuits.watch(site) == []
    drift(sandbox, TOPICS[0], circuit_state="open", circuit_failure_count=30)
    drift(sandbox, TOPICS[1], callback_url="http://127.0.0.1:1/elsewhere")
    for _ in range(3):
        circuits.watch(site)
    assert told(site) == {"circuit open": ("open", 1), "webhook drifted": ("open", 1)}
    details = " ".join(one["detail"] for one in rows(site.store, incidents))
    assert "copydesk recover order_copies.complete" in details
    assert "copydesk webhooks apply" in details
    assert len([one for one in rows(site.store, follow_ups) if one["kind"] == "alert"]) == 2
    site.client.webhooks.reset_circuit(next(w["id"] for w in webhooks_of(sandbox) if w["topic"] == TOPICS[0]))
    apply_all(site)
    circuits.watch(site)
    assert {status for status, _ in told(site).values()} == {"resolved"}


def test_a_look_is_one_read_and_sees_no_secret(site: Installation, sandbox: Sandbox) -> None:
    """One page of webhooks, without the secrets, whatever is wrong."""
    apply_all(site)
    before = len(sandbox.calls)
    circuits.watch(site)
    (call,) = sandbox.calls[before:]
    assert (call["method"], call["path"]) == ("GET", "/api/webhooks")
    assert "shared_secret" not in str(call["query"])
    assert "fields" in str(call["query"])


def test_a_provider_that_does_not_answer_cures_nothing(site: Installation, sandbox: Sandbox) -> None:
    """Trouble of the provider neither opens nor resolves incidents."""
    apply_all(site)
    drift(sandbox, TOPICS[0], circuit_state="open", circuit_failure_count=30)
    circuits.watch(site)
    sandbox.trouble(status=503, path="/api", calls=1)
    with pytest.raises(OutsideError):
        circuits.watch(site)
    assert told(site) == {"circuit open": ("open", 1)}


def test_a_rotated_webhook_takes_its_incidents_along(site: Installation, sandbox: Sandbox) -> None:
    """What was wrong with the first webhook ends with it."""
    apply_all(site)
    drift(sandbox, TOPICS[0], circuit_failure_count=6)
    (wrong,) = circuits.watch(site)
    assert isinstance(wrong, Trouble)
    old = wrong.subject.removeprefix("webhooks/")
    rotation.begin(site, TOPICS[0], old)
    rotation.advance(site)
    site.client.webhooks.delete(old)
    rotation.advance(site)
    assert circuits.watch(site) == []
    assert told(site) == {FIVE: ("resolved", 1)}


def test_an_outage_of_many_topics_is_one_incident_of_many_webhooks(site: Installation, sandbox: Sandbox) -> None:
    """One message for each step up, one notice at the end; what to do for each webhook stands beside it."""
    apply_all(site)
    for topic in TOPICS:
        drift(sandbox, topic, circuit_state="open", circuit_failure_count=30)
    circuits.watch(site)
    assert told(site) == {"circuit open": ("open", len(TOPICS))}
    (alert,) = [one for one in rows(site.store, follow_ups) if one["kind"] == "alert"]
    assert f"(and {len(TOPICS) - 1} more)" in alert["params"]
    with site.store.read() as connection:
        (incident,) = queries.incidents(connection)
        affected = queries.affected_by(connection, incident.id)
    advised = {one.subject.removeprefix("webhooks/"): one.detail for one in affected}
    assert advised.keys() == {webhook["id"] for webhook in webhooks_of(sandbox)}
    for one in webhooks_of(sandbox):
        assert f"copydesk recover {one['topic']}" in advised[one["id"]]
        site.client.webhooks.reset_circuit(one["id"])
        circuits.watch(site)
    assert told(site) == {"circuit open": ("resolved", len(TOPICS))}
    assert len([one for one in rows(site.store, follow_ups) if one["kind"] == "alert"]) == 2


def test_a_circuit_whose_message_was_lost_is_told_an_hour_later(site: Installation, sandbox: Sandbox) -> None:
    """Though nothing about it changes, and the watch has told it already."""
    apply_all(site)
    drift(sandbox, TOPICS[0], circuit_state="open", circuit_failure_count=30)
    circuits.watch(site)
    for ended, messages in ((timedelta(minutes=50), 1), (timedelta(minutes=61), 2)):
        with site.store.write() as connection:
            long_ago = datetime.now(UTC) - ended
            connection.execute(sa.update(follow_ups).values(status="refused", changed_at=long_ago))
            connection.execute(sa.update(incidents).values(first_seen_at=long_ago))
        for _ in range(2):
            circuits.watch(site)
        assert len([one for one in rows(site.store, follow_ups) if one["kind"] == "alert"]) == messages
