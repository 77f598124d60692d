"""Rotations as rows: which topics are being rotated, and since when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.schema import insert, webhook_rotations

_R = webhook_rotations.c


@dataclass(frozen=True, slots=True)
class RotationRow:
    """One rotation.

    Attributes:
        old_webhook_id: what is to be deleted.
        new_webhook_id: what takes its place; None before it is known.
        actor: who asked for it.
        waits_for: what it waits for, in words; None where it does not wait.
    """

    id: int
    topic: str
    old_webhook_id: str
    new_webhook_id: str | None
    status: str
    actor: str
    waits_for: str | None
    started_at: datetime
    changed_at: datetime


def begin(connection: sa.Connection, topic: str, old_webhook_id: str, actor: str, now: datetime) -> bool:
    """Begin a rotation; a topic that is being rotated already goes on as it is.

    Returns:
        Whether it is new.
    """
    statement = insert(connection, webhook_rotations).values(
        topic=topic, old_webhook_id=old_webhook_id, status="open", actor=actor, started_at=now, changed_at=now
    )
    return connection.execute(statement.on_conflict_do_nothing().returning(_R.id)).first() is not None


def under_way(connection: sa.Connection) -> list[RotationRow]:
    """Which rotations are not done? The oldest first."""
    query = sa.select(*webhook_rotations.c).where(_R.status == "open").order_by(_R.id)
    return [RotationRow(**row) for row in connection.execute(query).mappings()]


def any_under_way(connection: sa.Connection) -> bool:
    """Is any topic being rotated?"""
    return connection.execute(sa.select(_R.id).where(_R.status == "open").limit(1)).first() is not None


def note_new(connection: sa.Connection, id_: int, webhook_id: str, now: datetime) -> None:
    """Remember which webhook takes the old one's place."""
    connection.execute(_of(id_).values(new_webhook_id=webhook_id, changed_at=now))


def note_wait(connection: sa.Connection, id_: int, waits_for: str | None, now: datetime) -> None:
    """Remember what it waits for."""
    connection.execute(
        _of(id_).where(_R.waits_for.is_distinct_from(waits_for)).values(waits_for=waits_for, changed_at=now)
    )


def finish(connection: sa.Connection, id_: int, now: datetime) -> bool:
    """Close a rotation.

    Returns:
        Whether it was open.
    """
    done = _of(id_).where(_R.status == "open").values(status="done", waits_for=None, changed_at=now)
    return bool(connection.execute(done).rowcount)


def _of(id_: int) -> sa.Update:
    return sa.update(webhook_rotations).where(_R.id == id_)
