"""A backup is whole and consistent while others write, is checked, and overwrites nothing; on both databases."""

from __future__ import annotations

import json
import os
import random
import signal
import stat
import subprocess
import sys
import threading
import time
from contextlib import closing
from dataclasses import asdict
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from service.backup import manifest
from service.backup.making import make
from service.backup.restoring import check
from service.errors import FileUnusable
from service.files import digest_of
from service.intake.replay import Operator
from service.store import Store, connections, migrate, open_store
from service.store.connections import sqlite3
from service.store.keep import keep
from service.store.schema import APPLICATION_ID, audit_entries, events, metadata
from tests import bodies
from tests.bodies import NOW, ROOT, arrival
from tests.rows import actions, counts, rows

UNGUARDED = "DROP TRIGGER audit_entries_unchanged"
WHO = Operator("tester", "because")


def told(*_: object) -> None:
    """Nobody looks."""


def fill(store: Store, number: int = 20, first: int = 0) -> None:
    """Keep the whole life of some copies."""
    for one in range(first, first + number):
        at = NOW + timedelta(minutes=one)
        body = bodies.copy(f"Copy{one}", source_order=f"Source{one}", target_order=f"Target{one}")
        with store.write() as connection:
            keep(connection, [arrival("order_copies.complete", body, at), arrival("orders.place", b"{", at)])


def read(file: Path, query: str) -> list[tuple[Any, ...]]:
    with closing(sqlite3.connect(file)) as connection:
        return list(connection.execute(query))


def partials(directory: Path) -> list[str]:
    return [path.name for path in directory.iterdir() if "partial" in path.name]


def test_a_backup_holds_every_row_and_its_manifest_says_so(store: Store, tmp_path: Path) -> None:
    fill(store)
    place = tmp_path / "kept.db"
    before = counts(store)
    made = make(store, place, WHO, told)
    assert {name: made.rows[name] for name in before} == before
    assert (made.sha256, made.size, made.revision) == (digest_of(place), place.stat().st_size, migrate.head())
    assert (made.source, made.file, made.log.waiting) == (store.dialect, "kept.db", before["audit_entries"])
    assert manifest.read(place) == made
    assert read(place, "PRAGMA application_id") == [(APPLICATION_ID,)]
    assert read(place, "PRAGMA journal_mode") == [("delete",)]
    assert partials(tmp_path) == []


