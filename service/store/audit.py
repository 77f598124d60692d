"""The audit trail's rows. They are written in the transaction of what they describe."""

from __future__ import annotations

import json
import os
from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.merkle import leaves
from service.outcomes import Param
from service.store.bulk import Bulk
from service.store.schema import audit_entries, spell
from service.text import line

# What the log fills in later: the place of the leaf.
_LATER = ("id", "epoch", "leaf_index")
_encode = json.JSONEncoder(sort_keys=True).encode
_ENTRIES = Bulk(audit_entries, [c.name for c in audit_entries.c if c.name not in _LATER])


def entry(
    at: datetime,
    subject: str,
    actor: str,
    action: str,
    detail: Mapping[str, Param | datetime | None],
    *,
    event_id: int | None = None,
    follow_up_id: int | None = None,
) -> dict[str, Any]:
    """One audit entry as a row, without what commits to it.

    Args:
        at: when.
        subject: whose trail it belongs to.
        actor: who: one word, or a word and a name, as in `operator jane`.
        action: what was done.
        detail: more about it: a flat map; what is None is left out.
        event_id: the event that it is about, if any.
        follow_up_id: the follow-up, likewise.
    """
    return {
        "at": at,
        "subject": subject,
        "actor": actor,
        "action": action,
        "event_id": event_id,
        "follow_up_id": follow_up_id,
        "detail": _encode({name: _spelt(value) for name, value in detail.items() if value is not None}),
        "payload": None,
        "sealed": None,
    }


def _spelt(value: Param | datetime) -> Param:
    if isinstance(value, str):
        return line(value)
    return spell(value) if isinstance(value, datetime) else value


def write_audit(connection: sa.Connection, entries: Iterable[Mapping[str, Any]]) -> None:
    """Add entries to the audit trail, in the transaction of what they describe; each is ready to be a leaf."""
    rows = list(entries)
    salts = os.urandom(leaves.SALT_BYTES * len(rows))
    starts = range(0, len(salts), leaves.SALT_BYTES)
    salted = (salts[start : start + leaves.SALT_BYTES] for start in starts)
    _ENTRIES.run(connection, [_committed(row, salt) for row, salt in zip(rows, salted, strict=True)])


def _committed(row: Mapping[str, Any], salt: bytes) -> dict[str, Any]:
    commitment = leaves.commit_to_entry(salt, row["actor"], row["subject"], row["detail"])
    told = {**row, "salt": salt, "commitment": commitment}
    return {**told, "leaf_hash": leaves.leaf_hash(leaves.leaf(spell(row["at"]), told))}
