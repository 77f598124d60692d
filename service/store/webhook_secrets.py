"""The secrets of our webhooks as rows. What is in them is encrypted; who holds the keys decrypts."""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa

from service.store.schema import insert, webhook_secrets

# After its webhook is gone: what was signed under a secret may still be on its way, or be tried again.
ACCEPTED_AFTERWARDS = timedelta(hours=24)
_S = webhook_secrets.c


@dataclass(frozen=True, slots=True)
class SecretRow:
    """One secret.

    Attributes:
        fingerprint: names it and does not reveal it.
        created_at: when it was stored.
        seen_at: when the first delivery under it was kept; None where none was.
        retired_at: when its webhook was deleted.
    """

    id: int
    topic: str
    webhook_id: str
    ciphertext: bytes = field(repr=False)
    fingerprint: str
    created_at: datetime
    seen_at: datetime | None
    retired_at: datetime | None


def accepted(connection: sa.Connection, now: datetime) -> list[SecretRow]:
    """Which secrets are good for a delivery that comes now? In the order in which they were stored."""
    return _rows(connection, _is_accepted(now))


def current(connection: sa.Connection) -> list[SecretRow]:
    """Which secrets are of webhooks that exist, as far as we know?"""
    return _rows(connection, _S.retired_at.is_(None))


def version(connection: sa.Connection, now: datetime) -> tuple[tuple[int, bool], ...]:
    """What differs whenever another set of secrets is accepted, or another one of them has been seen."""
    query = sa.select(_S.id, _S.seen_at.is_not(None)).where(_is_accepted(now)).order_by(_S.id)
    return tuple((id_, bool(seen)) for id_, seen in connection.execute(query))


def known_webhooks(connection: sa.Connection) -> frozenset[str]:
    """Which webhooks did we ever make, by their ids?"""
    return frozenset(connection.execute(sa.select(_S.webhook_id).distinct()).scalars())


def store(
    connection: sa.Connection, topic: str, webhook_id: str, ciphertext: bytes, fingerprint: str, now: datetime
) -> bool:
    """Keep a secret; one that is kept already stays as it is.

    Returns:
        Whether it is new.
    """
    statement = insert(connection, webhook_secrets).values(
        topic=topic, webhook_id=webhook_id, ciphertext=ciphertext, fingerprint=fingerprint, created_at=now
    )
    once = statement.on_conflict_do_nothing(index_elements=[_S.webhook_id, _S.fingerprint])
    return connection.execute(once.returning(_S.id)).first() is not None


def mark_seen(connection: sa.Connection, fingerprints: Collection[str], now: datetime) -> None:
    """Note that deliveries under these secrets were kept; the first time stands."""
    unseen = sa.update(webhook_secrets).where(_S.fingerprint.in_(sorted(fingerprints)), _S.seen_at.is_(None))
    connection.execute(unseen.values(seen_at=now))


def retire(connection: sa.Connection, webhook_id: str, now: datetime) -> bool:
    """Note that a webhook is gone.

    Returns:
        Whether anything changed.
    """
    of_it = sa.update(webhook_secrets).where(_S.webhook_id == webhook_id, _S.retired_at.is_(None))
    return bool(connection.execute(of_it.values(retired_at=now)).rowcount)


def reencrypt(connection: sa.Connection, relock: Callable[[bytes], bytes]) -> int:
    """Replace every ciphertext.

    Returns:
        How many there are.
    """
    rows = _rows(connection, sa.true())
    for row in rows:
        of_it = sa.update(webhook_secrets).where(_S.id == row.id)
        connection.execute(of_it.values(ciphertext=relock(row.ciphertext)))
    return len(rows)


def _is_accepted(now: datetime) -> sa.ColumnElement[bool]:
    return sa.or_(_S.retired_at.is_(None), _S.retired_at > now - ACCEPTED_AFTERWARDS)


def _rows(connection: sa.Connection, which: sa.ColumnElement[bool]) -> list[SecretRow]:
    query = sa.select(*webhook_secrets.c).where(which).order_by(_S.id)
    return [SecretRow(**row) for row in connection.execute(query).mappings()]
