"""What is exported can be verified by whoever has it, without the database; and what was changed in it is found."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest
from click.testing import CliRunner

from service.audit import sequencer
from service.audit.bundle import MANIFEST
from service.audit.verification import verifying
from service.audit.verification.findings import INCOMPLETE, Report
from service.audit.verification.verifying import Wish
from service.cli import copydesk
from service.errors import EvidenceUnreadable
from service.files import digest_of
from service.store import Store
from service.store.connections import sqlite3
from tests.audit.book import KEY, NOW
from tests.backup.test_backup import fill
from tests.export.conftest import Export

# Here it is published nowhere; that it is signed is what an export has to bring.
UNPUBLISHED = ["no head was published: nothing outside of the database says what it held"]


@pytest.fixture
def signed(store: Store) -> Store:
    """A record whose entries have their place under a signed head."""
    fill(store, 8)
    while sequencer.sequence(store, KEY, NOW, []):
        pass
    return store


def verified(directory: Path) -> Report:
    """What a verification without the database finds."""
    return verifying.verify(Wish(None, directory, [KEY.verifier], processes=1))


@pytest.mark.parametrize("format_", ["ndjson", "sqlite"])
def test_an_export_of_everything_is_verified_as_the_database_is(signed: Store, export: Export, format_: str) -> None:
    report = verified(export(format_, bodies=True, unmask=True))
    assert (report.violations, report.skipped) == ([], {})
    assert report.gaps == UNPUBLISHED


@pytest.mark.parametrize("format_", ["ndjson", "sqlite", "csv"])
def test_what_was_left_out_is_said_and_the_rest_holds(signed: Store, export: Export, format_: str) -> None:
    for given in ({}, {"bodies": True}, {"filters": {"subject": "orders/Source3"}}):
        report = verified(export(format_, **given))
        assert report.violations == []
        assert report.gaps in ([], UNPUBLISHED)
        assert {"V6", "V7"} <= set(report.skipped)


def test_of_csv_files_it_is_said_that_no_entry_was_recomputed(signed: Store, export: Export) -> None:
    """To people and to programs; "0 entries: holds" alone would promise more than was looked at."""
    told, directory = "no entry was recomputed", export("csv")
    lines = CliRunner().invoke(copydesk, ["audit", "verify", str(directory)]).stdout.splitlines()
    (line,) = [line for line in lines if told in line]
    assert line.startswith("not verified: every entry is what its leaf in the log says (V1): its rows are in CSV files")
    as_json = json.loads(CliRunner().invoke(copydesk, ["audit", "verify", str(directory), "--json"]).stdout)
    assert told in as_json["skipped"]["V1"]
    assert "V1" not in verified(export("ndjson")).skipped


def test_without_a_signed_head_the_proof_is_not_whole(store: Store, export: Export) -> None:
    fill(store, 2)
    while sequencer.sequence(store, None, NOW, []):
        pass
    report = verified(export("ndjson"))
    assert report.exit_code == INCOMPLETE
    assert report.gaps != UNPUBLISHED


def resealed(directory: Path, name: str) -> None:
    """Give a changed file its digest in the manifest, as somebody would who changes one."""
    told = json.loads((directory / MANIFEST).read_text())
    for file in told["files"]:
        if file["name"] == name:
            file["sha256"] = digest_of(directory / name)
    (directory / MANIFEST).write_text(json.dumps(told))


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
def test_a_changed_line_is_found_even_where_the_manifest_fits(signed: Store, export: Export) -> None:
    directory = export("ndjson", bodies=True, unmask=True)
    file = directory / "audit_entries.ndjson"
    changed = file.read_text().replace("order_copies.complete", "order_copies.started", 1)
    file.write_text(changed)
    assert "audit_entries.ndjson" in str(verified(directory).violations)
    resealed(directory, file.name)
    assert any(finding.check == "V1" for finding in verified(directory).violations)


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize(
    ("statement", "check"),
    [
        ("UPDATE states SET status = 'failed' WHERE subject = 'order_copies/Copy1'", "V7"),
        ("UPDATE deliveries SET body = x'00' WHERE id = 3", "V6"),
        ("DELETE FROM audit_entries WHERE id = 5", "V2"),
    ],
)
def test_a_changed_row_is_found_even_where_the_manifest_fits(
    signed: Store, export: Export, statement: str, check: str
) -> None:
    directory = export("sqlite", bodies=True, unmask=True)
    with closing(sqlite3.connect(directory / "copydesk.sqlite", isolation_level=None)) as connection:
        connection.execute(statement)
    resealed(directory, "copydesk.sqlite")
    assert check in {finding.check for finding in verified(directory).violations}


@pytest.mark.parametrize("database_url", ["sqlite"], indirect=True)
@pytest.mark.parametrize("format_", ["ndjson", "sqlite"])
def test_two_entries_at_one_place_are_no_record(signed: Store, export: Export, format_: str) -> None:
    directory = export(format_, bodies=True, unmask=True)
    if format_ == "ndjson":
        file = directory / "audit_entries.ndjson"
        first, second, *others = [json.loads(line) for line in file.read_text().splitlines()]
        second["leaf_index"] = first["leaf_index"]
        file.write_text("".join(json.dumps(row) + "\n" for row in (first, second, *others)))
    else:
        file = directory / "copydesk.sqlite"
        with closing(sqlite3.connect(file, isolation_level=None)) as connection:
            connection.execute("DROP INDEX uq_audit_entries_leaf")
            connection.execute("UPDATE audit_entries SET leaf_index = 0 WHERE id = 2")
    resealed(directory, file.name)
    with pytest.raises(EvidenceUnreadable, match="not rows of the record"):
        verified(directory)
