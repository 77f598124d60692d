"""Checks of how what is kept is protected."""

from __future__ import annotations

import time

from service.cli.doctor.findings import Finding, Patient, ok, warn
from service.privacy import sealing
from service.store import holds
from service.vault import NAME, Vault

# A million data keys take a quarter of a minute to look at.
_SECONDS = 3.0


def payloads(patient: Patient) -> list[Finding]:
    """Whether bodies and headers are sealed, and under which key."""
    vault = Vault(patient.sound.encryption_keys)
    if not vault.has_keys:
        told = "no key is set: bodies and headers are kept as they come"
        return warn(told, f"copydesk keys generate FILE, set {NAME}, copydesk keys rotate")
    until = time.monotonic() + _SECONDS
    found = sealing.standing(patient.open, vault, lambda: time.monotonic() > until)
    told = f"{found.plain} are plain, {found.under_old} under an old key, {found.sealed} sealed under the first"
    if found.cut_short:
        told += f" among the oldest {found.looked_at}"
    if found.plain or found.under_old:
        return warn(told, "copydesk keys rotate")
    return ok(told)


def held(patient: Patient) -> list[Finding]:
    """What must not be erased."""
    with patient.open.read() as connection:
        return ok(f"{len(holds.held(connection))} legal holds")
