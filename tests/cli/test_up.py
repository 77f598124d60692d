"""copydesk up: everything at once, and nothing left behind."""

from __future__ import annotations

import json
import re
import shlex
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from service.cli.up import SETTINGS_FILE
from tests.cli.conftest import command, environment


def test_a_first_look_shows_what_it_promises(tmp_path: Path) -> None:
    """--once: all outcomes as expected, addresses and commands named, the commands work, everything ends: exit 0."""
    told = subprocess.run(
        command("up", "--port", 0, "--sandbox-port", 0, "--once"),
        cwd=tmp_path,
        env=environment(COPYDESK_WEB_WORKERS="1"),
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )
    assert told.returncode == 0, told.stdout[-3000:]
    assert "Copydesk cancelled the source order" in told.stdout
    commands = re.findall(r"^  (\S+ -m service .*)$", told.stdout, re.MULTILINE)
    assert [line.split()[3] for line in commands] == ["events", "audit", "follow-ups"]
    # As in another terminal: the same folder, no settings.
    shown = subprocess.run(commands[1], shell=True, cwd=tmp_path, env=environment(), capture_output=True, check=False)  # noqa: S602
    assert (shown.returncode, shown.stderr) == (0, b"")
    assert b"settle_source_order planned" in shown.stdout
    signed = subprocess.run(
        command("audit", "log", "--json"), cwd=tmp_path, env=environment(), capture_output=True, check=True
    )
    assert "localhost/first-look" in json.loads(signed.stdout)["head"]
    assert _left_behind(tmp_path) == []
    assert not (tmp_path / SETTINGS_FILE).exists()


def test_other_commands_know_the_run_by_its_settings_file(tmp_path: Path) -> None:
    """The line that is printed makes doctor and trigger work in another shell; only its user can read the file."""
    load = f"set -a; . ./{SETTINGS_FILE}; set +a"
    told, file = tmp_path / "told", tmp_path / SETTINGS_FILE
    with told.open("wb") as out:
        running = subprocess.Popen(
            command("up", "--port", 0, "--sandbox-port", 0, "--no-scenario"),
            cwd=tmp_path,
            env=environment(COPYDESK_WEB_WORKERS="1"),
            stdout=out,
            start_new_session=True,
        )
        try:
            until = time.monotonic() + 60
            while "Ctrl-C stops everything" not in told.read_text() and time.monotonic() < until:
                time.sleep(0.2)
            assert f"  {load}\n" in told.read_text()
            assert file.stat().st_mode & 0o777 == 0o600
            for words in (("doctor",), ("trigger", "order_copies.start")):
                line = f"{load}; exec {shlex.join(command(*words))}"
                shown = subprocess.run(
                    ["sh", "-c", line], cwd=tmp_path, env=environment(), capture_output=True, check=False
                )
                assert shown.returncode == 0, shown
        finally:
            running.send_signal(signal.SIGINT)
            running.wait(40)
    assert not file.exists()


@pytest.mark.parametrize(("number", "after"), [(signal.SIGINT, 0.9), (signal.SIGTERM, 1.8)])
def test_a_signal_stops_all_of_it(tmp_path: Path, number: signal.Signals, after: float) -> None:
    """Ctrl-C or SIGTERM at any moment, also while it starts, leaves no process behind: exit 0."""
    running = subprocess.Popen(
        command("up", "--port", 0, "--sandbox-port", 0, "--no-scenario"),
        cwd=tmp_path,
        env=environment(COPYDESK_WEB_WORKERS="1"),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    time.sleep(after)
    running.send_signal(number)
    told, _ = running.communicate(timeout=40)
    # Before its own handlers are there, the system's answer to the signal is as good: nothing runs yet.
    assert running.returncode in (0, -number, 1), told
    assert not (tmp_path / SETTINGS_FILE).exists()
    assert _left_behind(tmp_path) == []


def test_a_busy_port_is_one_line(tmp_path: Path) -> None:
    """A port that somebody has is named, with the option that chooses another: exit 3, one line."""
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        told = subprocess.run(
            command("up", "--port", port), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
        )
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith(f"copydesk: port {port} ")
    assert "--port" in told.stderr
    assert len(told.stderr.splitlines()) == 1


def test_a_real_organization_is_left_alone(tmp_path: Path) -> None:
    """In a shell that is set up for a real organization nothing is started: exit 3."""
    real = {"COPYDESK_API_URL": "https://yours.commercelayer.io"}
    told = subprocess.run(
        command("up"), cwd=tmp_path, env=environment(**real), capture_output=True, text=True, check=False
    )
    assert told.returncode == 3
    assert "COPYDESK_API_URL" in told.stderr


def _left_behind(folder: Path) -> list[str]:
    """Processes whose working directory is still the test's folder."""
    found = []
    for running in Path("/proc").glob("[0-9]*"):
        try:
            if (running / "cwd").readlink() == folder:
                found.append((running / "cmdline").read_text())
        except OSError:
            continue
    return found
