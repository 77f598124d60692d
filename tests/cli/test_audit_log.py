"""copydesk audit keygen, log, publish and new-epoch, and what the doctor says of the log."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import structlog

from service.audit.sequencer import sequence
from service.cli import output
from service.merkle.notes import Signer, Verifier, open_head
from service.sandbox import Sandbox
from service.store import Store
from service.store.schema import audit_entries
from tests.audit.book import KEY, NAME, NEXT, NOW, check, current, write
from tests.cli.conftest import Run, command, environment
from tests.cli.test_doctor import examine, worst
from tests.rows import rows


@pytest.fixture
def elsewhere(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch, sqlite_store: Store
) -> Iterator[Path]:
    """The file of the installation's settings to which heads are published; its key is set too."""
    file = tmp_path_factory.mktemp("elsewhere") / "heads"
    monkeypatch.setenv("COPYDESK_CHECKPOINTS_FILE", str(file))
    monkeypatch.setenv("COPYDESK_AUDIT_KEY", KEY.secret)
    yield file
    # The commands send what is logged to stderr; other tests have it where they look for it.
    structlog.reset_defaults()


def told(run: Run, *arguments: object) -> Any:
    """What a command says with --json."""
    result = run(*arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def test_a_key_is_in_a_file_of_its_owner_and_printed_nowhere(run: Run, tmp_path: Path) -> None:
    """Printed is its public half, which belongs to it; --add puts a new key before the old one."""
    file = tmp_path / "key"
    first = run("audit", "keygen", NAME, file)
    signer = Signer.from_secret(file.read_text().strip())
    assert file.stat().st_mode & 0o777 == 0o600
    assert first.stdout == f"{signer.verifier.text}\n"
    assert signer.secret not in first.output
    assert run("audit", "keygen", NAME, file).exit_code == 2
    second = run("audit", "keygen", NAME, file, "--add")
    newest, old = file.read_text().strip().split(",")
    assert old == signer.secret
    assert Verifier.from_text(second.stdout.strip()) == Signer.from_secret(newest).verifier


@pytest.mark.parametrize("name", ["a b", "a+b", "a,b", ""])
def test_a_name_that_no_head_could_have_is_refused(run: Run, tmp_path: Path, name: str) -> None:
    assert run("audit", "keygen", name, tmp_path / "key").exit_code == 2
    assert not (tmp_path / "key").exists()


def test_publish_without_a_worker_does_it_itself(run: Run, elsewhere: Path, sqlite_store: Store) -> None:
    """It sequences what waits, and appends the head; the second time nothing is new."""
    write(sqlite_store, 4)
    assert told(run, "audit", "publish", "--by", "somebody") == {"size": 5, "published": {"file": "done"}}
    assert open_head(elsewhere.read_text(), [KEY.verifier]).size == 5
    (entry,) = (row for row in rows(sqlite_store, audit_entries) if row["action"] == "checkpoint.time")
    assert entry["actor"] == "operator somebody"
    assert told(run, "audit", "publish") == {"size": None, "published": {}}
    assert "nothing is new" in run("audit", "publish").stdout


def test_publish_tells_slack_too(
    run: Run, elsewhere: Path, sqlite_store: Store, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch
) -> None:
    sandbox.reset()
    monkeypatch.setenv("COPYDESK_API_URL", sandbox.url)
    monkeypatch.setenv("COPYDESK_SLACK_WEBHOOK_URL", f"{sandbox.url}/sandbox/slack")
    write(sqlite_store, 1)
    assert told(run, "audit", "publish")["published"] == {"file": "done", "slack": "done"}
    assert len(sandbox.slack) == 1


def test_publish_nowhere_is_a_mistake_in_the_settings(run: Run, sqlite_store: Store) -> None:
    result = run("audit", "publish")
    assert (result.exit_code, "COPYDESK_CHECKPOINTS_FILE" in result.stderr) == (3, True)


def test_log_tells_how_it_stands(run: Run, elsewhere: Path, sqlite_store: Store) -> None:
    """For programs everything; for people within 80 columns, but for the signed note as it is."""
    assert run("audit", "log").exit_code == 1
    write(sqlite_store, 4)
    run("audit", "publish")
    write(sqlite_store, 1)
    found = told(run, "audit", "log")
    head = check(sqlite_store, KEY)
    assert (found["origin"], found["size"], found["head"]) == (NAME, head.size, head.head)
    assert [one["size"] for one in found["published"]] == [5]
    assert found["published"][0]["note"] == elsewhere.read_text()
    assert [one["verifier"] for one in found["keys"]] == [KEY.verifier.text]
    assert found["waiting_since"]
    shown = run("audit", "log").stdout
    assert NAME in shown
    assert str(head.head) in shown


def test_a_key_is_in_one_piece_however_narrow_the_screen(
    run: Run, elsewhere: Path, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is copied from there; so each stands alone on a line, after where it began and ended."""
    monkeypatch.setattr(output, "_NO_SCREEN", 40)
    write(sqlite_store, 4)
    sequence(sqlite_store, KEY, NOW)
    sequence(sqlite_store, NEXT, NOW, [KEY])
    lines = run("audit", "log").stdout.splitlines()
    assert [one for one in lines if one.startswith(f"{NAME}+")] == [KEY.verifier.text, NEXT.verifier.text]
    place = lines.index(KEY.verifier.text)
    assert lines[place - 1] == "from 1:5 until 1:6"
    assert lines[place + 1] == "from 1:6"


def test_behind_what_was_published_a_worker_exits_with_3_and_new_epoch_goes_on(
    run: Run, elsewhere: Path, sqlite_store: Store
) -> None:
    """One line names the sizes and the command; the trail tells who opened the epoch, and why."""
    write(sqlite_store, 4)
    run("audit", "publish")
    elsewhere.write_text(KEY_AHEAD)
    done = subprocess.run(command("work"), env=environment(), timeout=60, check=False, capture_output=True)
    (line,) = done.stderr.decode().splitlines()
    assert done.returncode == 3
    size = current(sqlite_store).size
    assert f"{NAME} has {size} entries, and 900 were published in {elsewhere}" in line
    assert "copydesk audit new-epoch --reason TEXT" in line
    assert run("audit", "publish").exit_code == 3
    assert worst(examine(run)[1]["published heads"]) == "FAIL"

    assert run("audit", "new-epoch", "--yes").exit_code == 2
    assert run("audit", "new-epoch", "--reason", "restored").exit_code == 2
    opened = run("audit", "new-epoch", "--reason", "restored", "--by", "somebody", "--yes")
    assert opened.stdout == f"Epoch 2 is open: {NAME}/2. Start the workers.\n"
    (entry,) = (row for row in rows(sqlite_store, audit_entries) if row["action"] == "epoch.opened")
    assert (entry["actor"], entry["epoch"], entry["leaf_index"]) == ("operator somebody", 2, 0)
    assert told(run, "audit", "publish")["published"] == {"file": "done"}
    assert [one["origin"] for one in told(run, "audit", "log")["epochs"]] == [NAME, f"{NAME}/2"]
    assert "Epochs" in run("audit", "log").stdout
    assert worst(examine(run)[1]["published heads"]) == "ok"


KEY_AHEAD = f"{NAME}\n900\n{'A' * 43}=\n\n"
KEY_AHEAD += KEY.line(KEY_AHEAD[:-1])


def test_the_doctor_looks_at_the_log(run: Run, elsewhere: Path, sqlite_store: Store, tmp_path: Path) -> None:
    """Empty, waiting, signed, published, and its file gone."""
    found = examine(run)[1]
    assert found["audit log"][0]["found"] == "empty"
    with sqlite_store.write() as connection:
        from service.store.audit import entry, write_audit  # noqa: PLC0415 - an entry of long ago

        write_audit(connection, [entry(NOW.replace(year=2020), "orders/x", "intake", "note", {})])
    assert worst(examine(run)[1]["audit log"]) == "warn"
    assert worst(examine(run)[1]["published heads"]) == "ok"
    run("audit", "publish")
    found = examine(run)[1]
    assert worst(found["published heads"]) == "ok"
    elsewhere.unlink()
    assert "is gone" in examine(run)[1]["published heads"][0]["found"]


def test_the_doctor_misses_a_key_and_a_place(run: Run, sqlite_store: Store) -> None:
    write(sqlite_store, 1)
    sequence(sqlite_store, None, NOW)
    found = examine(run)[1]
    assert "not signed" in found["audit log"][0]["found"]
    assert "published nowhere" in found["published heads"][0]["found"]


def test_the_web_process_does_not_take_the_key(monkeypatch: pytest.MonkeyPatch, installation: str) -> None:
    """Whoever breaks into it could sign otherwise; a key that is none does not stop it."""
    from service.settings import load  # noqa: PLC0415 - beside its only use

    for key in (KEY.secret, "nonsense"):
        monkeypatch.setenv("COPYDESK_AUDIT_KEY", key)
        assert load("web").audit_key == ()
    monkeypatch.setenv("COPYDESK_AUDIT_KEY", KEY.secret)
    assert [one.get_secret_value() for one in load("worker").audit_key] == [KEY.secret]
