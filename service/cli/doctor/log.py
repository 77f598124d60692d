"""Checks of the log that proves the audit trail."""

from __future__ import annotations

from datetime import timedelta

from service.audit import publication, standing
from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.cli.doctor.work import age
from service.store import heartbeats, log, log_heads

# Sequenced each second, published each hour: what waits longer, waits for a person.
_STALE = timedelta(seconds=10)
_UNPUBLISHED = timedelta(hours=2)
_HEARTBEAT = timedelta(seconds=30)


def entries(patient: Patient) -> list[Finding]:
    """Whether entries get their place, and heads are signed."""
    with patient.open.read() as connection:
        current, since = log.newest(connection), log.waiting_since(connection)
        lives = bool(heartbeats.living(connection, patient.now - _HEARTBEAT))
        signed = bool(log_heads.keys(connection))
    found: list[Finding] = []
    if since is not None and patient.now - since > _STALE:
        told = f"entries wait for their place for {age(patient.now - since)}"
        cure = "give a worker the log's key, COPYDESK_AUDIT_KEY, or see its log" if signed else "see the worker's log"
        found += fail(told, cure) if lives else warn(told, "start one: copydesk work")
    if current is None:
        return found or ok("empty")
    if current.head is None:
        found += warn("heads are not signed", "copydesk audit keygen NAME FILE; see docs/audit.md")
    return found or ok(f"{current.origin}, {current.size} entries, signed")


def heads(patient: Patient) -> list[Finding]:
    """Whether the log has what was published of it, and is published at all."""
    settings = patient.sound
    if trouble := standing.look(settings, patient.open).trouble:
        told, _, cure = trouble.rpartition(": ")
        return fail(told or trouble, cure if told else "see docs/audit.md")
    if lost := standing.lost_file(settings, patient.open):
        return fail(f"{lost} is gone, and heads were published there", "find it, or say where it is")
    with patient.open.read() as connection:
        newest = next(iter(log_heads.published(connection, limit=1)), None)
    to = publication.targets(settings)
    if not to:
        return warn("heads are published nowhere", "set COPYDESK_CHECKPOINTS_FILE, or COPYDESK_SLACK_WEBHOOK_URL")
    if newest is None:
        return ok("none published yet")
    late = patient.now - newest.at > _UNPUBLISHED and publication.is_due(patient.open, to, patient.now, _UNPUBLISHED)
    told = f"the newest was published {age(patient.now - newest.at)} ago"
    return warn(told, "start a worker with the key: copydesk work") if late else ok(told)
