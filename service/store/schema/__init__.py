"""The one schema, for SQLite and PostgreSQL. What each table holds is told in docs/schema.md.

Facts are written once (the bytes of deliveries, transitions, audit entries); work has a life (events, states,
follow-ups and their attempts). Times are UTC; raw bodies are bytes; the truth of a body is its bytes and nothing
derived from them.
"""

from service.store.schema.access import api_tokens
from service.store.schema.arrived import deliveries, events, refusals, states, transitions
from service.store.schema.columns import APPLICATION_ID, Instant, insert, metadata, spell
from service.store.schema.factories import HERE, SORTED_BY, factories
from service.store.schema.privacy import holds, tombstone_keys, tombstones
from service.store.schema.trail import (
    audit_entries,
    audit_keys,
    audit_logs,
    checkpoints,
)
from service.store.schema.watch import incident_subjects, incidents
from service.store.schema.webhooks import webhook_rotations, webhook_secrets
from service.store.schema.work import attempts, follow_ups, spends, told_runs, watermarks, workers

# What migrations made by hand: on SQLite an index of texts (FTS5, with tables of its own) and counts; on PostgreSQL
# an index.
BESIDE = (
    "audit_texts",
    *(f"audit_texts_{part}" for part in ("config", "content", "data", "idx")),
    "tallies",
    "ix_audit_entries_words",
    *(f"ix_{wide}_id" for wide in ("events", "deliveries", "audit_entries")),
)

__all__ = [
    "APPLICATION_ID",
    "BESIDE",
    "HERE",
    "SORTED_BY",
    "Instant",
    "api_tokens",
    "attempts",
    "audit_entries",
    "audit_keys",
    "audit_logs",
    "checkpoints",
    "deliveries",
    "events",
    "factories",
    "follow_ups",
    "holds",
    "incident_subjects",
    "incidents",
    "insert",
    "metadata",
    "refusals",
    "spell",
    "spends",
    "states",
    "told_runs",
    "tombstone_keys",
    "tombstones",
    "transitions",
    "watermarks",
    "webhook_rotations",
    "webhook_secrets",
    "workers",
]
