"""Proofs about one subject, checked by the program that docs/audit.md prints and by nothing else of ours."""

from __future__ import annotations

import copy
import json
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from service.audit import evidence
from service.store import Store
from tests.audit import record
from tests.audit.record import BEGAN, FOREIGN, KEY, NEXT
from tests.docs.pages import ROOT, blocks

SUBJECT = "order_copies/CopyGooood"


@pytest.fixture
def program(tmp_path: Path) -> Path:
    """The program of the page, as a file."""
    (block,) = blocks(ROOT / "docs" / "audit.md", "python")
    assert len(block.text.splitlines()) <= 60
    file = tmp_path / "check_proof.py"
    file.write_text(block.text)
    return file


@pytest.fixture
def proof(store: Store, tmp_path: Path) -> dict[str, Any]:
    """A proof about a copy in a record with everything, on each database."""
    record.build(store, tmp_path / "heads")
    with store.read() as connection:
        return evidence.prove(connection, [SUBJECT], BEGAN)


def checked(program: Path, proof: Any, key: str) -> subprocess.CompletedProcess[str]:
    """Run the program as its reader would."""
    file = program.with_name("proof.json")
    file.write_text(json.dumps(proof))
    return subprocess.run(
        [sys.executable, "-I", program, file, key], capture_output=True, text=True, check=False, timeout=30
    )


def test_a_proof_is_accepted_and_shows_nobody_else(proof: dict[str, Any], program: Path) -> None:
    done = checked(program, proof, NEXT.verifier.text)
    entries = proof["epochs"][0]["entries"]
    assert (done.returncode, done.stdout) == (0, f"{len(entries)} entries are in the log, as they are told\n"), done
    assert {json.loads(e["leaf"])["action"] for e in entries} >= {"received", "redelivered", "state.changed"}
    assert {e["opened"]["subject"] for e in entries} == {SUBJECT}
    assert "Erasable" not in json.dumps(proof)


def _entry(proof: Any) -> Any:
    return proof["epochs"][0]["entries"][2]


def _sign_by_another(proof: Any) -> None:
    head = record.heads_in(proof["epochs"][0]["checkpoint"])[0].head
    proof["epochs"][0]["checkpoint"] = f"{head.text}\n{FOREIGN.line(head.text)}"


CHANGES: dict[str, Callable[[Any], Any]] = {
    "detail": lambda p: _entry(p)["opened"].update(detail="{}"),
    "subject": lambda p: _entry(p)["opened"].update(subject="order_copies/Another001"),
    "actor": lambda p: _entry(p)["opened"].update(actor="operator john"),
    "salt": lambda p: _entry(p)["opened"].update(salt="00" * 32),
    "leaf": lambda p: _entry(p).update(leaf=_entry(p)["leaf"].replace("2026", "2025")),
    "index": lambda p: _entry(p).update(index=_entry(p)["index"] + 1),
    "index beyond": lambda p: _entry(p).update(index=10_000),
    "proof": lambda p: _entry(p)["proof"].reverse(),
    "proof too long": lambda p: _entry(p)["proof"].append("00" * 32),
    "proof too short": lambda p: _entry(p)["proof"].pop(),
    "size": lambda p: p["epochs"][0].update(
        checkpoint=p["epochs"][0]["checkpoint"].replace("\n", "\n1", 1)
    ),
    "signed by another": _sign_by_another,
}  # fmt: skip


@pytest.mark.parametrize("change", CHANGES)
def test_a_changed_proof_is_refused(sqlite_proof: dict[str, Any], program: Path, change: str) -> None:
    changed = copy.deepcopy(sqlite_proof)
    CHANGES[change](changed)
    done = checked(program, changed, NEXT.verifier.text)
    assert (done.returncode, done.stderr.startswith("not proved: ")) == (1, True), done


@pytest.fixture(scope="module")
def sqlite_proof(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """One proof for all that is done to it."""
    from service.store import open_store  # noqa: PLC0415 - beside its only use

    directory = tmp_path_factory.mktemp("proof")
    store = open_store(f"sqlite:///{directory}/copydesk.db")
    record.build(store, directory / "heads")
    with store.read() as connection:
        found = evidence.prove(connection, [SUBJECT], BEGAN)
    store.close()
    return found


def test_a_key_that_is_not_the_logs_proves_nothing(sqlite_proof: dict[str, Any], program: Path) -> None:
    for key in (FOREIGN, KEY):
        assert checked(program, sqlite_proof, key.verifier.text).returncode == 1


def test_erased_entries_are_proved_without_what_they_said(store: Store, program: Path, tmp_path: Path) -> None:
    record.build(store, tmp_path / "heads")
    with store.read() as connection:
        proof = evidence.prove(connection, ["erased/1"], BEGAN)
    assert {e["opened"] is None for e in proof["epochs"][0]["entries"]} == {True, False}
    assert checked(program, proof, NEXT.verifier.text).returncode == 0
