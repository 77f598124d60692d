"""What the tests of exports share: a record with something of everything in it, on each database."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from service.export.contents import Wish
from service.export.making import make
from service.intake.replay import Operator
from service.store import Store
from service.store.audit import entry, write_audit
from service.store.keep import keep
from service.store.schema import attempts, audit_entries, audit_logs, follow_ups, incident_subjects, incidents
from service.vault import Vault
from tests import bodies
from tests.bodies import NOW, arrival

WHO = Operator("tester", "because")
CANARY = "canary@customers.example"
Export = Callable[..., Path]


def told(*_: object) -> None:
    """Nobody looks."""


def fill(store: Store, number: int = 6, vault: Vault | None = None) -> None:
    """Keep the life of some copies, with a failure, an alert's attempt, an incident and what an operator did."""
    with store.write() as connection:
        for one in range(number):
            at = NOW + timedelta(minutes=one)
            status = "failed" if one % 3 == 0 else "completed"
            body = bodies.copy(
                f"Copy{one}", status, source_order=f"Source{one}", target_order=f"Target{one}", customer_email=CANARY
            )
            topic = "order_copies.fail" if status == "failed" else "order_copies.complete"
            keep(connection, [arrival(topic, body, at), arrival("orders.place", b"{ not json", at)])
        planned = connection.execute(sa.select(follow_ups.c.id).order_by(follow_ups.c.id)).scalars().first()
        attempt = {"follow_up_id": planned, "number": 1, "start": 1, "worker": "w", "started_at": NOW, "result": "done"}
        connection.execute(sa.insert(attempts).values(**attempt, detail="payment_source expired"))
        ended = {"status": "done", "result": "the source order is cancelled"}
        connection.execute(sa.update(follow_ups).where(follow_ups.c.id == planned).values(**ended))
        incident = {"fingerprint": "f", "kind": "failure", "subject": "order_copies", "cause": "card expired"}
        seen = {"count": 1, "first_seen_at": NOW, "last_seen_at": NOW}
        connection.execute(sa.insert(incidents).values(id=1, **incident, detail="d", status="open", **seen))
        affected = {"incident_id": 1, "subject": "order_copies/Copy0", "detail": "d"}
        connection.execute(sa.insert(incident_subjects).values(**affected, **seen))
        did = entry(NOW, "order_copies/Copy0", "operator jane", "replayed", {"reason": "the card was mended"})
        write_audit(connection, [did])


def place_entries(store: Store) -> None:
    """Give each entry its place, as the log would."""
    with store.write() as connection:
        number = connection.execute(sa.select(sa.func.count()).select_from(audit_entries)).scalar_one()
        connection.execute(sa.update(audit_entries).values(epoch=1, leaf_index=number - audit_entries.c.id))
        log = {"epoch": 1, "origin": "test.invalid/log", "size": number, "frontier": b"", "head": "a head"}
        connection.execute(sa.insert(audit_logs).values(**log, opened_at=NOW, changed_at=NOW))


@pytest.fixture
def export(store: Store, tmp_path: Path) -> Export:
    """Exports the store into a new directory, and gives it."""

    def run(format_: str, *of: str, vault: Vault | None = None, **given: Any) -> Path:
        place = tmp_path / f"out-{len(list(tmp_path.iterdir()))}"
        make(store, place, Wish(format_, of, **given), WHO, vault or Vault(()), told)
        return place

    return run


def ndjson(file: Path) -> list[dict[str, Any]]:
    """The rows of a file."""
    return [json.loads(line) for line in file.read_text("ascii").splitlines()]
