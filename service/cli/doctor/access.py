"""Checks of who may read over HTTP."""

from __future__ import annotations

from datetime import timedelta

from service.cli.doctor.findings import Finding, Patient, ok, some, warn
from service.intake.refusals import API
from service.store import api_tokens
from service.store.refusals import refusals_since

_SOON = timedelta(days=7)
# Nobody shows these by accident of a first try.
_BAD = ("malformed token", "unknown token", "expired token", "revoked token", "too many failures")


def tokens(patient: Patient) -> list[Finding]:
    """Which tokens let somebody in, which soon will not, and who tried without."""
    with patient.open.read() as connection:
        rows = [row for row in api_tokens.every(connection) if row.revoked_at is None]
        counts = refusals_since(connection, patient.now - timedelta(days=1))
    good = [row for row in rows if row.is_good(patient.now)]
    over = [row.name for row in rows if not row.is_good(patient.now)]
    soon = [row.name for row in good if row.expires_at and row.expires_at < patient.now + _SOON]
    found: list[Finding] = []
    if over:
        found += warn(f"expired: {some(over)}", "copydesk tokens revoke NAME, then create")
    if soon:
        found += warn(f"will expire within a week: {some(soon)}", "copydesk tokens create under another name")
    failed = {row["reason"]: row["count"] for row in counts if row["topic"] == API and row["reason"] in _BAD}
    if failed:
        told = ", ".join(f"{count} {reason}" for reason, count in sorted(failed.items()))
        found += warn(f"in 24 hours: {told}", "see who asks; a token that others may know is revoked")
    return found or ok(f"{len(good)} let somebody in" if good else "none: the API answers 401 to all")
