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
from service.store import Store, tombstones
from service.store.audit import entry, write_audit
from service.store.schema import deliveries, events
from service.vault import Vault

# Keys are small, and so are most bodies; of large ones, few.
_TOGETHER, _TOGETHER_BYTES = 200, 4 << 20
_D = deliveries.c
# Compiled once, run for many rows.
_SET_KEY = sa.update(deliveries).where(_D.id == sa.bindparam("row")).values(data_key=sa.bindparam("to_data_key"))
_SET = _SET_KEY.values(body=sa.bindparam("to_body"), headers=None, salt=None)
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
    with store.write() as connection:
        tombstones.lock_for_keeping(connection)
        now = connection.execute(sa.select(_D.id, _D.data_key).where(_D.id.in_(keys)).with_for_update()).all()
        same = [row.id for row in now if row.data_key is not None and bytes(row.data_key) == keys[row.id][0]]
        if same:
            connection.execute(_SET_KEY, [{"row": id_, "to_data_key": keys[id_][1]} for id_ in same])
    return len(same)


def _seal(store: Store, vault: Vault, ids: list[int], actor: str, now: datetime) -> int:
    still = sa.select(_D.id).where(_D.id.in_(ids), _D.body.is_not(None), _D.data_key.is_(None))
    columns = (_D.body, _D.headers, _D.salt, _D.size, _D.commitment, _D.event_id, _D.topic)
    with store.read() as connection:
        rows = {row.id: row for row in connection.execute(still.add_columns(*columns))}
    # The slow part, before any lock is taken.
    sealed = {
        id_: payloads.seal(vault, Kept(row.body, row.headers, row.salt, None, row.size, row.commitment))
        for id_, row in rows.items()
    }
    with store.write() as connection:
        # An erasure that is under way would not see the entries, which name whose bytes they are.
        tombstones.lock_for_keeping(connection)
        # What was erased or sealed meanwhile stays as it is.
        plain = sorted(connection.execute(still.with_for_update()).scalars())
        if not plain:
            return 0
        connection.execute(
            _SET, [{"row": id_, "to_body": sealed[id_].body, "to_data_key": sealed[id_].data_key} for id_ in plain]
        )
        whose = _subjects(connection, {rows[id_].event_id for id_ in plain})
        write_audit(connection, [_entry(rows[id_], sealed[id_], whose, actor, now) for id_ in plain])
    return len(plain)


def _subjects(connection: sa.Connection, event_ids: set[int | None]) -> dict[int | None, str]:
    """Of these events; an erasure may have given them another name since they were looked at."""
    query = sa.select(events.c.id, events.c.subject).where(events.c.id.in_([id_ for id_ in event_ids if id_]))
    return {row.id: row.subject for row in connection.execute(query)}


def _entry(row: sa.Row[Any], to: Kept, whose: dict[int | None, str], actor: str, now: datetime) -> dict[str, Any]:
    """What the trail says of it: from now on the log commits to the sealed bytes too."""
    subject = whose.get(row.event_id, f"topics/{row.topic}")
    told = entry(now, subject, actor, "payload.sealed", {"delivery": row.id}, event_id=row.event_id)
    return told | {"payload": to.commitment, "sealed": to.sealed}
