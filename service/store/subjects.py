"""What is known of a subject just now, for follow-ups that decide on it."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import fields
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.states import State
from service.store.queries import OPEN
from service.store.schema import follow_ups, states, told_runs

# The shortest period of a subscription is an hour: two failures half an hour apart are of one run.
# https://docs.commercelayer.io/core/api-reference/order_subscriptions
ONE_RUN = timedelta(minutes=30)


def is_being_hydrated(connection: sa.Connection, subject: str) -> bool:
    """Is somebody still asking the API which orders it concerns?"""
    query = sa.select(follow_ups.c.id).where(
        follow_ups.c.subject == subject, follow_ups.c.kind == "hydrate", follow_ups.c.status.in_(OPEN)
    )
    return connection.execute(query.limit(1)).first() is not None


def claim_run(connection: sa.Connection, subscription_id: str, run_at: datetime, follow_up_id: int) -> int | None:
    """Take the right to tell people of a failed run of a subscription, inside the caller's transaction.

    One that could not tell it has it no longer: better late by another than never.

    Returns:
        The follow-up that has it already; None where it is this one's now.
    """
    if connection.dialect.name == "postgresql":
        # Two alerts of one run at one moment: the second waits here until the first has committed.
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"run of {subscription_id}"))
        connection.execute(sa.select(lock))
    query = (
        sa.select(told_runs.c.follow_up_id)
        .join(follow_ups, follow_ups.c.id == told_runs.c.follow_up_id)
        .where(
            told_runs.c.order_subscription_id == subscription_id,
            told_runs.c.run_at.between(*_around(run_at)),
            follow_ups.c.status.not_in(("refused", "dead")),
        )
    )
    holder = connection.execute(query.limit(1)).scalar_one_or_none()
    if holder is None:
        row = {"order_subscription_id": subscription_id, "run_at": run_at, "follow_up_id": follow_up_id}
        connection.execute(sa.insert(told_runs), row)
    return None if holder == follow_up_id else holder


def _around(run_at: datetime) -> tuple[datetime, datetime]:
    """The times that are of one run; a body may name the first or the last moment of the calendar."""
    try:
        return run_at - ONE_RUN, run_at + ONE_RUN
    except OverflowError:
        return run_at, run_at


def states_of(connection: sa.Connection, names: Collection[str]) -> dict[str, State]:
    """Where do these stand? What is not known is not in it."""
    query = sa.select(*(states.c[field.name] for field in fields(State))).where(states.c.subject.in_(sorted(names)))
    # PostgreSQL locks a row that is not there yet as one without a status.
    return {row.subject: State(*row) for row in connection.execute(query) if row.status}
