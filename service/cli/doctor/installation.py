"""Checks of what was configured, and of the machine."""

from __future__ import annotations

import resource
import shutil
from pathlib import Path

import sqlalchemy as sa

from handlers import MODULES
from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.router import Router
from service.soundness import SHORTEST_SECRET
from service.store import connections

_FEW_CHARACTERS = 8
_LITTLE, _TOO_LITTLE = 1 << 30, 200 << 20
_FILES = 4096
_SHOWN = 4


def settings(patient: Patient) -> list[Finding]:
    """Each mistake in the settings."""
    if patient.mistakes is None:
        return ok("readable")
    found = []
    for mistake in patient.mistakes.mistakes:
        name, _, words = mistake.partition(": ")
        found += fail(f"{name}: {words}" if words else name, "see .env.example and `copydesk settings`")
    return found


def secrets(patient: Patient) -> list[Finding]:
    """Which topics can be received, and whether their secrets are worth the name."""
    by_topic = patient.sound.webhook_secrets
    if not by_topic:
        return fail("no topic has a secret", "set COPYDESK_WEBHOOK_SECRETS; `serve` does not start without")
    several = [topic for topic, keys in by_topic.items() if len(keys) > 1]
    found = ok(f"{len(by_topic)} topics" + (f"; being rotated: {_some(several)}" if several else ""))
    weak = [t for t, keys in by_topic.items() if any(len(set(k.get_secret_value())) < _FEW_CHARACTERS for k in keys)]
    if weak:
        found += warn(
            f"easy to guess: {_some(weak)}", f"use the webhook's own secret, {SHORTEST_SECRET} or more letters"
        )
    return found


def topics(patient: Patient) -> list[Finding]:
    """Topics that handlers ask for and nobody can deliver."""
    router = Router(MODULES)
    # Those named one by one; a rule about `orders.*` takes what there is.
    named = {topic for handler in router.handlers for topic in handler.topics if "*" not in topic}
    missing = sorted(named - set(patient.sound.webhook_secrets))
    found: list[Finding] = []
    if missing:
        found += warn(
            f"{len(missing)} that handlers ask for have no secret: {_some(missing)}",
            "make webhooks for those you need and add their secrets",
        )
    if misspelt := router.misspelt():
        found += warn(f"handlers ask for unpublished ones: {_some(misspelt)}", "look for a typing mistake")
    return found or ok("all that handlers ask for have a secret")


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


def _some(names: list[str]) -> str:
    """A few of many names."""
    return ", ".join(names[:_SHOWN]) + (f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else "")
