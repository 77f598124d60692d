"""What looks like somebody's is in no text of an export but of audit entries, unless it was asked for as it is kept."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import given
from hypothesis import strategies as st

from service.audit import sequencer
from service.audit.bundle import MANIFEST, read_manifest
from service.export.masks import _INERT, masks, scrubbed_facts
from service.scrubbing import MASKED_EMAIL, scrubbed
from service.store import Store
from service.store.audit import entry, write_audit
from service.store.connections import sqlite3
from service.store.keep import keep
from service.store.schema import (
    attempts,
    events,
    follow_ups,
    incident_subjects,
    incidents,
    metadata,
    states,
    transitions,
)
from service.web.api.catalogue import OFFERS
from tests.audit.book import KEY, NOW
from tests.bodies import arrival, order
from tests.export.conftest import Export, fill
from tests.export.test_verification import verified

SOMEBODY = "jane@customers.example"
TEXT = f"no card of {SOMEBODY} is left"
SHOWN = f"no card of {MASKED_EMAIL} is left"
TEXTS = (
    (events, {"told_status": TEXT, "error": TEXT}),
    (transitions, {"from_status": TEXT, "to_status": TEXT}),
    (states, {"status": TEXT}),
    (follow_ups, {"result": TEXT, "params": json.dumps({"order": "a", "note": TEXT})}),
    (attempts, {"detail": TEXT}),
    (incidents, {"cause": TEXT, "detail": TEXT}),
    (incident_subjects, {"detail": TEXT}),
)


def test_what_the_api_scrubs_is_scrubbed_here() -> None:
    for name in metadata.tables.keys() & OFFERS.keys():
        assert set(OFFERS[name].scrubbed) <= set(masks(name, verified=False)), name


def test_every_masked_column_is_one_of_its_table() -> None:
    for name, table in metadata.tables.items():
        assert set(masks(name, verified=False)) <= {column.name for column in table.columns}


@given(st.from_regex(_INERT, fullmatch=True))
def test_what_is_passed_over_is_never_changed_by_scrubbing(text: str) -> None:
    assert scrubbed(text) == text


@given(st.dictionaries(st.sampled_from(("note", "error")), st.text() | st.just(TEXT) | st.integers() | st.none()))
def test_facts_are_scrubbed_one_by_one(facts: dict[str, Any]) -> None:
    told = {name: scrubbed(one) if isinstance(one, str) else one for name, one in facts.items()}
    assert json.loads(scrubbed_facts(json.dumps(facts))) == told


@pytest.fixture
def telling(store: Store) -> Store:
    """A record whose texts name somebody, in the log."""
    fill(store, 2)
    with store.write() as connection:
        for table, values in TEXTS:
            connection.execute(sa.update(table).values(**values))
        write_audit(connection, [entry(NOW, "orders/a", f"operator {SOMEBODY}", "note", {"text": TEXT, "number": 7})])
    while sequencer.sequence(store, KEY, NOW, []):
        pass
    return store


def naming(directory: Path) -> set[str]:
    """The files of an export in which somebody is named."""
    return {path.stem for path in directory.iterdir() if SOMEBODY.encode() in path.read_bytes()}


def test_csv_names_nobody(telling: Store, export: Export) -> None:
    directory = export("csv")
    assert naming(directory) == set()
    assert (directory / "audit_entries.csv").read_text("utf-8").count(SHOWN) == 1
    for table, _ in TEXTS:
        assert SHOWN in (directory / f"{table.name}.csv").read_text("utf-8"), table.name


def test_what_is_verified_has_the_audit_entries_as_they_are(telling: Store, export: Export) -> None:
    directory = export("ndjson")
    assert naming(directory) == {"audit_entries"}
    for table, _ in TEXTS:
        assert SHOWN in (directory / f"{table.name}.ndjson").read_text("ascii"), table.name
    assert verified(directory).violations == []


def test_the_tables_and_the_search_of_a_sqlite_file_name_nobody_either(telling: Store, export: Export) -> None:
    directory = export("sqlite")
    with closing(sqlite3.connect(directory / "copydesk.sqlite")) as connection:
        for table, values in TEXTS:
            for column in values:
                found = connection.execute(f"SELECT {column} FROM {table.name} WHERE {column} IS NOT NULL").fetchall()  # noqa: S608 - ours
                assert found, table.name
                assert not [text for (text,) in found if SOMEBODY in text], table.name
        searched = "SELECT count(*) FROM events_fts WHERE events_fts MATCH 'jane'"
        assert connection.execute(searched).fetchone() == (0,)
    assert verified(directory).violations == []


@pytest.mark.parametrize("format_", ["csv", "ndjson", "sqlite"])
def test_the_manifest_says_which_columns_are_masked(telling: Store, export: Export, format_: str) -> None:
    for unmask in (False, True):
        manifest = read_manifest((export(format_, bodies=True, unmask=unmask) / MANIFEST).read_text())
        told = {name: set(columns) for name, columns in manifest.masked.items()}
        assert told.get("events") == (None if unmask else {"told_status", "error"})
        assert told.get("audit_entries") == ({"actor", "detail"} if format_ == "csv" and not unmask else None)


def test_as_they_are_kept_where_that_is_asked_for(telling: Store, export: Export) -> None:
    whole = naming(export("ndjson", bodies=True, unmask=True))
    assert whole >= {"audit_entries", *(table.name for table, _ in TEXTS)}


@pytest.mark.parametrize("format_", ["ndjson", "sqlite"])
def test_a_whole_record_with_a_status_that_names_somebody_is_verified(
    store: Store, export: Export, format_: str
) -> None:
    with store.write() as connection:
        keep(connection, [arrival("orders.place", order("qAlMhokOGm", SOMEBODY))])
        assert connection.execute(sa.select(states.c.status)).scalars().all() == [SOMEBODY]
    while sequencer.sequence(store, KEY, NOW, []):
        pass
    whole = verified(export(format_, bodies=True, unmask=True))
    assert (whole.violations, whole.skipped) == ([], {})
    assert verified(export(format_)).violations == []
