"""Which workers live: each says so every two seconds."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from service.store.schema import insert, workers


def beat(connection: sa.Connection, worker: str, now: datetime) -> None:
    """Say that a worker lives."""
    statement = insert(connection, workers).values(id=worker, started_at=now, seen_at=now)
    connection.execute(statement.on_conflict_do_update(index_elements=[workers.c.id], set_={"seen_at": now}))


def sign_off(connection: sa.Connection, worker: str, now: datetime) -> None:
    """Say that a worker stopped as it should, and forget those that stopped long ago."""
    connection.execute(sa.update(workers).where(workers.c.id == worker).values(stopped_at=now))
    connection.execute(sa.delete(workers).where(workers.c.seen_at < now - timedelta(days=7)))


def living(connection: sa.Connection, since: datetime) -> list[str]:
    """Which workers were seen since a time and have not signed off? The eldest first."""
    w = workers.c
    query = sa.select(w.id).where(w.seen_at >= since, w.stopped_at.is_(None)).order_by(w.started_at, w.id)
    return list(connection.execute(query).scalars())
