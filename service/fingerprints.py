"""The error fingerprint of an event: what failures of one cause share, however many copies they hit. Pure."""

from __future__ import annotations

from service.events import Event
from service.incidents import failure_cause, fingerprint, generalised
from service.resources import FACTORY_TYPES
from service.router import Verdict

COPY_FAILED = "copy failed"


def fingerprint_of(event: Event, verdict: Verdict) -> str | None:
    """Name the trouble that an event tells: 64 hexadecimal digits; None where it tells none.

    A handler's own error comes first. Of a copy that failed it is that of the incident which its alert joins.
    """
    if verdict.errors:
        return fingerprint("handler", event.topic, generalised(verdict.errors[0]), event.mode)
    if event.type in FACTORY_TYPES and event.topic.endswith(".fail"):
        cause = failure_cause(COPY_FAILED, event.factory.first_error or "")
        return fingerprint("failure", event.type, cause, event.mode)
    return None
