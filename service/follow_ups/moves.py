"""The shape of a follow-up: what it is handed, what it decides, and what came of it. Values only."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from typing import Any, Literal, TypeAlias

import sqlalchemy as sa

from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.outcomes import FollowUp
from service.settings import Settings
from service.store import Store
from service.store.follow_up_rows import Started
from service.vault import Vault

__all__ = ["Act", "Decision", "Done", "Kind", "Leave", "Queue", "Started", "Tools", "Wait"]

Queue = Literal["commerce_layer", "slack"]


@dataclass(frozen=True, slots=True)
class Done:
    """It is as it should be; `why` says who made it so."""

    why: str
    request_id: str | None = None


@dataclass(frozen=True, slots=True)
class Leave:
    """Nothing may or need be done, for the reason given. `tell` asks for an alert, since somebody wanted it done."""

    why: str
    tell: bool = False


@dataclass(frozen=True, slots=True)
class Wait:
    """It is too early to say; look again in so many seconds."""

    seconds: float
    why: str


@dataclass(frozen=True, slots=True)
class Act:
    """Do it. `what` says it in words, for the trail and for a dry run; `argument` is what `act` needs."""

    what: str
    argument: Any = None


Decision: TypeAlias = Done | Leave | Wait | Act


@dataclass(frozen=True)
class Tools:
    """What follow-ups work with. The clients are None where the settings name none.

    Attributes:
        check: called before anything is asked of Commerce Layer; raises `Unavailable` while it is not certain that
            the credentials are of the organization and mode of the settings.
    """

    settings: Settings
    store: Store
    commerce_layer: CommerceLayer | None
    slack: Slack | None
    check: Callable[[], None] = lambda: None

    @cached_property
    def vault(self) -> Vault:
        """What opens the payloads that are kept sealed."""
        return Vault(self.settings.encryption_keys)

    def close(self) -> None:
        """Close the clients; the store is its owner's."""
        for client in (self.commerce_layer, self.slack):
            if client is not None:
                client.close()


@dataclass(frozen=True)
class Kind:
    """One kind of follow-up.

    Attributes:
        name: as in its identity and its row.
        queue: whose budget an attempt uses.
        read: asks what is true now; None where there is nobody to ask. Raises `OutsideError`.
        decide: pure; says what the facts mean under the settings.
        act: does it and says what came of it; safe to do twice. Raises `OutsideError`.
        claim: takes, in the transaction that commits to acting, what only one follow-up may have; a `Leave` where
            another has it already.
        afterwards: follow-ups to plan once it ended, from its facts and its end.
        may_be_rehearsed: whether a dry run stops it before it acts.
    """

    name: str
    queue: Queue
    read: Callable[[Started, Tools], Any]
    decide: Callable[[Started, Any, Settings, datetime], Decision]
    act: Callable[[Started, Any, Act, Tools], Done | Leave]
    claim: Callable[[sa.Connection, Started, Any], Leave | None] = lambda _connection, _started, _facts: None
    afterwards: Callable[[Started, Any, Done | Leave], list[FollowUp]] = lambda _started, _facts, _end: []
    may_be_rehearsed: bool = True
