"""Whether the audit trail of a backup is whole: the one place that asks the verification."""

from __future__ import annotations

from typing import Any

from service.backup.snapshots import Told
from service.merkle import leaves

_ENTRY = (
    "SELECT id, at, actor, action, event_id, follow_up_id, payload, sealed, salt, commitment, leaf_hash, subject, "
    "detail FROM audit_entries ORDER BY id"
)
_TOLD_EVERY = 10_000


def first_fault(driver: Any, told: Told) -> str | None:
    """The first audit entry that is not what its leaf says, in words; None where all are."""
    (total,) = driver.execute("SELECT count(*) FROM audit_entries").fetchone()
    cursor = driver.execute(_ENTRY)
    names = [column[0] for column in cursor.description]
    for number, values in enumerate(cursor, 1):
        row = dict(zip(names, values, strict=True))
        if leaves.leaf_hash(leaves.leaf(row["at"], row)) != row["leaf_hash"]:
            return f"audit entry {row['id']} does not fit its leaf"
        if row["salt"] is not None and row["commitment"] != leaves.commit_to_entry(
            row["salt"], row["actor"], row["subject"], row["detail"]
        ):
            return f"audit entry {row['id']} does not fit its commitment"
        if number % _TOLD_EVERY == 0:
            told("audit entries checked", number, total)
    return None
