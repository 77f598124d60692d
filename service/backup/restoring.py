"""Restoring a backup: every check first, then the copy, then its name; until then nothing of the target has changed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import sqlalchemy as sa

from service.backup import checks, logical, manifest, snapshots, tables, targets
from service.backup.making import SUBJECT
from service.backup.manifest import Manifest
from service.backup.snapshots import Told
from service.backup.trail import refuse, violations_of
from service.errors import FileUnusable
from service.files import digest_of, whole_file
from service.intake.replay import Operator
from service.store import migrate, open_store
from service.store.audit import entry, write_audit
from service.store.checks import check_library
from service.store.connections import is_sqlite

# As `open_store` makes the file: for its owner and the group that web process and worker share.
_MODE = 0o660


@dataclass(frozen=True, slots=True)
class Restored:
    """What a restore did.

    Attributes:
        manifest: of the backup, with the violations that were found.
        aside: where the old SQLite file is now; None where there was none.
    """

    manifest: Manifest
    aside: Path | None


def check(backup: Path, told: Told, *, despite: bool = False) -> Manifest:
    """Check everything about a backup that can be checked without another system, and change nothing.

    Args:
        backup: the file; its manifest is beside it.
        told: hears how far it is.
        despite: whether violations of its audit trail are no reason to refuse it.

    Returns:
        Its manifest, with the violations that there are, whatever it says of them.

    Raises:
        FileUnusable: it is not the file of its manifest, damaged, too new, or its audit trail does not hold.
    """
    found = manifest.read(backup)
    try:
        size, read = backup.stat().st_size, 0

        def more(count: int) -> None:
            nonlocal read
            read += count
            told("bytes read", read, size)

        digest = digest_of(backup, more)
    except OSError as error:
        raise FileUnusable(f"{backup} cannot be read: {error.strerror}") from None
    if (digest, size) != (found.sha256, found.size):
        raise FileUnusable(f"{backup} is not the file of its manifest: its SHA-256 or its size is another")
    checked = checks.check_file(backup, told, despite=despite)
    differing = tables.same(found.rows, checked.rows)
    if checked.revision != found.revision or differing:
        raise FileUnusable(f"{backup} does not hold what its manifest says: {checked.revision}, {differing}")
    return replace(found, violations=checked.violations)


def check_target(url: str, *, move_aside: bool) -> None:
    """Refuse a target that has something to lose.

    Raises:
        FileUnusable: it has rows, and nobody said to move it aside.
        StoreUnusable, StoreUnavailable: it cannot be used at all.
    """
    check_library(url)
    if is_sqlite(url):
        file = file_of(url)
        if not file.parent.is_dir():
            raise FileUnusable(f"{file.parent} is not a directory: make it, or change COPYDESK_DATABASE_URL")
        if targets.has_rows(file) and not move_aside:
            raise FileUnusable(f"{file} has rows already: --move-aside keeps it under another name")
        return
    if move_aside:
        raise FileUnusable("a PostgreSQL database is not moved aside: name an empty one in COPYDESK_DATABASE_URL")
    store = open_store(url)
    try:
        with store.read() as connection:
            logical.check_empty(connection)
    finally:
        store.close()


def file_of(url: str) -> Path:
    """The SQLite file of a URL."""
    return Path(sa.make_url(url).database or "")


def restore(
    backup: Path, found: Manifest, url: str, operator: Operator, told: Told, *, despite: bool = False
) -> Restored:
    """Restore a checked backup into a checked target.

    Args:
        backup: the file.
        found: what `check` found.
        url: where it goes.
        operator: who, and why; for the restored audit trail.
        told: hears how far it is.
        despite: as in `check`: one of an older schema is verified only now.

    Raises:
        FileUnusable: it cannot be written, or the target is in use.
        StoreUnavailable: the database cannot be written.
    """
    if is_sqlite(url):
        return _into_file(backup, found, file_of(url), operator, told, despite=despite)
    return _into_server(backup, found, url, operator, told, despite=despite)


def _into_file(backup: Path, found: Manifest, file: Path, operator: Operator, told: Told, *, despite: bool) -> Restored:
    aside = targets.aside_of(file, datetime.now(UTC)) if file.exists() else None
    with whole_file(file, mode=_MODE, clear=targets.clearing(file, aside)) as partial:
        told("copying", 0, None)
        shutil.copyfile(backup, partial)
        found = _brought_to_head(partial, found, told, despite=despite)
        store = open_store(f"sqlite:///{partial}")
        try:
            with store.write() as connection:
                _record(connection, found, operator)
        finally:
            store.close()
        told("writing", 0, None)
    return Restored(found, aside)


def _into_server(backup: Path, found: Manifest, url: str, operator: Operator, told: Told, *, despite: bool) -> Restored:
    store = open_store(url)
    try:
        with (
            _at_head(backup, found, told, despite=despite) as (file, there),
            snapshots.opened(file) as source,
            store.write() as connection,
        ):
            logical.load(source, connection, told)
            _record(connection, there, operator)
    finally:
        store.close()
    return Restored(there, None)


@contextmanager
def _at_head(backup: Path, found: Manifest, told: Told, *, despite: bool) -> Iterator[tuple[Path, Manifest]]:
    """The backup at this version's schema: itself, or a copy that was brought there."""
    if found.revision == migrate.head():
        yield backup, found
        return
    with TemporaryDirectory() as directory:
        file = Path(directory) / "backup.db"
        shutil.copyfile(backup, file)
        yield file, _brought_to_head(file, found, told, despite=despite)


def _brought_to_head(file: Path, found: Manifest, told: Told, *, despite: bool) -> Manifest:
    """Bring a copy to this version's schema, and verify one that could not be verified before."""
    open_store(f"sqlite:///{file}").close()
    if found.revision == migrate.head():
        return found
    violations = found.violations + violations_of(file, told)
    refuse(file, violations, despite=despite)
    return replace(found, violations=violations)


def _record(connection: sa.Connection, found: Manifest, operator: Operator) -> None:
    detail = {
        "file": found.file,
        "sha256": found.sha256,
        "made_at": found.made_at,
        "source": found.source,
        "epoch": found.log.epoch,
        "leaves": found.log.size,
        "violations": found.violations.count or None,
        "reason": operator.reason,
    }
    write_audit(connection, [entry(datetime.now(UTC), SUBJECT, operator.actor, "backup.restored", detail)])
