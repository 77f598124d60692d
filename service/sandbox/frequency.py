"""When a subscription runs next: by a name such as monthly, or by a crontab whose smallest unit is the hour.

Fact (Commerce Layer documentation, Order subscriptions): hourly to yearly, or a crontab expression.
"""

from __future__ import annotations

from calendar import monthrange
from datetime import UTC, datetime, timedelta

_HOURS = {"hourly": 1, "daily": 24, "weekly": 24 * 7}
_MONTHS = {"monthly": 1, "two-month": 2, "three-month": 3, "four-month": 4, "six-month": 6, "yearly": 12}
# Minute, hour, day of the month, month, day of the week from Sunday.
_RANGES = ((0, 59), (0, 23), (1, 31), (1, 12), (0, 7))
_LONGEST = timedelta(days=366 * 5)


def next_run(frequency: str, last: datetime) -> datetime:
    """The first run after `last`, in UTC.

    Raises:
        ValueError: it is neither a known name nor a crontab of five fields that ever comes to pass.
    """
    last = last.astimezone(UTC)
    if frequency in _HOURS:
        return last + timedelta(hours=_HOURS[frequency])
    if frequency in _MONTHS:
        return _months_later(last, _MONTHS[frequency])
    return _by_crontab(frequency, last)


def _months_later(last: datetime, months: int) -> datetime:
    """The same day so many months later, or the last day of a month that is too short."""
    year, month = divmod(last.year * 12 + last.month - 1 + months, 12)
    return last.replace(year=year, month=month + 1, day=min(last.day, monthrange(year, month + 1)[1]))


def _by_crontab(expression: str, last: datetime) -> datetime:
    fields = expression.split()
    if len(fields) != len(_RANGES):
        raise ValueError(f"{expression!r} is neither a frequency nor a crontab")
    minutes, hours, days, months, weekdays = (
        _numbers(field, *most) for field, most in zip(fields, _RANGES, strict=True)
    )
    if len(minutes) > 1:
        raise ValueError("the smallest unit of a crontab is the hour")
    weekdays |= {0} if 7 in weekdays else set()  # noqa: PLR2004 (Sunday, by its other number)
    moment = last.replace(minute=min(minutes), second=0, microsecond=0)
    while moment <= last or moment.hour not in hours:
        moment += timedelta(hours=1)
    while moment - last < _LONGEST:
        # Where both days are restricted, either will do (POSIX, crontab).
        restricted = fields[2] != "*" and fields[4] != "*"
        day, weekday = moment.day in days, moment.isoweekday() % 7 in weekdays
        fits = (day or weekday) if restricted else (day and weekday)
        if moment.month in months and fits and moment.hour in hours:
            return moment
        moment += timedelta(hours=1)
    raise ValueError(f"{expression!r} never comes to pass")


def _numbers(field: str, least: int, most: int) -> set[int]:
    """Read one field: *, numbers, ranges and steps, in a comma list."""
    found: set[int] = set()
    for part in field.split(","):
        span, _, step = part.partition("/")
        low, _, high = (f"{least}-{most}" if span == "*" else span).partition("-")
        found |= set(range(int(low), int(high or low) + 1, int(step or 1)))
    if not found or min(found) < least or max(found) > most:
        raise ValueError(f"{field!r} is out of the range from {least} to {most}")
    return found
