"""copydesk serve, real, and copydesk trigger against it."""

from __future__ import annotations

import json
import signal
import socket
import subprocess
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from service.cli import copydesk
from tests.cli.conftest import command, environment, free_port, process, settings_of, wait_for


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A web process for the whole module; the environment of those who use it."""
    folder = tmp_path_factory.mktemp("serving")
    settings = settings_of(f"sqlite:///{folder}/copydesk.db") | {"COPYDESK_BIND": f"127.0.0.1:{free_port()}"}
    with process("serve", COPYDESK_WEB_WORKERS="1", **settings):
        wait_for(f"http://{settings['COPYDESK_BIND']}/readyz")
        yield settings


def call(serving: dict[str, str], *arguments: object, input: bytes = b"") -> tuple[int, Any]:  # noqa: A002
    """Call a command with --json; its code and what it printed."""
    told = _invoke(serving, *arguments, "--json", input=input)
    return told.exit_code, json.loads(told.stdout)


def _invoke(serving: dict[str, str], *arguments: object, input: bytes = b"") -> Result:  # noqa: A002
    return CliRunner().invoke(copydesk, [*map(str, arguments)], env=serving, input=input, prog_name="copydesk")


def events(serving: dict[str, str], *arguments: str) -> list[dict[str, Any]]:
    """What was kept."""
    code, found = call(serving, "events", *arguments)
    assert code == 0
    return list(found)


def test_twice_is_one_event(serving: dict[str, str]) -> None:
    """--twice posts one delivery two times: both are kept, one is new."""
    code, answers = call(serving, "trigger", "order_copies.complete", "--id", "twice1", "--twice")
    assert (code, [answer["status"] for answer in answers]) == (0, [200, 200])
    (event,) = events(serving, "--subject", "order_copies/twice1")
    assert (event["deliveries"], event["told_status"]) == (2, "completed")


def test_late_ones_are_superseded(serving: dict[str, str]) -> None:
    """--late comes behind what is known: kept, and marked superseded."""
    assert call(serving, "trigger", "order_copies.complete", "--id", "late1")[0] == 0
    assert call(serving, "trigger", "order_copies.start", "--id", "late1", "--late")[0] == 0
    (late,) = events(serving, "--subject", "order_copies/late1", "--topic", "order_copies.start")
    assert late["superseded"] is True


def test_a_bad_signature_is_expected_to_be_refused(serving: dict[str, str]) -> None:
    """--bad-signature is answered 401, which is what it is for: exit 0."""
    code, (answer,) = call(serving, "trigger", "order_copies.fail", "--bad-signature")
    assert (code, answer["status"]) == (0, 401)


def test_attributes_and_bodies_are_posted_as_given(serving: dict[str, str]) -> None:
    """--set reaches the body; --body posts bytes as they are, from a file or from stdin."""
    assert call(serving, "trigger", "order_copies.fail", "--id", "set1", "--set", 'metadata={"a": 1}')[0] == 0
    (event,) = events(serving, "--subject", "order_copies/set1")
    body = _invoke(serving, "events", event["id"], "--body", "--unmask", "--reason", "to post it again").stdout_bytes
    assert json.loads(body)["data"]["attributes"]["metadata"] == {"a": 1}
    assert call(serving, "trigger", "order_copies.fail", "--body", "-", input=body)[0] == 0
    (event,) = events(serving, "--subject", "order_copies/set1")
    assert event["deliveries"] == 2


def test_a_storm_is_counted(serving: dict[str, str]) -> None:
    """--storm N: N resources, a summary with statuses and times, and all of them kept."""
    before = len(events(serving, "--limit", "1000"))
    code, summary = call(serving, "trigger", "order_copies.start", "--storm", 60, "--connections", 6)
    assert (code, summary["statuses"], summary["deliveries"]) == (0, {"200": 60}, 60)
    assert summary["p50_ms"] <= summary["p99_ms"]
    assert len(events(serving, "--limit", "1000")) == before + 60


def test_a_server_that_is_not_there_is_no_answer(serving: dict[str, str]) -> None:
    """Where nobody listens there is no status: exit 1, and the reason."""
    code, (answer,) = call(serving, "trigger", "order_copies.fail", "--to", f"http://127.0.0.1:{free_port()}/x")
    assert (code, answer["status"]) == (1, None)
    assert "refused" in answer["error"].lower()


@pytest.mark.parametrize(
    "arguments",
    [
        ("order_copies.fail", "--to", "ftp://127.0.0.1/"),
        ("nonsense",),
        ("order_copies.fail", "--set", "novalue"),
        ("order_copies.fail", "--storm", "2", "--id", "x"),
    ],
)
def test_wrong_usage_posts_nothing(serving: dict[str, str], arguments: tuple[str, ...]) -> None:
    """Other schemes, no topics, contradictions: exit 2."""
    assert _invoke(serving, "trigger", *arguments).exit_code == 2


def test_serve_logs_lines_of_json_and_stops_when_told(tmp_path: Path) -> None:
    """Every line on stdout is one JSON object, gunicorn's too; SIGTERM ends it with 0."""
    bind = f"127.0.0.1:{free_port()}"
    settings = settings_of(f"sqlite:///{tmp_path}/copydesk.db") | {"COPYDESK_WEB_WORKERS": "1"}
    running = subprocess.Popen(command("serve", "--bind", bind), env=environment(**settings), stdout=subprocess.PIPE)
    reader = threading.Thread(target=wait_for, args=(f"http://{bind}/healthz",))
    reader.start()
    reader.join()
    running.send_signal(signal.SIGTERM)
    told, _ = running.communicate(timeout=20)
    lines = [json.loads(line) for line in told.decode().splitlines()]
    assert running.returncode == 0
    assert any(line.get("logger") == "gunicorn.error" for line in lines)


