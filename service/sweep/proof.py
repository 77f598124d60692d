"""The proof of completeness: what was fired, what we have, and how the factories stand, side by side. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from service import states
from service.resources import FACTORY_TYPES
from service.states import State

Verdict = Literal["complete", "gaps", "unknown"]
# Statuses that a later one makes superfluous: who knows that a copy completed misses nothing of its beginning.
_PASSING = (".create", ".start")


@dataclass(frozen=True, slots=True)
class Fired:
    """An event that the provider says it fired at one of our webhooks.

    Attributes:
        key: our identity of the event.
        at: when it was fired first.
        status, updated_at: what its body told.
        body: what was sent, kept only where we do not have the event.
    """

    key: bytes
    topic: str
    subject: str
    at: datetime
    status: str | None
    updated_at: datetime | None
    body: bytes = b""

    @property
    def name(self) -> str:
        """How it is shown."""
        return f"{self.topic} {self.subject}"


@dataclass(frozen=True, slots=True)
class Proof:
    """What the three ledgers say together about a time.

    Attributes:
        fired: events that the provider fired at our webhooks; None where its ledger could not be read; and
        received: those of them that are kept; `covered` are not, but something newer of their factory is.
        missing: the others.
        extra: kept events that a webhook told and of which the provider's ledger knows nothing.
        unlike: factories that stand otherwise than we know, and `gone`: those that we know and that are deleted.
        aborted: factories that were aborted, of which no webhook tells; `stuck`: those that do not come to an end.
        factories: how many changed; None where they could not be listed.
        backfilled: events that were let in to mend this.
        doubts: why it cannot be told.
    """

    begin: datetime
    end: datetime
    fired: int | None = None
    received: int = 0
    covered: int = 0
    missing: tuple[str, ...] = ()
    extra: tuple[str, ...] = ()
    unlike: tuple[str, ...] = ()
    gone: tuple[str, ...] = ()
    aborted: tuple[str, ...] = ()
    stuck: tuple[str, ...] = ()
    factories: int | None = None
    backfilled: int = 0
    doubts: tuple[str, ...] = ()

    @property
    def verdict(self) -> Verdict:
        """Whether nothing is missing; doubts say that this cannot be told."""
        if self.doubts:
            return "unknown"
        return "gaps" if self.missing or self.unlike or self.gone else "complete"


def lacking(fired: Iterable[Fired], kept: set[bytes], known: Mapping[str, State]) -> tuple[list[Fired], int]:
    """Which fired events we do not have.

    Args:
        fired: each event once.
        kept: keys of events that are kept.
        known: where their subjects stand.

    Returns:
        Those that are missing, in the order in which they were fired, and how many others are covered.
    """
    absent = sorted((one for one in fired if one.key not in kept), key=lambda one: (one.at, one.key))
    missing = [one for one in absent if not _is_covered(one, known.get(one.subject))]
    return missing, len(absent) - len(missing)


def _is_covered(one: Fired, known: State | None) -> bool:
    if known is None or not one.subject.startswith(FACTORY_TYPES) or not one.topic.endswith(_PASSING):
        return False
    return states.order(known.status, known.at) >= states.order(one.status or "", one.updated_at)
