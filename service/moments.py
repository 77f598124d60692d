"""Points in time as people write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def span(text: str) -> timedelta | None:
    """Read an age such as 2h or 7d; None where it is none.

    Raises:
        OverflowError: it is longer than spans go.
    """
    age = _AGE.fullmatch(text)
    return timedelta(**{_UNITS[age[2]]: int(age[1])}) if age else None


def moment(text: str, now: datetime) -> datetime:
    """Read an age such as 2h or 7d, or a time in ISO 8601; without a zone it is UTC.

    Args:
        text: what was written.
        now: what ages are counted from.

    Raises:
        ValueError: it is neither, or longer ago than the calendar goes; the message says so.
    """
    try:
        if (age := span(text)) is not None:
            return now - age
    except OverflowError:
        raise ValueError(f"{text!r} is longer ago than the calendar goes") from None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither an age such as 2h or 7d nor a time such as 2026-03-02T09:00") from None
