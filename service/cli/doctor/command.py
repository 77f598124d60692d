"""The table of checks, and the command that runs it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import click
import sqlalchemy as sa

from service import settings
from service.cli.commands import FOUND_TROUBLE
from service.cli.doctor import access, database, installation, log, network, privacy, webhooks, work
from service.cli.doctor.findings import Check, Finding, Patient, fail
from service.cli.output import Column, as_json, print_json, print_table
from service.errors import ConfigurationError, CopydeskError, StoreError
from service.store import open_kept

CHECKS = (
    Check("settings", installation.settings, "nothing"),
    Check("secrets", webhooks.secrets),
    Check("topics", webhooks.topics),
    Check("public url", webhooks.address),
    Check("policy", installation.policy),
    Check("slack", installation.slack),
    Check("open files", installation.files, "nothing"),
    Check("disk", installation.disk),
    Check("sqlite", database.library),
    Check("database", database.reachable),
    Check("schema", database.schema, "store"),
    Check("writing", database.writable, "store"),
    Check("pragmas", database.pragmas, "store"),
    Check("wal", database.wal, "store"),
    Check("integrity", database.integrity, "store"),
    Check("keys", webhooks.keys, "store"),
    Check("payloads", privacy.payloads, "store"),
    Check("holds", privacy.held, "store"),
    Check("rotations", webhooks.rotations, "store"),
    Check("worker", work.worker, "store"),
    Check("follow-ups", work.follow_ups, "store"),
    Check("given up", work.given_up, "store"),
    Check("apart", work.apart, "store"),
    Check("refusals", work.refusals, "store"),
    Check("api tokens", access.tokens, "store"),
    Check("audit log", log.entries, "store"),
    Check("published heads", log.heads, "store"),
    Check("web", network.web, "network"),
    Check("clock", network.clock, "network"),
    Check("token", network.token, "network"),
)
_COLUMNS = (Column("check"), Column("is"), Column("found", fold=True), Column("to mend it", fold=True))


@click.command("doctor")
@click.option("--offline", is_flag=True, help="Without the checks that ask somebody else.")
@as_json
def command(offline: bool, as_json: bool) -> None:
    """Check this installation: each line says what was found and how to mend it.

    Changes nothing. Exits with 1 where anything FAILs; a warning is for you to judge.
    """
    with _patient() as patient:
        found = [
            (check.name, finding) for check in _possible(patient, offline=offline) for finding in _run(check, patient)
        ]
    if as_json:
        print_json([{"check": name, "status": f.status, "found": f.told, "fix": f.fix} for name, f in found])
    else:
        print_table(_COLUMNS, [(name, f.status, f.told, f.fix or "") for name, f in found])
    if any(finding.status == "FAIL" for _, finding in found):
        click.get_current_context().exit(FOUND_TROUBLE)


@contextmanager
def _patient() -> Iterator[Patient]:
    """Load the settings and open the database, as far as that goes."""
    try:
        loaded = settings.load()
    except ConfigurationError as error:
        yield Patient(None, error)
        return
    try:
        store = open_kept(loaded.database_url.get_secret_value())
    except StoreError as error:
        yield Patient(loaded, trouble=str(error))
        return
    try:
        yield Patient(loaded, store=store)
    finally:
        store.close()


def _possible(patient: Patient, *, offline: bool) -> list[Check]:
    """The checks that make sense: without settings or a database, the others have nothing to look at."""
    there = {
        "nothing": True,
        "settings": patient.settings is not None,
        "store": patient.store is not None,
        "network": patient.settings is not None and not offline,
    }
    return [check for check in CHECKS if there[check.needs]]


def _run(check: Check, patient: Patient) -> list[Finding]:
    """Run a check; one that cannot be carried out is a finding too."""
    try:
        return check.run(patient)
    except (CopydeskError, sa.exc.DBAPIError, OSError) as error:
        told = str(error.orig) if isinstance(error, sa.exc.DBAPIError) else str(error)
        return fail(told, "see docs/operations.md")
