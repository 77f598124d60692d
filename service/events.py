"""What a delivery tells: the event, its identity, and whether it can be what it says. Pure.

The document is JSON:API, one resource, in the same format as the REST API's answer for it; source:
https://docs.commercelayer.io/core/real-time-webhooks
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property
from types import MappingProxyType

from service import resources
from service.errors import BodyUnreadable
from service.resources import FACTORY_TYPES, Json, Order, OrderFactory, Subscription

# How far a factory must have come for each topic to be told. A body is a snapshot and may be ahead of its topic;
# one that is behind contradicts it.
STATUS_RANK: Mapping[str, int] = MappingProxyType(
    {"pending": 0, "in_progress": 1, "aborted": 2, "failed": 2, "completed": 2, "destroyed": 3}
)
TOPIC_RANK: Mapping[str, int] = MappingProxyType({"create": 0, "start": 1, "complete": 2, "fail": 2, "destroy": 0})

# An event is recorded once for a resource and an action, except where the action repeats by its nature; there a
# marker tells the occurrences apart: the first of these attributes that is set.
# https://docs.commercelayer.io/core/api-reference/events
ONCE: tuple[str, ...] = ()
OTHERWISE = ("updated_at",)
MARKERS: Mapping[str, tuple[str, ...]] = MappingProxyType(
    {f"{t}.{e}": ONCE for t in FACTORY_TYPES for e in ("create", "start", "complete", "fail", "abort", "destroy")}
    | {f"orders.{e}": ONCE for e in ("create", "place", "approve", "cancel", "destroy")}
    | {f"order_subscriptions.{e}": ONCE for e in ("create", "cancel", "destroy")}
    | {
        "order_subscriptions.last_run_failed": ("last_run_at", "occurrencies", "updated_at"),
        "order_subscriptions.last_run_succeeded": ("last_run_at", "occurrencies", "updated_at"),
        "order_subscriptions.renewal": ("next_run_at", "updated_at"),
    }
)


@dataclass(frozen=True)
class Event:
    """One thing that happened at Commerce Layer, as a delivery told it.

    Attributes:
        topic: `resource.event`, such as `order_copies.fail`.
        mode: `test` or `live`.
        organization: the organization's id.
        resource: the resource object (`data` of the document).
        included: the resource objects that came with it.
        key: 32 bytes, the same for every delivery of this event and for no other event.
    """

    topic: str
    mode: str
    organization: str
    resource: Json
    included: tuple[Json, ...]
    key: bytes

    @property
    def type(self) -> str:
        """The resource's type, such as `order_copies`."""
        return str(self.resource["type"])

    @property
    def id(self) -> str:
        """The resource's id."""
        return str(self.resource["id"])

    @property
    def subject(self) -> str:
        """How the audit trail and the commands name the resource: `order_copies/XAyRWNUzyN`."""
        return f"{self.type}/{self.id}"

    @cached_property
    def attributes(self) -> Json:
        """The resource's attributes; empty where the document has none."""
        attributes = self.resource.get("attributes")
        return attributes if isinstance(attributes, dict) else {}

    @property
    def status(self) -> str | None:
        """The resource's status as the provider spells it; `destroyed` for a destroy event, whose body has none."""
        if self.topic.endswith(".destroy"):
            return "destroyed"
        status = self.attributes.get("status")
        return status if isinstance(status, str) else None

    @cached_property
    def updated_at(self) -> datetime | None:
        """When the provider last changed the resource, UTC; None where the body does not say."""
        return resources.instant(self.attributes.get("updated_at"))

    @cached_property
    def factory(self) -> OrderFactory:
        """The order factory it is about; for the topics `order_copies.*` and `recurring_order_copies.*` only."""
        if self.type not in FACTORY_TYPES:
            raise TypeError(f"{self.topic} is not about an order factory")
        return resources.order_factory(self.resource, self.included)

    @cached_property
    def order(self) -> Order:
        """The order it is about; for the topics `orders.*` only."""
        if self.type != "orders":
            raise TypeError(f"{self.topic} is not about an order")
        return resources.order(self.resource, self.included)

    @cached_property
    def subscription(self) -> Subscription:
        """The subscription it is about; for the topics `order_subscriptions.*` only."""
        if self.type != "order_subscriptions":
            raise TypeError(f"{self.topic} is not about a subscription")
        return resources.subscription(self.resource)


def read(topic: str, document: object, *, organization: str, mode: str) -> Event:
    """Make the event that a parsed body tells.

    Args:
        topic: the topic that the verifying key is bound to.
        document: the parsed body.
        organization: the configured organization; a body that names none is taken as its.
        mode: the configured mode, likewise.

    Raises:
        BodyUnreadable: the document is not one resource, contradicts its topic, or belongs to another
            organization or mode. It goes to quarantine.
    """
    resource = document.get("data") if isinstance(document, dict) else None
    if not isinstance(document, dict) or not isinstance(resource, dict):
        raise BodyUnreadable("not a JSON:API document of one resource")
    if not resources.is_id(resource.get("id")):
        raise BodyUnreadable("the resource's id does not have the form of an id")
    if resource.get("type") != topic.partition(".")[0]:
        raise BodyUnreadable("the resource's type does not belong to the topic")
    included = document.get("included")
    event = Event(
        topic=topic,
        mode=_same("mode", document, resource, mode),
        organization=_same("organization_id", document, resource, organization),
        resource=resource,
        included=tuple(r for r in included if isinstance(r, dict)) if isinstance(included, list) else (),
        key=identity(topic, resource, organization, mode),
    )
    _check_stage(event)
    return event


def _same(name: str, document: Json, resource: Json, configured: str) -> str:
    """Read `name` from `data.meta`, or from the document's `meta`, where API versions of 2026 put it."""
    for holder in (resource, document):
        meta = holder.get("meta")
        if isinstance(meta, dict) and meta.get(name) is not None:
            if meta[name] != configured:
                raise BodyUnreadable(f"of another {name.removesuffix('_id')}")
            break
    return configured


def _check_stage(event: Event) -> None:
    if event.type not in FACTORY_TYPES:
        return
    told = TOPIC_RANK.get(event.topic.partition(".")[2])
    reached = STATUS_RANK.get(event.status or "")
    if told is not None and reached is not None and reached < told:
        raise BodyUnreadable(f"the status {event.status} is earlier than the topic")


def identity(topic: str, resource: Json, organization: str, mode: str) -> bytes:
    """Which event it is: SHA-256 over mode, organization, topic, type, id and marker.

    Never over `meta.trace_id`, which differs between two readings of one resource, nor over the bytes, since nobody
    promises that a retry repeats them.
    """
    parts = (mode, organization, topic, resource["type"], resource["id"], _marker(topic, resource))
    return hashlib.sha256("\n".join(parts).encode()).digest()


def _marker(topic: str, resource: Json) -> str:
    attributes = resource.get("attributes")
    names = MARKERS.get(topic, ONCE if topic.endswith((".create", ".destroy")) else OTHERWISE)
    if not names:
        return ""
    found = (attributes.get(name) for name in names) if isinstance(attributes, dict) else iter(())
    marker = next((str(value) for value in found if _is_set(value)), None)
    return _digest(resource) if marker is None else marker


def _is_set(value: object) -> bool:
    return isinstance(value, str | int) and not isinstance(value, bool) and value != ""


def _digest(resource: Json) -> str:
    """The last resort for telling repeats apart: all that the resource says of itself, however it is spelled."""
    told = {name: value for name, value in resource.items() if name != "meta"}
    return hashlib.sha256(json.dumps(told, sort_keys=True).encode()).hexdigest()
