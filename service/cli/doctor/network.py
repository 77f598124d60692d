"""Checks that ask somebody else; each gives up after a few seconds."""

from __future__ import annotations

import http.client
from contextlib import closing
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from urllib.parse import urlsplit

from service.cli.doctor.findings import Finding, Patient, fail, ok, warn
from service.errors import ConfigurationError, Refused, Unavailable

_SECONDS = 3.0
_SKEW = 30.0
_READY = 200


def web(patient: Patient) -> list[Finding]:
    """Whether the web process answers where it should listen."""
    bind = patient.sound.bind
    if bind.startswith("unix:"):
        return ok(f"not asked at {bind}")
    try:
        status, _ = _ask("GET", f"http://{bind}/readyz")
    except (OSError, http.client.HTTPException) as error:
        return warn(f"no answer at {bind}: {error}", "start it: copydesk serve")
    if status == _READY:
        return ok(f"ready at {bind}")
    return fail(f"{bind} answers {status} to /readyz", f"see http://{bind}/readyz")


def clock(patient: Patient) -> list[Finding]:
    """How far this machine's clock is from the auth server's."""
    try:
        _, headers = _ask("HEAD", patient.sound.auth_url)
        theirs = parsedate_to_datetime(headers.get("Date", ""))
    except (OSError, http.client.HTTPException, ValueError, TypeError):
        return warn(
            f"not compared: no time from {patient.sound.auth_url}", "see whether this machine may connect there"
        )
    off = abs((datetime.now(UTC) - theirs).total_seconds())
    if off > _SKEW:
        return warn(f"{off:.0f} s off", "synchronise the clock: timedatectl set-ntp true")
    return ok(f"within {max(1, round(off))} s")


def token(patient: Patient) -> list[Finding]:
    """Whether the credentials are good, and for this organization and mode."""
    if not patient.sound.has_client:
        return warn("no client: source orders are left alone", "set COPYDESK_CLIENT_ID, _CLIENT_SECRET and _API_URL")
    from service.clients.commerce_layer import CommerceLayer  # noqa: PLC0415
    from service.clients.http import Deadlines  # noqa: PLC0415

    try:
        with CommerceLayer(patient.sound, Deadlines(connect=_SECONDS, read=_SECONDS, total=2 * _SECONDS)) as client:
            client.check_identity()
    except ConfigurationError as error:
        return [f for mistake in error.mistakes for f in fail(mistake, "correct the setting, or the client")]
    except Refused as error:
        return fail(str(error), "compare COPYDESK_CLIENT_ID and COPYDESK_CLIENT_SECRET with the dashboard")
    except Unavailable as error:
        return warn(str(error), "try again; follow-ups wait meanwhile")
    return ok(f"of {patient.sound.organization}, {patient.sound.mode}")


def _ask(method: str, url: str) -> tuple[int, http.client.HTTPMessage]:
    parts = urlsplit(url)
    kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
    with closing(kind(parts.hostname or "", parts.port, timeout=_SECONDS)) as connection:
        connection.request(method, parts.path or "/")
        response = connection.getresponse()
        return response.status, response.headers
