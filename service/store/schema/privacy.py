"""What was erased and what must not be: both without, or beside, the data itself."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, LargeBinary, Text

from service.store.schema.columns import Instant, Serial, table

# One row for each subject that was erased. It does not name it: whoever brings the name finds the row by an HMAC.
tombstones = table(
    "tombstones",
    Column("id", Serial, primary_key=True),
    Column("mark", LargeBinary, nullable=False, unique=True),
    Column("basis", Text, nullable=False),
    Column("erased_at", Instant, nullable=False),
)

# The key of those HMACs: one row, made with the first erasure, and never changed.
tombstone_keys = table(
    "tombstone_keys",
    Column("id", Serial, primary_key=True),
    Column("key", LargeBinary, nullable=False),
)

# What must be kept, whoever asks for its erasure and however old it is.
holds = table(
    "holds",
    Column("id", Serial, primary_key=True),
    Column("subject", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("placed_by", Text, nullable=False),
    Column("placed_at", Instant, nullable=False),
    Column("released_by", Text),
    Column("released_at", Instant),
    Index(
        "uq_holds_standing",
        "subject",
        unique=True,
        sqlite_where=sa.text("released_at IS NULL"),
        postgresql_where=sa.text("released_at IS NULL"),
    ),
)
