"""A log to write to and to check: entries, keys, and the tree recomputed as its definition says."""

from __future__ import annotations

from datetime import UTC, datetime
from hashlib import sha256

import sqlalchemy as sa

from service.merkle.notes import Head, Signer, Verifier, open_head
from service.store import Store, log, log_heads
from service.store.audit import entry, write_audit
from service.store.schema import audit_entries

NAME = "example.com/copydesk"
KEY, NEXT, LAST = (Signer(NAME, bytes([number]) * 32) for number in (1, 2, 3))
NOW = datetime.now(UTC)


def write(store: Store, number: int, subject: str = "order_copies/XAyRWNUzyN") -> None:
    """Write so many entries in one transaction."""
    with store.write() as connection:
        write_audit(connection, [entry(NOW, subject, "intake", "note", {"text": str(n)}) for n in range(number)])


def naive(hashes: list[bytes]) -> bytes:
    """RFC 6962, section 2.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    k = max(2**power for power in range(len(hashes).bit_length()) if 2**power < len(hashes))
    return sha256(b"\x01" + naive(hashes[:k]) + naive(hashes[k:])).digest()


def places(store: Store, epoch: int = 1) -> list[tuple[int, str, bytes]]:
    """Index, action and hash of every leaf of an epoch."""
    e = audit_entries.c
    query = sa.select(e.leaf_index, e.action, e.leaf_hash).where(e.epoch == epoch).order_by(e.leaf_index)
    with store.read() as connection:
        return [(index, action, bytes(leaf)) for index, action, leaf in connection.execute(query)]


def unplaced(store: Store) -> int:
    """How many entries wait."""
    query = sa.select(sa.func.count()).where(audit_entries.c.leaf_index.is_(None))
    with store.read() as connection:
        return connection.execute(query).scalar_one()


def current(store: Store) -> log.Log:
    """The epoch that is written."""
    with store.read() as connection:
        found = log.newest(connection)
    assert found is not None
    return found


def keys(store: Store) -> list[tuple[str, int, int, int | None, int | None]]:
    """Every key with its range."""
    with store.read() as connection:
        found = log_heads.keys(connection)
    return [(key.verifier, key.epoch, key.from_size, key.until_epoch, key.until_size) for key in found]


def check(store: Store, *signers: Signer) -> log.Log:
    """Every leaf has its place without a gap, the root is that of the definition, and these keys signed it."""
    found = current(store)
    leaves = places(store, found.epoch)
    assert [index for index, _, _ in leaves] == list(range(found.size))
    root = naive([leaf for _, _, leaf in leaves])
    assert found.frontier.root == root
    if not signers:
        assert found.head is None
    for signer in signers:
        assert found.head is not None
        known: list[Verifier] = [signer.verifier]
        assert open_head(found.head, known) == Head(found.origin, found.size, root)
    return found
