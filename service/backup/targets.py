"""What is at the place where a backup is to be restored, and how it is moved out of the way."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import closing, contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from service.backup import tables
from service.errors import FileUnusable
from service.store.connections import sqlite3

# What SQLite keeps beside a database.
_BESIDE = ("", "-wal", "-shm", "-journal")
_BUSY_SECONDS = 2


def has_rows(file: Path) -> bool:
    """Tell whether a SQLite file has rows of ours; a damaged one is taken to have some."""
    if not file.exists() or not file.stat().st_size:
        return False
    try:
        with closing(_opened(file)) as driver:
            there = {name for (name,) in driver.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
            ours = [table.name for table in tables.ordered() if table.name in there]
            return any(driver.execute(f'SELECT 1 FROM "{name}" LIMIT 1').fetchone() for name in ours)  # noqa: S608 - our own names
    except sqlite3.DatabaseError:
        return True


def aside_of(file: Path, at: datetime) -> Path:
    """The name under which the old file is kept."""
    return file.with_name(f"{file.name}.before-restore-{at.astimezone(UTC):%Y%m%dT%H%M%SZ}")


def move_aside(file: Path, aside: Path) -> None:
    """Rename a database that no process has open; a damaged one goes with what SQLite kept beside it.

    Raises:
        FileUnusable: a process has it open, or the name is taken.
    """
    if aside.exists():
        raise FileUnusable(f"{aside} is there already: try again in a second")
    with _alone(file):
        for ending in _BESIDE:
            beside = file.with_name(file.name + ending)
            if beside.exists():
                beside.rename(aside.with_name(aside.name + ending))


@contextmanager
def _alone(file: Path) -> Any:
    """Hold the file while no process has it open.

    To leave the WAL is refused while another connection is open, even one that does nothing; and it puts all that the
    WAL holds into the file: https://sqlite.org/wal.html#persistence_of_wal_mode
    """
    try:
        driver = _opened(file)
    except sqlite3.DatabaseError:
        driver = None
    try:
        if driver:
            _leave_wal(driver, file)
        yield
    finally:
        if driver:
            driver.close()


def _leave_wal(driver: Any, file: Path) -> None:
    try:
        mode = driver.execute("PRAGMA journal_mode = DELETE").fetchone()[0]
        if mode != "delete":
            raise _is_open(file)
        driver.execute("BEGIN EXCLUSIVE")
    except sqlite3.OperationalError as error:
        if "locked" in str(error):
            raise _is_open(file) from None
    except sqlite3.DatabaseError:
        # Damaged: nothing can be asked of it, and it goes as it is.
        return


def _is_open(file: Path) -> FileUnusable:
    return FileUnusable(f"a process has {file} open: stop web processes, workers and whoever else reads it")


def _opened(file: Path) -> Any:
    return sqlite3.connect(f"{file.absolute().as_uri()}?mode=rw", uri=True, timeout=_BUSY_SECONDS, isolation_level=None)


def clearing(file: Path, aside: Path | None) -> Callable[[], None]:
    """What makes room at the place, at the last moment: whatever came to be there meanwhile is not lost either."""

    def clear() -> None:
        if not file.exists():
            return
        if aside is None:
            raise FileUnusable(f"{file} came to be while the backup was restored: stop web processes and workers")
        move_aside(file, aside)

    return clear
