"""Questions in SQL that somebody writes, to the SQLite file: it is only read, for a while, and keeps its secrets.

The file is opened read-only, which the operating system holds; SQLite's authorizer is asked about every column and
every function before a statement runs: https://www.sqlite.org/c3ref/set_authorizer.html
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import sqlalchemy as sa
import sqlite_utils
from sqlite_utils.utils import dedupe_keys

from service.errors import BadFilter, StoreUnavailable
from service.store.connections import BUSY_SECONDS, sqlite3
from service.store.schema import BESIDE, metadata
from service.text import line

# Columns that come out empty: bytes of customers, and what opens or signs something.
HIDDEN = frozenset(
    {"body", "headers", "salt", "data_key", "ciphertext", "secret", "token", "token_hash", "digest", "hash"}
)
# Likewise, of one table: with its key, whoever has names to try would know who was erased.
_HIDDEN_HERE = frozenset({("tombstone_keys", "key")})
_TABLES = frozenset({*metadata.tables, *BESIDE, "sqlite_master", "sqlite_schema", "alembic_version"})
_PRAGMAS = frozenset({"table_info", "table_xinfo", "table_list", "index_list", "index_info", "foreign_key_list",
                      "data_version"})  # fmt: skip
_NO_FUNCTIONS = frozenset({"load_extension", "fts3_tokenizer", "readfile", "writefile", "edit"})
# From the header of SQLite: https://www.sqlite.org/c3ref/c_alter_table.html
_OK, _DENY, _IGNORE = 0, 1, 2
_PRAGMA, _READ, _SELECT, _FUNCTION, _RECURSIVE = 19, 20, 21, 31, 33
_STEPS = 5_000
_LONGEST_VALUE = 10_000_000
_LENGTH_LIMIT = 0  # SQLITE_LIMIT_LENGTH
_HEAP = 512 * 1024 * 1024


@dataclass(frozen=True)
class Answered:
    """What a question found.

    Attributes:
        columns: their names.
        rows: as many as were wanted, at most.
        more: whether there are further ones.
    """

    columns: tuple[str, ...]
    rows: list[dict[str, Any]]
    more: bool


def answer(url: str, sql: str, *, seconds: float, limit: int) -> Answered:
    """Ask the file.

    Args:
        url: of the SQLite database.
        sql: one SELECT.
        seconds: when it is given up.
        limit: rows that are wanted.

    Raises:
        BadFilter: it is no question that may be asked, no SQL, or takes too long.
        StoreUnavailable: the file cannot be read.
    """
    until = time.monotonic() + seconds
    with _read_only(sa.make_url(url).database or "", lambda: int(time.monotonic() > until)) as connection:
        try:
            database = sqlite_utils.Database(connection, recursive_triggers=False, execute_plugins=False)
            connection.set_authorizer(_authorize)
            found = database.execute(sql)
            # Also where no row is found.
            columns = tuple(dedupe_keys(name for name, *_ in found.description or ()))
            rows = [dict(zip(columns, row, strict=True)) for row in found.fetchmany(limit + 1)]
        except sqlite3.OperationalError as error:
            if "interrupted" in str(error):
                raise BadFilter("query", f"it took longer than {seconds:g} s and was given up") from None
            raise BadFilter("query", line(str(error))) from None
        except (sqlite3.Error, sqlite3.Warning, ValueError, UnicodeError, MemoryError) as error:
            raise BadFilter("query", line(str(error)) or type(error).__name__) from None
    if not columns:
        raise BadFilter("query", "it asks for nothing: give one SELECT")
    return Answered(columns, rows[:limit], len(rows) > limit)


@contextmanager
def _read_only(path: str, is_over: Callable[[], int]) -> Iterator[Any]:
    try:
        connection = sqlite3.connect(f"file:{quote(path)}?mode=ro", uri=True, timeout=BUSY_SECONDS)
    except sqlite3.Error as error:
        raise StoreUnavailable(f"the database cannot be read: {error}") from error
    try:
        for pragma in ("query_only = 1", "trusted_schema = 0", "temp_store = 2", f"hard_heap_limit = {_HEAP}"):
            connection.execute(f"PRAGMA {pragma}")
        with suppress(AttributeError):
            connection.setlimit(_LENGTH_LIMIT, _LONGEST_VALUE)
        connection.set_progress_handler(is_over, _STEPS)
        yield connection
    finally:
        connection.close()


def _authorize(action: int, first: str | None, second: str | None, _schema: str | None, _source: str | None) -> int:
    """Answer SQLite before a statement may run: what reads is allowed, hidden columns come out as NULL."""
    if action == _READ:
        table, column = (first or "").lower(), (second or "").lower()
        if not column:
            # Rows are counted, and none of their columns is read.
            return _OK
        if table not in _TABLES and not table.startswith("pragma_"):
            return _DENY
        return _IGNORE if column in HIDDEN or (table, column) in _HIDDEN_HERE else _OK
    if action == _FUNCTION:
        return _DENY if (second or "").lower() in _NO_FUNCTIONS else _OK
    if action == _PRAGMA:
        return _OK if (first or "").lower() in _PRAGMAS else _DENY
    return _OK if action in (_SELECT, _RECURSIVE) else _DENY
