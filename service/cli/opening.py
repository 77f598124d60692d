"""What most commands begin with: the settings, and the database as it is."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import click
import sqlalchemy as sa

from service import settings
from service.errors import StoreUnusable
from service.store import Store, connections, open_kept

_AGE = re.compile(r"(\d{1,6})([smhdw])")
_UNITS = {"s": "seconds", "m": "minutes", "h": "hours", "d": "days", "w": "weeks"}


# Where many small transactions must come between those of others, each may wait as a worker does.
PATIENT = 30.0


@contextmanager
def kept(busy_seconds: float = connections.BUSY_SECONDS) -> Iterator[Store]:
    """The database of the settings, for commands that look into it.

    Args:
        busy_seconds: how long a write waits for another process's.

    Raises:
        ConfigurationError: the settings are wrong.
        StoreUnusable, StoreUnavailable: as `open_kept`.
    """
    store = open_kept(settings.load().database_url.get_secret_value(), busy_seconds=busy_seconds)
    try:
        yield store
    except sa.exc.DatabaseError as error:
        # What opening does not notice, such as a damaged page in the middle of the file.
        raise StoreUnusable(f"the database cannot be read: {error.orig}; see copydesk doctor") from error
    finally:
        store.close()


@contextmanager
def reading() -> Iterator[sa.Connection]:
    """One snapshot of that database.

    Raises:
        ConfigurationError, StoreUnusable, StoreUnavailable: as `kept`.
    """
    with kept() as store, store.read() as connection:
        yield connection


class Since(click.ParamType[datetime]):
    """An age such as 2h or 7d, or a time in ISO 8601; without a zone it is UTC."""

    name = "since"

    def get_metavar(self, param: click.Parameter, ctx: click.Context) -> str:  # noqa: ARG002 - click's interface
        """How the help writes it."""
        return "2h|7d|TIME"

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> datetime:
        """Read it as a time."""
        if isinstance(value, datetime):
            return value
        if age := _AGE.fullmatch(value):
            try:
                return datetime.now(UTC) - timedelta(**{_UNITS[age[2]]: int(age[1])})
            except OverflowError:
                self.fail(f"{value!r} is longer ago than the calendar goes", param, ctx)
        try:
            time = datetime.fromisoformat(value)
            return time.astimezone(UTC) if time.tzinfo else time.replace(tzinfo=UTC)
        except (ValueError, OverflowError):
            self.fail(f"{value!r} is neither an age such as 2h or 7d nor a time such as 2026-03-02T09:00", param, ctx)
