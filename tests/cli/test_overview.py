"""The face as a whole: help, exit codes, errors, settings."""

from __future__ import annotations

import json
import re
import subprocess
import sys
import time
from pathlib import Path

import pytest
from click.testing import Result

from service import settings
from service.cli.commands import COMMANDS
from service.store import Store
from service.store.migrate import head
from tests.cli.conftest import ROOT, Deliver, Run, command, environment


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help(run: Run, name: str) -> None:
    """Each command says what it does, and its options fit a terminal."""
    told = run(name, "--help")
    assert told.exit_code == 0
    assert told.output.startswith(f"Usage: copydesk {name}")
    assert max(map(len, told.output.splitlines())) <= 80


@pytest.mark.parametrize("name", ["factories list", "copies show", "copies create", "copies retry", "recurring list"])
def test_commands_of_a_group_have_help_too(run: Run, name: str) -> None:
    """Likewise the commands of a group."""
    told = run(*name.split(), "--help")
    assert told.output.startswith(f"Usage: copydesk {name}")
    assert max(map(len, told.output.splitlines())) <= 100


def test_the_overview_names_the_exit_codes(run: Run) -> None:
    """Whoever writes a script finds the codes where he looks first."""
    told = run("--help").output
    assert [int(code) for code in re.findall(r"^ {4}(\d) {2}", told, re.MULTILINE)] == [0, 1, 2, 3, 4]
    assert all(name in told for name in COMMANDS)


def test_help_imports_nothing_heavy() -> None:
    """The overview comes at once: neither the database, nor rich, nor the web are loaded for it."""
    code = (
        "import sys\nfrom click.testing import CliRunner\nfrom service.cli import copydesk\n"
        "assert CliRunner().invoke(copydesk, ['--help']).exit_code == 0\n"
        "print([m for m in ('sqlalchemy', 'rich', 'flask', 'gevent', 'pydantic', 'httpx', 'dbos') if m in sys.modules])"
    )
    told = subprocess.run([sys.executable, "-c", code], env=environment(), capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "[]"


def test_the_settings_example_is_complete() -> None:
    """.env.example names every variable once, and no other."""
    text = (ROOT / ".env.example").read_text()
    named = re.findall(r"^#(COPYDESK_[A-Z_]+)=", text, re.MULTILINE)
    assert sorted(named) == sorted(settings.variables())
    assert len(named) == len(set(named))


def test_settings_never_show_a_secret(run: Run, installation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Settings tell what is set and where from, not what must stay secret."""
    monkeypatch.setenv("COPYDESK_SLACK_WEBHOOK_URL", "https://hooks.slack.com/services/T0/B0/hushhush")
    for arguments in ([], ["--json"]):
        told = run("settings", *arguments)
        assert told.exit_code == 0
        assert "0f1e2d3c" not in told.output
        assert "hushhush" not in told.output
        assert "environment" in told.output


def _wrong_settings(run: Run, monkeypatch: pytest.MonkeyPatch) -> Result:
    monkeypatch.setenv("COPYDESK_MODE", "both")
    monkeypatch.setenv("COPYDESK_ORGANISATION", "typo")
    return run("events")


def test_every_mistake_in_the_settings_is_a_line(run: Run, installation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Wrong settings: all of them named, one line each, exit 3."""
    told = _wrong_settings(run, monkeypatch)
    assert told.exit_code == 3
    assert [line.partition(": ")[2].partition(":")[0] for line in told.stderr.splitlines()] == [
        "COPYDESK_ORGANISATION",
        "COPYDESK_MODE",
    ]
    assert told.stdout == ""


def test_a_missing_database_is_not_made(run: Run, installation: str, tmp_path: Path) -> None:
    """Looking into a database that is not there makes no empty one: exit 3, and what to do."""
    told = run("events")
    assert told.exit_code == 3
    assert "copydesk migrate" in told.stderr
    assert not list(tmp_path.glob("copydesk.db*"))


def test_migrate_makes_it(run: Run, installation: str) -> None:
    """After `migrate` the reading commands find an empty installation; a second time changes nothing."""
    assert run("migrate").exit_code == run("migrate").exit_code == 0
    assert run("events", "--json").stdout == "[]\n"
    assert json.loads(run("migrate", "--json").stdout) == {"database": "sqlite", "revision": head()}


def test_a_database_that_is_away_is_told_apart(run: Run, installation: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A server that does not answer just now is exit 4, in one line."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", "postgresql://copydesk:hushhush@127.0.0.1:1/copydesk")
    told = run("events")
    assert (told.exit_code, len(told.stderr.splitlines())) == (4, 1)
    assert "hushhush" not in told.stderr


def test_a_damaged_database_is_told_without_a_traceback(
    run: Run, deliver: Deliver, sqlite_store: Store, tmp_path: Path
) -> None:
    """Damage in the middle of the file is exit 3 and one line; the doctor finds it too."""
    for number in range(40):
        deliver("order_copies.complete", f"copy{number}")
    sqlite_store.close()
    file = tmp_path / "copydesk.db"
    whole = file.read_bytes()
    file.write_bytes(whole[:4096] + b"\xff" * (len(whole) - 4096))
    told = run("events")
    assert (told.exit_code, len(told.stderr.splitlines())) == (3, 1)
    assert isinstance(told.exception, SystemExit)
    assert run("doctor", "--offline").exit_code == 1


def test_wrong_usage_is_clicks(run: Run, installation: str) -> None:
    """A misspelt option or time is wrong usage: exit 2."""
    assert run("events", "--since", "yesterday").exit_code == 2
    assert run("events", "7", "--failed").exit_code == 2
    assert run("nonsense").exit_code == 2


def test_a_real_process_keeps_the_codes(tmp_path: Path) -> None:
    """What scripts see: the same codes, no traceback, and help in well under half a second of processor time."""
    told = subprocess.run(
        command("events"), cwd=tmp_path, env=environment(COPYDESK_MODE="x"), capture_output=True, text=True, check=False
    )
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith("copydesk: COPYDESK_MODE: ")
    began = time.process_time()
    assert subprocess.run(command("--help"), env=environment(), capture_output=True, check=False).returncode == 0
    assert time.process_time() - began < 0.5
