"""What came in, and what it told."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Text

from service.store.schema.columns import Flag, Instant, Serial, one_of, table, where

events = table(
    "events",
    Column("id", Serial, primary_key=True),
    Column("key", LargeBinary, nullable=False, unique=True),
    Column("topic", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("mode", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("told_status", Text),
    Column("resource_updated_at", Instant),
    Column("result", Text, nullable=False),
    Column("superseded", Flag, nullable=False),
    Column("error", Text),
    Column("fingerprint", Text),
    Column("origin", Text, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    one_of("result", "handled", "failed", "ignored"),
    one_of("origin", "webhook", "sweep"),
    Index("ix_events_subject", "subject"),
    Index("ix_events_topic", "topic"),
    Index("ix_events_told_status", "told_status"),
    Index("ix_events_last_seen_at", "last_seen_at"),
    # With the id in the second place, so that the newest come first; the rest is for counting alone.
    Index(
        "ix_events_fingerprint",
        *("fingerprint", "id", "topic", "told_status", "result", "origin", "mode", "last_seen_at"),
        **where("fingerprint IS NOT NULL"),
    ),
    Index("ix_events_ignored", "id", **where("result = 'ignored'")),
    Index("ix_events_swept", "id", **where("origin = 'sweep'")),
    Index(
        "ix_events_failed",
        "id",
        sqlite_where=sa.text("result = 'failed'"),
        postgresql_where=sa.text("result = 'failed'"),
    ),
)

deliveries = table(
    "deliveries",
    Column("id", Serial, primary_key=True),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("topic", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    # Empty once they were erased; sealed, with the headers and the salt inside, where there is a data key.
    Column("body", LargeBinary),
    Column("headers", Text),
    Column("salt", LargeBinary),
    Column("data_key", LargeBinary),
    Column("size", Integer, nullable=False),
    Column("commitment", LargeBinary, nullable=False),
    Column("key_fingerprint", Text),
    one_of("verdict", "event", "redelivery", "quarantine", "deferred"),
    one_of("origin", "webhook", "sweep"),
    Index("ix_deliveries_event_id", "event_id"),
    # The oldest bytes that are kept: retention begins there.
    Index("ix_deliveries_kept", "received_at", **where("body IS NOT NULL")),
    Index("ix_deliveries_topic", "topic"),
    Index("ix_deliveries_received_at", "received_at"),
    Index("ix_deliveries_redelivered", "id", **where("verdict = 'redelivery'")),
    Index("ix_deliveries_swept", "id", **where("origin = 'sweep'")),
    Index(
        "ix_deliveries_apart",
        "id",
        sqlite_where=sa.text("verdict IN ('quarantine', 'deferred')"),
        postgresql_where=sa.text("verdict IN ('quarantine', 'deferred')"),
    ),
)

transitions = table(
    "transitions",
    Column("id", Serial, primary_key=True),
    Column("event_id", Serial, ForeignKey("events.id"), nullable=False),
    Column("subject", Text, nullable=False),
    Column("from_status", Text),
    Column("to_status", Text, nullable=False),
    Column("at", Instant),
    Column("applied", Flag, nullable=False),
    Column("recorded_at", Instant, nullable=False),
    Index("ix_transitions_subject", "subject"),
    Index("ix_transitions_to_status", "to_status"),
    Index("ix_transitions_recorded_at", "recorded_at"),
    Index("ix_transitions_event_id", "event_id"),
)

states = table(
    "states",
    Column("subject", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("at", Instant),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("source_order_id", Text),
    Column("target_order_id", Text),
    Column("order_subscription_id", Text),
    Column("seen_at", Instant, nullable=False),
    Index("ix_states_status", "status", "seen_at", "subject"),
    Index("ix_states_seen_at", "seen_at", "subject"),
    *(
        Index(
            f"ix_states_{column}",
            column,
            sqlite_where=sa.text(f"{column} IS NOT NULL"),
            postgresql_where=sa.text(f"{column} IS NOT NULL"),
        )
        for column in ("source_order_id", "target_order_id", "order_subscription_id")
    ),
    Index(
        "ix_states_unfinished",
        "subject",
        sqlite_where=sa.text("status IN ('pending', 'in_progress')"),
        postgresql_where=sa.text("status IN ('pending', 'in_progress')"),
    ),
)

# Requests that were not authentic leave no row of their own, only a count: nobody without a key grows the database.
refusals = table(
    "refusals",
    Column("hour", Instant, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
)
