"""Rotation: which step is next, after a crash at any of them, and by several hands at once."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import UTC, datetime, timedelta

import pytest

from service.errors import OutsideError
from service.resources import Webhook
from service.sandbox import Sandbox
from service.store import webhook_secrets
from service.store.schema import audit_entries, webhook_rotations
from service.store.webhook_secrets import SecretRow
from service.webhooks import rotation
from service.webhooks.installation import Installation
from service.webhooks.rotation import Facts, decide
from tests.rows import rows
from tests.webhooks.conftest import TOPICS, Make, apply_all, webhooks_of
from tests.webhooks.test_apply import Crash, crash_at

NOW = datetime(2026, 3, 2, 9, tzinfo=UTC)
TEN = timedelta(seconds=10)
TOPIC = TOPICS[0]
POSTING = Webhook("new", topic=TOPIC)
DISABLED = Webhook("new", topic=TOPIC, disabled_at=NOW)
OLD = Webhook("old", topic=TOPIC, circuit_failure_count=0)
FAILING = Webhook("old", topic=TOPIC, circuit_failure_count=3)


def secret(age: float, seen: float | None = None) -> SecretRow:
    """A secret that was stored, and perhaps seen, so many seconds ago."""
    seen_at = None if seen is None else NOW - timedelta(seconds=seen)
    return SecretRow(1, TOPIC, "new", b"", "f" * 12, NOW - timedelta(seconds=age), seen_at, None)


@pytest.mark.parametrize(
    ("facts", "move"),
    [
        (Facts(OLD, None, None), "create"),
        (Facts(OLD, DISABLED, None), "store secret"),
        (Facts(OLD, POSTING, None), "store secret"),
        (Facts(OLD, DISABLED, secret(9.9)), "wait"),
        (Facts(OLD, DISABLED, secret(10)), "enable"),
        (Facts(OLD, POSTING, secret(60)), "wait"),
        (Facts(OLD, POSTING, secret(60, seen=1)), "delete"),
        (Facts(FAILING, POSTING, secret(60, seen=1)), "wait"),
        (Facts(FAILING, POSTING, secret(9000, seen=3600)), "delete"),
        (Facts(None, POSTING, secret(60)), "finish"),
        (Facts(None, POSTING, secret(60, seen=1)), "finish"),
        (Facts(None, DISABLED, secret(60)), "enable"),
        (Facts(None, None, None), "create"),
    ],
)
def test_what_is_next_follows_from_what_is_true(facts: Facts, move: str) -> None:
    """Every combination has one next step, and only waiting and finishing change nothing outside."""
    assert decide(facts, NOW, TEN).move == move


def begin(site: Installation) -> str:
    """Begin to rotate the first topic; the id of its webhook."""
    apply_all(site)
    old = next(one["id"] for one in webhooks_of(site_sandbox(site)) if one["topic"] == TOPIC)
    assert rotation.begin(site, TOPIC, old)
    return str(old)


_SANDBOXES: dict[str, Sandbox] = {}


def site_sandbox(site: Installation) -> Sandbox:
    """The sandbox of an installation."""
    return _SANDBOXES[site.settings.api_url]


@pytest.fixture(autouse=True)
def _known(sandbox: Sandbox) -> None:
    _SANDBOXES[sandbox.url] = sandbox


def see(site: Installation) -> None:
    """An event comes under every secret that the store has."""
    with site.store.write() as connection:
        prints = [row.fingerprint for row in webhook_secrets.current(connection)]
        webhook_secrets.mark_seen(connection, prints, datetime.now(UTC))


def carry_on(site: Installation) -> None:
    """Advance again and again, while events come."""
    for _ in range(3):
        rotation.advance(site)
        see(site)


def is_rotated(site: Installation, old: str) -> bool:
    """Whether one other webhook posts on the topic, whose secret alone is current, and the rotation is closed."""
    there = [one for one in webhooks_of(site_sandbox(site)) if one["topic"] == TOPIC]
    with site.store.read() as connection:
        kept = [row.webhook_id for row in webhook_secrets.current(connection) if row.topic == TOPIC]
    (row,) = rows(site.store, webhook_rotations)
    ids = [one["id"] for one in there]
    return (
        len(there) == 1 and old not in ids and kept == ids and not there[0]["disabled_at"] and row["status"] == "done"
    )


def test_both_are_there_until_the_new_one_is_seen(site: Installation, sandbox: Sandbox) -> None:
    """The first webhook goes when an event has come under the second's secret, and not a moment before."""
    old = begin(site)
    ((_, next_),) = rotation.advance(site)
    assert (next_.move, next_.why) == ("wait", "for the first event under the new secret")
    assert len([one for one in webhooks_of(sandbox) if one["topic"] == TOPIC]) == 2
    assert {one.states for one in site.survey() if one.topic == TOPIC} == {("rotating",)}
    assert apply_all(site) == []
    see(site)
    ((_, next_),) = rotation.advance(site)
    assert next_.move == "finish"
    assert is_rotated(site, old)
    assert rotation.advance(site) == []
    assert all(one.states == ("ok",) for one in site.survey())


