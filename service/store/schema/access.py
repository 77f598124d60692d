"""Who may read over HTTP."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, Index, LargeBinary, Text

from service.store.schema.columns import Instant, Serial, table

# The tokens of the API. A token itself is nowhere: whoever has the database has nothing to show at the door.
api_tokens = table(
    "api_tokens",
    Column("id", Serial, primary_key=True),
    Column("name", Text, nullable=False),
    Column("hash", LargeBinary, nullable=False, unique=True),
    # Words with blanks between them, as OAuth writes them.
    Column("scopes", Text, nullable=False),
    Column("created_at", Instant, nullable=False),
    Column("created_by", Text, nullable=False),
    Column("expires_at", Instant),
    Column("last_used_at", Instant),
    Column("revoked_at", Instant),
    Index(
        "uq_api_tokens_living",
        "name",
        unique=True,
        sqlite_where=sa.text("revoked_at IS NULL"),
        postgresql_where=sa.text("revoked_at IS NULL"),
    ),
)
