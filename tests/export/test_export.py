"""An export holds what was asked for, says what it holds, and is there whole or not at all; from both databases."""

from __future__ import annotations

import csv
import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from cryptography.fernet import Fernet
from pydantic import SecretStr

from service.audit.bundle import LEAVES, MANIFEST, TABLES, read_manifest
from service.backup import making as backups
from service.backup.restoring import check, restore
from service.errors import BadFilter, FileUnusable
from service.export import contents, words
from service.export.contents import LISTED, Wish
from service.export.making import make
from service.export.questions import EXPORTED
from service.files import digest_of
from service.payloads import kept
from service.store import Store, open_store
from service.store.keep import keep
from service.store.schema import audit_entries, deliveries, metadata, spell
from service.vault import Vault
from tests import bodies
from tests.backup.conftest import Run, run  # noqa: F401 - a fixture
from tests.backup.test_backup import fill as lives
from tests.bodies import NOW, ROOT, arrival
from tests.export.conftest import CANARY, WHO, Export, fill, ndjson, place_entries, told
from tests.rows import actions, rows


def test_every_table_is_exported_or_withheld_for_a_reason() -> None:
    exported = {table.name for table in (*contents.LISTED, *contents.OF_THE_LOG)}
    assert set(metadata.tables) - exported - set(contents.WITHHELD) == set()
    assert exported & set(contents.WITHHELD) == set()
    assert set(TABLES) <= exported


def test_the_words_are_those_of_the_page() -> None:
    """Where this fails: python -m service.export.words."""
    assert words.words() == words.read_page((ROOT / "docs/schema.md").read_text("utf-8"))


def plain(value: Any) -> Any:
    if isinstance(value, bytes):
        return value.hex()
    return int(value) if isinstance(value, bool) else spell(value) if hasattr(value, "tzinfo") else value


def test_ndjson_holds_every_row_of_every_table_and_its_manifest_says_so(store: Store, export: Export) -> None:
    fill(store)
    place_entries(store)
    there = {table: rows(store, table) for table in (*contents.LISTED, *contents.OF_THE_LOG)}
    directory = export("ndjson")
    manifest = read_manifest((directory / MANIFEST).read_text())
    assert (manifest.complete, manifest.query, manifest.checkpoint) == (True, "", "a head")
    files = {file.table: file for file in manifest.files if file.table}
    for table, kept_rows in there.items():
        names = [column.name for column in contents.columns(table, Wish("ndjson"))]
        wanted = [{name: plain(row[name]) for name in names} for row in kept_rows]
        assert ndjson(directory / f"{table.name}.ndjson") == wanted, table.name
        assert files[table.name].rows == len(wanted)
    for file in manifest.files:
        assert file.sha256 == digest_of(directory / file.name)
    assert {path.name for path in directory.iterdir()} == {MANIFEST, *(file.name for file in manifest.files)}


def test_the_leaves_stand_in_the_order_of_the_log(store: Store, export: Export) -> None:
    fill(store, 2)
    place_entries(store)
    there = sorted(rows(store, audit_entries), key=lambda row: row["leaf_index"])
    directory = export("csv", "events")
    assert (directory / LEAVES).read_bytes() == b"".join(row["leaf_hash"] for row in there)
    epoch = read_manifest((directory / MANIFEST).read_text()).epochs[0]
    assert (epoch.epoch, epoch.size, epoch.origin) == (1, len(there), "test.invalid/log")


_EMPTY = ("audit_logs", "checkpoints", "audit_keys", "attempts", "incidents", "incident_subjects", "follow_ups")