def test_the_second_webhook_is_silent_until_everybody_has_its_secret(site_of: Make, sandbox: Sandbox) -> None:
    """Nothing is signed with a secret that a web process may not know yet."""
    site = site_of(picked_up=timedelta(hours=1))
    begin(site)
    ((_, next_),) = rotation.advance(site)
    assert next_.why == rotation.PICKING_UP
    new = [one for one in webhooks_of(sandbox) if one["topic"] == TOPIC][-1]
    assert new["disabled_at"]


def test_a_second_call_goes_on_with_the_first(site: Installation) -> None:
    """A topic that is being rotated is not rotated twice."""
    old = begin(site)
    assert not rotation.begin(site, TOPIC, old)
    assert len(rows(site.store, webhook_rotations)) == 1


@pytest.mark.parametrize("database_url", ["postgresql"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 9))
def test_a_crash_at_any_step_is_continued(
    site: Installation, monkeypatch: pytest.MonkeyPatch, step: int, when: str
) -> None:
    """Whichever call or commit is the last one: taken up again, it ends as it would have, with nothing left behind."""
    old = begin(site)
    crash_at(monkeypatch, site, step, when)
    with pytest.raises(Crash):
        carry_on(site)
    monkeypatch.undo()
    carry_on(site)
    assert is_rotated(site, old)


def test_a_lost_answer_is_found_again(site: Installation, sandbox: Sandbox) -> None:
    """The second webhook was created and nobody heard of it: it is found by its name, not made twice."""
    old = begin(site)
    sandbox.trouble(drop=True, when="after", method="POST", path="/api/webhooks", calls=1)
    with pytest.raises(OutsideError):
        rotation.advance(site)
    rotation.advance(site)
    assert len([one for one in webhooks_of(sandbox) if one["topic"] == TOPIC]) == 2
    see(site)
    rotation.advance(site)
    assert is_rotated(site, old)


def test_several_hands_at_once_make_one_successor(site: Installation, sandbox: Sandbox) -> None:
    """A worker and two operators advance it together: still one webhook more, and then one less."""
    old = begin(site)

    def advance(_number: int) -> None:
        # Where another hand was quicker, the next round finds out.
        with suppress(OutsideError):
            rotation.advance(site)

    for _ in range(3):
        with ThreadPoolExecutor(3) as pool:
            [*pool.map(advance, range(3))]
        assert len([one for one in webhooks_of(sandbox) if one["topic"] == TOPIC]) <= 2
        see(site)
    assert is_rotated(site, old)
    actions = [one["action"] for one in rows(site.store, audit_entries)]
    assert (actions.count("webhook.rotation_begun"), actions.count("webhook.rotated")) == (1, 1)


def test_one_that_is_refused_does_not_keep_the_others_back(site: Installation, sandbox: Sandbox) -> None:
    """The provider says no to one topic: it is told, the others go on, and so does it when it is mended."""
    apply_all(site)
    ids = {one["topic"]: one["id"] for one in webhooks_of(sandbox)}
    for topic in TOPICS:
        rotation.begin(site, topic, ids[topic])
    sandbox.trouble(status=422, code="VALIDATION_ERROR", method="POST", path="/api/webhooks", calls=1)
    moves = {row.topic: next_.move for row, next_ in rotation.advance(site)}
    assert sorted(moves.values()) == ["refused", "wait", "wait"]
    (told,) = [one["waits_for"] for one in rows(site.store, webhook_rotations) if "422" in one["waits_for"]]
    assert "VALIDATION_ERROR" in told
    assert {next_.move for _, next_ in rotation.advance(site)} == {"wait"}


def test_a_first_webhook_that_somebody_deletes_is_as_good_as_deleted(site: Installation) -> None:
    """What was to go and is gone does not hold anything up."""
    old = begin(site)
    rotation.advance(site)
    site.client.webhooks.delete(old)
    rotation.advance(site)
    assert is_rotated(site, old)
