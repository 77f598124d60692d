"""V7 and V6 for deliveries that stand apart, or once did: they have no event to be found by."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from service.audit.verification.events import DELIVERY, VERDICTS, Bytes, compare_deliveries, delivery_row
from service.audit.verification.findings import Finding
from service.audit.verification.places import Reader
from service.audit.verification.told import COLUMNS, Told


def judge(reader: Reader, bytes_of: Bytes) -> Iterator[Finding]:
    """Verify them; they are few, and kept in memory."""
    told: dict[bytes, tuple[Any, ...]] = {}
    sealed: dict[bytes, bytes | None] = {}
    where = "WHERE event_id IS NULL AND payload IS NOT NULL ORDER BY id"
    for row in reader.rows(("payload", *COLUMNS), "audit_entries", where):
        entry = Told._make(row)
        if entry.action in VERDICTS and entry.payload is not None:
            told[entry.payload] = delivery_row(entry, entry.read())
            sealed[entry.payload] = entry.sealed
    kept = list(reader.rows(DELIVERY, "deliveries", "WHERE event_id IS NULL ORDER BY id"))
    elsewhere = set(told) - {row[8] for row in kept}
    if elsewhere:
        # They became events since: their event's entries tell the rest, and here only that they are still there.
        there = reader.rows(("commitment",), "deliveries", "WHERE event_id IS NOT NULL")
        for found in {row[0] for row in there if row[0] in elsewhere}:
            del told[found]
    yield from compare_deliveries(told, kept, sealed, bytes_of)
