"""The open database: transactions for writing, snapshots for reading, errors in our own words."""

from __future__ import annotations

import os
import re
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlalchemy.exc import DatabaseError, DBAPIError, InterfaceError, OperationalError, SQLAlchemyError

from service.errors import StoreLocked, StoreUnavailable, StoreUnusable
from service.store import checks, connections, migrate

# After these, SQLite's own documentation and our fault runs say: close the connection and open another.
_SUSPECT = ("disk I/O", "malformed", "full", "readonly", "not a database")
# Readers look for milliseconds; one that stays longer is told to whoever asked.
_CUTS, _CUT_PAUSE = 20, 0.1
_NOT_UTF8 = re.compile("Could not decode to UTF-8 (column '[a-z_]*')")


@dataclass(frozen=True)
class Store:
    """The one database of an installation. Threads may share it; processes open their own, after a fork."""

    engine: sa.Engine

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """One transaction: all of it is on disk when the block ends, or nothing is.

        Raises:
            StoreUnavailable: locked, full, read-only, gone. The commit's fate may be unknown; identities make a
                repetition harmless.
        """
        try:
            with self.engine.begin() as connection:
                yield connection
        except (DBAPIError, sa.exc.TimeoutError) as error:
            if not _is_trouble(error):
                raise
            raise self._unavailable(error) from error

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """One snapshot to read from.

        Raises:
            StoreUnavailable: the database cannot be read just now.
        """
        try:
            with self.engine.connect().execution_options(**connections.READ_ONLY) as connection:
                yield connection
        except (DBAPIError, sa.exc.TimeoutError) as error:
            if not _is_trouble(error):
                raise
            raise self._unavailable(error) from error

    @contextmanager
    def read_for_long(self) -> Iterator[sa.Connection]:
        """One snapshot that stays the same for as long as reading takes; nobody waits for it.

        Raises:
            StoreUnavailable: the database cannot be read just now.
        """
        if self.dialect == "sqlite":
            with self.read() as connection:
                yield connection
            return
        try:
            snapshot = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
            with self.engine.connect().execution_options(**snapshot) as connection:
                for limit in ("statement_timeout", "idle_in_transaction_session_timeout"):
                    connection.exec_driver_sql(f"SET LOCAL {limit} = 0")
                yield connection
        except (DBAPIError, sa.exc.TimeoutError) as error:
            if not _is_trouble(error):
                raise
            raise self._unavailable(error) from error

    def impatient(self) -> Store:
        """The same database through connections that fail at once where another process holds the write lock."""
        url = self.engine.url.render_as_string(hide_password=False)
        engine = connections.connect(url, busy_seconds=0)
        connections.commit_beside_the_loop(engine)
        return Store(engine)

    def checkpoint(self) -> None:
        """Copy what the WAL holds into the file, as far as no reader is in the way; SQLite only."""
        connection = self.engine.raw_connection()
        try:
            connection.cursor().execute("PRAGMA wal_checkpoint(PASSIVE)")
        finally:
            connection.close()

    def cut_wal(self) -> bool:
        """Copy the WAL into the file and cut it to nothing, so that no older page is left in it; SQLite only.

        Returns:
            False where a reader or writer was in the way all the time.

        Raises:
            StoreUnavailable: the database cannot be written just now.
        """
        for _ in range(_CUTS):
            busy, *_rest = self._run("PRAGMA wal_checkpoint(TRUNCATE)")
            if not busy:
                return True
            time.sleep(_CUT_PAUSE)
        return False

    def vacuum(self) -> None:
        """Write the whole file anew; nobody else writes meanwhile. SQLite only.

        Raises:
            StoreUnavailable: somebody else reads or writes, or there is no room for the copy.
        """
        self._run("VACUUM")

    def _run(self, statement: str) -> tuple[Any, ...]:
        """Run a statement of SQLite's that must stand outside a transaction; its first row."""
        connection = self.engine.raw_connection()
        try:
            row: tuple[Any, ...] | None = connection.cursor().execute(statement).fetchone()
        except connections.sqlite3.OperationalError as error:
            raise self._unavailable(sa.exc.OperationalError(statement, None, error)) from error
        finally:
            connection.close()
        return row or ()

    def close(self) -> None:
        """Close every connection; on SQLite the last one out checkpoints the WAL."""
        self.engine.dispose()

    def _unavailable(self, error: SQLAlchemyError) -> StoreUnavailable:
        cause = str(error.orig) if isinstance(error, DBAPIError) else str(error)
        if found := _NOT_UTF8.search(cause):
            # The text itself is nobody's business here.
            return StoreUnavailable(f"a text in {found[1]} is not UTF-8; copydesk audit verify names the row")
        if any(word in cause for word in _SUSPECT):
            self.engine.dispose()
        kind = StoreLocked if "locked" in cause else StoreUnavailable
        return kind(cause.strip().partition("\n")[0])


