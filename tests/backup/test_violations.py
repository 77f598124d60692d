"""A record that does not verify is backed up and restored only where somebody answers for it, and never silently."""

from __future__ import annotations

import json
from contextlib import closing
from dataclasses import asdict
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.backup import manifest
from service.backup.making import make
from service.backup.restoring import check, restore
from service.errors import FileUnusable
from service.files import digest_of
from service.store import Store, open_store
from service.store.connections import sqlite3
from service.store.schema import states
from tests.backup.conftest import Run
from tests.backup.test_backup import WHO, fill, partials, told
from tests.backup.test_restore import elsewhere  # noqa: F401 - a fixture
from tests.rows import actions, rows

GONE = "V7: states order_copies/Copy1: the trail tells of it, and the row is gone"


@pytest.fixture
def violated(store: Store) -> Store:
    """A record out of which somebody took two rows behind the log."""
    fill(store, 3)
    with store.write() as connection:
        connection.execute(sa.delete(states).where(states.c.subject.in_(("order_copies/Copy1", "order_copies/Copy2"))))
    return store


def test_without_a_word_there_is_no_backup_of_it_and_the_word_is_told(violated: Store, tmp_path: Path) -> None:
    with pytest.raises(FileUnusable, match=r"2 violations.*Copy1.*--despite-violations"):
        make(violated, tmp_path / "kept.db", WHO, told)
    assert partials(tmp_path) == []
    assert not manifest.place_of(tmp_path / "kept.db").exists()
    assert "backup.made" not in [action for action, _ in actions(violated)]


def test_with_the_word_it_is_whole_and_its_manifest_and_the_trail_say_it(violated: Store, tmp_path: Path) -> None:
    place = tmp_path / "kept.db"
    made = make(violated, place, WHO, told, despite=True)
    assert (made.violations.count, made.violations.first[0]) == (2, GONE)
    assert manifest.read(place) == made
    action, detail = actions(violated)[-1]
    assert (action, detail["violations"], detail["reason"]) == ("backup.made", 2, "because")


def test_a_record_that_verifies_has_no_violations_whatever_was_said(store: Store, tmp_path: Path) -> None:
    fill(store, 2)
    assert make(store, tmp_path / "kept.db", WHO, told, despite=True).violations == manifest.Violations()
    assert "violations" not in actions(store)[-1][1]


def test_it_is_restored_with_the_same_word_only(
    violated: Store,
    elsewhere: str,  # noqa: F811 - the fixture
    tmp_path: Path,
) -> None:
    place = tmp_path / "kept.db"
    make(violated, place, WHO, told, despite=True)
    with pytest.raises(FileUnusable, match="--despite-violations"):
        check(place, told)
    restore(place, check(place, told, despite=True), elsewhere, WHO, told, despite=True)
    restored = open_store(elsewhere)
    try:
        assert rows(restored, states) == rows(violated, states)
        action, detail = actions(restored)[-1]
        assert (action, detail["violations"], detail["reason"]) == ("backup.restored", 2, "because")
    finally:
        restored.close()


@pytest.fixture
def installation(violated: Store, monkeypatch: pytest.MonkeyPatch) -> Store:
    """The same, as the database of the settings."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", violated.engine.url.render_as_string(hide_password=False))
    return violated


on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@on_sqlite
def test_damage_is_refused_whatever_was_said(violated: Store, tmp_path: Path) -> None:
    place = tmp_path / "kept.db"
    make(violated, place, WHO, told, despite=True)
    with closing(sqlite3.connect(place)) as connection:
        (size,) = connection.execute("PRAGMA page_size").fetchone()
        (page,) = connection.execute("SELECT rootpage FROM sqlite_schema WHERE name = 'events'").fetchone()
    with place.open("r+b") as opened:
        opened.seek((page - 1) * size)
        opened.write(b"\xff" * 100)
    made = asdict(manifest.read(place)) | {"sha256": digest_of(place)}
    manifest.place_of(place).write_text(json.dumps(made))
    with pytest.raises(FileUnusable, match=r"damaged|not a readable database"):
        check(place, told, despite=True)


@on_sqlite
def test_a_row_that_lacks_what_it_refers_to_is_a_violation(violated: Store, tmp_path: Path) -> None:
    violated.close()
    with closing(sqlite3.connect(tmp_path / "copydesk.db", isolation_level=None)) as connection:
        connection.execute("DELETE FROM events WHERE id = 1")
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    with pytest.raises(FileUnusable, match="lacks its events"):
        make(store, tmp_path / "kept.db", WHO, told)
    made = make(store, tmp_path / "kept.db", WHO, told, despite=True)
    assert "lacks its events" in made.violations.first[0]
    store.close()


@on_sqlite
@pytest.mark.parametrize("words", [["--despite-violations"], ["--despite-violations", "--reason", " "]])
def test_whoever_says_the_word_says_why(installation: Store, run: Run, tmp_path: Path, words: list[str]) -> None:
    for command in (["backup"], ["restore", "--yes"]):
        done = run(*command, tmp_path / "kept.db", *words)
        assert done.exit_code == 2
        assert "needs a --reason" in done.stderr
    assert not (tmp_path / "kept.db").exists()


@on_sqlite
def test_the_commands_say_loudly_what_does_not_verify(
    installation: Store, run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "kept.db"
    refused = run("backup", place)
    assert refused.exit_code == 1
    assert "--despite-violations" in refused.stderr
    word = ("--despite-violations", "--reason", "a disk is dying", "--json")
    made = run("backup", place, *word)
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{tmp_path}/elsewhere.db")
    assert run("restore", place, "--yes").exit_code == 1
    done = run("restore", place, "--yes", *word)
    for one in (made, done):
        assert one.exit_code == 0, one.output
        assert "DOES NOT VERIFY: 2 violations" in one.stderr
        assert GONE in one.stderr
        assert json.loads(one.stdout)["violations"]["count"] == 2
