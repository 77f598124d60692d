"""copydesk audit verify, and prove, as an auditor calls them."""

from __future__ import annotations

import json
import shutil
from hashlib import file_digest
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from service.audit import sequencer
from service.audit.bundle import LEAVES, TABLES, DataFile, Epoch, Manifest
from service.cli import copydesk
from service.store import Store, open_store
from service.store.schema import deliveries, metadata, spell
from tests.audit import record
from tests.audit.record import BEGAN, KEY
from tests.audit.tampering import tampering
from tests.rows import rows


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record, and the heads that were published of it."""
    directory = tmp_path_factory.mktemp("record")
    store = open_store(f"sqlite:///{directory}/copydesk.db")
    record.build(store, directory / "heads")
    _bundle(store, directory / "bundle")
    store.checkpoint()
    store.close()
    return directory


@pytest.fixture
def place(built: Path, tmp_path: Path) -> Path:
    """A copy of it."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    return tmp_path


def audit(*args: object) -> Result:
    """Call `copydesk audit`."""
    return CliRunner().invoke(copydesk, ["audit", *map(str, args)])


def _bundle(store: Store, directory: Path, *, only: str | None = None) -> None:
    """Write a bundle as its description says: of everything, or of the entries about one subject."""
    directory.mkdir()
    files, tables = [], ("audit_entries",) if only else TABLES
    entries = sorted(rows(store, metadata.tables["audit_entries"]), key=lambda row: row["leaf_index"])
    (directory / LEAVES).write_bytes(b"".join(bytes(row["leaf_hash"]) for row in entries))
    for name in tables:
        found = [row for row in rows(store, metadata.tables[name]) if only is None or row["subject"] == only]
        with (directory / f"{name}.ndjson").open("w") as file:
            file.writelines(json.dumps(row, default=_spelled) + "\n" for row in found)
        files.append((f"{name}.ndjson", name, len(found)))
    (log,), keys = rows(store, metadata.tables["audit_logs"]), rows(store, metadata.tables["audit_keys"])
    told = [
        DataFile(name, table, count, _digest(directory / name))
        for name, table, count in [*files, (LEAVES, None, len(entries))]
    ]
    epochs = (Epoch(log["epoch"], log["origin"], log["size"]),)
    verifiers = tuple(key["verifier"] for key in keys)
    manifest = Manifest(spell(BEGAN), only or "", only is None, log["head"], verifiers, epochs, tuple(told))
    (directory / "manifest.json").write_text(manifest.spell())


def _digest(path: Path) -> str:
    with path.open("rb") as opened:
        return file_digest(opened, "sha256").hexdigest()


def _spelled(value: Any) -> str:
    return value.hex() if isinstance(value, bytes) else spell(value)


def test_an_untouched_copy_verifies_and_nothing_is_made_beside_it(place: Path) -> None:
    before = sorted(place.iterdir())
    done = audit("verify", place / "copydesk.db", "--key", KEY.verifier.text, "--checkpoints", place / "heads")
    assert (done.exit_code, done.stdout.strip().rpartition(": ")[2]) == (0, "holds"), done.output
    assert sorted(place.iterdir()) == before


def test_the_database_of_the_settings_is_verified_with_its_published_heads(
    place: Path, monkeypatch: pytest.MonkeyPatch, tmp_path_factory: pytest.TempPathFactory
) -> None:
    heads = tmp_path_factory.mktemp("elsewhere") / "heads"
    shutil.copy(place / "heads", heads)
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{place}/copydesk.db")
    monkeypatch.setenv("COPYDESK_CHECKPOINTS_FILE", str(heads))
    done = audit("verify", "--json")
    found = json.loads(done.stdout)
    assert (done.exit_code, found["result"], found["counts"]["heads from outside"]) == (0, "ok", 3), done.output
    assert "taken from what was verified" in found["notes"][0]


