"""Making a backup: a copy, its checks, its manifest, its name, and a line in the trail."""

from __future__ import annotations

import os
from datetime import UTC, datetime
from pathlib import Path

from service.backup import checks, logical, manifest, snapshots, tables
from service.backup.manifest import Manifest
from service.backup.snapshots import Told
from service.errors import FileUnusable
from service.files import digest_of, whole_file
from service.intake.replay import Operator
from service.outcomes import Param
from service.store import Store
from service.store.audit import entry
from service.store.patience import write_patiently
from service.store.schema import spell
from service.version import version

# What the trail's lines about backups are about.
SUBJECT = "database/backup"


def make(store: Store, place: Path, operator: Operator, told: Told, *, despite: bool = False) -> Manifest:
    """Back up the database while others use it, and check the copy before it gets its name.

    Args:
        store: what is backed up; both kinds.
        place: where; nothing may be there. Its manifest is put beside it.
        operator: who, and why; for the audit trail.
        told: hears how far it is.
        despite: whether it is made also where the audit trail does not hold; then the manifest says so.

    Raises:
        FileUnusable: something is at the place, it cannot be written, or the copy is not sound.
        StoreUnavailable: the database cannot be read, or the trail cannot be told.
    """
    with whole_file(place) as partial:
        at = datetime.now(UTC)
        counted = _copy(store, partial, told)
        found = checks.check_file(partial, told, despite=despite)
        if differing := tables.same(counted, found.rows):
            raise FileUnusable(f"the copy is not whole: {', '.join(differing)} had other numbers of rows")
        told("writing", 0, None)
        made = Manifest(
            manifest.FORMAT,
            place.name,
            digest_of(partial),
            partial.stat().st_size,
            spell(at),
            store.dialect,
            version(),
            found.revision,
            found.rows,
            checks.log_of(partial),
            found.violations,
        )
        if os.path.lexists(place):
            raise FileUnusable(f"{place} came to be while the backup was made, and is left alone: make another one")
        # Before the file has its name: a backup is a file with a manifest, and whoever is killed here leaves none.
        manifest.write(made, place)
    _record(store, made, operator)
    return made


def _copy(store: Store, partial: Path, told: Told) -> dict[str, int]:
    """Copy one snapshot, and say how many rows each table has in it."""
    if store.dialect == "postgresql":
        return logical.write_file(store, partial, told)
    with snapshots.snapshot(store) as source:
        snapshots.copy_pages(source, partial, told)
        return tables.count(source)


def _record(store: Store, made: Manifest, operator: Operator) -> None:
    detail: dict[str, Param | datetime] = {
        "file": made.file,
        "sha256": made.sha256,
        "size": made.size,
        "made_at": made.made_at,
        "revision": made.revision,
        "epoch": made.log.epoch,
        "leaves": made.log.size,
        "violations": made.violations.count or None,
        "reason": operator.reason,
    }
    write_patiently(store, entry(datetime.now(UTC), SUBJECT, operator.actor, "backup.made", detail))
