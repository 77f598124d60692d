"""Checks of the database."""

from __future__ import annotations

from pathlib import Path

import sqlalchemy as sa

from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.store import checks, connections, migrate

# A reader that never ends keeps the WAL from being cut back.
_LONG_WAL = 256 << 20


def library(patient: Patient) -> list[Finding]:
    """The SQLite library, or that another database is used."""
    if not connections.is_sqlite(patient.url):
        return ok("not used")
    version = connections.sqlite3.sqlite_version
    if checks.is_affected(connections.sqlite3.sqlite_version_info):
        return fail(f"SQLite {version} can corrupt the file", "install the locked requirements, with pysqlite3")
    return ok(f"SQLite {version}")


def reachable(patient: Patient) -> list[Finding]:
    """Whether the database can be opened."""
    if patient.store is None:
        told, _, fix = (patient.trouble or "").partition(": ")
        return fail(told, fix or "see COPYDESK_DATABASE_URL, and docs/operations.md")
    return ok(patient.store.dialect)


def writable(patient: Patient) -> list[Finding]:
    """Whether a transaction that writes can begin."""
    with patient.open.write() as connection:
        connection.execute(sa.select(sa.literal(1)))
    return ok("a write can begin")


def schema(patient: Patient) -> list[Finding]:
    """The revision, which opening has compared already."""
    with patient.open.read() as connection:
        return ok(f"revision {migrate.revision(connection)}")


def pragmas(patient: Patient) -> list[Finding]:
    """The settings of a live connection."""
    if patient.open.dialect != "sqlite":
        return ok("not SQLite")
    with patient.open.read() as connection:
        live = {n: connection.exec_driver_sql(f"PRAGMA {n}").scalar() for n in connections.SQLITE_PRAGMAS}
    wrong = [f"{n} is {live[n]}" for n, wanted in connections.SQLITE_PRAGMAS.items() if str(live[n]) != str(wanted)]
    if wrong:
        return fail("; ".join(wrong), "the SQLite library refuses them: install the locked requirements")
    return ok(f"{len(live)} as they should be")


def wal(patient: Patient) -> list[Finding]:
    """The size of the write-ahead log."""
    if patient.open.dialect != "sqlite":
        return ok("not SQLite")
    log = Path(f"{sa.make_url(patient.url).database}-wal")
    size = log.stat().st_size if log.exists() else 0
    told = f"{size / (1 << 20):.1f} MiB"
    if size > _LONG_WAL:
        return warn(told, "start a worker, which cuts it back; end programs that hold a long read")
    return ok(told)


def integrity(patient: Patient) -> list[Finding]:
    """SQLite's quick look for damage."""
    if patient.open.dialect != "sqlite":
        return ok("not SQLite")
    with patient.open.read() as connection:
        told = str(connection.exec_driver_sql("PRAGMA quick_check(1)").scalar())
    return ok("quick_check found nothing") if told == "ok" else fail(told, "stop everything and restore a backup")
