"""Bringing every kept payload under the first key: sealed ones are wrapped anew, plain ones are sealed.

Batch by batch, each one short transaction, so that deliveries come in meanwhile; whoever is killed begins again, and
what is done already is only looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service import payloads
from service.payloads import Kept
from service.store import Store
from service.store.audit import entry, write_audit
from service.store.schema import deliveries, events
from service.vault import Vault

# Keys are small, and so are most bodies; of large ones, few.
_TOGETHER, _TOGETHER_BYTES = 200, 4 << 20
_D = deliveries.c
Progress = Callable[[int], object]


@dataclass(frozen=True, slots=True)
class Sealed:
    """How many payloads were sealed, and how many data keys were wrapped anew."""

    sealed: int = 0
    rewrapped: int = 0


@dataclass(frozen=True, slots=True)
class Standing:
    """How payloads are kept; `cut_short` where there was no time to look at more than the oldest."""

    plain: int
    under_old: int
    sealed: int
    looked_at: int
    cut_short: bool = False


def bring_up_to_date(
    store: Store, vault: Vault, actor: str, now: Callable[[], datetime], progress: Progress = lambda _id: None
) -> Sealed:
    """Seal what is plain, and wrap under the first key what is not.

    Raises:
        ConfigurationError: there is no key, or none of them opens a data key; what was done stays done.
        StoreUnavailable: as `Store.write`, likewise.
    """
    vault.check()
    sealed = rewrapped = 0
    for rows in _keys(store):
        old = {row.id: bytes(row.data_key) for row in rows if row.data_key and not vault.is_current(row.data_key)}
        if old:
            rewrapped += _rewrap(store, {id_: (key, vault.relock(key)) for id_, key in old.items()})
        for ids in _few([(row.id, row.size) for row in rows if row.data_key is None]):
            sealed += _seal(store, vault, ids, actor, now())
        progress(rows[-1].id)
    return Sealed(sealed, rewrapped)


def standing(store: Store, vault: Vault, enough: Callable[[], bool] = lambda: False) -> Standing:
    """How are payloads kept?

    Args:
        store: the open store.
        vault: the keys of the settings.
        enough: says when to look no further.
    """
    plain = under_old = sealed = looked_at = 0
    for rows in _keys(store):
        if enough():
            return Standing(plain, under_old, sealed, looked_at, cut_short=True)
        looked_at += len(rows)
        plain += sum(row.data_key is None for row in rows)
        current = sum(row.data_key is not None and vault.is_current(row.data_key) for row in rows)
        sealed += current
        under_old += sum(row.data_key is not None for row in rows) - current
    return Standing(plain, under_old, sealed, looked_at)


def newest(store: Store) -> int:
    """The number of the newest delivery, for a bar of progress."""
    with store.read() as connection:
        return connection.execute(sa.select(sa.func.max(_D.id))).scalar_one() or 0


def _keys(store: Store) -> Iterator[Sequence[Any]]:
    """The data keys of everything that is kept, page by page; none where it is plain."""
    query = sa.select(_D.id, _D.size, _D.data_key).where(_D.body.is_not(None)).order_by(_D.id).limit(_TOGETHER)
    last = 0
    while True:
        with store.read() as connection:
            rows = connection.execute(query.where(_D.id > last)).all()
        if not rows:
            return
        yield rows
        last = rows[-1].id


def _few(rows: Sequence[tuple[int, int]]) -> Iterator[list[int]]:
    """The same rows in pieces that are no burden for the memory or the log of the database."""
    piece: list[int] = []
    size = 0
    for id_, bytes_ in rows:
        if piece and size + bytes_ > _TOGETHER_BYTES:
            yield piece
            piece, size = [], 0
        piece.append(id_)
        size += bytes_
    if piece:
        yield piece


def _rewrap(store: Store, keys: dict[int, tuple[bytes, bytes]]) -> int:
    """Put wrapped keys in the place of others; one that was changed or erased meanwhile stays as it is."""
    done = 0
    with store.write() as connection:
        for id_, (before, after) in keys.items():
            same = sa.update(deliveries).where(_D.id == id_, _D.data_key == before)
            done += connection.execute(same.values(data_key=after)).rowcount
    return done


def _seal(store: Store, vault: Vault, ids: list[int], actor: str, now: datetime) -> int:
    query = sa.select(_D.id, _D.body, _D.headers, _D.salt, _D.size, _D.commitment).where(
        _D.id.in_(ids), _D.body.is_not(None)
    )
    with store.read() as connection:
        rows = connection.execute(query.where(_D.data_key.is_(None))).all()
    # The slow part, before any lock is taken.
    sealed = {
        row.id: payloads.seal(vault, Kept(row.body, row.headers, row.salt, None, row.size, row.commitment))
        for row in rows
    }
    with store.write() as connection:
        entries = [_sealed(connection, id_, one, actor, now) for id_, one in sealed.items()]
        write_audit(connection, [one for one in entries if one is not None])
    return sum(one is not None for one in entries)


def _sealed(connection: sa.Connection, id_: int, to: Kept, actor: str, now: datetime) -> dict[str, Any] | None:
    """Put the sealed bytes in the place of the plain ones; None where these are gone, or sealed already."""
    plain = sa.update(deliveries).where(_D.id == id_, _D.data_key.is_(None), _D.body.is_not(None))
    values = {"body": to.body, "headers": to.headers, "salt": to.salt, "data_key": to.data_key}
    row = connection.execute(plain.values(values).returning(_D.event_id, _D.topic)).one_or_none()
    if row is None:
        return None
    whose = connection.execute(sa.select(events.c.subject).where(events.c.id == row.event_id)).scalar_one_or_none()
    told = entry(now, whose or f"topics/{row.topic}", actor, "payload.sealed", {"delivery": id_}, event_id=row.event_id)
    return told | {"payload": to.commitment, "sealed": to.sealed}
