"""Points in time as people write them. Pure."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta

_AGE = re.compile(r"(\d{1,6})([smhdw])", re.ASCII)
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


def moment(text: str, now: datetime) -> datetime:
    """Read an age such as 2h or 7d, or a time in ISO 8601; without a zone it is UTC.

    Args:
        text: what was written.
        now: what ages are counted from.

    Raises:
        ValueError: it is neither, or longer ago than the calendar goes; the message says so.
    """
    if age := _AGE.fullmatch(text):
        try:
            return now - timedelta(**{_UNITS[age[2]]: int(age[1])})
        except OverflowError:
            raise ValueError(f"{text!r} is longer ago than the calendar goes") from None
    try:
        time = datetime.fromisoformat(text)
        return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
    except (ValueError, OverflowError):
        raise ValueError(f"{text!r} is neither an age such as 2h or 7d nor a time such as 2026-03-02T09:00") from None