def test_both_databases_give_the_same_files(
    sqlite_url: str, new_postgres: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    store = open_store(sqlite_url)
    lives(store, 10)
    backups.make(store, tmp_path / "kept.db", WHO, told)
    with new_postgres() as url:
        restore(tmp_path / "kept.db", check(tmp_path / "kept.db", told), url, WHO, told)
        other = open_store(url)
        for format_ in ("csv", "ndjson"):
            for name, one in (("a", store), ("b", other)):
                make(one, tmp_path / f"{format_}-{name}", Wish(format_, bodies=True), WHO, Vault(()), told)
            for path in (tmp_path / f"{format_}-a").glob(f"*.{format_}"):
                texts = [(tmp_path / f"{format_}-{name}" / path.name).read_bytes() for name in "ab"]
                # What each of them did with the backup, and with the exports before this one, is its own.
                own = (b"backup.", b"exported")
                lines = [[line for line in t.splitlines() if not any(word in line for word in own)] for t in texts]
                assert lines[0] == lines[1], path.name
                assert len(lines[0]) > (format_ == "csv") or path.stem in _EMPTY
        other.close()
    store.close()


def test_filters_are_those_of_the_query_layer(store: Store, export: Export) -> None:
    fill(store)
    directory = export("ndjson", filters={"subject": "orders/Source2"})
    assert {row["subject"] for row in ndjson(directory / "states.ndjson")} == {"order_copies/Copy2"}
    assert {row["subject"] for row in ndjson(directory / "audit_entries.ndjson")} == {"order_copies/Copy2"}
    manifest = read_manifest((directory / MANIFEST).read_text())
    assert (manifest.complete, manifest.query) == (False, "subject=orders/Source2")
    failed = export("ndjson", "states", filters={"status": "failed"})
    assert len(ndjson(failed / "states.ndjson")) == 2
    assert not (failed / "events.ndjson").exists()


@pytest.mark.parametrize(
    ("of", "filters"),
    [
        ((), {"nonsense": "1"}),
        (("states",), {"verdict": "event"}),
        ((), {"since": "not a time"}),
        (("tombstone_keys",), {}),
        (("webhook_secrets",), {}),
    ],
)
def test_a_wrong_question_leaves_nothing(store: Store, tmp_path: Path, of: Any, filters: Any) -> None:
    before = sorted(tmp_path.iterdir())
    with pytest.raises(BadFilter):
        make(store, tmp_path / "out", Wish("csv", of, filters), WHO, Vault(()), told)
    assert [path for path in sorted(tmp_path.iterdir()) if "copydesk.db" not in path.name] == [
        path for path in before if "copydesk.db" not in path.name
    ]
    assert "exported" not in [action for action, _ in actions(store)]


def test_the_trail_says_who_exported_what(store: Store, export: Export) -> None:
    fill(store, 2)
    directory = export("csv", "events", filters={"topic": "order_copies.fail"})
    action, detail = actions(store)[-1]
    assert action == "exported"
    assert (detail["reason"], detail["query"], detail["rows"]) == ("because", "of events; topic=order_copies.fail", 1)
    assert detail["events.csv"] == digest_of(directory / "events.csv")


def test_nothing_is_overwritten(store: Store, tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    with pytest.raises(FileUnusable, match="nothing is overwritten"):
        make(store, tmp_path / "mine", Wish("csv"), WHO, Vault(()), told)
    assert list((tmp_path / "mine").iterdir()) == []


def everything(directory: Path) -> bytes:
    return b"".join(path.read_bytes() for path in sorted(directory.iterdir()))


@pytest.mark.parametrize("format_", contents.FORMATS)
def test_bodies_are_left_out_then_masked_then_as_they_came(store: Store, export: Export, format_: str) -> None:
    fill(store, 3)
    without, masked, whole = export(format_), export(format_, bodies=True), export(format_, bodies=True, unmask=True)
    assert CANARY.encode() not in everything(without) + everything(masked)
    assert b"masked@example.com" in everything(masked)
    assert b"errors_count" in everything(masked)
    assert CANARY.encode() in everything(whole) or CANARY.encode().hex().encode() in everything(whole)
    assert [detail["bodies"] for action, detail in actions(store) if action == "exported"] == [
        "left out",
        "masked",
        "as they came",
    ]


def test_sealed_bodies_are_opened_and_their_keys_stay_here(store: Store, export: Export) -> None:
    vault = Vault((SecretStr(Fernet.generate_key().decode()),))
    fill(store, 1)
    body = json.dumps({"data": {"id": "a", "type": "orders", "attributes": {"customer_email": CANARY}}}).encode()
    sealed = kept(vault, body, '{"X-Signature": "s"}')
    columns = {name: getattr(sealed, name) for name in ("body", "headers", "salt", "data_key", "commitment")}
    with store.write() as connection:
        connection.execute(sa.update(deliveries).where(deliveries.c.id == 1).values(**columns, size=len(body)))
    masked, whole = (export("ndjson", bodies=True, unmask=unmask, vault=vault) for unmask in (False, True))
    assert json.loads(ndjson(masked / "bodies.ndjson")[0]["body"])["data"]["id"] == "a"
    (row, *_) = ndjson(whole / "deliveries.ndjson")
    assert bytes.fromhex(row["body"]) == body
    assert row["headers"] == '{"X-Signature": "s"}'
    assert len(bytes.fromhex(row["salt"])) == 32
    assert sealed.data_key is not None
    assert sealed.data_key.hex().encode() not in everything(masked) + everything(whole)
    assert "data_key" not in row


_KILLED = """
import os, signal, sys
from pathlib import Path
from service.export.contents import LISTED, Wish
from service.export.making import make
from service.export.questions import EXPORTED
from service.intake.replay import Operator
from service.store import open_store
from service.vault import Vault
def told(name, *_):
    if name == sys.argv[4]:
        os.kill(os.getpid(), signal.SIGKILL)
make(open_store(sys.argv[1]), Path(sys.argv[2]), Wish(sys.argv[3]), Operator("tester"), Vault(()), told)
"""


@pytest.mark.parametrize(("format_", "at"), [("csv", "deliveries"), ("sqlite", "indexes and search")])
def test_a_killed_export_leaves_nothing_that_looks_whole(store: Store, tmp_path: Path, format_: str, at: str) -> None:
    fill(store, 2)
    url = store.engine.url.render_as_string(hide_password=False)
    directory = tmp_path / "exports"
    directory.mkdir()
    line = [sys.executable, "-c", _KILLED, url, str(directory / "out"), format_, at]
    done = subprocess.run(line, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, timeout=60)
    assert done.returncode == -signal.SIGKILL
    (left,) = directory.iterdir()
    assert left.name.startswith(".")
    assert left.name.endswith(".partial")
    assert not (left / MANIFEST).exists()
    make(store, directory / "out", Wish(format_), WHO, Vault(()), told)
    assert [path.name for path in directory.iterdir()] == ["out"]


def test_the_command_exports_and_says_what_there_is(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,  # noqa: F811 - the fixture
) -> None:
    monkeypatch.setenv("COPYDESK_DATABASE_URL", sqlite_url)
    store = open_store(sqlite_url)
    fill(store, 2)
    store.close()
    done = run("export", tmp_path / "out", "--format", "csv", "--of", "events", "--since", "2026-01-01", "--json")
    assert done.exit_code == 0, done.output
    assert {file["name"] for file in json.loads(done.stdout)["files"]} == {"events.csv", LEAVES}
    with (tmp_path / "out" / "events.csv").open(newline="") as opened:
        assert [row["subject"] for row in csv.DictReader(opened)] == ["order_copies/Copy0", "order_copies/Copy1"]
    for wrong in (
        ["--unmask"],
        ["--bodies", "--unmask"],
        ["--since", "yesterday"],
        ["--of", "factories"],
        ["--of", "events", "--text", "no such word here"],
    ):
        assert run("export", tmp_path / "other", *wrong).exit_code == 2
    assert not (tmp_path / "other").exists()


def test_a_word_is_asked_of_the_lists_that_are_exported(store: Store, export: Export) -> None:
    """Not of the factories, which are made from events: their kinds are others."""
    fill(store)
    directory = export("ndjson", filters={"kind": "alert"})
    assert {row["kind"] for row in ndjson(directory / "follow_ups.ndjson")} == {"alert"}
    assert "factories" not in EXPORTED
    assert set(EXPORTED) | {"incident_subjects"} == {table.name for table in LISTED}


def test_metadata_that_may_be_shown_is(
    sqlite_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    run: Run,  # noqa: F811 - the fixture
) -> None:
    """By the setting, as in every face."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", sqlite_url)
    monkeypatch.setenv("COPYDESK_SHOWN_METADATA", "region")
    store = open_store(sqlite_url)
    with store.write() as connection:
        body = bodies.copy("Copy1", "completed", metadata={"region": "north", "who": "Somebody"})
        keep(connection, [arrival("order_copies.complete", body, NOW)])
    store.close()
    assert run("export", tmp_path / "out", "--format", "ndjson", "--bodies").exit_code == 0
    told = (tmp_path / "out" / "bodies.ndjson").read_text()
    assert ("north" in told, "Somebody" in told) == (True, False)
