"""Whether a file is a sound backup of ours; each fault is a sentence."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from service.backup import tables
from service.backup.manifest import NAMED, Log, Violations
from service.backup.snapshots import Told, opened
from service.backup.trail import refuse, violations_of
from service.errors import FileUnusable
from service.store import migrate
from service.store.schema import APPLICATION_ID


@dataclass(frozen=True, slots=True)
class Checked:
    """What is known of a file that may be used.

    Attributes:
        revision: of its schema.
        rows: how many each table has; an older file lacks newer tables, and those count 0.
        violations: what somebody took it in spite of.
    """

    revision: str
    rows: dict[str, int]
    violations: Violations


def check_file(file: Path, told: Told, *, despite: bool = False) -> Checked:
    """Check a file that claims to be a Copydesk database, without changing it.

    Args:
        file: which.
        told: hears how far it is.
        despite: whether violations of its audit trail are found and no reason to refuse it. Damage always is.

    Raises:
        FileUnusable: it is damaged, another program's, of a newer Copydesk, or its audit trail was changed.
    """
    with opened(file) as driver:
        revision = _owned(driver, file)
        told("looking for damage", 0, None)
        found = [row[0] for row in driver.execute(f"PRAGMA integrity_check({NAMED})")]
        if found != ["ok"]:
            raise FileUnusable(f"{file} is damaged: {'; '.join(found)}")
        there = {name for (name,) in driver.execute("SELECT name FROM sqlite_schema WHERE type = 'table'")}
        wanted = [table.name for table in tables.ordered()]
        if revision == migrate.head() and (missing := [name for name in wanted if name not in there]):
            raise FileUnusable(f"{file} is damaged: it has no table {', '.join(missing)}")
        violations = _orphans(driver)
        refuse(file, violations, despite=despite)
        counted = {name: _count(driver, name) if name in there else 0 for name in wanted}
    # One of an older schema is verified once it was brought to this one.
    if revision == migrate.head():
        violations += violations_of(file, told)
        refuse(file, violations, despite=despite)
    return Checked(revision, counted, violations)


def _orphans(driver: Any) -> Violations:
    """Rows that refer to one that is gone."""
    found = Violations()
    for table, row, parent, _ in driver.execute("PRAGMA foreign_key_check"):
        found += Violations(1, (f"{table} {row} lacks its {parent}",))
    return found


def _owned(driver: Any, file: Path) -> str:
    """The revision of a file that is ours and not too new."""
    (application,) = driver.execute("PRAGMA application_id").fetchone()
    if application != APPLICATION_ID:
        raise FileUnusable(f"{file} belongs to another program, or is no database of Copydesk's")
    (revision,) = driver.execute("SELECT version_num FROM alembic_version").fetchone() or ("none",)
    if revision not in migrate.known():
        raise FileUnusable(f"{file} was made by a newer Copydesk (revision {revision}): upgrade this one")
    return str(revision)


def _count(driver: Any, name: str) -> int:
    (found,) = driver.execute(f'SELECT count(*) FROM "{name}"').fetchone()  # noqa: S608 - our own names
    return int(found)


def log_of(file: Path) -> Log:
    """How far the audit log of a checked file is."""
    with opened(file) as driver:
        newest = driver.execute("SELECT epoch, size, head FROM audit_logs ORDER BY epoch DESC LIMIT 1").fetchone()
        (waiting,) = driver.execute("SELECT count(*) FROM audit_entries WHERE leaf_index IS NULL").fetchone()
        published = driver.execute("SELECT note FROM checkpoints ORDER BY epoch DESC, size DESC LIMIT 1").fetchone()
    epoch, size, head = newest or (None, None, None)
    return Log(epoch, size, waiting, head, published[0] if published else None)
