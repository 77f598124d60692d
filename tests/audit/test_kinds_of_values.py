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


@pytest.mark.parametrize(
    ("column", "kind"), [("at", "BLOB"), ("event_id", "BLOB"), ("event_id", "TEXT"), ("follow_up_id", "TEXT")]
)
def test_the_same_characters_of_another_kind_are_a_violation(changed: Path, column: str, kind: str) -> None:
    """They would make the same leaf, and no question about the column would find the entry any more."""
    chosen = f"(SELECT max(id) FROM audit_entries WHERE {column} IS NOT NULL)"  # noqa: S608 - of the list above
    with closing(sqlite3.connect(changed)) as connection:
        (id_,) = connection.execute(f"SELECT {chosen}").fetchone()
        connection.execute(f"UPDATE audit_entries SET {column} = CAST({column} AS {kind}) WHERE id = {id_}")  # noqa: S608
        connection.commit()
    found = verify(Wish(Place(changed), processes=1))
    assert any(one.check == "V1" and one.where == f"audit_entries {id_}" for one in found.violations), found.violations


LEAST, GREATEST = -(1 << 63), (1 << 63) - 1


@pytest.mark.parametrize("number", [LEAST, LEAST + 1, GREATEST - 1, GREATEST])
@pytest.mark.parametrize("table", ["events", "follow_ups"])
def test_a_row_at_the_end_of_all_numbers_is_looked_at(changed: Path, table: str, number: int) -> None:
    with closing(sqlite3.connect(changed)) as connection:
        columns = [row[1] for row in connection.execute(f"PRAGMA table_info({table})")]
        others = ", ".join(f'"{name}"' for name in columns if name != "id")
        copied = f"INSERT INTO {table} (id, {others}) SELECT ?, {others} FROM {table} LIMIT 1"  # noqa: S608 - our own
        connection.execute(copied, (number,))
        connection.commit()
    found = verify(Wish(Place(changed), processes=1))
    assert [(one.check, one.where) for one in found.violations] == [("V7", f"{table} {number}")]
