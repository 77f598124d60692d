"""Whether a file is a sound backup of ours; each fault is a sentence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from service.backup import tables
from service.backup.manifest import Log
from service.backup.snapshots import Told, opened
from service.backup.trail import check_trail
from service.errors import FileUnusable
from service.store import migrate
from service.store.schema import APPLICATION_ID

_NAMED_FAULTS = 3


def check_file(file: Path, told: Told) -> tuple[str, dict[str, int]]:
    """Check a file that claims to be a Copydesk database, without changing it.

    Returns:
        The revision of its schema, and how many rows each table has. An older file lacks newer tables: those count 0.

    Raises:
        FileUnusable: it is damaged, another program's, of a newer Copydesk, or its audit trail was changed.
    """
    with opened(file) as driver:
        revision = _owned(driver, file)
        told("looking for damage", 0, None)
        found = [row[0] for row in driver.execute(f"PRAGMA integrity_check({_NAMED_FAULTS})")]
        if found != ["ok"]:
            raise FileUnusable(f"{file} is damaged: {'; '.join(found)}")
        if orphans := driver.execute("PRAGMA foreign_key_check").fetchmany(_NAMED_FAULTS):
            rows = ", ".join(f"{table} {row} lacks its {parent}" for table, row, parent, _ in orphans)
            raise FileUnusable(f"{file} is damaged: {rows}")
        counted = _counted(driver)
    # One of an older schema is verified once it was brought to this one.
    if revision == migrate.head():
        check_trail(file, told)
    return revision, counted


def _owned(driver: Any, file: Path) -> str:
    """The revision of a file that is ours and not too new."""
    (application,) = driver.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise FileUnusable(f"{file} belongs to another program, or is no database of Copydesk's")
    (revision,) = driver.execute("SELECT version_num FROM alembic_version").fetchone() or ("none",)
    if revision not in migrate.known():
        raise FileUnusable(f"{file} was made by a newer Copydesk (revision {revision}): upgrade this one")
    return str(revision)


def _counted(driver: Any) -> dict[str, int]:
    there = {name for (name,) in driver.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
    wanted = [table.name for table in tables.ordered()]
    return {
        name: driver.execute(f'SELECT count(*) FROM "{name}"').fetchone()[0] if name in there else 0  # noqa: S608 - our own names
        for name in wanted
    }


def log_of(file: Path) -> Log:
    """How far the audit log of a checked file is."""
    with opened(file) as driver:
        newest = driver.execute("SELECT epoch, size, head FROM audit_logs ORDER BY epoch DESC LIMIT 1").fetchone()
        (waiting,) = driver.execute("SELECT count(*) FROM audit_entries WHERE leaf_index IS NULL").fetchone()
        published = driver.execute("SELECT note FROM checkpoints ORDER BY epoch DESC, size DESC LIMIT 1").fetchone()
    epoch, size, head = newest or (None, None, None)
    return Log(epoch, size, waiting, head, published[0] if published else None)
