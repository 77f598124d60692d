"""What a handler returns: values that say what should be so. They do nothing by themselves. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from hashlib import sha256
from types import MappingProxyType
from typing import TypeAlias

from service.resources import OrderFactory
from service.text import line

Param: TypeAlias = str | int | bool | None
_NOTHING: Mapping[str, Param] = MappingProxyType({})
_LONGEST_IDENTITY = 300


@dataclass(frozen=True, slots=True)
class Transition:
    """A resource was in `status` at `at`.

    It is applied only if it is newer than what is known, by the resource's own `updated_at`; otherwise it is kept
    and marked superseded.

    Attributes:
        subject: `type/id`, such as `order_copies/XAyRWNUzyN`.
        status: as the provider spells it; an unknown one is kept.
        at: the resource's `updated_at`; None is older than any time.
        source_order_id, target_order_id, order_subscription_id: relations that the event named; None for unknown.
    """

    subject: str
    status: str
    at: datetime | None
    source_order_id: str | None = None
    target_order_id: str | None = None
    order_subscription_id: str | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """A sentence for the audit trail of the event's subject."""

    text: str


@dataclass(frozen=True, slots=True)
class Cured:
    """What failed about a subject is well again: an incident that affects it ends, once it affects nobody else.

    Attributes:
        subject: `type/id`.
    """

    subject: str


@dataclass(frozen=True, slots=True)
class FollowUp:
    """Something to do outside after the commit.

    Its identity is kind, subject and cause: planned twice, it is done once, whatever delivered it.

    Attributes:
        kind: which follow-up it is (`service.follow_ups` has one module for each).
        subject: what it is about, `type/id`.
        cause: why, in a word or two that distinguish it from another follow-up of the kind on the subject.
        delay: seconds to wait before the first try.
        params: what it needs besides, plain values only; no personal data.
    """

    kind: str
    subject: str
    cause: str
    delay: float = 0
    params: Mapping[str, Param] = field(default_factory=lambda: _NOTHING)

    @property
    def identity(self) -> str:
        """The unique name under which it is kept: one printable line, short enough for any index."""
        name = f"{self.kind}:{self.subject}:{self.cause}"
        if len(name) <= _LONGEST_IDENTITY and line(name) == name:
            return name
        return f"{line(name, _LONGEST_IDENTITY)}#{sha256(name.encode('utf-8', 'surrogatepass')).hexdigest()}"


Outcome: TypeAlias = Transition | Note | Cured | FollowUp


def settle_source_order(factory: OrderFactory) -> FollowUp:
    """See to the source order of a completed copy: verify what the platform did, cancel only under the policy."""
    return FollowUp("settle_source_order", factory.subject, "completed")


def hydrate(factory: OrderFactory) -> FollowUp:
    """Ask the API which orders a factory concerns, because its event did not say."""
    return FollowUp("hydrate", factory.subject, "no order ids")


def cured_by(factory: OrderFactory) -> list[Cured]:
    """What a completed copy makes well: itself, its subscription, and earlier copies of its source order."""
    whose = {"order_subscriptions": factory.order_subscription_id, "orders": factory.source_order_id}
    return [Cured(factory.subject), *(Cured(f"{type_}/{id_}") for type_, id_ in whose.items() if id_)]


def alert(subject: str, cause: str, *, delay: float = 0, **params: Param) -> FollowUp:
    """Tell people.

    Args:
        subject: what it is about, `type/id`.
        cause: one of `service.follow_ups.causes.CAUSES`, or the name of a cause of your own.
        delay: seconds to wait, where another event may make the alert unnecessary.
        params: plain values for the text. Customers' data does not belong here.
    """
    return FollowUp("alert", subject, cause, delay, MappingProxyType(params))
