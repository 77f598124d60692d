"""Checks of what is under way."""

from __future__ import annotations

from datetime import datetime, timedelta

from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.intake.refusals import API
from service.store import queries
from service.store.refusals import refusals_since

_HEARTBEAT = timedelta(seconds=30)
_LATE, _FAR_TOO_LATE = timedelta(minutes=10), timedelta(days=1)


def worker(patient: Patient) -> list[Finding]:
    """Whether anybody carries out follow-ups."""
    with patient.open.read() as connection:
        seen = queries.readiness(connection).worker_seen_at
    if seen is None:
        return warn("none was ever seen", "start one: copydesk work")
    told = f"seen {age(patient.now - seen)} ago"
    return ok(told) if patient.now - seen <= _HEARTBEAT else fail(told, "start one: copydesk work")


def follow_ups(patient: Patient) -> list[Finding]:
    """Whether the oldest open follow-up gets on."""
    with patient.open.read() as connection:
        found = queries.readiness(connection)
    if found.oldest_since is None:
        return ok("none open")
    told = f"{found.open} open; number {found.oldest_id} {_waits(found.oldest_since, patient.now)}"
    late = patient.now - found.oldest_since
    if late > _LATE:
        return (fail if late > _FAR_TOO_LATE else warn)(told, f"copydesk follow-ups {found.oldest_id}")
    return ok(told)


def given_up(patient: Patient) -> list[Finding]:
    """What nobody will try again, and events whose handlers raised."""
    with patient.open.read() as connection:
        found = queries.totals(connection)
    findings: list[Finding] = []
    if found.dead or found.refused:
        told = f"{found.dead} follow-ups given up, {found.refused} refused by the other side"
        findings += warn(told, "copydesk follow-ups --dead")
    if found.failed_events:
        findings += warn(
            f"{found.failed_events} events at which a handler raised", "copydesk events --failed, then replay"
        )
    return findings or ok("nothing waits for a person")


def apart(patient: Patient) -> list[Finding]:
    """Deliveries that became no event."""
    with patient.open.read() as connection:
        found = queries.totals(connection)
    findings: list[Finding] = []
    if found.quarantined:
        findings += warn(f"{found.quarantined} in quarantine", "copydesk events --quarantine")
    if found.deferred:
        findings += warn(f"{found.deferred} wait to be read by a worker", "start one: copydesk work")
    return findings or ok("none stands apart")


def refusals(patient: Patient) -> list[Finding]:
    """Requests of the last day that were not let in."""
    with patient.open.read() as connection:
        found = refusals_since(connection, patient.now - timedelta(days=1))
    # Those of the API have a line of their own.
    found = [row for row in found if row["topic"] != API]
    told = "; ".join(f"{row['count']} {row['reason']} {row['topic'] or 'elsewhere'}" for row in found[:3])
    if any(row["reason"] == "bad signature" and row["topic"] for row in found):
        return warn(told, "compare the secrets: after 30 failures the provider silences a webhook")
    return ok(told or "none in 24 hours")


def age(span: timedelta) -> str:
    """A span for people, in its largest unit."""
    seconds = max(0, int(span.total_seconds()))
    for unit, length in (("d", 86_400), ("h", 3_600), ("m", 60)):
        if seconds >= 2 * length:
            return f"{seconds // length} {unit}"
    return f"{seconds} s"


def _waits(since: datetime, now: datetime) -> str:
    return f"waits for its time, {age(since - now)} from now" if since > now else f"waits since {age(now - since)}"
