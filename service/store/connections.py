"""Connections to the one database, SQLite or PostgreSQL: the only place that makes them.

Each setting has its reason beside it; a test asserts them on a live connection. sqlite-utils decides which SQLite
library this process uses (pysqlite3 where it is installed): one library a process, never two on one file, because
closing a descriptor of one drops the locks of the other.
"""

from __future__ import annotations

from contextlib import closing
from datetime import datetime
from functools import cache
from typing import Any

import gevent
import gevent.monkey
import sqlalchemy as sa
import sqlite_utils.utils
from sqlalchemy import event
from sqlalchemy.dialects.sqlite.base import SQLiteCompiler

from service.store.schema import spell

sqlite3: Any = vars(sqlite_utils.utils)["sqlite3"]

# Times as `schema.Instant` spells them, also where rows go to the driver directly (`bulk`).
sqlite3.register_adapter(datetime, spell)

# Leaves more than half of the sender's five seconds: https://docs.commercelayer.io/core/real-time-webhooks
BUSY_SECONDS = 2.0
READ_ONLY = {"copydesk_read_only": True}

SQLITE_PRAGMAS: dict[str, str | int] = {
    "journal_mode": "wal",  # readers and the writer do not wait for each other
    "synchronous": 2,  # FULL: NORMAL loses acknowledged rows when the power goes
    "foreign_keys": 1,
    "trusted_schema": 0,  # a crafted file must not run functions through its schema
    "cell_size_check": 1,  # notice a corrupt page before acting on it
    "mmap_size": 0,  # an I/O error becomes an error code and not a dead process
    "secure_delete": 1,  # erased means erased, whatever the build's default
    "temp_store": 2,  # MEMORY: no second file beside the database
    "journal_size_limit": 67_108_864,  # a WAL that grew once is cut back to 64 MiB
}
# Checkpoints are the worker's. A web process makes one only where no worker has for 64 MiB of pages.
WEB_AUTOCHECKPOINT = 16_384
WORKER_AUTOCHECKPOINT = 1_000
# https://sqlite.org/stricttables.html
_STRICT = (3, 37, 0)


@cache
def sorting_library() -> Any:
    """The library for a file that one process makes alone: one that sorts on the disk, if there is one.

    That of the process may have been built to keep everything temporary in memory, and an index over a million rows is
    a hundred MiB of it. The interpreter's own seldom is. No other library may have the file open meanwhile.
    """
    import sqlite3 as own  # noqa: PLC0415 - beside the one of the process, for this alone

    with closing(own.connect(":memory:")) as connection:
        built = {option for (option,) in connection.execute("PRAGMA compile_options")}
    fits = own.sqlite_version_info >= _STRICT and "ENABLE_FTS5" in built and "TEMP_STORE=3" not in built
    return own if fits else sqlite3


class _Compiler(SQLiteCompiler):
    """Writes INDEXED BY where a query says so; SQLAlchemy knows such hints for other databases."""

    def get_from_hint_text(self, table: Any, text: str | None) -> str | None:  # noqa: ARG002 - the interface
        """The hint as it stands."""
        return text


def take_hints(engine: sa.Engine) -> None:
    """Let queries say which index SQLite is to use: `with_hint(table, "INDEXED BY …", "sqlite")`."""
    engine.dialect.statement_compiler = _Compiler


def is_sqlite(url: str) -> bool:
    """Tell which of the two databases a URL is of."""
    return url.startswith("sqlite:")


def connect(url: str, *, busy_seconds: float = BUSY_SECONDS, autocheckpoint: int = WEB_AUTOCHECKPOINT) -> sa.Engine:
    """Make the engine for our own transactions; nothing is opened yet.

    On SQLite every transaction begins with BEGIN IMMEDIATE, since one that reads first and writes later fails at
    once when another wrote meanwhile, whatever the timeout; `READ_ONLY` as execution options gives a deferred one.

    Args:
        url: as `Settings.database_url` normalises it.
        busy_seconds: how long a SQLite connection waits for a lock; 0 fails at once.
        autocheckpoint: pages of WAL after which this connection checkpoints, SQLite only.
    """
    if not is_sqlite(url):
        return _postgresql(url)
    engine = sa.create_engine(url, module=sqlite3, poolclass=sa.pool.QueuePool, pool_size=5, max_overflow=10)
    take_hints(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        set_pragmas(connection, busy_seconds=busy_seconds, autocheckpoint=autocheckpoint)

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        read_only = connection.get_execution_options().get("copydesk_read_only")
        connection.exec_driver_sql("BEGIN" if read_only else "BEGIN IMMEDIATE")

    return engine


def commit_beside_the_loop(engine: sa.Engine) -> None:
    """Let gevent's event loop go on while a SQLite commit waits for the disk.

    The commit runs in a thread of gevent's pool; SQLAlchemy's own, right after, finds nothing left to do. Without
    gevent's patches, or on PostgreSQL, whose driver waits in the loop anyway, nothing changes.
    """
    if engine.dialect.name != "sqlite" or not gevent.monkey.is_module_patched("threading"):
        return

    @event.listens_for(engine, "commit")
    def _commit(connection: sa.Connection) -> None:
        driver: Any = connection.connection.driver_connection
        error = gevent.get_hub().threadpool.apply(_tried, (driver.commit,))
        if error is not None:
            # As SQLAlchemy would have raised it: whoever waits for this commit must learn that it did not happen.
            raise sa.exc.OperationalError("COMMIT", None, error) from error


def _tried(commit: Any) -> Exception | None:
    """Commit, and hand the database's trouble over as a value: what a pool's thread raises, gevent prints too."""
    try:
        commit()
    except sqlite3.Error as error:
        return error  # type: ignore[no-any-return]
    return None


def connect_engine(url: str) -> sa.Engine:
    """Make the engine that DBOS works on: the same file, library and pragmas, its own rule for transactions.

    DBOS polls with single SELECTs and counts on the driver to begin at the first write; with ours, every poll
    would take the write lock. It is patient (30 s), as its own default is: a worker may wait, a sender may not.
    """
    if not is_sqlite(url):
        return _postgresql(url)
    engine = sa.create_engine(url, module=sqlite3, poolclass=sa.pool.QueuePool, pool_size=10, max_overflow=30)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        set_pragmas(connection, busy_seconds=30, autocheckpoint=WORKER_AUTOCHECKPOINT)
        connection.isolation_level = "IMMEDIATE"

    return engine


def set_pragmas(connection: Any, *, busy_seconds: float, autocheckpoint: int) -> None:
    """Prepare one SQLite connection of the driver."""
    # First, so that switching to WAL waits for a process that does the same at this moment.
    connection.execute(f"PRAGMA busy_timeout = {int(busy_seconds * 1000)}")
    for name, value in SQLITE_PRAGMAS.items():
        connection.execute(f"PRAGMA {name} = {value}")
    connection.execute(f"PRAGMA wal_autocheckpoint = {autocheckpoint}")


def _postgresql(url: str) -> sa.Engine:
    return sa.create_engine(
        url,
        pool_size=5,
        max_overflow=10,
        pool_timeout=2,
        pool_pre_ping=True,  # a restarted server costs one connection, not one delivery
        connect_args={
            "connect_timeout": 2,
            "application_name": "copydesk",
            "options": "-c statement_timeout=10s -c lock_timeout=2s -c idle_in_transaction_session_timeout=30s"
            " -c synchronous_commit=on -c TimeZone=UTC",
        },
    )