def _is_trouble(error: SQLAlchemyError) -> bool:
    """Tell the database's trouble, which passes, from what a statement or its values did, which does not."""
    if isinstance(error, OperationalError):
        # Class 54: a value is too large for an index or a row, today and tomorrow.
        return not str(getattr(error.orig, "sqlstate", None)).startswith("54")
    # A corrupt file has no class of its own, only the root of the database's errors.
    return isinstance(error, InterfaceError | sa.exc.TimeoutError) or type(error) is DatabaseError


def open_store(url: str, *, busy_seconds: float = connections.BUSY_SECONDS, autocheckpoint: int | None = None) -> Store:
    """Open the database, checked and migrated; several processes may do so at one moment.

    Args:
        url: as `Settings.database_url` normalises it.
        busy_seconds: how long a SQLite write waits for another's.
        autocheckpoint: pages of WAL after which this process checkpoints; None for a web process.

    Raises:
        StoreUnusable: a newer schema, another program's file, a read-only one, an affected SQLite library.
        StoreUnavailable: it cannot be reached or is locked.
    """
    pages = connections.WEB_AUTOCHECKPOINT if autocheckpoint is None else autocheckpoint
    checks.check_library(url)
    checks.check_file(url)
    _make_file(url)
    store = Store(connections.connect(url, busy_seconds=busy_seconds, autocheckpoint=pages))
    with _closed_on_trouble(store):
        with store.read() as connection:
            checks.check_database(connection)
        migrate.migrate(store.engine)
    return store


def _make_file(url: str) -> None:
    """Make the SQLite file for its owner and group only, whatever the umask; the WAL beside it gets the same mode.

    Raises:
        StoreUnavailable: it cannot be made.
    """
    if not connections.is_sqlite(url):
        return
    try:
        os.close(os.open(sa.make_url(url).database or "", os.O_CREAT | os.O_EXCL | os.O_RDWR, 0o660))
    except FileExistsError:
        return
    except OSError as error:
        raise StoreUnavailable(f"the database cannot be made: {error}") from error


def open_kept(url: str, *, busy_seconds: float = connections.BUSY_SECONDS) -> Store:
    """Open the database as it is, for looking into it: nothing is made and nothing is migrated.

    Args:
        url: as `Settings.database_url` normalises it.
        busy_seconds: how long a SQLite write waits for another's.

    Raises:
        StoreUnusable: as `open_store`; also where there is no database yet, or an older one.
        StoreUnavailable: it cannot be reached or is locked.
    """
    checks.check_library(url)
    checks.check_exists(url)
    checks.check_file(url)
    store = Store(connections.connect(url, busy_seconds=busy_seconds))
    with _closed_on_trouble(store), store.read() as connection:
        checks.check_database(connection)
        checks.check_migrated(connection)
    return store


@contextmanager
def _closed_on_trouble(store: Store) -> Iterator[None]:
    """Close a store that could not be opened after all, and say why in our own words."""
    try:
        yield
    except (OperationalError, InterfaceError) as error:
        store.close()
        raise store._unavailable(error) from error  # noqa: SLF001 - its own constructor
    except DatabaseError as error:
        store.close()
        raise StoreUnusable(f"the database cannot be read: {error.orig}; restore a backup") from error
    except BaseException:
        store.close()
        raise
