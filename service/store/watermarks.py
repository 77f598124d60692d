"""How far something that asks the API has come. A mark moves in the transaction that keeps what it passed."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

import sqlalchemy as sa

from service.store.schema import insert, watermarks


@dataclass(frozen=True, slots=True)
class Watermark:
    """Where it stands, and since when."""

    at: datetime
    moved_at: datetime


def watermark(connection: sa.Connection, name: str) -> Watermark | None:
    """How far has it come? None where it never began."""
    query = sa.select(watermarks.c.at, watermarks.c.moved_at).where(watermarks.c.name == name)
    row = connection.execute(query).one_or_none()
    return Watermark(*row) if row else None


def advance_to(connection: sa.Connection, name: str, at: datetime, now: datetime) -> None:
    """Move a mark forward, or make it; it never goes back, whoever comes late."""
    statement = insert(connection, watermarks).values(name=name, at=at, moved_at=now)
    moved = statement.on_conflict_do_update(
        index_elements=[watermarks.c.name],
        set_={"at": statement.excluded["at"], "moved_at": now},
        where=watermarks.c.at < statement.excluded["at"],
    )
    connection.execute(moved)


def begin(connection: sa.Connection, name: str, at: datetime, now: datetime) -> Watermark:
    """Set a mark that is to stand until `drop`; one that an interrupted run left stays, unless this one is earlier."""
    statement = insert(connection, watermarks).values(name=name, at=at, moved_at=now)
    earlier = statement.on_conflict_do_update(
        index_elements=[watermarks.c.name],
        set_={"at": statement.excluded["at"]},
        where=watermarks.c.at > statement.excluded["at"],
    )
    connection.execute(earlier)
    return watermark(connection, name) or Watermark(at, now)


def drop(connection: sa.Connection, name: str) -> None:
    """Forget a mark."""
    connection.execute(sa.delete(watermarks).where(watermarks.c.name == name))