def test_serve_refuses_wrong_settings_at_once(tmp_path: Path) -> None:
    """Without secrets it does not start: exit 3, one line for each mistake, no traceback."""
    began = time.monotonic()
    told = subprocess.run(
        command("serve"),
        cwd=tmp_path,
        env=environment(COPYDESK_MODE="test"),
        capture_output=True,
        text=True,
        check=False,
    )
    assert told.returncode == 3
    assert all(line.startswith("copydesk: COPYDESK_") for line in told.stderr.splitlines())
    assert time.monotonic() - began < 10


@pytest.mark.parametrize("kind", ["port", "socket", "file", "no directory"])
def test_serve_says_at_once_that_it_cannot_listen(tmp_path: Path, kind: str) -> None:
    """A port or path that cannot be had is one line and exit 3, without gunicorn's five tries."""
    with socket.socket(socket.AF_INET if kind == "port" else socket.AF_UNIX) as taken:
        bind = {"file": f"unix:{tmp_path}/file", "no directory": f"unix:{tmp_path}/no/web.sock"}.get(kind, "")
        (tmp_path / "file").touch()
        if not bind:
            taken.bind(("127.0.0.1", 0) if kind == "port" else f"{tmp_path}/web.sock")
            taken.listen()
            name = taken.getsockname()
            bind = f"127.0.0.1:{name[1]}" if kind == "port" else f"unix:{name}"
        settings = settings_of(f"sqlite:///{tmp_path}/copydesk.db") | {"COPYDESK_BIND": bind}
        told = subprocess.run(
            command("serve"), env=environment(**settings), capture_output=True, text=True, timeout=20, check=False
        )
    assert (told.returncode, told.stdout) == (3, "")
    assert told.stderr.startswith(f"copydesk: cannot listen at {bind} (")
    assert len(told.stderr.splitlines()) == 1


@pytest.mark.parametrize("bind", ["8080", "127.0.0.1:99999", "unix:"])
def test_serve_refuses_what_is_no_address(installation: str, bind: str) -> None:
    """What --bind says is checked like the setting: exit 2."""
    told = subprocess.run(
        command("serve", "--bind", bind), env=environment(**settings_of(installation)), capture_output=True, check=False
    )
    assert told.returncode == 2
    assert b"must be HOST:PORT" in told.stderr
