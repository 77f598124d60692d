"""Legal holds: what must be kept, whoever asks for its erasure and however old it is."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store import tombstones
from service.store.audit import entry, write_audit
from service.store.schema import holds, insert
from service.text import line

_H = holds.c
_STANDING = sa.text("released_at IS NULL")


@dataclass(frozen=True, slots=True)
class HoldRow:
    """One hold; without `released_at` it stands."""

    id: int
    subject: str
    reason: str
    placed_by: str
    placed_at: datetime
    released_by: str | None
    released_at: datetime | None


def place(connection: sa.Connection, subject: str, reason: str, actor: str, now: datetime) -> bool:
    """Place a hold on a subject.

    Returns:
        False where one stands already; nothing was changed then.
    """
    # An erasure that is just under way is waited for: it would not see this hold.
    tombstones.lock_for_erasing(connection)
    row = {"subject": subject, "reason": line(reason), "placed_by": actor, "placed_at": now}
    once = (
        insert(connection, holds).values(row).on_conflict_do_nothing(index_elements=[_H.subject], index_where=_STANDING)
    )
    id_ = connection.execute(once.returning(_H.id)).scalar_one_or_none()
    if id_ is None:
        return False
    write_audit(connection, [entry(now, subject, actor, "hold.placed", {"hold": id_, "reason": reason})])
    return True


def release(connection: sa.Connection, subject: str, reason: str | None, actor: str, now: datetime) -> bool:
    """Release the hold on a subject.

    Returns:
        False where none stands.
    """
    standing = sa.update(holds).where(_H.subject == subject, _STANDING)
    released = standing.values(released_by=actor, released_at=now).returning(_H.id)
    id_ = connection.execute(released).scalar_one_or_none()
    if id_ is None:
        return False
    write_audit(connection, [entry(now, subject, actor, "hold.released", {"hold": id_, "reason": reason})])
    return True


def listed(connection: sa.Connection, *, standing: bool = False) -> list[HoldRow]:
    """Which holds are there, newest first? With `standing`, those only that were not released."""
    query = sa.select(*(_H[name] for name in HoldRow.__dataclass_fields__)).order_by(_H.id.desc())
    if standing:
        query = query.where(_STANDING)
    return [HoldRow(*row) for row in connection.execute(query)]


def held(connection: sa.Connection, subjects: Collection[str] | None = None) -> list[str]:
    """Which of these subjects are held, or which at all?"""
    found = set(connection.execute(sa.select(_H.subject).where(_STANDING)).scalars())
    return sorted(found if subjects is None else found & set(subjects))
