"""The one schema, for SQLite and PostgreSQL. What each table holds is told in docs/schema.md.

Facts are written once (the bytes of deliveries, transitions, audit entries); work has a life (events, states,
follow-ups and their attempts). Times are UTC; raw bodies are bytes; the truth of a body is its bytes and nothing
derived from them.
"""

from service.store.schema.access import api_tokens
from service.store.schema.arrived import deliveries, events, refusals, states, transitions
from service.store.schema.columns import APPLICATION_ID, Instant, insert, metadata, spell
from service.store.schema.trail import audit_entries, audit_keys, audit_logs, checkpoints
from service.store.schema.watch import incident_subjects, incidents
from service.store.schema.webhooks import webhook_rotations, webhook_secrets
from service.store.schema.work import attempts, follow_ups, spends, told_runs, watermarks, workers

__all__ = [
    "APPLICATION_ID",
    "Instant",
    "api_tokens",
    "attempts",
    "audit_entries",
    "audit_keys",
    "audit_logs",
    "checkpoints",
    "deliveries",
    "events",
    "follow_ups",
    "incident_subjects",
    "incidents",
    "insert",
    "metadata",
    "refusals",
    "spell",
    "spends",
    "states",
    "told_runs",
    "transitions",
    "watermarks",
    "webhook_rotations",
    "webhook_secrets",
    "workers",
]
