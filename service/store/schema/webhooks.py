"""Our webhooks at Commerce Layer."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, LargeBinary, Text

from service.store.schema.columns import Instant, Serial, one_of, table

# The shared secrets of our webhooks, encrypted by keys that are not in the database. A secret whose webhook was
# deleted is retired, not removed: what was signed under it may still be on its way.
webhook_secrets = table(
    "webhook_secrets",
    Column("id", Serial, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("webhook_id", Text, nullable=False),
    Column("ciphertext", LargeBinary, nullable=False),
    Column("fingerprint", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("seen_at", Instant),
    Column("retired_at", Instant),
    sa.UniqueConstraint("webhook_id", "fingerprint"),
)

# One row for each rotation. Which step is next is read from the provider and from the secrets, never from here.
webhook_rotations = table(
    "webhook_rotations",
    Column("id", Serial, primary_key=True),
    Column("topic", Text, nullable=False),
    Column("old_webhook_id", Text, nullable=False),
    Column("new_webhook_id", Text),
    Column("status", Text, nullable=False),
    Column("actor", Text, nullable=False),
    Column("waits_for", Text),
    Column("started_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    one_of("status", "open", "done"),
    Index(
        "uq_webhook_rotations_open",
        "topic",
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
)
