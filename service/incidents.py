"""What makes two failures one incident, and how an incident's end is told. Pure."""

from __future__ import annotations

import re
from dataclasses import dataclass
from datetime import timedelta
from hashlib import sha256

from service.masking import scrubbed
from service.text import line

# What differs between two failures of one cause: addresses, ids (ten letters and digits, UUIDs) and numbers.
# https://docs.commercelayer.io/core/api-specification#resource-ids
_PARTICULARS = re.compile(
    r"[^\s<>]*(?:@|%40)[^\s<>]*"
    r"|\b[0-9a-fA-F]{8}-[0-9a-fA-F-]{27}\b"
    r"|\b(?=[A-Za-z0-9]*[0-9]|[A-Za-z0-9]+[A-Z])(?=[A-Za-z0-9]*[A-Za-z])[A-Za-z0-9]{10}\b"
    r"|\d+(?:[.,:]\d+)*"
)
_EMAIL = re.compile(r"[^\s<>]*(?:@|%40)[^\s<>]*")
_BLANKS = re.compile(r"\s+")
_UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


@dataclass(frozen=True, slots=True)
class Occurrence:
    """One failure, as far as it belongs to an incident.

    Attributes:
        kind: what sort of incident, such as `circuit`, `stuck` or `failure`.
        subject: what it is about, `type/id`; of failures of many, their type.
        cause: why, in words that are the same for every occurrence.
        detail: more about this one, for people; without customers' data.
        affected: whom it hits, `type/id`, where the incident is about many; it lasts until all of them are cured.
        mode: test or live, where the two must be kept apart.
    """

    kind: str
    subject: str
    cause: str
    detail: str
    affected: str | None = None
    mode: str = ""

    @property
    def fingerprint(self) -> str:
        """The same for occurrences of one incident."""
        return fingerprint(self.kind, self.subject, self.cause, self.mode)


def fingerprint(kind: str, subject: str, cause: str, mode: str = "") -> str:
    """Name what is one incident: 64 hexadecimal digits."""
    return sha256(f"{kind}\n{subject}\n{cause}\n{mode}".encode("utf-8", "surrogatepass")).hexdigest()


def generalised(error: str) -> str:
    """An error without what differs from one subject to the next."""
    return _BLANKS.sub(" ", _PARTICULARS.sub("…", error)).strip()


def blank(text: str) -> str:
    """Cut an error to a line, and blank what looks like somebody's in it: it may quote the customer."""
    return scrubbed(_EMAIL.sub("(address)", line(text)))


def failure_cause(words: str, error: str) -> str:
    """The cause of an incident of failures: what went wrong, and the first error without its particulars."""
    return ": ".join(part for part in (words, generalised(blank(error))) if part)


def lasted(length: timedelta) -> str:
    """A length of time in its two greatest units, such as `2 h 5 min`."""
    left = max(0, int(length.total_seconds()))
    parts = []
    for size, unit in _UNITS:
        if left >= size:
            parts.append(f"{left // size} {unit}")
            left %= size
    return " ".join(parts[:2]) or "less than a second"
