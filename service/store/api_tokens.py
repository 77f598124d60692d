"""The tokens of the API as rows."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.store.schema import api_tokens, insert

# What is written of a token's use is good for "is it still needed", not for watching who works when.
USE_STEP = timedelta(minutes=1)
_T = api_tokens.c


@dataclass(frozen=True, slots=True)
class TokenRow:
    """One token; `hash` is the SHA-256 of it."""

    id: int
    name: str
    hash: bytes = field(repr=False)
    scopes: str
    created_at: datetime
    created_by: str
    expires_at: datetime | None
    last_used_at: datetime | None
    revoked_at: datetime | None

    def is_good(self, now: datetime) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def by_hash(connection: sa.Connection, digest: bytes) -> TokenRow | None:
    """Which token has this digest?"""
    return _one(connection, _T.hash == digest)


def living(connection: sa.Connection, name: str) -> TokenRow | None:
    """Which token has this name and is not revoked?"""
    return _one(connection, sa.and_(_T.name == name, _T.revoked_at.is_(None)))


def by_id(connection: sa.Connection, id_: int) -> TokenRow | None:
    """Which token has this number?"""
    return _one(connection, _T.id == id_)


def every(connection: sa.Connection) -> list[TokenRow]:
    """Which tokens were ever made, in that order?"""
    return [TokenRow(*row) for row in connection.execute(sa.select(api_tokens).order_by(_T.id))]


def good_hashes(connection: sa.Connection, now: datetime) -> frozenset[bytes]:
    """Which digests let somebody in now?"""
    good = sa.and_(_T.revoked_at.is_(None), sa.or_(_T.expires_at.is_(None), _T.expires_at > now))
    return frozenset(map(bytes, connection.execute(sa.select(_T.hash).where(good)).scalars()))


def add(
    connection: sa.Connection,
    name: str,
    digest: bytes,
    scopes: str,
    now: datetime,
    *,
    by: str,
    expires_at: datetime | None,
) -> int | None:
    """Keep a new token.

    Returns:
        Its number; None where another one that is not revoked has the name.
    """
    row = {"name": name, "hash": digest, "scopes": scopes, "created_at": now, "created_by": by}
    statement = insert(connection, api_tokens).values(row | {"expires_at": expires_at})
    once = statement.on_conflict_do_nothing(index_elements=[_T.name], index_where=sa.text("revoked_at IS NULL"))
    return connection.execute(once.returning(_T.id)).scalar_one_or_none()


def revoke(connection: sa.Connection, id_: int, now: datetime) -> bool:
    """Let a token open nothing from now on.

    Returns:
        Whether anything changed.
    """
    of_it = sa.update(api_tokens).where(_T.id == id_, _T.revoked_at.is_(None))
    return bool(connection.execute(of_it.values(revoked_at=now)).rowcount)


def mark_used(connection: sa.Connection, uses: Mapping[int, datetime]) -> None:
    """Note when tokens were used last, unless that was noted within the minute before."""
    for id_, at in sorted(uses.items()):
        old = sa.or_(_T.last_used_at.is_(None), _T.last_used_at <= at - USE_STEP)
        connection.execute(sa.update(api_tokens).where(_T.id == id_, old).values(last_used_at=at))


def _one(connection: sa.Connection, which: sa.ColumnElement[bool]) -> TokenRow | None:
    row = connection.execute(sa.select(api_tokens).where(which)).one_or_none()
    return None if row is None else TokenRow(*row)
