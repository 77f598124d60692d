"""Another epoch of the log, where the one before cannot go on: its first leaf says why, and what it follows."""

from __future__ import annotations

from datetime import datetime

from service.audit.published import Published
from service.audit.sequencer import origin_of
from service.audit.standing import compare
from service.merkle.notes import Verifier
from service.merkle.tree import EMPTY_ROOT
from service.outcomes import Param
from service.store import Store, log
from service.store.audit import entry
from service.store.log import Log


def open_next(
    store: Store, published: list[Published], signer: Verifier | None, now: datetime, actor: str, reason: str
) -> Log:
    """Close the epoch that is written, and open the next.

    What had no place yet goes into the new one, behind its first leaf. The number is one that nobody has seen: neither
    this database nor whoever has the published heads. Its first head is signed by the next worker.

    Args:
        store: the database.
        published: the heads that were published.
        signer: the key of the settings, if any.
        now: the time.
        actor: who decided this.
        reason: why.

    Returns:
        The new epoch, with its first leaf.
    """
    with store.write() as connection:
        log.lock(connection)
        found = compare(connection, published, signer)
        before, newest = found.log, found.newest
        epoch = max(before.epoch if before else 0, found.epoch) + 1
        made = log.open_epoch(connection, epoch, origin_of(found.name, epoch), now)
        told: dict[str, Param | datetime] = {
            "origin": made.origin,
            "reason": reason,
            "previous_origin": before.origin if before else None,
            "local_size": before.size if before else 0,
            "local_root": (before.frontier.root if before else EMPTY_ROOT).hex(),
            "published_origin": newest.head.origin if newest else None,
            "published_size": newest.head.size if newest else None,
            "published_root": newest.head.root.hex() if newest else None,
        }
        id_, leaf = log.write_now(connection, entry(now, made.subject, actor, "epoch.opened", told))
        log.place(connection, made, [id_])
        log.advance(connection, made, made.frontier.append([leaf]), None, now)
        opened = log.newest(connection)
    if opened is None:
        raise LookupError("an epoch that was opened is not there")
    return opened
