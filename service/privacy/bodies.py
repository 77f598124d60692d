"""Looking for somebody in the bodies that are kept: each is opened, read and let go of, whichever way it is kept."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from service import documents, payloads
from service.errors import BodyUnreadable
from service.privacy.kin import some_at_once
from service.store import Store
from service.store.schema import deliveries, events
from service.vault import Vault

# Bodies may be 5 MiB: few enough at once for any machine.
_PAGE = 50
_APART = sa.text("verdict IN ('quarantine', 'deferred')")
_D = deliveries.c
_KEPT = (
    sa.select(_D.id, events.c.subject, _D.body, _D.headers, _D.salt, _D.data_key)
    .outerjoin_from(deliveries, events, events.c.id == _D.event_id)
    .where(_D.body.is_not(None))
)

Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Opened:
    """A delivery and what it brought; `subject` is None where it stands apart."""

    id: int
    subject: str | None
    body: bytes


def opened(store: Store, vault: Vault) -> Iterator[Opened]:
    """Every body that is kept, oldest first.

    Raises:
        ConfigurationError: one is sealed, and none of the keys opens it.
    """
    last = 0
    while True:
        with store.read() as connection:
            found = connection.execute(_KEPT.where(_D.id > last).order_by(_D.id).limit(_PAGE)).all()
        if not found:
            return
        for row in found:
            yield _open(vault, row)
        last = found[-1].id


def apart(connection: sa.Connection) -> list[int]:
    """Deliveries that became no event and whose bytes are kept, oldest first."""
    return list(connection.execute(sa.select(_D.id).where(_APART, _D.body.is_not(None)).order_by(_D.id)).scalars())


def opened_among(connection: sa.Connection, vault: Vault, ids: Iterable[int]) -> Iterator[Opened]:
    """The bodies of these deliveries, as far as they are kept.

    Raises:
        ConfigurationError: as `opened`.
    """
    for some in some_at_once(ids, _PAGE):
        for row in connection.execute(_KEPT.where(_D.id.in_(some)).order_by(_D.id)).all():
            yield _open(vault, row)


def _open(vault: Vault, row: Any) -> Opened:
    return Opened(row.id, row.subject, payloads.unsealed(vault, *row[2:]).body)


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
