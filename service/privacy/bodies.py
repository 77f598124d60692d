"""Looking for somebody in the bodies that are kept: each is opened, read and let go of, whichever way it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service import documents, payloads
from service.errors import BodyUnreadable
from service.store import Store
from service.store.schema import deliveries, events
from service.vault import Vault

# Bodies may be 5 MiB: few enough at once for any machine.
_PAGE = 50
_APART = sa.text("verdict IN ('quarantine', 'deferred')")

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery and what it brought; `subject` is None where it stands apart."""

    id: int
    subject: str | None
    body: bytes


def opened(store: Store, vault: Vault, *, apart: bool = False) -> Iterator[Opened]:
    """Every body that is kept, oldest first; with `apart` those only that became no event.

    Raises:
        ConfigurationError: one is sealed, and none of the keys opens it.
    """
    d = deliveries.c
    query = sa.select(d.id, events.c.subject, d.body, d.headers, d.salt, d.data_key)
    query = query.outerjoin_from(deliveries, events, events.c.id == d.event_id).where(d.body.is_not(None))
    if apart:
        query = query.where(_APART)
    last = 0
    while True:
        with store.read() as connection:
            rows = connection.execute(query.where(d.id > last).order_by(d.id).limit(_PAGE)).all()
        if not rows:
            return
        for row in rows:
            yield Opened(row.id, row.subject, payloads.unsealed(vault, *row[2:]).body)
        last = rows[-1].id


def holds_address(body: bytes, address: str) -> bool:
    """Tell whether a value in a body is this e-mail address, however it is spelled; case does not matter.

    A body that is no JSON is searched as text.
    """
    wanted = address.casefold()
    # Escapes can hide any letter; without one, the address stands there or does not.
    if b"\\u" not in body and wanted not in body.decode("utf-8", "replace").casefold():
        return False
    try:
        document = documents.parse(body)
    except BodyUnreadable:
        return _in_text(body, wanted)
    return any(text.strip().casefold() == wanted for text in _texts(document))


def _in_text(body: bytes, wanted: str) -> bool:
    text = body.decode("utf-8", "replace").casefold()
    return wanted in text or json.dumps(wanted)[1:-1] in text


def _texts(document: Any) -> Iterator[str]:
    """Every text in a document, names of members too."""
    waiting = [document]
    while waiting:
        one = waiting.pop()
        if isinstance(one, str):
            yield one
        elif isinstance(one, dict):
            waiting += [*one, *one.values()]
        elif isinstance(one, list):
            waiting += one
