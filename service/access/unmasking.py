"""Looking at what is masked: who did, why, and at which event, is on the trail before anybody sees it."""

from __future__ import annotations

import time
from datetime import UTC, datetime

from service.access.caller import Caller
from service.errors import AccessRefused, NotFound, StoreLocked
from service.store import Store, tombstones
from service.store.audit import entry, write_audit

LOCK_SECONDS = 2.0


def unmask(caller: Caller, store: Store, subject: str, event_id: int, reason: str | None) -> None:
    """Let somebody see a payload as it came; call it before any of it is sent.

    Args:
        caller: who asks.
        store: the open store; in the web process the one that does not wait for locks.
        subject: of the event, such as `order_copies/XAyRWNUzyN`.
        event_id: whose payload it is.
        reason: why, in their own words.

    Raises:
        AccessRefused: 403 without the scope act, 400 without a reason.
        NotFound: it was erased since the caller found it.
        StoreUnavailable: it could not be written down, so nothing may be shown.
    """
    caller.check("act")
    if not (reason and reason.strip()):
        raise AccessRefused(400, "Bad request", "unmask=true needs a reason: reason=WHY")
    record_unmasking(store, caller.actor, subject, event_id, reason)


def record_unmasking(store: Store, actor: str, subject: str, event_id: int, reason: str) -> None:
    """Write down that somebody looks at a payload as it came; it is on disk when this returns.

    Raises:
        NotFound: it was erased since the caller found it: nothing is written, and nothing may be shown.
        StoreUnavailable: it could not be written.
    """
    deadline = time.monotonic() + LOCK_SECONDS
    while True:
        told = entry(datetime.now(UTC), subject, actor, "payload.unmasked", {"reason": reason}, event_id=event_id)
        try:
            with store.write() as connection:
                # An erasure that is just under way is waited for: its name must not come back by this entry.
                tombstones.lock_for_keeping(connection)
                if tombstones.known(connection, [subject]):
                    raise NotFound(f"event {event_id} was erased")
                write_audit(connection, [told])
                return
        except StoreLocked:
            # Between two tries the other requests have the processor.
            if time.monotonic() > deadline:
                raise
            time.sleep(0.01)
