"""Follow-ups on their way from our rows to the engine, and back where the engine lost them."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import structlog

from service.engine import Engine
from service.follow_ups import KINDS
from service.store import Store, follow_up_rows

log = structlog.get_logger(__name__)


def hand_over(store: Store, engine: Engine) -> None:
    """Give due follow-ups to the engine, in one transaction with their rows.

    Raises:
        StoreUnavailable: as `Store.write`.
    """
    now = datetime.now(UTC)
    with store.read() as connection:
        if not follow_up_rows.any_due(connection, now):
            return
    with store.write() as connection:
        found = follow_up_rows.due(connection, now)
        for one in found:
            kind = KINDS.get(one.kind)
            engine.enqueue(connection, kind.queue if kind else "commerce_layer", one.id, one.attempt)
        follow_up_rows.mark_queued(connection, found, now)


def unstrand(store: Store, engine: Engine, after: timedelta) -> None:
    """Plan again what the engine was given and does not have any more.

    Args:
        store: the database.
        engine: is asked for each follow-up that has not moved.
        after: so long.

    Raises:
        StoreUnavailable: as `Store.write`.
    """
    now = datetime.now(UTC)
    with store.read() as connection:
        found = follow_up_rows.stranded(connection, now - after)
    lost = [one for one in found if not engine.is_under_way(one.id, one.attempt)]
    for one in lost:
        with store.write() as connection:
            if follow_up_rows.plan_again(connection, one, now, "the engine had lost it"):
                log.warning("follow-up was stranded", follow_up=one.id)
