"""Subjects that were erased: known again when somebody brings their name, and not named by what is kept.

A mark is an HMAC of the subject under a key of this database, so it says nothing to whoever has no name to try. Who
keeps arrivals and who erases exclude each other, or one that is just being kept would outlive its erasure.
docs/decisions/0013-tombstones.md tells why it is so.
"""

from __future__ import annotations

import hmac
import os
from collections.abc import Collection, Iterable, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.arrivals import Arrival
from service.events import Event
from service.payloads import forgotten
from service.router import Verdict
from service.store.audit import entry
from service.store.schema import insert, tombstone_keys, tombstones

# What stands in the place of an erased subject: `erased/17`.
TYPE = "erased"
# Of a delivery that was told again after the erasure.
AGAIN = "erased before"
_LOCK = 0x65726173_65  # the number only has to be ours
_KEY_BYTES = 32
_ONLY = 1
# The columns of a delivery without its bytes, and without what could open or check them.
NOTHING: dict[str, Any] = {"body": None, "headers": None, "salt": None, "data_key": None}

_KEY = sa.select(tombstone_keys.c.key)
_MARKS = sa.select(tombstones.c.mark, tombstones.c.id).where(
    tombstones.c.mark.in_(sa.bindparam("marks", expanding=True))
)


def lock_for_keeping(connection: sa.Connection) -> None:
    """Let nobody erase until the caller commits; those who keep do not wait for each other."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock_shared(_LOCK)))


def lock_for_erasing(connection: sa.Connection) -> None:
    """Let nobody keep an arrival until the caller commits; SQLite has one writer anyway."""
    if connection.dialect.name == "postgresql":
        connection.execute(sa.select(sa.func.pg_advisory_xact_lock(_LOCK)))


def known(connection: sa.Connection, subjects: Collection[str]) -> dict[str, str]:
    """Which of these subjects were erased? Each with what stands in its place."""
    key = connection.execute(_KEY).scalar_one_or_none()
    if key is None or not subjects:
        return {}
    by_mark = {_mark(key, subject.encode()): subject for subject in subjects}
    found = connection.execute(_MARKS, {"marks": sorted(by_mark)})
    return {by_mark[bytes(mark)]: f"{TYPE}/{id_}" for mark, id_ in found}


def bury(connection: sa.Connection, subjects: Iterable[str], basis: str, now: datetime) -> dict[str, str]:
    """Make a tombstone for each subject that has none; each with what stands in its place from now on."""
    wanted = sorted(set(subjects))
    if not wanted:
        return {}
    first = {"id": _ONLY, "key": os.urandom(_KEY_BYTES)}
    connection.execute(insert(connection, tombstone_keys).values(first).on_conflict_do_nothing())
    key = connection.execute(_KEY).scalar_one()
    rows = [{"mark": _mark(key, subject.encode()), "basis": basis, "erased_at": now} for subject in wanted]
    connection.execute(insert(connection, tombstones).on_conflict_do_nothing(), rows)
    return known(connection, wanted)


def remarked(connection: sa.Connection, keys: Collection[bytes]) -> dict[bytes, bytes]:
    """The identities of events as they stand after an erasure, by those before it; none where nothing was erased.

    An identity is a bare digest of names: who guesses them could try. Under the key it is not.
    """
    key = connection.execute(_KEY).scalar_one_or_none()
    return {} if key is None else {one: _mark(key, one) for one in keys}


def without_erased(connection: sa.Connection, arrivals: Sequence[Arrival]) -> list[Arrival]:
    """The same arrivals; of those about an erased subject, nothing but that one of this topic came."""
    lock_for_keeping(connection)
    erased = known(connection, {one.event.subject for one in arrivals if one.event is not None})
    if not erased:
        return list(arrivals)
    keys = remarked(connection, [one.event.key for one in arrivals if one.event is not None])
    return [
        _without_data(one, one.event, erased[one.event.subject], keys[one.event.key])
        if one.event is not None and one.event.subject in erased
        else one
        for one in arrivals
    ]


def is_erased(arrival: Arrival) -> bool:
    """Tell whether an arrival is about an erased subject, as `without_erased` gave it back."""
    return arrival.event is not None and arrival.event.type == TYPE


def erased_again(arrival: Arrival, delivery_id: int, event_id: int | None, now: datetime, actor: str) -> dict[str, Any]:
    """The entry that says of a delivery about an erased subject that its bytes were not kept.

    Args:
        arrival: as `without_erased` gave it back.
        delivery_id: the delivery's row.
        event_id: its event's.
        now: the time of the entry.
        actor: who kept it.
    """
    place = arrival.event.subject if arrival.event else f"topics/{arrival.topic}"
    detail: dict[str, Any] = {"deliveries": str(delivery_id), "basis": AGAIN, "subject": place}
    return entry(now, place, actor, "payload.erased", detail, event_id=event_id)


def _without_data(arrival: Arrival, event: Event, place: str, key: bytes) -> Arrival:
    resource = {"type": TYPE, "id": place.partition("/")[2]}
    bare = Event(event.topic, event.mode, event.organization, resource, (), key)
    kept = forgotten(arrival.kept) if arrival.kept else None
    return replace(arrival, body=b"", event=bare, verdict=Verdict(), kept=kept)


def _mark(key: bytes, told: bytes) -> bytes:
    return hmac.digest(bytes(key), told, "sha256")
