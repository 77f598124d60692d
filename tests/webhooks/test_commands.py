"""The commands as an operator meets them: plan, apply, list, reset, rotate, keys and the doctor, on a real sandbox."""

from __future__ import annotations

import json
import stat
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import copydesk
from service.cli.webhooks import applying, rotating
from service.sandbox import Sandbox
from service.store import Store
from service.store.schema import audit_entries
from service.webhooks import installation
from tests.rows import rows
from tests.webhooks.conftest import KEY, OTHER_KEY, TOPICS, drift, secrets_of, settings_of, variables, webhooks_of

Call = Callable[..., Result]


@pytest.fixture
def call(sandbox: Sandbox, store: Store, database_url: str, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Call:
    """Calls a command of an installation that the provider reaches; nothing secret may be in what it prints."""
    for name, value in variables(settings_of(sandbox, database_url)).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(applying, "unreached", lambda _url: None)
    monkeypatch.setattr(rotating, "_PAUSE", 0.05)
    # No web process runs here that would have to pick anything up.
    monkeypatch.setattr(installation.Installation.__init__, "__defaults__", (None, timedelta(0)))

    def run(*arguments: object) -> Result:
        told = CliRunner().invoke(copydesk, [str(one) for one in arguments], prog_name="copydesk")
        seen = told.output + told.stderr
        assert not [one for one in [KEY, OTHER_KEY, *secrets_of(sandbox)] if one in seen]
        return told

    return run


def told(result: Result, code: int = 0) -> Any:
    """What a command printed as JSON."""
    assert result.exit_code == code, result.output + result.stderr
    return json.loads(result.stdout)


def test_plan_apply_plan(call: Call, sandbox: Sandbox, store: Store) -> None:
    """Everything is missing, then everything is there, with who and why in the audit trail."""
    before = told(call("webhooks", "plan", "--json"), 1)
    assert [one["states"] for one in before] == [["missing"]] * len(TOPICS)
    assert webhooks_of(sandbox) == []
    done = told(call("webhooks", "apply", "--yes", "--by", "Ada", "--reason", "the first time", "--json"))
    assert len(done["steps"]) == 2 * len(TOPICS)
    after = told(call("webhooks", "plan", "--json"))
    assert [one["states"] for one in after] == [["ok"]] * len(TOPICS)
    entries = [one for one in rows(store, audit_entries) if one["subject"].startswith("webhooks/")]
    assert {(one["actor"], json.loads(one["detail"])["reason"]) for one in entries} == {
        ("operator Ada", "the first time")
    }
    assert "Nothing to do" in call("webhooks", "apply").output
    listed = told(call("webhooks", "list", "--json"))
    assert all(one["key"] and one["circuit_failure_count"] == 0 for one in listed)
    assert TOPICS[0] in call("webhooks", "list").output


def test_nothing_changes_without_a_yes(call: Call, sandbox: Sandbox) -> None:
    """Where nobody can be asked, the command says how to go on, and does nothing."""
    refused = call("webhooks", "apply")
    assert refused.exit_code == 2
    assert "--yes" in refused.stderr
    assert webhooks_of(sandbox) == []


def test_webhooks_that_nobody_would_answer_stay_disabled(
    call: Call, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Where the public address does not answer they are made and kept silent; the next apply enables them."""
    monkeypatch.setattr(applying, "unreached", lambda _url: "nobody is there")
    left = call("webhooks", "apply", "--yes", "--json")
    assert told(left, 1)["left_disabled"] == [*TOPICS]
    assert "nobody is there" in left.stderr
    assert all(one["disabled_at"] for one in webhooks_of(sandbox))
    monkeypatch.setattr(applying, "unreached", lambda _url: None)
    assert told(call("webhooks", "apply", "--yes", "--json"))["left_disabled"] == []
    assert not any(one["disabled_at"] for one in webhooks_of(sandbox))


def test_open_circuits_are_reset(call: Call, sandbox: Sandbox) -> None:
    """Those that are open, or the topic that is named; a topic without a webhook of ours is an error."""
    call("webhooks", "apply", "--yes")
    drift(sandbox, TOPICS[0], circuit_state="open", circuit_failure_count=30)
    assert told(call("webhooks", "plan", "--json"), 1)[0]["states"] == ["open"]
    (done,) = told(call("webhooks", "reset", "--yes", "--json"))
    assert (done["topic"], done["failures"]) == (TOPICS[0], 30)
    assert {one["circuit_state"] for one in webhooks_of(sandbox)} == {"closed"}
    assert call("webhooks", "reset", "orders.place", "--yes").exit_code == 1


def test_rotating_begins_and_waits_for_an_event(call: Call, sandbox: Sandbox) -> None:
    """The second webhook posts, the first is there still, and what is waited for is said."""
    call("webhooks", "apply", "--yes")
    (row,) = told(call("webhooks", "rotate", TOPICS[0], "--yes", "--json"))
    assert (row["state"], row["why"]) == ("waits", "for the first event under the new secret")
    assert len(webhooks_of(sandbox)) == len(TOPICS) + 1
    assert call("webhooks", "rotate").exit_code == 2
    assert "waits for the first event" in call("doctor", "--offline").output


def test_without_a_key_nothing_is_done(call: Call, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    """A secret that could not be kept is not made: one line, exit 3."""
    monkeypatch.delenv("COPYDESK_ENCRYPTION_KEYS")
    refused = call("webhooks", "apply", "--yes", "--json")
    assert refused.exit_code == 3
    assert refused.stderr.count("\n") == 1
    assert webhooks_of(sandbox) == []


def test_keys_are_made_added_and_changed(call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A key goes into a file for its owner alone, is added in front, and re-encrypts; the old one may go then."""
    call("webhooks", "apply", "--yes")
    file = tmp_path / "COPYDESK_ENCRYPTION_KEYS"
    file.write_text(KEY)
    assert call("keys", "generate", file).exit_code == 2
    made = call("keys", "generate", "--add", file)
    assert made.exit_code == 0
    new, old = file.read_text().strip().split(",")
    assert (old, stat.S_IMODE(file.stat().st_mode)) == (KEY, 0o600)
    assert new not in made.output
    monkeypatch.delenv("COPYDESK_ENCRYPTION_KEYS")
    monkeypatch.setenv("COPYDESK_SECRETS_DIR", str(tmp_path))
    assert "3 secrets" in call("keys", "rotate", "--yes").output
    file.write_text(new)
    found = {one["check"]: one for one in told(call("doctor", "--offline", "--json"))}
    assert found["keys"]["status"] == "ok"
    file.write_text(OTHER_KEY)
    found = {one["check"]: one for one in told(call("doctor", "--offline", "--json"), 1)}
    assert found["keys"]["status"] == "FAIL"


def test_the_settings_command_shows_no_key(call: Call) -> None:
    """Neither as a table nor as JSON."""
    shown = {one["name"]: one["value"] for one in told(call("settings", "--json"))}
    assert shown["COPYDESK_ENCRYPTION_KEYS"] is None
    assert shown["COPYDESK_WEBHOOK_TOPICS"] == ",".join(TOPICS)
