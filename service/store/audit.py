"""The audit trail's rows. They are written in the transaction of what they describe."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.outcomes import Param
from service.store.bulk import Bulk
from service.store.schema import audit_entries
from service.text import line

_encode = json.JSONEncoder(sort_keys=True).encode
_ENTRIES = Bulk(audit_entries, [c.name for c in audit_entries.c if c.name != "id"])


def entry(
    at: datetime,
    subject: str,
    actor: str,
    action: str,
    detail: Mapping[str, Param],
    *,
    event_id: int | None = None,
    follow_up_id: int | None = None,
) -> dict[str, Any]:
    """One audit entry as a row. Its detail is a flat map; what is None is left out."""
    told = {name: line(value) if isinstance(value, str) else value for name, value in detail.items()}
    return {
        "at": at,
        "subject": subject,
        "actor": actor,
        "action": action,
        "event_id": event_id,
        "follow_up_id": follow_up_id,
        "detail": _encode({name: value for name, value in told.items() if value is not None}),
    }


def write_audit(connection: sa.Connection, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add entries to the audit trail, in the transaction of what they describe."""
    _ENTRIES.run(connection, list(entries))
