"""Applying: from nothing to webhooks that deliver, again without effect, and after a crash at any step."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.errors import OutsideError
from service.sandbox import Sandbox
from service.store import webhook_secrets
from service.store.schema import audit_entries
from service.webhooks import apply
from service.webhooks.installation import Installation
from tests.rows import rows
from tests.webhooks.conftest import TOPICS, Make, apply_all, drift, secrets_of, webhooks_of


class Crash(BaseException):
    """The process ends here."""


def stored(site: Installation) -> dict[str, list[str]]:
    """The secrets in the store, decrypted, by webhook."""
    with site.store.read() as connection:
        found = webhook_secrets.current(connection)
    by_id: dict[str, list[str]] = {}
    for row in found:
        by_id.setdefault(row.webhook_id, []).append(site.vault.unlock(row.ciphertext).get_secret_value())
    return by_id


def is_whole(site: Installation, sandbox: Sandbox) -> bool:
    """Whether there is one enabled webhook a topic, each with its secret in the store."""
    there = webhooks_of(sandbox)
    as_wanted = sorted(one["topic"] for one in there) == sorted(TOPICS) and not any(one["disabled_at"] for one in there)
    return as_wanted and stored(site) == {one["id"]: [one["shared_secret"]] for one in there}


def test_from_nothing_to_one_webhook_a_topic(site: Installation, sandbox: Sandbox) -> None:
    """Each topic gets a webhook with the includes that its handlers need, marked as ours, its secret in the store."""
    steps = apply_all(site)
    assert sorted(steps) == sorted((topic, step) for topic in TOPICS for step in ("create", "enable"))
    assert is_whole(site, sandbox)
    one = webhooks_of(sandbox)[0]
    assert one["callback_url"] == f"{site.settings.public_url}/webhooks/{one['topic']}"
    assert one["include_resources"] == ["source_order", "target_order", "order_subscription"]
    assert (one["reference_origin"], one["reference"]) == ("copydesk", site.settings.public_url)
    assert all(standing.states == ("ok",) for standing in site.survey())


def test_again_does_nothing(site: Installation, sandbox: Sandbox) -> None:
    """What is as it should be is left alone: not one write."""
    apply_all(site)
    before = webhooks_of(sandbox)
    assert apply_all(site) == []
    assert webhooks_of(sandbox) == before


def test_drift_is_mended_and_a_disabled_webhook_enabled(site: Installation, sandbox: Sandbox) -> None:
    """Address, includes and disabling are put back; ids and secrets stay."""
    apply_all(site)
    before = webhooks_of(sandbox)
    drift(sandbox, TOPICS[0], callback_url="http://127.0.0.1:1/elsewhere", disabled_at="2026-03-02T09:00:00.000Z")
    drift(sandbox, TOPICS[1], include_resources=["source_order"])
    assert apply_all(site) == [(TOPICS[0], "mend"), (TOPICS[1], "mend"), (TOPICS[0], "enable")]
    changed = {"updated_at"}
    assert [{k: v for k, v in one.items() if k not in changed} for one in webhooks_of(sandbox)] == [
        {k: v for k, v in one.items() if k not in changed} for one in before
    ]


def test_a_moved_installation_keeps_its_webhooks(site_of: Make, sandbox: Sandbox) -> None:
    """With another public address they are mended, not made twice, because the store remembers their ids."""
    apply_all(site_of())
    moved = site_of(public_url="http://127.0.0.1:10")
    assert apply_all(moved) == [(topic, "mend") for topic in TOPICS]
    assert is_whole(moved, sandbox)


def test_foreign_webhooks_are_never_touched(site: Installation, site_of: Make, sandbox: Sandbox) -> None:
    """Neither one made by hand nor another Copydesk's changes, whatever it looks like, even with --prune."""
    made = site.client.webhooks.create(TOPICS[0], f"{site.settings.public_url}/webhooks/{TOPICS[0]}", name="by hand")
    site.client.webhooks.create(
        TOPICS[1], "http://127.0.0.1:2/x", reference="http://127.0.0.1:2", reference_origin="copydesk"
    )
    before = webhooks_of(sandbox)
    apply_all(site, prune=True)
    assert webhooks_of(sandbox)[:2] == before
    foreign = [one for one in site.survey() if one.states == ("foreign",)]
    assert [one.steps(prune=True) for one in foreign] == [(), ()]
    assert foreign[0].webhook is not None
    assert foreign[0].webhook.id == made.value.id
    assert "twice" in foreign[0].differences[0]


