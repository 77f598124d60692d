"""What is wrong, and whom it affects."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, Text

from service.store.schema.columns import Instant, Serial, one_of, table

# Failures with one cause, grouped for people. At most one of a fingerprint is open; a cured one that comes back is
# another incident.
incidents = table(
    "incidents",
    Column("id", Serial, primary_key=True),
    Column("fingerprint", Text, nullable=False),
    Column("kind", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("cause", Text, nullable=False),
    Column("detail", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("resolved_at", Instant),
    # The alert that tells people that it began.
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id")),
    one_of("status", "open", "resolved"),
    Index(
        "uq_incidents_open",
        "fingerprint",
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
    Index("ix_incidents_follow_up_id", "follow_up_id"),
)

# Whom an incident affects, and which of them are well again.
incident_subjects = table(
    "incident_subjects",
    Column("incident_id", Serial, ForeignKey("incidents.id"), primary_key=True),
    Column("subject", Text, primary_key=True),
    Column("detail", Text, nullable=False),
    Column("count", Integer, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    Column("cured_at", Instant),
    # The alert that was counted last, so that an attempt made again counts once.
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id")),
    Index(
        "ix_incident_subjects_ailing",
        "subject",
        sqlite_where=sa.text("cured_at IS NULL"),
        postgresql_where=sa.text("cured_at IS NULL"),
    ),
)
