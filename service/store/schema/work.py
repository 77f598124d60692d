"""What is to be done outside, by whom, and how far it has come."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, Text

from service.store.schema.columns import Instant, Serial, one_of, table

follow_ups = table(
    "follow_ups",
    Column("id", Serial, primary_key=True),
    Column("identity", Text, nullable=False, unique=True),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("params", Text, nullable=False),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("status", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("starts", Integer, nullable=False),
    Column("planned_at", Instant, nullable=False),
    Column("due_at", Instant, nullable=False),
    Column("give_up_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("result", Text),
    one_of("status", "planned", "queued", "running", "attempting", "done", "left", "refused", "dead"),
    Index("ix_follow_ups_subject", "subject"),
    Index("ix_follow_ups_event_id", "event_id"),
    Index("ix_follow_ups_planned_at", "planned_at"),
    Index(
        "ix_follow_ups_open",
        "due_at",
        sqlite_where=sa.text("status IN ('planned', 'queued', 'running', 'attempting')"),
        postgresql_where=sa.text("status IN ('planned', 'queued', 'running', 'attempting')"),
    ),
)

attempts = table(
    "attempts",
    Column("id", Serial, primary_key=True),
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id"), nullable=False),
    Column("number", Integer, nullable=False),
    Column("start", Integer, nullable=False),
    Column("worker", Text, nullable=False),
    Column("started_at", Instant, nullable=False),
    Column("acting_at", Instant),
    Column("finished_at", Instant),
    Column("result", Text),
    Column("detail", Text),
    Column("request_id", Text),
    sa.UniqueConstraint("follow_up_id", "number", "start"),
    Index("ix_attempts_started_at", "started_at"),
    one_of("result", "done", "left", "waited", "refused", "unavailable", "unknown", "died", "failed"),
)

# One row for each failed run of a subscription that people were told of, so that the copy's failure and the
# subscription's are one alert.
told_runs = table(
    "told_runs",
    Column("id", Serial, primary_key=True),
    Column("order_subscription_id", Text, nullable=False),
    Column("run_at", Instant, nullable=False),
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id"), nullable=False, unique=True),
    Index("ix_told_runs_order_subscription_id_run_at", "order_subscription_id", "run_at"),
)

workers = table(
    "workers",
    Column("id", Text, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("stopped_at", Instant),
)

# How far something that asks the API has come: the sweep, and a recovery that is under way.
watermarks = table(
    "watermarks",
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
)

# The latest requests to Commerce Layer by any process, so that all of them together keep its limits.
spends = table(
    "spends",
    Column("id", Serial, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_spends_at", "at"),
)
