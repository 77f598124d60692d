"""One delivery on its way into the store, with what was understood of it. Pure."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal

from service.events import Event
from service.payloads import Kept
from service.router import Verdict

Origin = Literal["webhook", "sweep"]


@dataclass(frozen=True, slots=True)
class Arrival:
    """An authentic delivery. With an event it is one of its deliveries; without, it stands apart.

    Attributes:
        topic: the topic that the verifying key is bound to.
        received_at: when the last byte was read, UTC.
        body: the exact bytes.
        kept: how they are kept, with the request's headers; None for one that is in the store already.
        key_fingerprint: which secret verified it; None where no secret was involved.
        event: what it tells; None where it stands apart.
        verdict: what the handlers said of the event.
        apart: why it is not an event: `quarantine` (unreadable, contradictory or foreign: never acted on) or
            `deferred` (too large to be read while the sender waits: a worker reads it).
        reason: why it stands apart, in one sentence.
    """

    topic: str
    received_at: datetime
    body: bytes = field(repr=False)
    kept: Kept | None = field(default=None, repr=False)
    key_fingerprint: str | None = None
    origin: Origin = "webhook"
    event: Event | None = None
    verdict: Verdict = field(default_factory=Verdict)
    apart: Literal["quarantine", "deferred"] | None = None
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Receipt:
    """What became of an arrival, once it is on disk.

    Attributes:
        event_id: its event's row; None where it stands apart.
        verdict: `event` for the first delivery of an event, `redelivery`, `quarantine` or `deferred`.
    """

    verdict: Literal["event", "redelivery", "quarantine", "deferred"]
    event_id: int | None = None
