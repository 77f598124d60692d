"""copydesk query: SQL to the embedded file, which it can only read, for a limited time, and without what is secret."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.store import Store
from service.store.schema import tombstone_keys, webhook_secrets
from tests.bodies import NOW
from tests.cli.conftest import Deliver, Run

REFUSED = [
    "DELETE FROM events",
    "UPDATE events SET topic = 'x'",
    "INSERT INTO events (id) VALUES (1) RETURNING id",
    "DROP TABLE events",
    "CREATE TABLE t (a)",
    "CREATE TEMP TABLE t (a)",
    "ATTACH '/tmp/other.db' AS other",
    "SELECT load_extension('x')",
    "PRAGMA query_only = 0",
    "PRAGMA writable_schema = 1",
    "SELECT * FROM pragma_database_list",
    "VACUUM INTO '/tmp/copydesk-copy.db'",
    "SELECT 1; DELETE FROM events",
    "BEGIN IMMEDIATE",
    "SELECT * FROM no_such_table",
    "not SQL",
    "",
    "/* nothing */",
    "SAVEPOINT s",
    "SELECT '\x00'",
]


@pytest.mark.parametrize("sql", REFUSED)
def test_it_changes_nothing_and_reaches_nothing_else(run: Run, deliver: Deliver, tmp_path: Path, sql: str) -> None:
    """One SELECT of our tables is all that is answered; everything else is wrong usage, on one line."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    result = run("query", sql)
    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert json.loads(run("query", "SELECT count(*) AS n FROM events", "--json").stdout) == [{"n": 1}]
    assert not Path("/tmp/copydesk-copy.db").exists()  # noqa: S108 - the place that the statement names


def test_secrets_and_bodies_come_out_empty(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """Neither shown, nor measured, nor compared, under whatever name."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    with sqlite_store.write() as connection:
        row = {"topic": "t", "webhook_id": "w", "ciphertext": b"secret", "fingerprint": "f", "created_at": NOW}
        connection.execute(sa.insert(webhook_secrets), row)
    sql = "SELECT body AS a, length(headers) AS b, salt AS c, data_key AS d FROM deliveries WHERE body IS NULL"
    assert json.loads(run("query", sql, "--json").stdout) == [dict.fromkeys("abcd")]
    for column, table in (("salt", "audit_entries"), ("ciphertext", "webhook_secrets")):
        found = json.loads(run("query", f"SELECT max({column}) AS x FROM {table}", "--json").stdout)  # noqa: S608 - ours
        assert found == [{"x": None}]


def test_the_key_that_knows_who_was_erased_comes_out_empty(run: Run, sqlite_store: Store) -> None:
    with sqlite_store.write() as connection:
        connection.execute(sa.insert(tombstone_keys), {"id": 1, "key": b"k" * 32})
    for sql in ("SELECT key AS x FROM tombstone_keys", "SELECT hex(max(k.KEY)) AS x FROM Tombstone_Keys AS k"):
        assert json.loads(run("query", sql, "--json").stdout) in ([{"x": None}], [{"x": ""}])


def test_it_is_given_up_when_the_time_is_over(run: Run, deliver: Deliver) -> None:
    deliver("order_copies.complete", "XAyRWNUzyN")
    endless = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n) SELECT count(*) FROM n"
    result = run("query", endless, "--seconds", "0.2")
    assert (result.exit_code, "given up" in result.stderr) == (2, True)


def test_rows_are_limited_and_it_is_said(run: Run, deliver: Deliver) -> None:
    """--limit rows, and a notice on stderr where there are more; --csv and --ndjson as everywhere."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    numbers = "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 5) SELECT i, '=' || i AS f FROM n"
    result = run("query", numbers, "--limit", 2, "--csv")
    assert result.stdout.split() == ['"i","f"', '"1","\'=1"', '"2","\'=2"']
    assert "the first 2 rows" in result.stderr
    lines = run("query", numbers, "--ndjson").stdout.splitlines()
    assert [json.loads(line)["i"] for line in lines] == [1, 2, 3, 4, 5]
    assert "first" not in run("query", numbers, "--limit", 5).stderr


@pytest.mark.parametrize(
    ("form", "printed"),
    [("--csv", '"topic","n"\r\n'), ("--json", "[]\n"), ("--ndjson", "")],
)
def test_without_rows_it_prints_what_holds_none(run: Run, deliver: Deliver, form: str, printed: str) -> None:
    """A heading alone, an empty array, nothing: each can be read by a program."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    result = run("query", "SELECT topic, id AS n FROM events WHERE topic = 'no'", form)
    assert (result.exit_code, result.stdout_bytes.decode()) == (0, printed)


def test_columns_of_one_name_are_told_apart(run: Run, deliver: Deliver) -> None:
    deliver("order_copies.complete", "XAyRWNUzyN")
    assert json.loads(run("query", "SELECT 1 AS a, 2 AS a", "--json").stdout) == [{"a": 1, "a_2": 2}]


def test_on_postgresql_it_says_what_to_use(run: Run, monkeypatch: pytest.MonkeyPatch, installation: str) -> None:
    monkeypatch.setenv("COPYDESK_DATABASE_URL", "postgresql://localhost/copydesk")
    result = run("query", "SELECT 1")
    assert (result.exit_code, "psql" in result.stderr) == (2, True)
