"""A file that somebody wrote past the types of its columns is judged in words, whatever stands in them."""

from __future__ import annotations

import shutil
from contextlib import closing
from pathlib import Path

import pytest

from service.audit.verification.findings import VIOLATION
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish, verify
from service.errors import EvidenceUnreadable
from service.store.connections import sqlite3

OTHERS = ("x", b"\0", 1.5)


@pytest.fixture
def changed(lax: Path, tmp_path: Path) -> Path:
    """A copy of a record without types, to be changed."""
    return Path(shutil.copy(lax, tmp_path))


def put(file: Path, statement: str, value: object) -> None:
    """Put a value somewhere."""
    with closing(sqlite3.connect(file)) as connection:
        connection.execute(statement, (value,))
        connection.commit()


@pytest.mark.parametrize("value", OTHERS)
@pytest.mark.parametrize("column", ["epoch", "leaf_index"])
def test_a_place_that_is_no_number_is_a_violation(changed: Path, column: str, value: object) -> None:
    put(changed, f"UPDATE audit_entries SET {column} = ? WHERE id = 5", value)  # noqa: S608 - of the list above
    found = verify(Wish(Place(changed), processes=1))
    assert found.exit_code == VIOLATION
    assert any(one.check == "V2" for one in found.violations)


@pytest.mark.parametrize("value", [*OTHERS, None])
@pytest.mark.parametrize(
    "place", ["audit_logs.size", "audit_logs.epoch", "checkpoints.size", "audit_keys.epoch", "audit_keys.from_size"]
)
def test_a_log_that_counts_in_something_else_is_unreadable_and_named(changed: Path, place: str, value: object) -> None:
    table, _, column = place.partition(".")
    put(changed, f"UPDATE {table} SET {column} = ?", value)  # noqa: S608 - of the list above
    with pytest.raises(EvidenceUnreadable, match=f"{table} .*: {column} is no number"):
        verify(Wish(Place(changed), processes=1))
