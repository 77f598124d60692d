"""Publication of heads: each leaves this machine as a signed note, by a follow-up for each place where it goes."""

from __future__ import annotations

from datetime import datetime, timedelta

import sqlalchemy as sa

from service.outcomes import FollowUp, Param
from service.settings import Settings
from service.store import Store, log, log_heads
from service.store.audit import entry, write_audit
from service.store.log import Log
from service.store.log_heads import PUBLISHING, Checkpoint
from service.store.record import plan

FILE, SLACK = "file", "slack"


def targets(settings: Settings) -> list[str]:
    """Where heads go."""
    found = {FILE: bool(settings.checkpoints_file), SLACK: bool(settings.slack_webhook_url.get_secret_value())}
    return [target for target, is_set in found.items() if is_set]


def is_due(store: Store, to: list[str], now: datetime, every: timedelta) -> bool:
    """Look, without any lock, whether there is something to publish."""
    with store.read() as connection:
        return _due(connection, to, now, every) is not None


def publish(
    store: Store, to: list[str], now: datetime, actor: str, every: timedelta = timedelta(0)
) -> Checkpoint | None:
    """Plan that the newest head is published.

    The time is an entry of the log and so a leaf of it: the head itself tells none.

    Args:
        store: the database.
        to: where it goes.
        now: the time.
        actor: who asked for it.
        every: how long must have passed since the last one.

    Returns:
        What is published; None where there is nothing new, nothing signed, or nowhere to publish.
    """
    with store.write() as connection:
        log.lock(connection)
        current = _due(connection, to, now, every)
        if current is None:
            return None
        made = log_heads.add_checkpoint(connection, current, now)
        told: dict[str, Param | datetime] = {"origin": current.origin, "size": made.size, "root": made.root.hex()}
        write_audit(connection, [entry(now, current.subject, actor, "checkpoint.time", told)])
        for target in to:
            params: dict[str, Param] = {"checkpoint": made.id, "target": target}
            plan(connection, FollowUp(PUBLISHING, current.subject, f"{target} {made.size}", 0, params), now, actor)
        return made


def _due(connection: sa.Connection, to: list[str], now: datetime, every: timedelta) -> Log | None:
    """The log, where its head is signed, is to go somewhere, is new, and the last one was published long enough ago."""
    newest = log_heads.published(connection, limit=1)
    if not to or (newest and now - newest[0].at < every):
        return None
    current = log.newest(connection)
    if current is None or current.head is None:
        return None
    last = newest[0].size if newest and newest[0].epoch == current.epoch else 0
    return current if last < current.size and log.anything_since(connection, current, last) else None
