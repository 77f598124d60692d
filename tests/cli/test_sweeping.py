"""The commands of the sweep keep their codes and print what programs can read."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.sandbox import Sandbox
from service.store import Store, incidents
from tests.cli.conftest import ORGANIZATION, Run
from tests.sweep.ground import NOWHERE

SECRET = {"order_copies.complete": "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}


@pytest.fixture
def sandbox(installation: str, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Sandbox]:
    """A sandbox whose webhook reaches nobody, and settings that lead to it."""
    with Sandbox(step_seconds=0.0, retry_seconds=0.0, callback=NOWHERE, secrets=SECRET) as running:
        given = {
            "CLIENT_ID": running.options.client_id,
            "CLIENT_SECRET": running.options.client_secret,
            "API_URL": running.url,
            "AUTH_URL": running.url,
        }
        for name, value in given.items():
            monkeypatch.setenv(f"COPYDESK_{name}", value)
        assert running.options.organization == ORGANIZATION
        yield running


def test_a_sweep_tells_what_it_let_in(run: Run, sandbox: Sandbox) -> None:
    made = sandbox.play("aborted-copy")
    result = run("sweep", "--since", "1h", "--json")
    assert result.exit_code == 0, result.output
    found = json.loads(result.stdout)
    assert (found["events"], found["subjects"]) == (1, [f"order_copies/{made['order_copy']}: aborted"])


def test_a_dry_run_finds_the_same_each_time(run: Run, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    for _ in range(2):
        result = run("sweep", "--since", "1h", "--dry-run")
        assert result.exit_code == 0, result.output
        assert "would be events  1" in result.stdout


def test_a_proof_exits_1_with_gaps_0_when_they_are_mended_and_2_when_it_cannot_tell(run: Run, sandbox: Sandbox) -> None:
    sandbox.play("good-copy")
    sandbox.settle()
    assert run("prove", "--from", "1h").exit_code == 1
    assert run("prove", "--from", "1h", "--backfill").exit_code == 0
    told = run("prove", "--from", "1h", "--json")
    assert (told.exit_code, json.loads(told.stdout)["verdict"]) == (0, "complete")
    assert run("prove", "--from", "60d").exit_code == 2
    sandbox.trouble(status=503, seconds=60)
    untold = run("prove", "--from", "1h")
    assert untold.exit_code == 2
    assert "0" not in untold.stdout.partition("backfilled")[0], "what was not read must not look like nothing"


def test_a_recovery_prints_its_card(run: Run, sandbox: Sandbox) -> None:
    sandbox.play("weekend-outage", count=80)
    result = run("recover", "--json", "--by", "me")
    assert result.exit_code == 0, result.output
    card = json.loads(result.stdout)
    assert card["verdict"] == "complete"
    assert card["backfilled"] >= 78
    assert "reset the circuit of order_copies.complete" in card["actions"]
    trail = json.loads(run("audit", "copydesk/sweep", "--json").stdout)
    assert {entry["actor"] for entry in trail} == {"operator me"}


def test_a_recovery_of_a_topic_that_has_no_webhook_is_told_in_one_line(run: Run, sandbox: Sandbox) -> None:
    result = run("recover", "order_copies.start")
    assert (result.exit_code, result.stdout) == (1, "")
    assert result.stderr.count("\n") == 1


@pytest.fixture
def incident(sqlite_store: Store) -> int:
    """An open incident."""
    with sqlite_store.write() as connection:
        return incidents.occur(
            connection,
            kind="circuit",
            subject="webhooks/KYyWXzvJmZ",
            cause="circuit open",
            detail="reset it",
            now=datetime.now(UTC),
            actor="circuit watch",
        )


def test_incidents_are_listed_shown_and_resolved_by_hand(run: Run, incident: int) -> None:
    assert "circuit open" in run("incidents", "--open").stdout
    shown = json.loads(run("incidents", incident, "--json").stdout)
    assert (shown["status"], shown["affected"]) == ("open", [])
    assert run("incidents", incident, "--resolve", "--reason", "reset by hand").exit_code == 0
    assert json.loads(run("incidents", "--open", "--json").stdout) == []
    resolved = json.loads(run("incidents", incident, "--json").stdout)["trail"][-1]
    assert (resolved["action"], resolved["detail"]["reason"]) == ("incident.resolved", "reset by hand")


def test_an_incident_that_is_not_open_or_not_there_is_trouble(run: Run, incident: int) -> None:
    run("incidents", incident, "--resolve")
    assert run("incidents", incident, "--resolve").exit_code == 1
    assert run("incidents", 99).exit_code == 1
