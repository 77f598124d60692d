"""The exported SQLite file explains itself: types, keys, indexes, search, views and a table about all of it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest

from service.export import contents
from service.export.contents import Wish
from service.export.views import VIEWS
from service.store import Store
from service.store.connections import sqlite3
from service.store.schema import metadata
from tests.export.conftest import Export, fill, place_entries
from tests.rows import rows

# What is in the file is the same from both, which the first test holds.
on_sqlite = pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)


@pytest.fixture
def directory(store: Store, export: Export) -> Path:
    """An export of a record with something of everything."""
    fill(store)
    place_entries(store)
    return export("sqlite", bodies=True)


@pytest.fixture
def file(directory: Path) -> Iterator[Any]:
    """The file, open."""
    with closing(sqlite3.connect(directory / "copydesk.sqlite")) as connection:
        yield connection


def test_every_row_is_there_with_its_values(store: Store, file: Any) -> None:
    for table in (*contents.LISTED, *contents.OF_THE_LOG):
        names = [column.name for column in contents.columns(table, Wish("sqlite"))]
        kept = [row for row in rows(store, table) if row.get("action") != "exported"]
        found = file.execute(f"SELECT {', '.join(names)} FROM {table.name} ORDER BY 1, 2").fetchall()  # noqa: S608 - ours
        assert len(found) == len(kept), table.name
        for row, before in zip(found, kept, strict=True):
            for name, value in zip(names, row, strict=True):
                told = before[name]
                assert value == (
                    told.isoformat(timespec="microseconds").replace("+00:00", "Z") if hasattr(told, "tzinfo") else told
                )


@on_sqlite
def test_it_is_sound_and_its_references_hold(file: Any) -> None:
    assert file.execute("PRAGMA integrity_check").fetchall() == [("ok",)]
    assert file.execute("PRAGMA foreign_key_check").fetchall() == []
    assert file.execute("PRAGMA journal_mode").fetchone() == ("delete",)
    refers = {(row[2], row[3]) for row in file.execute("PRAGMA foreign_key_list(audit_entries)")}
    assert refers == {("events", "event_id"), ("follow_ups", "follow_up_id")}
    indexes = {row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'index'")}
    assert {"ix_events_subject", "ix_audit_entries_subject", "uq_audit_entries_leaf"} <= indexes


@on_sqlite
def test_every_view_answers(file: Any) -> None:
    for view in VIEWS:
        found = file.execute(f"SELECT * FROM {view.name}").fetchall()  # noqa: S608 - ours
        assert found or view.name == "errors", view.name
    who = file.execute("SELECT who, action, reason FROM operator_actions").fetchall()
    assert who == [("jane", "replayed", "the card was mended")]
    history = file.execute("SELECT DISTINCT subject FROM one_order WHERE of_what = 'orders/Source2'").fetchall()
    assert history == [("order_copies/Copy2",)]
    failed = file.execute("SELECT subject, incidents FROM failed_copies ORDER BY subject").fetchall()
    assert failed == [("order_copies/Copy0", "card expired"), ("order_copies/Copy3", None)]


@on_sqlite
@pytest.mark.parametrize(
    ("table", "words"), [("audit_entries", "mended"), ("attempts", "payment_source"), ("incidents", "card")]
)
def test_errors_and_notes_can_be_searched(file: Any, table: str, words: str) -> None:
    query = f"SELECT count(*) FROM {table}_fts WHERE {table}_fts MATCH ?"  # noqa: S608 - ours
    assert file.execute(query, (words,)).fetchone()[0] >= 1


@on_sqlite
def test_the_readme_explains_every_table_column_and_view(file: Any) -> None:
    told = set(file.execute('SELECT name, "column" FROM readme WHERE length(holds) > 2'))
    for name in [row[0] for row in file.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")]:
        if name in metadata.tables:
            columns = {row[1] for row in file.execute(f"PRAGMA table_info({name})")}
            assert {(name, None), *((name, column) for column in columns)} <= told
    assert {(view.name, None) for view in VIEWS} <= told


@on_sqlite
def test_only_the_views_that_the_tables_allow_are_made(store: Store, export: Export) -> None:
    fill(store, 2)
    with closing(sqlite3.connect(export("sqlite", "events") / "copydesk.sqlite")) as connection:
        views = {row[0] for row in connection.execute("SELECT name FROM sqlite_schema WHERE type = 'view'")}
    assert views == {"errors"}


@on_sqlite
def test_the_queries_for_datasette_run_and_its_facets_are_columns(directory: Path, file: Any) -> None:
    told = json.loads((directory / "metadata.json").read_text())["databases"]["copydesk"]
    given = {"subject": "orders/Source2", "words": "mended"}
    for query in told["queries"].values():
        assert query["title"]
        assert file.execute(query["sql"], given).fetchall(), query["sql"]
    for name, table in told["tables"].items():
        columns = {row[1] for row in file.execute(f"PRAGMA table_info({name})")}
        assert set(table["facets"]) <= columns, name
        assert table["description"]
