"""How does the installation stand?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.errors import StoreUnavailable
from service.store.queries.follow_ups import IS_OPEN
from service.store.record import GIVE_UP_AFTER
from service.store.schema import follow_ups, workers


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the installation stands.

    Attributes:
        worker_seen_at: the newest heartbeat of a worker that has not signed off; None where there is none.
        open: follow-ups that are not at an end.
        oldest_id, oldest_since: the open follow-up that was due first, and since when it waits, failed attempts
            included; in the future where all of them only wait for their time; None where nothing is open.
    """

    worker_seen_at: datetime | None
    open: int
    oldest_id: int | None
    oldest_since: datetime | None


def readiness(connection: sa.Connection) -> Readiness:
    """How does the installation stand?"""
    working = workers.c.stopped_at.is_(None)
    seen = connection.execute(sa.select(sa.func.max(workers.c.seen_at)).where(working)).scalar_one()
    count = connection.execute(sa.select(sa.func.count()).where(IS_OPEN).select_from(follow_ups)).scalar_one()
    oldest = connection.execute(
        sa.select(follow_ups.c.id, follow_ups.c.give_up_at).where(IS_OPEN).order_by(follow_ups.c.give_up_at).limit(1)
    ).one_or_none()
    id_, since = (oldest.id, oldest.give_up_at - GIVE_UP_AFTER) if oldest else (None, None)
    return Readiness(seen, count, id_, since)


def check_takes_writes(connection: sa.Connection) -> None:
    """Find out whether a delivery could be kept now, in a transaction that may write.

    SQLite is made to write a page: a lock alone is to be had on a full disk too. PostgreSQL is asked, since the web
    process's role may write little, and a standby says so by itself.

    Raises:
        StoreUnavailable: it could not; on SQLite through the transaction's end.
    """
    if connection.dialect.name == "sqlite":
        version = connection.exec_driver_sql("PRAGMA user_version").scalar_one()
        connection.exec_driver_sql(f"PRAGMA user_version = {version}")
    elif connection.exec_driver_sql("SHOW transaction_read_only").scalar_one() != "off":
        raise StoreUnavailable("the server takes no writes")