def test_every_value_is_the_one_of_the_database(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    make(store, tmp_path / "kept.db", WHO, told)
    copy = Store(connections.connect(f"sqlite:///{tmp_path}/kept.db"))
    for table in metadata.tables.values():
        if table is not audit_entries:
            assert rows(copy, table) == rows(store, table), table.name
    # The backup's own line came after the copy.
    assert rows(copy, audit_entries) == rows(store, audit_entries)[:-1]
    copy.close()


def test_only_its_owner_may_read_it(store: Store, tmp_path: Path) -> None:
    make(store, tmp_path / "kept.db", WHO, told)
    for path in (tmp_path / "kept.db", tmp_path / "kept.db.manifest.json"):
        assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_the_trail_says_who_made_it_and_what_it_is(store: Store, tmp_path: Path) -> None:
    made = make(store, tmp_path / "kept.db", WHO, told)
    action, detail = actions(store)[-1]
    assert action == "backup.made"
    assert (detail["sha256"], detail["file"], detail["reason"]) == (made.sha256, "kept.db", "because")


@pytest.mark.parametrize("there", ["file", "directory", "dangling link"])
def test_nothing_is_overwritten(sqlite_kept: Store, tmp_path: Path, there: str) -> None:
    place = tmp_path / "kept"
    if there == "file":
        place.write_text("mine")
    elif there == "directory":
        place.mkdir()
    else:
        place.symlink_to(tmp_path / "nowhere")
    with pytest.raises(FileUnusable, match="nothing is overwritten"):
        make(sqlite_kept, place, WHO, told)
    assert there != "file" or place.read_text() == "mine"
    assert not manifest.place_of(place).exists()


def test_what_comes_to_be_at_the_place_meanwhile_is_not_overwritten_either(sqlite_kept: Store, tmp_path: Path) -> None:
    place = tmp_path / "kept.db"
    with pytest.raises(FileUnusable, match="came to be"):
        make(sqlite_kept, place, WHO, lambda what, *_: what == "writing" and place.write_text("mine"))
    assert place.read_text() == "mine"
    assert partials(tmp_path) == []


def test_it_is_one_moment_while_others_write(store: Store, tmp_path: Path) -> None:
    """Each transaction of the writer adds one event, one delivery and its entries: all of them or none are there."""
    fill(store, 300)
    stop, kept = threading.Event(), 0

    def write() -> None:
        nonlocal kept
        while not stop.is_set():
            fill(store, 1, 1000 + kept)
            kept += 1
            time.sleep(0.005)

    writer = threading.Thread(target=write)
    writer.start()
    try:
        while kept < 3:
            time.sleep(0.01)
        # Slow, so that the writer commits between any two steps.
        made = make(store, tmp_path / "kept.db", WHO, lambda *_: time.sleep(0.002))
    finally:
        stop.set()
        writer.join()
    told_events = made.rows["events"]
    assert 303 <= told_events < rows(store, events)[-1]["id"]
    assert made.rows["deliveries"] == 2 * told_events
    assert made.rows["audit_entries"] == read(tmp_path / "kept.db", "SELECT count(*) FROM audit_entries")[0][0]
    assert check(tmp_path / "kept.db", told) == made


@pytest.fixture
def sqlite_kept(tmp_path: Path) -> Any:
    """A store with a few rows, on SQLite."""
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    fill(store, 5)
    yield store
    store.close()


def changed(file: Path, *statements: str) -> None:
    """Change a backup as somebody would who then writes a fitting manifest."""
    with closing(sqlite3.connect(file, isolation_level=None)) as connection:
        connection.execute("PRAGMA foreign_keys = OFF")
        for statement in statements:
            connection.execute(statement)
    told_ = asdict(manifest.read(file)) | {"sha256": digest_of(file), "size": file.stat().st_size}
    manifest.place_of(file).write_text(json.dumps(told_))


@pytest.mark.parametrize(
    ("statements", "said"),
    [
        (("PRAGMA application_id = 7",), "belongs to another program"),
        (("UPDATE alembic_version SET version_num = '9999'",), "made by a newer Copydesk"),
        (("DELETE FROM events WHERE id = 1",), "lacks its events"),
        (("DELETE FROM states",), "the trail tells of it, and the row is gone"),
        (
            (
                "DROP TRIGGER audit_entries_unchanged",
                "UPDATE audit_entries SET at = '2020-01-01T00:00:00.000000Z' WHERE id = 3",
            ),
            "audit trail",
        ),
        (
            ("DROP TRIGGER audit_entries_unchanged", "UPDATE audit_entries SET detail = '{}' WHERE id = 3"),
            "audit trail",
        ),
        (("DROP TABLE events",), "not a readable database|damaged"),
    ],
)
def test_a_changed_backup_is_refused(
    sqlite_kept: Store, tmp_path: Path, statements: tuple[str, ...], said: str
) -> None:
    place = tmp_path / "kept.db"
    make(sqlite_kept, place, WHO, told)
    changed(place, *statements)
    with pytest.raises(FileUnusable, match=said):
        check(place, told)


def test_one_flipped_byte_anywhere_is_found(sqlite_kept: Store, tmp_path: Path) -> None:
    place = tmp_path / "kept.db"
    make(sqlite_kept, place, WHO, told)
    whole = place.read_bytes()
    for at in random.Random(7).sample(range(len(whole)), 20):
        place.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(FileUnusable, match="not the file of its manifest"):
            check(place, told)


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "null", '{"format": "copydesk backup 2"}', '{"format": "copydesk backup 1"}', "[" * 100_000]
)
def test_a_file_without_a_manifest_is_no_backup(sqlite_kept: Store, tmp_path: Path, text: str) -> None:
    place = tmp_path / "kept.db"
    make(sqlite_kept, place, WHO, told)
    manifest.place_of(place).write_text(text)
    with pytest.raises(FileUnusable, match="no manifest of a backup"):
        check(place, told)
    manifest.place_of(place).unlink()
    with pytest.raises(FileUnusable, match="cannot be read"):
        check(place, told)


_KILLED = """
import os, signal, sys
from pathlib import Path
from service.backup.making import make
from service.intake.replay import Operator
from service.store import open_store
steps = 0
def told(*_):
    global steps
    steps += 1
    if steps == int(sys.argv[3]):
        os.kill(os.getpid(), signal.SIGKILL)
make(open_store(sys.argv[1]), Path(sys.argv[2]), Operator("tester"), told)
"""


def test_a_killed_backup_leaves_nothing_that_looks_like_one(store: Store, tmp_path: Path) -> None:
    fill(store, 5)
    url = store.engine.url.render_as_string(hide_password=False)
    directory = tmp_path / "backups"
    directory.mkdir()
    place = directory / "kept.db"
    for step in range(1, 4):
        line = [sys.executable, "-c", _KILLED, url, str(place), str(step)]
        done = subprocess.run(line, cwd=ROOT, env=os.environ | {"PYTHONPATH": str(ROOT)}, check=False, timeout=60)
        assert done.returncode == -signal.SIGKILL
        assert [path.name for path in directory.iterdir() if not path.name.startswith(".")] == []
    assert partials(directory)
    make(store, place, WHO, told)
    assert partials(directory) == []
    assert check(place, told)


def test_of_two_backups_to_one_name_the_first_keeps_its_manifest(store: Store, tmp_path: Path) -> None:
    """The second finds the name taken at its end, and leaves the manifest too."""
    fill(store, 2)
    place = tmp_path / "kept.db"

    def meanwhile(what: str, *_: object) -> None:
        if what == "looking for damage":
            manifest.place_of(place).write_text("of the other")
            place.write_bytes(b"the other")

    with pytest.raises(FileUnusable, match="left alone"):
        make(store, place, WHO, meanwhile)
    assert (place.read_bytes(), manifest.place_of(place).read_text()) == (b"the other", "of the other")
    assert partials(tmp_path) == []
