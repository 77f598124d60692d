"""The audit trail, and the log that proves it."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, Integer, LargeBinary, Text

from service.store.schema.columns import Instant, Serial, table

# Written once. The log gives each its place; an erasure takes subject, actor's name, detail and salt away. Nothing
# else about a row changes, which triggers of the database hold (the second migration).
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
    # Of the delivery that it tells of: what the log commits to.
    Column("payload", LargeBinary),
    Column("sealed", LargeBinary),
    Column("salt", LargeBinary),
    Column("commitment", LargeBinary, nullable=False),
    Column("leaf_hash", LargeBinary, nullable=False),
    Column("epoch", Integer),
    Column("leaf_index", sa.BigInteger().with_variant(Integer, "sqlite")),
    Index("ix_audit_entries_subject", "subject", "id"),
    Index("ix_audit_entries_event_id", "event_id"),
    Index(
        "ix_audit_entries_follow_up_id",
        "follow_up_id",
        sqlite_where=sa.text("follow_up_id IS NOT NULL"),
        postgresql_where=sa.text("follow_up_id IS NOT NULL"),
    ),
    Index("uq_audit_entries_leaf", "epoch", "leaf_index", unique=True),
    Index(
        "ix_audit_entries_waiting",
        "id",
        sqlite_where=sa.text("leaf_index IS NULL"),
        postgresql_where=sa.text("leaf_index IS NULL"),
    ),
)

# One row for each epoch of the log: how far it has come. A restored backup begins another epoch.
audit_logs = table(
    "audit_logs",
    Column("epoch", Integer, primary_key=True, autoincrement=False),
    Column("origin", Text, nullable=False),
    Column("size", sa.BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    # The roots of the full subtrees, greatest first, 32 bytes each: all that appending needs.
    Column("frontier", LargeBinary, nullable=False),
    # The newest signed head; empty while there is no key.
    Column("head", Text),
    Column("opened_at", Instant, nullable=False),
    Column("changed_at", Instant, nullable=False),
    Column("closed_at", Instant),
)

# Heads that were published, each as the signed note that left this machine.
checkpoints = table(
    "checkpoints",
    Column("id", Serial, primary_key=True),
    Column("epoch", Integer, ForeignKey("audit_logs.epoch"), nullable=False),
    Column("size", sa.BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("root", LargeBinary, nullable=False),
    Column("note", Text, nullable=False),
    Column("at", Instant, nullable=False),
    sa.UniqueConstraint("epoch", "size"),
)

# The public keys that signed heads, each with the sizes that it signed for.
audit_keys = table(
    "audit_keys",
    Column("id", Serial, primary_key=True),
    Column("verifier", Text, nullable=False, unique=True),
    Column("epoch", Integer, ForeignKey("audit_logs.epoch"), nullable=False),
    Column("from_size", sa.BigInteger().with_variant(Integer, "sqlite"), nullable=False),
    Column("until_epoch", Integer),
    Column("until_size", sa.BigInteger().with_variant(Integer, "sqlite")),
    Column("added_at", Instant, nullable=False),
)
