"""The one schema, for SQLite and PostgreSQL. What each table holds is told in docs/schema.md.

Facts are written once (the bytes of deliveries, transitions, audit entries); work has a life (events, states,
follow-ups and their attempts). Times are UTC; raw bodies are bytes; the truth of a body is its bytes and nothing
derived from them.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Any

import sqlalchemy as sa
from sqlalchemy import CheckConstraint, Column, ForeignKey, Index, Integer, LargeBinary, MetaData, Table, Text
from sqlalchemy.dialects import postgresql, sqlite

# Raised by a migration that an older Copydesk could not live with; read from `alembic_version` by the checks.
APPLICATION_ID = 0x43505944  # "CPYD", in the header of every SQLite file of ours


class Instant(sa.types.TypeDecorator[datetime]):
    """An aware time: `timestamptz` on PostgreSQL, fixed-width ISO 8601 text on SQLite, which sorts as time does."""

    impl = Text
    cache_ok = True

    def load_dialect_impl(self, dialect: sa.Dialect) -> Any:
        """Pick the column type of the database."""
        if dialect.name == "postgresql":
            return dialect.type_descriptor(sa.DateTime(timezone=True))
        return dialect.type_descriptor(Text())

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> Any:
        """Refuse naive times: they are the ones that go wrong twice a year."""
        if value is None:
            return None
        if value.tzinfo is None:
            raise ValueError("a time without a zone")
        return value if dialect.name == "postgresql" else spell(value)

    def process_result_value(self, value: Any, dialect: sa.Dialect) -> datetime | None:  # noqa: ARG002 - the interface
        """Give back an aware UTC time."""
        if value is None:
            return None
        return value.astimezone(UTC) if isinstance(value, datetime) else datetime.fromisoformat(value)


@lru_cache(maxsize=64)
def spell(value: datetime) -> str:
    """Spell a time for SQLite; cached, since one transaction writes the same time into many rows."""
    if value.tzinfo is None:
        raise ValueError("a time without a zone")
    return value.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z")


def insert(connection: sa.Connection, table: Table) -> Any:
    """An INSERT that knows ON CONFLICT, which both databases spell alike and SQLAlchemy keeps apart."""
    return (postgresql if connection.dialect.name == "postgresql" else sqlite).insert(table)


Serial = sa.BigInteger().with_variant(Integer, "sqlite")
Flag = sa.Boolean().with_variant(Integer, "sqlite")

metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_name)s",
        "pk": "pk_%(table_name)s",
    }
)


def _table(name: str, *items: Any) -> Table:
    return Table(name, metadata, *items, sqlite_strict=True)


def _one_of(column: str, *words: str) -> CheckConstraint:
    listed = ", ".join(f"'{word}'" for word in words)
    return CheckConstraint(f"{column} IN ({listed})", name=column)


events = _table(
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
    Column("origin", Text, nullable=False),
    Column("deliveries", Integer, nullable=False),
    Column("first_seen_at", Instant, nullable=False),
    Column("last_seen_at", Instant, nullable=False),
    _one_of("result", "handled", "failed", "ignored"),
    _one_of("origin", "webhook", "sweep"),
    Index("ix_events_subject", "subject"),
    Index("ix_events_topic", "topic"),
    Index(
        "ix_events_failed",
        "id",
        sqlite_where=sa.text("result = 'failed'"),
        postgresql_where=sa.text("result = 'failed'"),
    ),
)

deliveries = _table(
    "deliveries",
    Column("id", Serial, primary_key=True),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("topic", Text, nullable=False),
    Column("origin", Text, nullable=False),
    Column("received_at", Instant, nullable=False),
    Column("verdict", Text, nullable=False),
    Column("reason", Text),
    Column("body", LargeBinary, nullable=False),
    Column("body_sha256", LargeBinary, nullable=False),
    Column("headers", Text, nullable=False),
    Column("key_fingerprint", Text),
    _one_of("verdict", "event", "redelivery", "quarantine", "deferred"),
    _one_of("origin", "webhook", "sweep"),
    Index("ix_deliveries_event_id", "event_id"),
    Index(
        "ix_deliveries_apart",
        "id",
        sqlite_where=sa.text("verdict IN ('quarantine', 'deferred')"),
        postgresql_where=sa.text("verdict IN ('quarantine', 'deferred')"),
    ),
)

transitions = _table(
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
    Index("ix_transitions_event_id", "event_id"),
)

states = _table(
    "states",
    Column("subject", Text, primary_key=True),
    Column("status", Text, nullable=False),
    Column("at", Instant),
    Column("event_id", Serial, ForeignKey("events.id")),
    Column("source_order_id", Text),
    Column("target_order_id", Text),
    Column("order_subscription_id", Text),
    Column("seen_at", Instant, nullable=False),
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

follow_ups = _table(
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
    _one_of("status", "planned", "queued", "running", "attempting", "done", "left", "refused", "dead"),
    Index("ix_follow_ups_subject", "subject"),
    Index(
        "ix_follow_ups_open",
        "due_at",
        sqlite_where=sa.text("status IN ('planned', 'queued', 'running', 'attempting')"),
        postgresql_where=sa.text("status IN ('planned', 'queued', 'running', 'attempting')"),
    ),
)

attempts = _table(
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
    _one_of("result", "done", "left", "waited", "refused", "unavailable", "unknown", "died", "failed"),
)

# One row for each failed run of a subscription that people were told of, so that the copy's failure and the
# subscription's are one alert.
told_runs = _table(
    "told_runs",
    Column("id", Serial, primary_key=True),
    Column("order_subscription_id", Text, nullable=False),
    Column("run_at", Instant, nullable=False),
    Column("follow_up_id", Serial, ForeignKey("follow_ups.id"), nullable=False, unique=True),
    Index("ix_told_runs_order_subscription_id_run_at", "order_subscription_id", "run_at"),
)

audit_entries = _table(
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

workers = _table(
    "workers",
    Column("id", Text, primary_key=True),
    Column("started_at", Instant, nullable=False),
    Column("seen_at", Instant, nullable=False),
    Column("stopped_at", Instant),
)

# Requests that were not authentic leave no row of their own, only a count: nobody without a key grows the database.
refusals = _table(
    "refusals",
    Column("hour", Instant, primary_key=True),
    Column("topic", Text, primary_key=True),
    Column("reason", Text, primary_key=True),
    Column("count", Integer, nullable=False),
    Column("last_at", Instant, nullable=False),
)

# The shared secrets of our webhooks, encrypted by keys that are not in the database. A secret whose webhook was
# deleted is retired, not removed: what was signed under it may still be on its way.
webhook_secrets = _table(
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
webhook_rotations = _table(
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
    _one_of("status", "open", "done"),
    Index(
        "uq_webhook_rotations_open",
        "topic",
        unique=True,
        sqlite_where=sa.text("status = 'open'"),
        postgresql_where=sa.text("status = 'open'"),
    ),
)

# Failures with one cause, grouped for people. At most one of a fingerprint is open; a cured one that comes back is
# another incident.
incidents = _table(
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
    _one_of("status", "open", "resolved"),
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
incident_subjects = _table(
    "incident_subjects",
    Column("incident_id", Serial, ForeignKey("incidents.id"), primary_key=True),
    Column("subject", Text, primary_key=True),
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

# How far something that asks the API has come: the sweep, and a recovery that is under way.
watermarks = _table(
    "watermarks",
    Column("name", Text, primary_key=True),
    Column("at", Instant, nullable=False),
    Column("moved_at", Instant, nullable=False),
)

# The latest requests to Commerce Layer by any process, so that all of them together keep its limits.
spends = _table(
    "spends",
    Column("id", Serial, primary_key=True),
    Column("endpoint", Text, nullable=False),
    Column("at", Instant, nullable=False),
    Index("ix_spends_at", "at"),
)