def test_a_violation_is_named_in_words(place: Path) -> None:
    store = open_store(f"sqlite:///{place}/copydesk.db")
    with tampering(store) as connection:
        connection.execute(sa.update(deliveries).where(deliveries.c.id == 3).values(topic="orders.cancel"))
    store.close()
    done = audit("verify", place / "copydesk.db", "--key", KEY.verifier.text)
    assert done.exit_code == 1
    expected = "V7: deliveries 3: topic is orders.cancel, and the trail tells order_copies.complete"
    assert done.stdout.splitlines()[0] == expected


def test_what_cannot_be_read_is_told_apart_from_what_was_changed(place: Path) -> None:
    (place / "text.db").write_text("no database at all, but text of some length, as files have it" * 99)
    for what in ("missing.db", "text.db", "heads"):
        done = audit("verify", place / what)
        assert (done.exit_code, done.stdout, len(done.stderr.splitlines())) == (2, "", 1), done.output
    (place / "bundle" / "manifest.json").write_text("{}")
    assert audit("verify", place / "bundle").exit_code == 2
    assert audit("verify", place / "copydesk.db", "--key", "nonsense").exit_code == 2


def test_a_log_without_a_key_is_no_whole_proof(tmp_path: Path) -> None:
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    record.let_in(store, BEGAN, ("order_copies.complete", record.copy("CopyOnee")))
    assert audit("verify", tmp_path / "copydesk.db").exit_code == 3
    sequencer.sequence(store, None, BEGAN)
    done = audit("verify", tmp_path / "copydesk.db")
    assert (done.exit_code, "no signed head" in done.stdout) == (3, True), done.output
    store.close()


def test_a_bundle_of_everything_verifies_and_a_changed_one_does_not(place: Path) -> None:
    done = audit("verify", place / "bundle", "--key", KEY.verifier.text, "--checkpoints", place / "heads")
    assert (done.exit_code, "holds" in done.stdout) == (0, True), done.output
    file = place / "bundle" / "states.ndjson"
    file.write_text(file.read_text().replace("completed", "failed"))
    done = audit("verify", place / "bundle")
    assert done.exit_code == 1
    for named in ("V1: states.ndjson: ", "V7: states order_copies/CopyGooood: "):
        assert named in done.stdout


def test_a_bundle_of_some_entries_proves_their_places(place: Path) -> None:
    store = open_store(f"sqlite:///{place}/copydesk.db")
    _bundle(store, place / "part", only="order_copies/CopyGooood")
    store.close()
    keys = ("--key", KEY.verifier.text, "--key", record.NEXT.verifier.text)
    done = audit("verify", place / "part", *keys)
    assert (done.exit_code, "not verified" in done.stdout) == (0, True), done.output
    leaves = bytearray((place / "part" / LEAVES).read_bytes())
    leaves[33] ^= 1
    (place / "part" / LEAVES).write_bytes(leaves)
    assert audit("verify", place / "part", *keys).exit_code == 1
    shutil.copy(place / "bundle" / LEAVES, place / "part" / LEAVES)
    file = place / "part" / "audit_entries.ndjson"
    file.write_text(file.read_text().replace("2026-03-02T09:00:0", "2026-03-02T09:00:1"))
    assert audit("verify", place / "part", *keys).exit_code == 1


def test_two_processes_find_what_one_finds(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.audit.verification.processes._SMALL", 0)
    assert audit("verify", place / "copydesk.db", "--key", KEY.verifier.text).exit_code == 0
    store = open_store(f"sqlite:///{place}/copydesk.db")
    with tampering(store) as connection:
        connection.execute(sa.update(deliveries).where(deliveries.c.id == 3).values(topic="orders.cancel"))
    store.close()
    assert "deliveries 3" in audit("verify", place / "copydesk.db").stdout


def test_a_proof_is_written_for_its_owner_alone(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{place}/copydesk.db")
    done = audit("prove", "order_copies/CopyGooood", "--output", place / "proof.json")
    assert (done.exit_code, (place / "proof.json").stat().st_mode & 0o777) == (0, 0o600), done.output
    assert json.loads((place / "proof.json").read_text())["format"] == "copydesk-proof/1"
    assert audit("prove", "order_copies/CopyGooood", "--output", place / "proof.json").exit_code == 3
    assert audit("prove", "order_copies/NobodyKnows").exit_code == 1
