"""A text that is not UTF-8, which SQLite lets anybody write: its row is named, and its bytes are not."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner, Result

from service.cli import copydesk
from service.store import open_store
from service.store.schema import metadata
from service.store.schema.columns import Instant
from tests.audit.tampering import TABLES, rows_to_change, tampering

Run = Callable[..., Result]


@pytest.fixture
def spoilt(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, built: Path) -> Callable[[str, str], Run]:
    """Puts a byte that is none of UTF-8 behind a text of a fresh copy; gives what calls a command on it."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", f"sqlite:///{tmp_path}/copydesk.db")

    def spoil(table: str, column: str) -> Run:
        for file in tmp_path.glob("copydesk.db*"):
            file.unlink()
        shutil.copy(built / "copydesk.db", tmp_path)
        store, t = open_store(f"sqlite:///{tmp_path}/copydesk.db"), metadata.tables[table]
        row = rows_to_change(store, table, column)[0]
        which = " AND ".join(f"{one.name} = :{one.name}" for one in t.primary_key)
        value = f"CAST(CAST(coalesce({column}, '') AS BLOB) || X'FF' AS TEXT)"
        with tampering(store) as connection:
            given = {one.name: row[one.name] for one in t.primary_key}
            connection.execute(sa.text(f"UPDATE {table} SET {column} = {value} WHERE {which}"), given)  # noqa: S608 - ours
        store.close()
        return lambda *told: CliRunner().invoke(copydesk, list(told), prog_name="copydesk")

    return spoil


def texts(built: Path, table: str) -> list[str]:
    """The columns of a table that hold text, and of which something is told."""
    store = open_store(f"sqlite:///{built}/copydesk.db")
    columns = [c.name for c in metadata.tables[table].c if isinstance(c.type, sa.Text | Instant)]
    # `audit_logs.changed_at` is told by nothing.
    found = [name for name in columns if name != "changed_at" or table != "audit_logs"]
    found = [name for name in found if rows_to_change(store, table, name)]
    store.close()
    return found


@pytest.mark.parametrize("table", TABLES)
def test_its_row_is_named_as_a_violation(spoilt: Callable[[str, str], Run], built: Path, table: str) -> None:
    """Every column of text of every table that is compared: 1, one line for each finding, never a traceback."""
    found = {}
    for column in texts(built, table):
        result = spoilt(table, column)("audit", "verify", "--processes", "1")
        assert "\udcff" not in result.stdout
        found[column] = (result.exit_code, *(result.stdout or result.stderr).splitlines()[:1])
    assert found
    told = table.removesuffix("s") if table not in ("audit_entries", "audit_keys", "audit_logs") else ""
    assert [name for name, (code, *first) in found.items() if code != 1 or told not in str(first)] == []


@pytest.mark.parametrize(
    ("table", "column", "asked"),
    [
        ("events", "subject", ("events",)),
        ("audit_entries", "detail", ("audit",)),
        ("follow_ups", "cause", ("follow-ups",)),
    ],
)
def test_a_list_says_in_one_line_which_command_names_it(
    spoilt: Callable[[str, str], Run], table: str, column: str, asked: tuple[str, ...]
) -> None:
    """And does not print the text, which may be anybody's."""
    result = spoilt(table, column)(*asked)
    assert result.exit_code != 0
    (line,) = result.stderr.splitlines()
    assert f"a text in column '{column}' is not UTF-8; copydesk audit verify names the row" in line
