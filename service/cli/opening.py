"""What most commands begin with: the settings, and the database as it is."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import click
import sqlalchemy as sa

from service import settings
from service.errors import StoreUnusable
from service.moments import moment
from service.store import Store, connections, open_kept

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
        try:
            return moment(value, datetime.now(UTC))
        except ValueError as error:
            self.fail(str(error), param, ctx)
