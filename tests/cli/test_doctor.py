"""copydesk doctor: each check says what it found and how to mend it."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.cli.doctor.command import CHECKS
from service.store import Store
from service.store.schema import api_tokens, follow_ups, refusals, workers
from tests.cli.conftest import Deliver, Run

COPY = "XAyRWNUzyN"


def examine(run: Run, *arguments: str) -> tuple[int, dict[str, list[dict[str, Any]]]]:
    """The findings by check."""
    told = run("doctor", "--offline", "--json", *arguments)
    found: dict[str, list[dict[str, Any]]] = {}
    for finding in json.loads(told.stdout):
        found.setdefault(finding["check"], []).append(finding)
    return told.exit_code, found


def worst(findings: list[dict[str, Any]]) -> str:
    """The worst status of a check."""
    return max((finding["status"] for finding in findings), key=("ok", "warn", "FAIL").index)


def test_a_sound_installation_passes(run: Run, sqlite_store: Store) -> None:
    """Nothing FAILs, every check had its say, and what is not well has its fix."""
    code, found = examine(run)
    assert code == 0
    assert set(found) == {check.name for check in CHECKS if check.needs != "network"}
    assert [worst(found[name]) for name in ("database", "pragmas", "schema", "sqlite", "writing")] == ["ok"] * 5
    assert all(finding["fix"] for findings in found.values() for finding in findings if finding["status"] != "ok")


def test_the_table_is_for_people(run: Run, sqlite_store: Store) -> None:
    """Without --json it is one line for each finding."""
    told = run("doctor", "--offline").stdout
    assert told.splitlines()[0].split() == ["check", "is", "found", "to", "mend", "it"]
    assert "quick_check found nothing" in told


def test_each_mistake_in_the_settings_fails(run: Run, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong settings do not keep the doctor from working: each mistake is a finding."""
    monkeypatch.setenv("COPYDESK_MODE", "both")
    monkeypatch.setenv("COPYDESK_WEB_WORKERS", "0")
    code, found = examine(run)
    assert code == 1
    assert [finding["status"] for finding in found["settings"]] == ["FAIL", "FAIL"]


def test_a_missing_database_fails(run: Run, installation: str, tmp_path: Path) -> None:
    """The doctor makes no database: it says how to."""
    code, found = examine(run)
    assert (code, worst(found["database"])) == (1, "FAIL")
    assert found["database"][0]["fix"].startswith("run copydesk migrate")
    assert not (tmp_path / "copydesk.db").exists()


def test_weak_secrets_and_missing_topics_are_noticed(
    run: Run, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A secret that is easy to guess, and a topic that nobody can deliver, are warnings."""
    monkeypatch.setenv("COPYDESK_WEBHOOK_SECRETS", json.dumps({"order_copies.fail": "abab" * 8}))
    _, found = examine(run)
    assert worst(found["secrets"]) == "warn"
    assert "order_copies.complete" in found["topics"][0]["found"]
    assert "abab" not in json.dumps(found)


def test_trouble_in_the_store_is_told(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """A worker that is gone, late and dead follow-ups, quarantine and bad signatures: each in its own line."""
    deliver("order_copies.complete", COPY)
    deliver("order_copies.fail", COPY)
    deliver("order_copies.complete", "x", body=b"{}")
    now = datetime.now(UTC)
    with sqlite_store.write() as connection:
        long_ago = now - timedelta(days=2)
        connection.execute(sa.insert(workers).values(id="w", started_at=long_ago, seen_at=long_ago))
        connection.execute(sa.update(follow_ups).where(follow_ups.c.kind == "alert").values(status="dead"))
        connection.execute(sa.update(follow_ups).where(follow_ups.c.kind != "alert").values(give_up_at=long_ago))
        refused = {"hour": now, "topic": "order_copies.fail", "reason": "bad signature", "count": 3, "last_at": now}
        connection.execute(sa.insert(refusals).values(**refused))
    code, found = examine(run)
    assert code == 1
    told = {name: worst(found[name]) for name in ("worker", "follow-ups", "given up", "apart", "refusals")}
    assert told == {"worker": "FAIL", "follow-ups": "FAIL", "given up": "warn", "apart": "warn", "refusals": "warn"}
    assert found["refusals"][0]["found"].startswith("3 bad signature order_copies.fail")


def test_tokens_that_end_and_tries_without_one_are_seen(run: Run, sqlite_store: Store) -> None:
    """Expired and soon expiring tokens, and bad ones that were shown; those of the API in a line of their own."""
    assert examine(run)[1]["api tokens"][0]["found"] == "none: the API answers 401 to all"
    for name, life in (("over", "1s"), ("soon", "2d"), ("good", "90d"), ("gone", "1d")):
        run("tokens", "create", name, "--expires", life)
    run("tokens", "revoke", "gone")
    now = datetime.now(UTC)
    with sqlite_store.write() as connection:
        past = {"expires_at": now - timedelta(seconds=1)}
        connection.execute(sa.update(api_tokens).where(api_tokens.c.name == "over").values(**past))
        for reason in ("unknown token", "no token"):
            row = {"hour": now, "topic": "api", "reason": reason, "count": 7, "last_at": now}
            connection.execute(sa.insert(refusals).values(**row))
    found = examine(run)[1]
    assert [finding["found"] for finding in found["api tokens"]] == [
        "expired: over",
        "will expire within a week: soon",
        "in 24 hours: 7 unknown token",
    ]
    assert found["refusals"][0]["found"] == "none in 24 hours"
