"""Webhooks, the events the provider recorded, and its attempts to deliver them.

https://docs.commercelayer.io/core/api-reference/webhooks/object,
https://docs.commercelayer.io/core/api-reference/events/object and
https://docs.commercelayer.io/core/api-reference/event_callbacks/object
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING

from service.resources.resource import Marked
from service.resources.values import Json, instant, integer, mapping, related_id, related_ids, text

if TYPE_CHECKING:
    from pydantic import SecretStr


@dataclass(frozen=True, slots=True)
class Webhook(Marked):
    """The provider's subscription to one topic, with a secret and a circuit breaker of its own.

    Attributes:
        include_resources: what its bodies include; None where the answer does not say.
        circuit_state: closed, or open after 30 failures in a row, and then nothing is sent until it is reset.
        shared_secret: what its bodies are signed with. It is in no repr, and not in `raw`.
    """

    id: str
    name: str | None = None
    topic: str | None = None
    callback_url: str | None = None
    include_resources: tuple[str, ...] | None = None
    disabled_at: datetime | None = None
    circuit_state: str | None = None
    circuit_failure_count: int | None = None
    shared_secret: SecretStr | None = field(default=None, repr=False)
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class RecordedEvent(Marked):
    """An event as the provider recorded it; firing it again notifies every webhook of the topic.

    Attributes:
        name: the topic.
        callback_ids: the latest attempts to deliver it; None where they were not included.
    """

    id: str
    name: str | None = None
    updated_at: datetime | None = None
    callback_ids: tuple[str, ...] | None = None


@dataclass(frozen=True, slots=True)
class EventCallback(Marked):
    """One attempt of the provider to deliver an event; it forgets it after a month.

    Attributes:
        payload: what was sent, with its keys in another order, so its signature cannot be verified again.
        response_code: an HTTP status, or empty or a word where there was no answer.
        webhook_id: whose attempt it was; None where it was not included.
    """

    id: str
    callback_url: str | None = None
    payload: Json | None = field(default=None, repr=False)
    response_code: str | None = None
    response_message: str | None = None
    updated_at: datetime | None = None
    webhook_id: str | None = None


def webhook(resource: Json, _included: tuple[Json, ...] = ()) -> Webhook:
    """Read a `webhooks` resource object."""
    # Here and not above: every command reads resources, and few of them webhooks with secrets.
    from pydantic import SecretStr  # noqa: PLC0415

    attributes = mapping(resource.get("attributes"))
    get = attributes.get
    includes, secret = get("include_resources"), text(get("shared_secret"))
    rest = {name: value for name, value in attributes.items() if name != "shared_secret"}
    return Webhook(
        id=resource["id"],
        name=text(get("name")),
        topic=text(get("topic")),
        callback_url=text(get("callback_url")),
        include_resources=tuple(i for i in includes if isinstance(i, str)) if isinstance(includes, list) else None,
        disabled_at=instant(get("disabled_at")),
        circuit_state=text(get("circuit_state")),
        circuit_failure_count=integer(get("circuit_failure_count")),
        shared_secret=SecretStr(secret) if secret else None,
        updated_at=instant(get("updated_at")),
        raw={**resource, "attributes": rest},
    )


def recorded_event(resource: Json, _included: tuple[Json, ...] = ()) -> RecordedEvent:
    """Read an `events` resource object."""
    get = mapping(resource.get("attributes")).get
    return RecordedEvent(
        id=resource["id"],
        name=text(get("name")),
        updated_at=instant(get("updated_at")),
        callback_ids=related_ids(mapping(resource.get("relationships")), "last_event_callbacks"),
        raw=resource,
    )


def event_callback(resource: Json, _included: tuple[Json, ...] = ()) -> EventCallback:
    """Read an `event_callbacks` resource object."""
    get = mapping(resource.get("attributes")).get
    return EventCallback(
        id=resource["id"],
        callback_url=text(get("callback_url")),
        payload=mapping(get("payload")) or None,
        response_code=text(get("response_code")),
        response_message=text(get("response_message")),
        updated_at=instant(get("updated_at")),
        webhook_id=related_id(mapping(resource.get("relationships")), "webhook"),
        raw=resource,
    )
