"""Reading while requests wait: queries beside gevent's loop, with an end.

Inside SQLite a greenlet does not yield, so a query that takes long would hold up every request of its process. Here
each statement runs whole, its rows included, in a thread of gevent's pool; PostgreSQL's driver waits in the loop by
itself. A statement that takes too long is ended: by the progress handler that SQLite calls while it works
(https://sqlite.org/c3ref/progress_handler.html), or by PostgreSQL's statement_timeout.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any

import gevent
import gevent.monkey
import sqlalchemy as sa
from sqlalchemy import event

from service.store import connections
from service.store.connections import sqlite3
from service.store.store import Store

# How many of SQLite's instructions pass between two looks at the clock: well under a millisecond.
_INSTRUCTIONS = 20_000
_CONNECTIONS = 4


class _Cursor(sqlite3.Cursor):  # type: ignore[misc]
    """Executes and fetches in one go, in a thread of gevent's pool where there is a loop to keep free."""

    _found: list[Any]

    def execute(self, statement: str, parameters: Sequence[Any] = ()) -> _Cursor:
        done, error = _beside(lambda: self._whole(statement, parameters))
        if error is not None:
            raise error
        self._found = done
        return self

    def _whole(self, statement: str, parameters: Sequence[Any]) -> tuple[list[Any], Exception | None]:
        """Run it; trouble is handed over as a value, since what a pool's thread raises, gevent prints too."""
        try:
            super().execute(statement, parameters)
            return super().fetchall() if self.description else [], None
        except sqlite3.Error as error:
            return [], error

    def fetchone(self) -> Any:
        return self._found.pop(0) if self._found else None

    def fetchmany(self, size: int | None = None) -> list[Any]:
        taken, self._found = self._found[: size or 1], self._found[size or 1 :]
        return taken

    def fetchall(self) -> list[Any]:
        taken, self._found = self._found, []
        return taken


class _Connection(sqlite3.Connection):  # type: ignore[misc]
    """Makes such cursors."""

    def cursor(self, *_: Any) -> Any:
        return super().cursor(_Cursor)


def _beside(work: Callable[[], Any]) -> Any:
    if not gevent.monkey.is_module_patched("threading"):
        return work()
    return gevent.get_hub().threadpool.apply(work)


def reader(store: Store, seconds: float) -> Store:
    """The same database for reading alone, through connections whose statements end after so many seconds."""
    url = store.engine.url.render_as_string(hide_password=False)
    if not connections.is_sqlite(url):
        return Store(_postgresql(url, seconds))
    engine = sa.create_engine(
        url,
        module=sqlite3,
        connect_args={"factory": _Connection},
        poolclass=sa.pool.QueuePool,
        pool_size=_CONNECTIONS,
        max_overflow=0,
    )
    connections.take_hints(engine)

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        connection.isolation_level = None
        connections.set_pragmas(connection, busy_seconds=0, autocheckpoint=connections.WEB_AUTOCHECKPOINT)
        connection.execute("PRAGMA query_only = 1")

    @event.listens_for(engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        deadline = time.monotonic() + seconds
        driver: Any = connection.connection.driver_connection
        driver.set_progress_handler(lambda: time.monotonic() > deadline, _INSTRUCTIONS)
        connection.exec_driver_sql("BEGIN")

    return Store(engine)


def _postgresql(url: str, seconds: float) -> sa.Engine:
    engine = connections.connect(url)
    settings = f"SET statement_timeout = {int(seconds * 1000)}; SET default_transaction_read_only = on"

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        with connection.cursor() as cursor:
            cursor.execute(settings)
        connection.commit()

    return engine
