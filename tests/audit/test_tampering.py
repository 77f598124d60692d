"""Whatever is done to a record behind Copydesk's back is found and named; a record that nobody touched verifies."""

from __future__ import annotations

import shutil
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from service.audit.verification.findings import OK, VIOLATION
from service.store import Store, open_store
from tests.audit import record
from tests.audit.record import KEY, verified
from tests.audit.tampering import COLUMNS, change, put_back, rows_to_change

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


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite record, and beside it the file to which its heads were published."""
    directory = tmp_path_factory.mktemp("record")
    store = open_store(f"sqlite:///{directory}/copydesk.db")
    record.build(store, directory / "heads")
    store.checkpoint()
    store.close()
    return directory


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


@pytest.mark.parametrize(("table", "column"), PROVED, ids=".".join)
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
