"""The newest snapshot of each order factory, kept as one row whatever the order in which snapshots come.

A snapshot's place is that of its status in the fixed order of `service.states`; where two have one place, a body wins
over an answer of the API, since its rest is kept too, and of two bodies the one with the greater key. So the row is a
maximum, and maxima do not depend on order.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa

from service.events import Event
from service.resources import FACTORY_TYPES, OrderFactory
from service.states import place
from service.store.bulk import Bulk
from service.store.schema import factories
from service.text import line

# Of which the provider's own columns hold no more: longer ones are not from there.
# https://docs.commercelayer.io/core/api-reference/order_copies/object
_REFERENCE = 255
_STATUS = 64
_AS_THEY_ARE = (
    "started_at",
    "completed_at",
    "failed_at",
    "errors_count",
    "place_target_order",
    "reuse_wallet",
    "cancel_source_order",
    "apply_promotions",
    "skip_errors",
    "ignore_invalid_coupon",
    "created_at",
    "updated_at",
)
_COLUMNS = [column.name for column in factories.c]


def _newest(statement: Any) -> Any:
    return statement.on_conflict_do_update(
        index_elements=[factories.c.subject],
        set_={name: statement.excluded[name] for name in _COLUMNS if name != "subject"},
        where=statement.excluded.place > factories.c.place,
    )


_FACTORIES = Bulk(factories, _COLUMNS, _newest)
Row = dict[str, Any]


def told_by(event: Event, event_id: int, *, erased: bool = False) -> Row | None:
    """The row that an event makes, without free text where its payload is erased; None where it is of no factory."""
    if event.type not in FACTORY_TYPES:
        return None
    row = _row(event.factory, event.status, event.mode, event.organization, event_id, b"\1" + event.key)
    return row | {"reference": None, "reference_origin": None} if erased else row


def answered(factory: OrderFactory, mode: str, organization: str) -> Row:
    """The row that an answer of the API makes; nothing keeps the rest of what it said."""
    row = _row(factory, factory.status, mode, organization, None, b"")
    said = json.dumps([str(row[name]) for name in _COLUMNS if name != "place"])
    row["place"] += b"\0" + hashlib.sha256(said.encode()).digest()
    return row


def project(connection: sa.Connection, rows: Sequence[Row]) -> None:
    """Keep each row where it is newer than what is kept, in the caller's transaction."""
    # By subject, so that two processes never wait for each other in a circle.
    _FACTORIES.run(connection, sorted(rows, key=lambda row: str(row["subject"])))


def _row(
    factory: OrderFactory, status: str | None, mode: str, organization: str, event_id: int | None, tie: bytes
) -> Row:
    status = line(status, _STATUS) if status else None
    return {
        "subject": factory.subject,
        "type": factory.type,
        "id": factory.id,
        "status": status,
        **{name: getattr(factory, name) for name in _AS_THEY_ARE},
        "reference": _text(factory.reference),
        "reference_origin": _text(factory.reference_origin),
        "mode": mode,
        "organization": organization,
        "event_id": event_id,
        "place": place(status or "", factory.updated_at) + tie,
    }


def _text(value: str | None) -> str | None:
    return None if value is None else line(value, _REFERENCE)
