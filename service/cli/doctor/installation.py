"""Checks of what was configured, and of the machine."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import sqlalchemy as sa

from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.store import connections

_LITTLE, _TOO_LITTLE = 1 << 30, 200 << 20
_FILES = 4096


def settings(patient: Patient) -> list[Finding]:
    """Each mistake in the settings."""
    if patient.mistakes is None:
        return ok("readable")
    found = []
    for mistake in patient.mistakes.mistakes:
        name, _, words = mistake.partition(": ")
        found += fail(f"{name}: {words}" if words else name, "see .env.example and `copydesk settings`")
    return found


def slack(patient: Patient) -> list[Finding]:
    """Whether alerts reach anybody."""
    if patient.sound.slack_webhook_url.get_secret_value():
        return ok("configured")
    return warn("not configured: nobody is alerted", "set COPYDESK_SLACK_WEBHOOK_URL")


def policy(patient: Patient) -> list[Finding]:
    """What Copydesk may do outside."""
    if patient.sound.dry_run:
        return warn("a dry run: nothing is done outside", "unset COPYDESK_DRY_RUN when you trust it")
    return ok(f"cancel policy {patient.sound.cancel_policy}")


def disk(patient: Patient) -> list[Finding]:
    """Room for the database file."""
    if not connections.is_sqlite(patient.url):
        return ok("the server's own matter")
    folder = Path(sa.make_url(patient.url).database or "").absolute().parent
    if not folder.is_dir():
        return fail(f"{folder} is not a directory", "make it, or change COPYDESK_DATABASE_URL")
    free = shutil.disk_usage(folder).free
    told = f"{free / (1 << 30):.1f} GiB free in {folder}"
    if free < _LITTLE:
        return (fail if free < _TOO_LITTLE else warn)(told, "make room: without it deliveries are answered 503")
    return ok(told)


def files(_patient: Patient) -> list[Finding]:
    """How many connections a process may hold."""
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft != resource.RLIM_INFINITY and soft < _FILES:
        return warn(f"{soft} open files for a process", f"ulimit -n {_FILES}, or LimitNOFILE={_FILES} in systemd")
    return ok("no limit" if soft == resource.RLIM_INFINITY else f"{soft}")
