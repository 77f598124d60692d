"""A whole, consistent copy of a SQLite database while others write it: the database's own pages, in steps.

SQLite begins a copy again whenever somebody else commits between two steps, which under load is for ever
(https://sqlite.org/c3ref/backup_finish.html). A read transaction that is open on the source throughout keeps one
snapshot instead: nobody waits, and the WAL cannot be cut back until the copy is done.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

from service.errors import FileUnusable
from service.store import Store
from service.store.connections import sqlite3

Told = Callable[[str, int, int | None], object]
# 4 MiB a step: a copy on a slow disk can be stopped, and tells how far it is.
_PAGES = 1024


@contextmanager
def snapshot(store: Store) -> Iterator[Any]:
    """A connection of the driver in one read transaction, which begins now."""
    pooled = store.engine.raw_connection()
    try:
        driver: Any = pooled.driver_connection
        driver.execute("BEGIN")
        # A deferred transaction has its snapshot from its first read on.
        driver.execute("SELECT count(*) FROM sqlite_schema").fetchone()
        try:
            yield driver
        finally:
            driver.execute("ROLLBACK")
    finally:
        pooled.close()


def copy_pages(source: Any, file: Path, told: Told) -> None:
    """Copy every page of the snapshot into an empty file, which is complete without a WAL beside it.

    Raises:
        FileUnusable: the file cannot be written: the disk is full, or broken.
    """
    try:
        with closing(sqlite3.connect(file, isolation_level=None)) as target:
            # Whoever is killed leaves a partial file, which nobody reads: it needs no journal of its own.
            target.execute("PRAGMA synchronous = OFF")
            source.backup(
                target, pages=_PAGES, progress=lambda _, left, total: told("pages copied", total - left, total)
            )
            target.execute("PRAGMA journal_mode = DELETE")
    except sqlite3.Error as error:
        raise FileUnusable(f"the database cannot be copied: {error}") from error


@contextmanager
def opened(file: Path) -> Iterator[Any]:
    """A finished copy, for looking into it; nothing of it is changed, and nothing is made beside it.

    Raises:
        FileUnusable: it is not a readable database.
    """
    try:
        # Immutable: not even locks are taken, which a file on a read-only disk would not give.
        uri = f"{file.absolute().as_uri()}?mode=ro&immutable=1"
        with closing(sqlite3.connect(uri, uri=True, isolation_level=None)) as connection:
            connection.execute("PRAGMA trusted_schema = OFF")
            connection.execute("PRAGMA cell_size_check = ON")
            yield connection
    except sqlite3.Error as error:
        raise FileUnusable(f"{file} is not a readable database: {error}") from error
