"""The sequencer: gives committed entries their place in the log, a batch in a transaction, one process at a time.

It is the one place of order, so that whoever writes entries never waits for it. Why: docs/decisions/0010-merkle-log.md
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.errors import ConfigurationError
from service.merkle.notes import Head, Signer, sign
from service.outcomes import Param
from service.store import Store, log, log_heads
from service.store.audit import entry
from service.store.log import Log

BATCH = 1000
# Between two full batches somebody else gets the write lock of a SQLite file, for at least as long as we had it:
# a web process asks for it every few milliseconds, and its senders wait two seconds.
_LEAST_PAUSE = 0.01
UNSIGNED = "unsigned"
ACTOR = "worker"


@dataclass(frozen=True, slots=True)
class Signing:
    """Who signs heads: nobody, or one key; those of `before` sign once more, where another takes their place.

    With `yields`, nobody leaves a log that has keys alone: an unsigned head would take the place of a signed one.
    """

    signer: Signer | None = None
    before: Sequence[Signer] = ()
    yields: bool = False


def sequence(
    store: Store,
    signer: Signer | None,
    now: datetime,
    before: Sequence[Signer] = (),
    go_on: Callable[[], bool] = lambda: True,
    *,
    yields: bool = False,
) -> int:
    """Give every entry that waits its place, and sign the head of each batch.

    Args:
        store: the database.
        signer: whose key signs; None leaves heads unsigned.
        now: the time of what is written.
        before: keys that sign beside it, once, where they are those that it takes the place of.
        go_on: asked between two batches; what is left then has another time.
        yields: without a signer, leave a log that has keys to those who have one.

    Returns:
        How many entries got their place.

    Raises:
        ConfigurationError: the signer's key was in use once, and another took its place; or there is none, and it
            yields to those who have one.
        StoreUnavailable: as `Store.write`; every batch that ended before is kept.
    """
    signing, done = Signing(signer, before, yields), 0
    while is_wanted(store, signing):
        began = time.monotonic()
        with store.write() as connection:
            log.lock(connection)
            placed = _batch(connection, signing, now)
        done += placed
        if placed < BATCH or not go_on():
            break
        if store.dialect == "sqlite":
            time.sleep(max(_LEAST_PAUSE, time.monotonic() - began))
    return done


def is_wanted(store: Store, signing: Signing) -> bool:
    """Look, without any lock, whether there is anything to do."""
    with store.read() as connection:
        if log.any_waiting(connection):
            return True
        current = log.newest(connection)
        if signing.signer is None or current is None:
            return False
        known = log_heads.keys(connection)
        return current.head is None or not known or known[-1].verifier != signing.signer.verifier.text


def _batch(connection: sa.Connection, signing: Signing, now: datetime) -> int:
    """Place one batch, under the log's lock; how many entries it were."""
    current = log.newest(connection) or log.open_epoch(connection, 1, UNSIGNED, now)
    turn = _turn(connection, current, signing, now)
    current = turn.log
    first = [log.write_now(connection, turn.entry)] if turn.entry else []
    taken = first + [one for one in log.waiting(connection, BATCH) if one not in first][: BATCH - len(first)]
    frontier = current.frontier.append(leaf for _, leaf in taken)
    if taken:
        log.place(connection, current, [id_ for id_, _ in taken])
    head = Head(current.origin, frontier.size, frontier.root).text
    log.advance(connection, current, frontier, sign(head, turn.signers) if turn.signers else None, now)
    if turn.entry and signing.signer:
        if turn.old:
            # Without its own signature below the new head, the one before was its last.
            last = frontier.size if len(turn.signers) > 1 else current.size
            log_heads.retire_key(connection, turn.old, current.epoch, last)
        log_heads.add_key(connection, signing.signer.verifier.text, current.epoch, frontier.size, now)
    return len(taken)


@dataclass(frozen=True, slots=True)
class _Turn:
    """Who signs the next head, and what must be said of that: the first key, or another in place of the old one."""

    log: Log
    signers: Sequence[Signer]
    entry: dict[str, Any] | None = None
    old: log_heads.LogKey | None = None


def _turn(connection: sa.Connection, current: Log, signing: Signing, now: datetime) -> _Turn:
    signer = signing.signer
    if signer is None:
        if signing.yields and log_heads.keys(connection):
            raise keyless()
        return _Turn(current, ())
    known, ours = log_heads.keys(connection), signer.verifier.text
    if known and known[-1].verifier == ours:
        return _Turn(current, (signer,))
    if any(key.verifier == ours for key in known):
        raise retired(signer)
    if not known:
        if current.origin.partition("/")[0] == UNSIGNED:
            current = replace(current, origin=origin_of(signer.verifier.name, current.epoch))
            log.name(connection, current, current.origin)
        added: dict[str, Param | datetime] = {"verifier": ours, "origin": current.origin}
        return _Turn(current, (signer,), entry(now, current.subject, ACTOR, "key.added", added))
    old = known[-1]
    beside = [one for one in signing.before if one.verifier.text == old.verifier]
    rotated: dict[str, Param | datetime] = {"old": old.verifier, "new": ours}
    told = entry(now, current.subject, ACTOR, "key.rotated", rotated)
    return _Turn(current, (signer, *beside), told, old)


def origin_of(name: str, epoch: int) -> str:
    """The name of an epoch: the log's own for the first, with its number for every other."""
    return name if epoch == 1 else f"{name}/{epoch}"


def retired(signer: Signer) -> ConfigurationError:
    """What to say of a key that another one took the place of."""
    v = signer.verifier
    return ConfigurationError(
        [f"COPYDESK_AUDIT_KEY: {v.name}+{v.key_id.hex()} was retired: put the newest key first, or make another one"]
    )


def keyless() -> ConfigurationError:
    """What to say where there is no key, and the log's heads are signed."""
    told = "is not set, and the log is signed: workers that have its key give entries their place"
    return ConfigurationError([f"COPYDESK_AUDIT_KEY {told}"])
