"""Whatever is done to a record behind Copydesk's back is found and named; a record that nobody touched verifies."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from datetime import timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.audit import epochs, sequencer
from service.audit.verification.findings import OK, VIOLATION
from service.store import Store, open_store
from service.store.audit import entry, write_audit
from service.store.schema import audit_entries, audit_keys, audit_logs, checkpoints, metadata
from tests.audit import record
from tests.audit.book import NOW, write
from tests.audit.record import BEGAN, FOREIGN, KEY, NEXT, verified
from tests.audit.tampering import COLUMNS, TABLES, change, put_back, rehash, rows_to_change, tampering
from tests.rows import rows

# What no entry tells. Nothing refers to the numbers of these rows; the times are of no act. With the encryption keys a
# data key is verified too (below).
UNPROVED = {
    ("transitions", "id"): "nothing refers to it",
    ("attempts", "id"): "nothing refers to it",
    ("audit_entries", "id"): "its place is the leaf's; erasures name it, which is verified",
    ("checkpoints", "id"): "nothing that is verified refers to it",
    ("audit_keys", "id"): "nothing refers to it",
    ("audit_logs", "changed_at"): "a time of no act",
    ("audit_logs", "opened_at"): "of the first epoch; those of later ones are told",
    ("deliveries", "data_key"): "wrapped anew whenever keys rotate",
}
PROVED = [pair for pair in COLUMNS if pair not in UNPROVED]


@pytest.fixture
def copied(built: Path, tmp_path: Path) -> Iterator[Store]:
    """A copy of it to do something to."""
    shutil.copytree(built, tmp_path, dirs_exist_ok=True)
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    yield store
    store.close()


def test_untouched_it_verifies(copied: Store, tmp_path: Path) -> None:
    report = verified(copied, published=tmp_path / "heads", pinned=[KEY.verifier], encryption_keys=(record.VAULT_KEY,))
    assert (report.exit_code, report.violations, report.gaps) == (OK, [], [])
    assert report.counts["entries"] == report.counts["leaves"] > 80


@pytest.mark.parametrize(("table", "column"), PROVED, ids=[".".join(pair) for pair in PROVED])
def test_a_changed_column_is_found(copied: Store, table: str, column: str) -> None:
    """Another value in any column of any table is a violation that names the table."""
    found = rows_to_change(copied, table, column)
    assert found
    for row in found:
        change(copied, table, column, row)
        report = verified(copied)
        assert report.exit_code == VIOLATION, row
        assert any(table in str(one) for one in report.violations), report.violations
        put_back(copied, table, column, row)
    assert verified(copied).violations == []


@pytest.mark.parametrize(
    ("action", "name", "value"),
    [
        ("payload.erased", "", "no JSON"),
        ("payload.sealed", "", "[]"),
        ("received", "", '{"a": ' + "[" * 100_000),
        ("received", "identity", '"zz"'),
        ("received", "identity", "5"),
        ("state.changed", "updated_at", '"yesterday"'),
        ("state.changed", "updated_at", '"2026-03-02T08:00:00"'),
        ("state.changed", "status", "[1]"),
        ("attempt.started", "attempt", "[1]"),
        ("attempt.unavailable", "attempt", '"x"'),
        ("checkpoint.time", "size", "[1]"),
    ],
)
def test_an_entry_that_nobody_could_have_written_is_named(copied: Store, action: str, name: str, value: str) -> None:
    """Values of another kind do not end the verification: the entry is named, and the rest is verified."""
    e = audit_entries.c
    with tampering(copied) as connection:
        query = sa.select(e.id, e.detail).where(e.action == action, e.salt.is_not(None)).order_by(e.id.desc())
        id_, detail = connection.execute(query.limit(1)).one()
        told = json.dumps(json.loads(detail) | {name: json.loads(value)}) if name else value
        connection.execute(sa.update(audit_entries).where(e.id == id_).values(detail=told))
    report = verified(copied)
    assert report.exit_code == VIOLATION
    assert f"audit_entries {id_}" in {one.where for one in report.violations}


@pytest.mark.parametrize("at", ["yesterday", "2026-03-02T08:00:00", "\N{LATIN SMALL LETTER E WITH ACUTE}"])
@pytest.mark.parametrize("waits", [False, True])
def test_a_time_that_is_none_is_named(copied: Store, at: str, waits: bool) -> None:
    e = audit_entries.c
    nowhere = ", leaf_index = NULL, epoch = NULL" if waits else ""
    with tampering(copied) as connection:
        id_ = connection.execute(sa.select(sa.func.max(e.id))).scalar_one()
        connection.exec_driver_sql(f"UPDATE audit_entries SET at = ?{nowhere} WHERE id = ?", (at, id_))  # noqa: S608 - our own text
    report = verified(copied)
    assert report.exit_code == VIOLATION
    assert f"audit_entries {id_}" in {one.where for one in report.violations}


def test_on_postgresql_too(new_postgres: Callable[[], AbstractContextManager[str]], tmp_path: Path) -> None:
    """The same record, and the same columns, on the other database."""
    with new_postgres() as url:
        store = open_store(url)
        record.build(store, tmp_path / "heads")
        untouched = verified(store, published=tmp_path / "heads", pinned=[KEY.verifier])
        assert (untouched.exit_code, untouched.violations) == (OK, [])
        for table, column in PROVED:
            row = rows_to_change(store, table, column)[-1]
            change(store, table, column, row)
            assert verified(store).exit_code == VIOLATION, (table, column)
            put_back(store, table, column, row)
        assert verified(store).violations == []
        store.close()


@pytest.mark.parametrize("place", [0, -1], ids=["first", "last"])
@pytest.mark.parametrize("table", TABLES)
def test_a_deleted_row_is_found(copied: Store, table: str, place: int) -> None:
    """No row can be taken away, not the last one either."""
    t = metadata.tables[table]
    row = rows(copied, t)[place]
    with tampering(copied) as connection:
        connection.execute(sa.delete(t).where(*(key == row[key.name] for key in t.primary_key)))
    report = verified(copied, pinned=[KEY.verifier, NEXT.verifier])
    assert report.exit_code == VIOLATION


@pytest.mark.parametrize("table", TABLES)
def test_an_inserted_row_is_found(copied: Store, table: str) -> None:
    """No row can be added, however much it looks like another one."""
    t = metadata.tables[table]
    row = rows(copied, t)[0]
    unique = {"key": b"another", "identity": "another", "verifier": KEY.verifier.text[:-3], "number": 99, "size": 5}
    changes = {name: value for name, value in unique.items() if name in row and name not in t.primary_key}
    if table == "audit_entries":
        changes["leaf_index"] = len(rows(copied, t))
    key = {column.name: "another/one" if column.name == "subject" else 1_000_003 for column in t.primary_key}
    with tampering(copied) as connection:
        connection.execute(sa.insert(t).values({**row, **changes, **key}))
    assert verified(copied).exit_code == VIOLATION


def test_two_entries_that_changed_places_are_found(copied: Store) -> None:
    """V3: each leaf is as it was, and the tree is not."""
    one, other = rows(copied, audit_entries)[10:12]
    with tampering(copied) as connection:
        for row, place in ((one, 1_000_000), (other, one["leaf_index"]), (one, other["leaf_index"])):
            this = sa.update(audit_entries).where(audit_entries.c.id == row["id"])
            connection.execute(this.values(leaf_index=place))
    found = verified(copied)
    assert {one.check for one in found.violations} == {"V3"}


def test_an_entry_that_was_changed_and_hashed_again_is_found(copied: Store) -> None:
    """V3: whoever cannot sign cannot make the head fit."""
    row = rows(copied, audit_entries)[3]
    heads = {row["epoch"]: row["head"] for row in rows(copied, audit_logs)}
    notes = {row["id"]: row["note"] for row in rows(copied, checkpoints)}
    change(copied, "audit_entries", "at", row)
    rehash(copied, {KEY.verifier.text: KEY})
    with tampering(copied) as connection:
        for epoch, head in heads.items():
            connection.execute(sa.update(audit_logs).where(audit_logs.c.epoch == epoch).values(head=head))
        for id_, note in notes.items():
            connection.execute(sa.update(checkpoints).where(checkpoints.c.id == id_).values(note=note))
    found = verified(copied)
    assert {"audit_logs 1", "checkpoints 1"} <= {one.where for one in found.violations if one.check == "V3"}


def test_an_exchanged_key_is_found_by_who_knows_the_true_one(copied: Store, tmp_path: Path) -> None:
    """V4 and V5: all of it signed again under another key fits by itself, but neither a pinned key nor a head."""
    other = {KEY.verifier.text: FOREIGN, NEXT.verifier.text: FOREIGN}
    with tampering(copied) as connection:
        connection.execute(sa.delete(audit_keys).where(audit_keys.c.verifier == NEXT.verifier.text))
        connection.execute(sa.update(audit_keys).values(until_epoch=None, until_size=None))
    rehash(copied, other)
    pinned = verified(copied, pinned=[KEY.verifier])
    assert "V4" in {one.check for one in pinned.violations}
    outside = verified(copied, published=tmp_path / "heads")
    assert [one.check for one in outside.violations].count("V5") == len(rows(copied, checkpoints))


def test_an_older_copy_of_everything_is_found_by_a_published_head(tmp_path: Path) -> None:
    """V5: a database that was put back verifies by itself, and not with a head that it has forgotten."""
    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    record.let_in(store, BEGAN, ("order_copies.complete", record.copy("CopyOnee")))
    sequencer.sequence(store, KEY, BEGAN)
    record.publish(store, tmp_path / "heads", BEGAN)
    store.checkpoint()
    shutil.copy(tmp_path / "copydesk.db", tmp_path / "older.db")
    record.let_in(store, BEGAN, ("order_copies.complete", record.copy("CopyTwoo")))
    sequencer.sequence(store, KEY, BEGAN)
    record.publish(store, tmp_path / "heads", BEGAN)
    store.close()
    older = open_store(f"sqlite:///{tmp_path}/older.db")
    assert verified(older).violations == []
    (found,) = verified(older, published=tmp_path / "heads", pinned=[KEY.verifier]).violations
    assert (found.check, "older than this head" in found.reason) == ("V5", True)
    # Openly said, it is no violation any more: what was lost is named by the first leaf of another epoch.
    heads = record.heads_in((tmp_path / "heads").read_text())
    epochs.open_next(older, heads, KEY.verifier, BEGAN, "operator jane", "the disk died")
    sequencer.sequence(older, KEY, BEGAN)
    assert verified(older, published=tmp_path / "heads", pinned=[KEY.verifier]).violations == []
    for column in ("origin", "size", "closed_at", "opened_at"):
        row = rows(older, audit_logs)[column == "opened_at"]
        change(older, "audit_logs", column, row)
        assert "V9" in {one.check for one in verified(older, limit=100).violations}, column
        put_back(older, "audit_logs", column, row)
    older.close()


def test_a_data_key_is_verified_by_who_has_the_encryption_keys(copied: Store) -> None:
    for row in rows_to_change(copied, "deliveries", "data_key"):
        change(copied, "deliveries", "data_key", row)
        assert verified(copied).exit_code == OK
        (found,) = verified(copied, encryption_keys=(record.VAULT_KEY,)).violations
        assert (found.check, found.where) == ("V6", f"deliveries {row['id']}")
        put_back(copied, "deliveries", "data_key", row)


def test_bytes_that_are_gone_without_an_erasure_are_found(copied: Store) -> None:
    row = next(row for row in rows(copied, metadata.tables["deliveries"]) if row["body"] is not None)
    with tampering(copied) as connection:
        d = metadata.tables["deliveries"]
        nothing = dict.fromkeys(("body", "headers", "salt", "data_key"))
        connection.execute(sa.update(d).where(d.c.id == row["id"]).values(nothing))
    (found,) = verified(copied).violations
    assert (found.check, found.where) == ("V6", f"deliveries {row['id']}")


def test_an_entry_that_was_erased_without_saying_so_is_found(copied: Store) -> None:
    row = rows(copied, audit_entries)[40]
    with tampering(copied) as connection:
        hidden = {"salt": None, "detail": "{}", "subject": "erased/7"}
        connection.execute(sa.update(audit_entries).where(audit_entries.c.id == row["id"]).values(hidden))
    assert verified(copied).violations[0].where == f"audit_entries {row['id']}"


def test_an_erased_entry_that_was_given_to_another_erased_subject_is_found(copied: Store) -> None:
    """V1: the entry that tells of the erasure says what stands in the place of whom it erased."""
    row = next(row for row in rows(copied, audit_entries) if row["salt"] is None)
    with tampering(copied) as connection:
        connection.execute(sa.update(audit_entries).where(audit_entries.c.id == row["id"]).values(subject="erased/2"))
    found = {(one.check, one.where): one.reason for one in verified(copied).violations}
    assert "not the one that the erasure left" in found["V1", f"audit_entries {row['id']}"]


def test_an_entry_that_was_passed_over_is_found(copied: Store) -> None:
    """V8: one that never got its place, while entries that are a minute younger have theirs."""
    record.let_in(copied, BEGAN, ("orders.place", record.order("PassedOver")))
    record.let_in(copied, BEGAN + timedelta(days=1), ("orders.place", record.order("PlacedSoon")))
    with tampering(copied) as connection:
        newest = sa.select(sa.func.max(audit_entries.c.id)).scalar_subquery()
        size = sa.select(sa.func.max(audit_logs.c.size)).scalar_subquery()
        values = {"epoch": 1, "leaf_index": size}
        connection.execute(sa.update(audit_entries).where(audit_entries.c.id == newest).values(values))
    assert "V8" in {one.check for one in verified(copied, limit=100).violations}


def test_what_waited_when_an_epoch_was_opened_was_not_passed_over(sqlite_store: Store) -> None:
    """Its first leaf comes before everything that waits in a restored database, whatever the time."""
    write(sqlite_store, 2)
    sequencer.sequence(sqlite_store, KEY, NOW)
    write(sqlite_store, 2)
    epochs.open_next(sqlite_store, [], KEY.verifier, NOW + timedelta(days=1), "operator jane", "restored")
    assert verified(sqlite_store).violations == []


def test_what_tells_the_beginning_of_something_long_was_not_passed_over(sqlite_store: Store) -> None:
    """A sweep of minutes is written down at its end, with the time at which it began."""
    with sqlite_store.write() as connection:
        write_audit(connection, [entry(NOW, "order_copies/XAyRWNUzyN", "intake", "note", {"text": "a"})])
    sequencer.sequence(sqlite_store, KEY, NOW)
    with sqlite_store.write() as connection:
        began = NOW - timedelta(minutes=5)
        write_audit(connection, [entry(began, "copydesk/sweep", "sweep", "swept", {"pages": 40})])
    assert verified(sqlite_store).violations == []