def test_what_nothing_needs_goes_only_when_asked(site_of: Make, sandbox: Sandbox) -> None:
    """A topic that no handler needs any more keeps its webhook, until --prune deletes it and its secret is retired."""
    apply_all(site_of())
    fewer = site_of(webhook_topics=TOPICS[0])
    assert apply_all(fewer) == []
    assert sorted(apply_all(fewer, prune=True)) == [(topic, "delete") for topic in sorted(TOPICS[1:])]
    assert list(stored(fewer)) == [webhooks_of(sandbox)[0]["id"]]


def test_a_webhook_deleted_by_hand_is_made_anew(site: Installation, sandbox: Sandbox) -> None:
    """Its secret is retired, and the new one is stored beside."""
    apply_all(site)
    gone = webhooks_of(sandbox)[0]["id"]
    site.client.webhooks.delete(gone)
    now = datetime.now(UTC)
    standings = site.survey()
    assert apply.retire_lost(site, standings, now) == [TOPICS[0]]
    assert apply_all(site) == [(TOPICS[0], "create"), (TOPICS[0], "enable")]
    assert is_whole(site, sandbox)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("when", ["before", "after"])
@pytest.mark.parametrize("step", range(1, 13))
def test_a_crash_at_any_step_is_repaired_by_applying_again(
    site: Installation, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch, step: int, when: str
) -> None:
    """Whichever call or commit is the last one, before or after it took effect: once more, and all is whole."""
    crash_at(monkeypatch, site, step, when)
    with pytest.raises(Crash):
        apply_all(site)
    monkeypatch.undo()
    apply_all(site)
    assert is_whole(site, sandbox)
    assert apply_all(site) == []


def test_a_lost_answer_is_found_again(site: Installation, sandbox: Sandbox) -> None:
    """Created, but nobody heard of it: the next apply finds it by its mark and fetches its secret."""
    sandbox.trouble(drop=True, when="after", method="POST", path="/api/webhooks", calls=1)
    with pytest.raises(OutsideError):
        apply_all(site)
    assert len(webhooks_of(sandbox)) == 1
    steps = apply_all(site)
    assert (TOPICS[0], "store secret") in steps
    assert is_whole(site, sandbox)


def test_every_change_is_in_the_audit_trail_without_a_secret(site: Installation, sandbox: Sandbox) -> None:
    """Who, what and why, for each webhook; secrets only by fingerprint, and in the database only encrypted."""
    apply_all(site)
    entries = rows(site.store, audit_entries)
    by_subject: dict[str, list[str]] = {}
    for one in entries:
        by_subject.setdefault(one["subject"], []).append(one["action"])
    wanted = ["webhook.created", "webhook.secret_stored", "webhook.enabled"]
    assert by_subject == {f"webhooks/{one['id']}": wanted for one in webhooks_of(sandbox)}
    assert {one["actor"] for one in entries} == {"operator test"}
    assert all('"reason": "a test"' in one["detail"] for one in entries)
    kept = repr(entries) + repr(rows(site.store, webhook_secrets.webhook_secrets)) + repr(site) + repr(site.survey())
    assert not [secret for secret in secrets_of(sandbox) if secret in kept]


def crash_at(monkeypatch: pytest.MonkeyPatch, site: Installation, step: int, when: str) -> None:
    """Let the step-th effect, a write at the provider or a commit of ours, be the last one."""
    left = [step]

    def crashing(call: Callable[..., Any]) -> Callable[..., Any]:
        def run(*given: Any, **named: Any) -> Any:
            left[0] -= 1
            if left[0] == 0 and when == "before":
                raise Crash
            done = call(*given, **named)
            if left[0] == 0:
                raise Crash
            return done

        return run

    for name in ("create", "enable", "update", "delete"):
        monkeypatch.setattr(site.client.webhooks, name, crashing(getattr(site.client.webhooks, name)))
    for name in ("note", "keep_secret", "retire"):
        monkeypatch.setattr(Installation, name, crashing(getattr(Installation, name)))
