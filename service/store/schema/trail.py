"""The audit trail."""

from __future__ import annotations

from sqlalchemy import Column, ForeignKey, Index, Text

from service.store.schema.columns import Instant, Serial, table

audit_entries = table(
    "audit_entries",
    Column("id", Serial, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("subject", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("action", Text, nullable=False),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id")),
    Column("detail", Text, nullable=False),
    Index("ix_audit_entries_subject", "subject"),
)
