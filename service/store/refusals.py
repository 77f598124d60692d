"""Counts of refused requests: one row for each hour, topic and reason."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

import sqlalchemy as sa

from service.store.schema import insert, refusals


def add_refusals(connection: sa.Connection, counts: Mapping[tuple[str, str], int], now: datetime) -> None:
    """Add counts by (topic, reason) to the hour of `now`."""
    hour = now.replace(minute=0, second=0, microsecond=0)
    statement = insert(connection, refusals)
    statement = statement.on_conflict_do_update(
        index_elements=[refusals.c.hour, refusals.c.topic, refusals.c.reason],
        set_={"count": refusals.c.count + statement.excluded.count, "last_at": now},
    )
    rows = [
        {"hour": hour, "topic": topic, "reason": reason, "count": count, "last_at": now}
        for (topic, reason), count in sorted(counts.items())
    ]
    connection.execute(statement, rows)


def refusals_since(connection: sa.Connection, since: datetime) -> list[sa.RowMapping]:
    """What was refused since a time, most first: topic, reason, count, last_at."""
    count = sa.func.sum(refusals.c.count).label("count")
    query = (
        sa.select(refusals.c.topic, refusals.c.reason, count, sa.func.max(refusals.c.last_at).label("last_at"))
        .where(refusals.c.last_at >= since)
        .group_by(refusals.c.topic, refusals.c.reason)
        .order_by(count.desc())
    )
    return list(connection.execute(query).mappings())


def count_before(connection: sa.Connection, before: datetime) -> int:
    """How many counts are of hours before a time?"""
    query = sa.select(sa.func.count()).select_from(refusals).where(refusals.c.hour < before)
    return int(connection.execute(query).scalar_one())


def forget_before(connection: sa.Connection, before: datetime) -> int:
    """Delete the counts of hours before a time; how many they were."""
    return connection.execute(sa.delete(refusals).where(refusals.c.hour < before)).rowcount
