"""The newest that is known of each order factory: what its lists are filtered and sorted by."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import Column, ForeignKey, Index, LargeBinary, Text

from service.store.schema.columns import Flag, Instant, Serial, table

# What is listed. Spelt in one place, since SQLite uses a partial index only where a question repeats its condition.
HERE = "status IS NULL OR status <> 'destroyed'"
# What pages of all of them are turned by, anywhere among them: each has an index of its own.
SORTED_BY = (
    *("id", "created_at", "updated_at", "started_at", "completed_at", "failed_at", "errors_count"),
    *("reference", "reference_origin"),
)

# A projection of the bodies and of what the API told, replaced where another snapshot is newer. What of a body may be
# personal is not here: the body has it as long as it is kept.
factories = table(
    "factories",
    Column("subject", Text, primary_key=True),
    Column("type", Text, nullable=False),
    Column("id", Text, nullable=False),
    Column("status", Text),
    Column("started_at", Instant),
    Column("completed_at", Instant),
    Column("failed_at", Instant),
    # As large as the body's own integers may be.
    Column("errors_count", sa.BigInteger().with_variant(sa.Integer, "sqlite")),
    Column("place_target_order", Flag),
    Column("reuse_wallet", Flag),
    Column("cancel_source_order", Flag),
    Column("apply_promotions", Flag),
    Column("skip_errors", Flag),
    Column("ignore_invalid_coupon", Flag),
    Column("created_at", Instant),
    Column("updated_at", Instant),
    Column("reference", Text),
    Column("reference_origin", Text),
    Column("mode", Text, nullable=False),
    Column("organization", Text, nullable=False),
    Column("event_id", Serial, ForeignKey("events.id")),
    # Greater is newer: `service.store.factories` makes it.
    Column("place", LargeBinary, nullable=False),
    # Of those that are not deleted, with all that counting and turning pages needs, so that no row is looked at for it.
    # The first has all that lists are filtered and sorted by: what has no index of its own is looked for there.
    *(
        Index(f"ix_factories_{name}", *columns, sqlite_where=sa.text(HERE), postgresql_where=sa.text(HERE))
        for name, columns in {
            "type": (
                *("type", "subject", "status", "updated_at", "created_at", "id", "started_at", "completed_at"),
                *("failed_at", "errors_count", "reference", "reference_origin", "mode", "event_id"),
            ),
            "status": ("status", "type", "subject", "updated_at"),
            **{name: (name, "type", "subject", "status") for name in SORTED_BY},
        }.items()
    ),
)
