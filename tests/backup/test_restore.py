"""A backup is restored whole into either kind of database, and nothing that has rows is lost for it."""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.backup.making import make
from service.backup.restoring import check, check_target, restore
from service.errors import FileUnusable
from service.store import Store, open_store
from service.store.connections import sqlite3
from service.store.schema import audit_entries, metadata
from tests.backup.conftest import Run
from tests.backup.test_backup import WHO, fill, told
from tests.rows import actions, rows


@pytest.fixture(params=["sqlite", "postgresql"])
def elsewhere(request: pytest.FixtureRequest, tmp_path: Path) -> Any:
    """The URL of an empty database, of each kind in turn."""
    if request.param == "sqlite":
        directory = tmp_path / "elsewhere"
        directory.mkdir()
        yield f"sqlite:///{directory}/copydesk.db"
        return
    with request.getfixturevalue("new_blank_postgres")() as url:
        yield url


def contents(store: Store) -> dict[str, list[dict[str, Any]]]:
    """Every row of every table, but the trail's last line, which is about the backup itself."""
    found = {name: rows(store, table) for name, table in metadata.tables.items()}
    while found["audit_entries"] and found["audit_entries"][-1]["action"].startswith("backup."):
        found["audit_entries"].pop()
    return found


def test_every_row_of_every_table_comes_back_whatever_the_databases(
    store: Store, elsewhere: str, tmp_path: Path
) -> None:
    fill(store)
    place = tmp_path / "kept.db"
    make(store, place, WHO, told)
    check_target(elsewhere, move_aside=False)
    restore(place, check(place, told), elsewhere, WHO, told)
    restored = open_store(elsewhere)
    try:
        assert contents(restored) == contents(store)
        action, detail = actions(restored)[-1]
        assert (action, detail["reason"], detail["source"]) == ("backup.restored", "because", store.dialect)
    finally:
        restored.close()


def test_what_comes_after_a_restore_gets_new_numbers(store: Store, elsewhere: str, tmp_path: Path) -> None:
    fill(store, 5)
    make(store, tmp_path / "kept.db", WHO, told)
    restore(tmp_path / "kept.db", check(tmp_path / "kept.db", told), elsewhere, WHO, told)
    restored = open_store(elsewhere)
    try:
        fill(restored, 5, 100)
        assert [row["id"] for row in rows(restored, metadata.tables["events"])] == list(range(1, 11))
    finally:
        restored.close()


def test_the_trail_of_a_restored_database_is_guarded_again(store: Store, elsewhere: str, tmp_path: Path) -> None:
    fill(store, 1)
    make(store, tmp_path / "kept.db", WHO, told)
    restore(tmp_path / "kept.db", check(tmp_path / "kept.db", told), elsewhere, WHO, told)
    restored = open_store(elsewhere)
    try:
        with pytest.raises(sa.exc.DatabaseError, match="written once"), restored.write() as connection:
            connection.execute(sa.delete(audit_entries))
    finally:
        restored.close()


def test_a_server_that_has_rows_is_refused_and_keeps_them(
    new_postgres: Callable[[], AbstractContextManager[str]], tmp_path: Path
) -> None:
    with new_postgres() as url:
        store = open_store(url)
        fill(store, 2)
        make(store, tmp_path / "kept.db", WHO, told)
        found, before = check(tmp_path / "kept.db", told), contents(store)
        for move_aside, said in ((False, "has rows already"), (True, "not moved aside")):
            with pytest.raises(FileUnusable, match=said):
                check_target(url, move_aside=move_aside)
        with pytest.raises(FileUnusable, match="has rows already"):
            restore(tmp_path / "kept.db", found, url, WHO, told)
        assert contents(store) == before
        store.close()


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A SQLite installation with rows, closed, and a backup of it; the file."""
    file = tmp_path / "copydesk.db"
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{file}")
    store = open_store(f"sqlite:///{file}")
    fill(store, 2)
    make(store, tmp_path / "kept.db", WHO, told)
    fill(store, 2, 50)
    store.close()
    return file


def events_in(file: Path) -> int:
    with closing(sqlite3.connect(file)) as connection:
        return int(connection.execute("SELECT count(*) FROM events").fetchone()[0])


def test_a_file_that_has_rows_is_refused_unless_it_is_moved_aside(installation: Path, run: Run) -> None:
    refused = run("restore", installation.with_name("kept.db"), "--yes")
    assert (refused.exit_code, events_in(installation)) == (1, 4)
    assert "--move-aside" in refused.stderr
    done = run("restore", installation.with_name("kept.db"), "--yes", "--move-aside", "--reason", "drill", "--json")
    assert done.exit_code == 0, done.output
    told_ = json.loads(done.stdout)
    assert events_in(installation) == 2
    assert events_in(Path(told_["moved_aside"])) == 4
    assert [
        path.name for path in installation.parent.iterdir() if path.name.endswith(("-wal", "-shm", ".partial"))
    ] == []


@pytest.mark.parametrize("busy", [False, True])
def test_a_file_that_somebody_has_open_is_not_moved(installation: Path, run: Run, busy: bool) -> None:
    other = open_store(f"sqlite:///{installation}")
    with other.read() as connection:
        if busy:
            connection.execute(sa.select(audit_entries.c.id)).first()
    done = run("restore", installation.with_name("kept.db"), "--yes", "--move-aside")
    assert done.exit_code == 1
    assert "has" in done.stderr
    assert "open: stop" in done.stderr
    assert len(rows(other, metadata.tables["events"])) == 4
    other.close()
    assert sorted(path.name for path in installation.parent.iterdir()) == [
        "copydesk.db",
        "kept.db",
        "kept.db.manifest.json",
    ]


def test_a_damaged_file_is_moved_aside_as_it_is(installation: Path, run: Run) -> None:
    installation.write_bytes(b"damaged" * 1000)
    done = run("restore", installation.with_name("kept.db"), "--yes", "--move-aside", "--json")
    assert done.exit_code == 0, done.output
    aside = Path(json.loads(done.stdout)["moved_aside"])
    assert aside.read_bytes() == b"damaged" * 1000
    assert events_in(installation) == 2


def test_nothing_is_restored_that_nobody_confirmed(installation: Path, run: Run) -> None:
    done = run("restore", installation.with_name("kept.db"), "--move-aside")
    assert (done.exit_code, events_in(installation)) == (2, 4)
    assert "--yes" in done.stderr


def test_the_commands_say_what_they_did_and_what_is_next(installation: Path, run: Run, monkeypatch: Any) -> None:
    made = run("backup", installation.parent, "--reason", "nightly", "--json")
    assert made.exit_code == 0, made.output
    told_ = json.loads(made.stdout)
    assert told_["rows"]["events"] == 4
    assert (installation.parent / told_["file"]).exists()
    (installation.parent / "new").mkdir()
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{installation.parent}/new/copydesk.db")
    done = run("restore", installation.parent / told_["file"], "--yes")
    assert done.exit_code == 0, done.output
    assert "copydesk recover" in done.stdout
