"""What the database compares by itself hides nothing: whatever a comparison of columns finds is found with it too."""

from __future__ import annotations

import json
import shutil
from contextlib import closing, suppress
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from service.audit.verification import entries, plain, texts
from service.audit.verification.findings import VIOLATION
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish, verify
from service.merkle.leaves import commit_to_entry, leaf, leaf_hash
from service.store.connections import sqlite3
from service.store.schema import metadata
from tests.audit.record import KEY, NEXT

# Tables of which the database compares something by itself.
TABLES = ("audit_entries", "events", "deliveries", "transitions", "states")
# The place of an entry is no value that is compared: by it entries are read.
PLACES = ("epoch", "leaf_index")
COLUMNS = [
    (table, column.name)
    for table in TABLES
    for column in metadata.tables[table].c
    if not column.primary_key and column.name not in PLACES
]
VALUES = (
    *(None, 0, 1, 1.0, 2, "", "0", "1", "x", "intake", "operator", "{}", "[]", "\N{LATIN SMALL LETTER E WITH ACUTE}"),
    *(
        "\x7f",
        "a\0b",
        "\n",
        '"',
        "\\",
        '", "a": "b',
        b"",
        b"x",
        b"{}",
        "order_copies.complete",
        "ORDER_COPIES.COMPLETE",
    ),
)
# The same value, or nearly: of another kind, or spelled another way.
RESPELLED: dict[str, Any] = {
    "bytes": lambda value: value.encode() if isinstance(value, str) else value,
    "text": lambda value: value.hex() if isinstance(value, bytes) else str(value),
    "longer": lambda value: f"{value}\0" if isinstance(value, str) else value,
    "capitals": lambda value: value.upper() if isinstance(value, str) else value,
    "closer": lambda value: _told(value, separators=(",", ":")),
    "twice": lambda value: (
        value.replace("}", ', "size": 1, "size": 2, "status": "a", "status": "b"}') if isinstance(value, str) else value
    ),
    "empty member": lambda value: value.replace("}", ', "zero": null}') if isinstance(value, str) else value,
}
CHANGE = st.tuples(
    st.sampled_from(COLUMNS),
    st.integers(0, 200),
    st.one_of(st.sampled_from(VALUES), st.sampled_from(sorted(RESPELLED)).map(lambda name: RESPELLED[name])),
)


def _told(value: Any, **how: Any) -> Any:
    try:
        return json.dumps(json.loads(value), **how)
    except (TypeError, ValueError):
        return value


def _change(connection: Any, table: str, column: str, place: int, value: Any) -> None:
    """Put a value, or what a function makes of the one that is there, into a row; an entry gets its hashes again."""
    ids = [id_ for (id_,) in connection.execute(f"SELECT rowid FROM {table} ORDER BY rowid")]  # noqa: S608 - our own
    id_ = ids[place % len(ids)]
    (was,) = connection.execute(f'SELECT "{column}" FROM {table} WHERE rowid = ?', (id_,)).fetchone()  # noqa: S608
    value = value(was) if callable(value) else value
    connection.execute(f'UPDATE {table} SET "{column}" = ? WHERE rowid = ?', (value, id_))  # noqa: S608 - likewise
    if table == "audit_entries" and column not in ("commitment", "leaf_hash"):
        connection.row_factory = sqlite3.Row
        entry = dict(connection.execute("SELECT * FROM audit_entries WHERE id = ?", (id_,)).fetchone())
        connection.row_factory = None
        with suppress(TypeError, AttributeError, UnicodeEncodeError):
            if entry["salt"] is not None:
                told = (entry[name] for name in ("salt", "actor", "subject", "detail"))
                entry["commitment"] = commit_to_entry(*told)
            hashes = entry["commitment"], leaf_hash(leaf(entry["at"], entry)), id_
            connection.execute("UPDATE audit_entries SET commitment = ?, leaf_hash = ? WHERE id = ?", hashes)


def _found(path: Path) -> set[str]:
    report = verify(Wish(Place(path, immutable=True), pinned=[KEY.verifier, NEXT.verifier], processes=1, limit=10_000))
    assert (report.exit_code == VIOLATION) == bool(report.violations)
    return set(map(str, report.violations))


@settings(max_examples=60, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(changes=st.lists(CHANGE, min_size=1, max_size=3))
def test_it_finds_whatever_the_comparison_of_columns_finds(
    lax: Path, tmp_path: Path, changes: list[tuple[tuple[str, str], int, Any]]
) -> None:
    """Even where the file was made to take any value, and to compare it laxly; and nothing where nothing is wrong."""
    changed = tmp_path / "changed.db"
    shutil.copy(lax, changed)
    with closing(sqlite3.connect(changed)) as connection:
        for (table, column), place, value in changes:
            _change(connection, table, column, place, value)
        connection.commit()
    quick = _found(changed)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(texts, "leaf", lambda _: "NULL")
        patched.setattr(plain, "_is_plain", lambda _: "NULL")
        slow = _found(changed)
    assert slow <= quick
    assert bool(slow) == bool(quick)


def test_the_lax_record_verifies_as_long_as_nobody_changes_it(lax: Path) -> None:
    assert _found(lax) == set()


def test_most_of_it_is_compared_by_the_database_alone(lax: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Else the comparison above would compare one thing with itself."""
    explained: list[object] = []
    looked = entries.recomputed
    monkeypatch.setattr(entries, "recomputed", lambda row: explained.append(row) or looked(row))
    _found(lax)
    assert 0 < len(explained) < 20
