"""What must be true before a database is used; each refusal is one line that says how to mend it."""

from __future__ import annotations

import os
from contextlib import closing
from pathlib import Path

import sqlalchemy as sa

from service.errors import StoreUnusable
from service.store import connections, migrate, schema
from service.store.connections import sqlite3

OLDEST_POSTGRESQL = 140_000


def is_affected(version: tuple[int, ...]) -> bool:
    """Tell whether a SQLite version has the WAL-reset race, which corrupts a file that two processes write.

    Found in March 2026: 3.7.0 to 3.51.2; fixed in 3.51.3 and in the patch lines 3.50.7 and 3.44.6.
    https://sqlite.org/wal.html#walresetbug
    """
    fixed_lines: dict[tuple[int, ...], int] = {(3, 44): 6, (3, 50): 7}
    if version >= (3, 51, 3) or version < (3, 7, 0):
        return False
    patch = fixed_lines.get(version[:2])
    return patch is None or version[2] < patch


def check_library(url: str) -> None:
    """Refuse a SQLite library that can corrupt the file.

    Raises:
        StoreUnusable: says how to get a fixed one.
    """
    if connections.is_sqlite(url) and is_affected(sqlite3.sqlite_version_info):
        raise StoreUnusable(
            f"SQLite {sqlite3.sqlite_version} can corrupt a database that several processes write "
            "(sqlite.org/wal.html#walresetbug): install the locked requirements, whose pysqlite3 brings a fixed one"
        )


def check_exists(url: str) -> None:
    """Refuse to make a new, empty file where somebody wants to look into a full one.

    Raises:
        StoreUnusable: names the path.
    """
    path = Path(sa.make_url(url).database or "")
    if connections.is_sqlite(url) and not path.exists():
        raise StoreUnusable(f"there is no database {path} here: run copydesk migrate, or set COPYDESK_DATABASE_URL")


def check_file(url: str) -> None:
    """Refuse a file or directory that cannot be written.

    Raises:
        StoreUnusable: names the path.
    """
    if not connections.is_sqlite(url):
        return
    path = Path(sa.make_url(url).database or "")
    if str(path) == ":memory:":
        raise StoreUnusable("a database in memory is gone with its process: name a file in COPYDESK_DATABASE_URL")
    if not path.parent.is_dir():
        raise StoreUnusable(f"{path.parent} is not a directory: make it, or change COPYDESK_DATABASE_URL")
    if not os.access(path if path.exists() else path.parent, os.W_OK) or not os.access(path.parent, os.W_OK):
        raise StoreUnusable(f"{path} cannot be written by this user, and SQLite writes beside it too: change its mode")
    if path.exists():
        _check_owner(path)


def _check_owner(path: Path) -> None:
    """Look at a file before our own connections do, since those switch it to WAL, whoever's it is."""
    try:
        with closing(sqlite3.connect(f"{path.absolute().as_uri()}?mode=ro", uri=True, timeout=2)) as connection:
            (application,) = connection.execute("PRAGMA application_id").fetchone()
            (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    except sqlite3.OperationalError:
        return  # locked or to be recovered: the connection that may write will say
    except sqlite3.DatabaseError as error:
        raise StoreUnusable(f"this file is not a readable SQLite database: {error}") from error
    if tables and application != schema.APPLICATION_ID:
        raise StoreUnusable("this file belongs to another program: name a file of Copydesk's own in the database URL")


def check_database(connection: sa.Connection) -> None:
    """Refuse another program's file, a newer schema, or a server that does not keep its promises.

    Raises:
        StoreUnusable: says which.
    """
    if connection.dialect.name == "sqlite":
        _check_sqlite(connection)
    else:
        _check_postgresql(connection)
    if migrate.is_newer(connection):
        raise StoreUnusable("the database was migrated by a newer Copydesk: upgrade this one, or restore a backup")


def check_migrated(connection: sa.Connection) -> None:
    """Refuse a database of an older Copydesk, or one that is empty.

    Raises:
        StoreUnusable: says how to bring it up to date.
    """
    if migrate.revision(connection) != migrate.head():
        raise StoreUnusable("the database is not at this Copydesk's schema: run copydesk migrate")


def _check_sqlite(connection: sa.Connection) -> None:
    try:
        mode = connection.exec_driver_sql("PRAGMA journal_mode").scalar_one()
    except sa.exc.DatabaseError as error:
        raise StoreUnusable(f"this file is not a readable SQLite database: {error.orig}") from error
    if mode != "wal":
        raise StoreUnusable(f"the journal mode is {mode} and not wal: keep the file on a local disk")


def _check_postgresql(connection: sa.Connection) -> None:
    if int(connection.exec_driver_sql("SHOW server_version_num").scalar_one()) < OLDEST_POSTGRESQL:
        raise StoreUnusable("PostgreSQL 14 or newer is needed")
    for name in ("fsync", "full_page_writes", "synchronous_commit"):
        if connection.exec_driver_sql(f"SHOW {name}").scalar_one() == "off":
            raise StoreUnusable(f"PostgreSQL runs with {name} = off and can lose what it acknowledged: turn it on")
