"""How does the installation stand?"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.queries.follow_ups import IS_OPEN
from service.store.schema import follow_ups, workers


@dataclass(frozen=True, slots=True)
class Readiness:
    """How the installation stands.

    Attributes:
        worker_seen_at: the newest heartbeat of a worker that has not signed off; None where there is none.
        open: follow-ups that are not at an end.
        oldest_id, oldest_due_at: the open follow-up that was due first; None where nothing is open.
    """

    worker_seen_at: datetime | None
    open: int
    oldest_id: int | None
    oldest_due_at: datetime | None


def readiness(connection: sa.Connection) -> Readiness:
    """How does the installation stand? In a transaction that may write.

    Raises:
        StoreUnavailable: through the transaction, where the database takes no writes.
    """
    # A read-only server refuses to lock rows, even none: what cannot be written is found here.
    connection.execute(sa.select(workers.c.id).limit(0).with_for_update())
    working = workers.c.stopped_at.is_(None)
    seen = connection.execute(sa.select(sa.func.max(workers.c.seen_at)).where(working)).scalar_one()
    count = connection.execute(sa.select(sa.func.count()).where(IS_OPEN).select_from(follow_ups)).scalar_one()
    oldest = connection.execute(
        sa.select(follow_ups.c.id, follow_ups.c.due_at).where(IS_OPEN).order_by(follow_ups.c.due_at).limit(1)
    ).one_or_none()
    return Readiness(seen, count, *(oldest or (None, None)))
