"""Creating, changing and deleting what Copydesk may; arguments are checked before anything is sent."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, TypedDict, TypeVar, Unpack

from service.clients.api import Answer, Call, list_path, resource_path
from service.clients.collection import Collection
from service.clients.listing import Listing, numbered
from service.clients.query import Query
from service.errors import NotOffered
from service.resources import Json, OrderFactory, RecordedEvent, Webhook, recorded_event
from service.resources.offer import Offer
from service.resources.reference import REFERENCE

T = TypeVar("T")
_JSON_TYPES: Mapping[str, tuple[type, ...]] = {"boolean": (bool,), "object": (dict,), "array": (list, tuple)}


class Marks(TypedDict, total=False):
    """What every resource lets be set; None empties it."""

    reference: str | None
    reference_origin: str | None
    metadata: Mapping[str, Any] | None


class CopyArguments(Marks, total=False):
    """How an order is copied; what is left out is as the provider has it.

    https://docs.commercelayer.io/core/api-reference/order_copies/create
    """

    place_target_order: bool
    reuse_wallet: bool
    cancel_source_order: bool
    apply_promotions: bool
    skip_errors: bool
    ignore_invalid_coupon: bool


class WebhookArguments(Marks, total=False):
    """What a webhook may have besides its topic and address."""

    name: str
    include_resources: Sequence[str]


class WebhookChanges(WebhookArguments, total=False):
    """What of a webhook may be changed."""

    topic: str
    callback_url: str


class Writable(Collection[T]):
    """The resources of one type, to be read and written."""

    def _change(self, what: str, id_: str, changes: Mapping[str, Any]) -> Answer[T]:
        """PATCH attributes and triggers; the document repeats the id, or the answer is a 400."""
        if not changes:
            raise NotOffered(f"nothing to update; {self._offer.type} have: {', '.join(self._offer.updatable)}")
        _check(self._offer, changes, self._offer.updatable, "updated with")
        data = {"type": self._offer.type, "id": id_, "attributes": dict(changes)}
        path = resource_path(self._offer.type, id_)
        return self._one(Call(f"{what} {self._offer.type}/{id_}", "PATCH", path, body={"data": data}), id_)

    def _create(self, attributes: Mapping[str, Any], relationships: Mapping[str, str]) -> Answer[T]:
        offer = self._offer
        _check(offer, attributes, offer.creatable, "created with")
        linkages = {name: _linkage(offer.relationships[name].type, id_) for name, id_ in relationships.items()}
        given = {"attributes": dict(attributes), "relationships": linkages}
        data = {"type": offer.type} | {name: members for name, members in given.items() if members}
        return self._one(Call(f"creating {offer.type}", "POST", list_path(offer.type), body={"data": data}), None)

    def _delete(self, id_: str) -> Answer[None]:
        type_ = self._offer.type
        call = Call(f"deleting {type_}/{id_}", "DELETE", resource_path(type_, id_))
        return self._api.answer(self._api.call(call), None)


class Copies(Writable[OrderFactory]):
    """Order copies or recurring order copies, to be read, marked and deleted."""

    def update(self, id_: str, **marks: Unpack[Marks]) -> Answer[OrderFactory]:
        """Set the reference or metadata of a copy; nothing else of it can be changed.

        Raises:
            NotOffered: it is something else; nothing was sent.
            Refused, Unavailable, OutcomeUnknown: as every write.
        """
        return self._change("updating", id_, marks)

    def delete(self, id_: str) -> Answer[None]:
        """Delete a copy, which fires its destroy event.

        Raises:
            Refused: it is not there (any more), or it is locked (423).
            Unavailable, OutcomeUnknown: as every write.
        """
        return self._delete(id_)


class OrderCopies(Copies):
    """Order copies, to be created too."""

    def create(self, source_order: str, **arguments: Unpack[CopyArguments]) -> Answer[OrderFactory]:
        """Copy an order; it is begun, not done, when this returns.

        Args:
            source_order: the id of the order to copy.
            **arguments: see `CopyArguments`.

        Raises:
            NotOffered: an argument that order copies do not have; nothing was sent.
            Refused: the provider does not copy it, such as VALIDATION_ERROR.
            OutcomeUnknown: it may have been created. Nothing makes a second try harmless but a `reference` that
                is looked for first.
            Unavailable: it was certainly not created.
        """
        return self._create(arguments, {"source_order": source_order})


class Webhooks(Writable[Webhook]):
    """The provider's webhooks; their secrets are shown to integrations, and kept as `SecretStr`."""

    def create(
        self, topic: str, callback_url: str, *, disabled: bool = False, **arguments: Unpack[WebhookArguments]
    ) -> Answer[Webhook]:
        """Make a webhook; its secret comes with the answer.

        Args:
            topic: what it tells.
            callback_url: where it posts.
            disabled: whether it says nothing until it is enabled, so that its secret can be known here first.
            **arguments: see `WebhookArguments`.

        Raises:
            Refused: such as VALIDATION_ERROR, where its name is taken.
            Unavailable, OutcomeUnknown: as every write.
        """
        trigger = {"_disable": True} if disabled else {}
        return self._create({"topic": topic, "callback_url": callback_url, **arguments, **trigger}, {})

    def update(self, id_: str, **changes: Unpack[WebhookChanges]) -> Answer[Webhook]:
        """Change a webhook."""
        return self._change("updating", id_, changes)

    def enable(self, id_: str) -> Answer[Webhook]:
        """Let it post again."""
        return self._change("enabling", id_, {"_enable": True})

    def disable(self, id_: str) -> Answer[Webhook]:
        """Let it post no more; what happens meanwhile it never tells."""
        return self._change("disabling", id_, {"_disable": True})

    def reset_circuit(self, id_: str) -> Answer[Webhook]:
        """Close its circuit breaker, which 30 failures in a row open.

        https://docs.commercelayer.io/core/real-time-webhooks
        """
        return self._change("resetting the circuit of", id_, {"_reset_circuit": True})

    def delete(self, id_: str) -> Answer[None]:
        """Delete a webhook, its secret and its count of failures."""
        return self._delete(id_)


class Events(Writable[RecordedEvent]):
    """The events that the provider recorded."""

    def of(self, type_: str, id_: str) -> Listing[RecordedEvent]:
        """List what was recorded of one resource, such as one order copy."""
        if type_ not in REFERENCE or "events" not in REFERENCE[type_].relationships:
            having = ", ".join(name for name, offer in REFERENCE.items() if "events" in offer.relationships)
            raise NotOffered(f"{type_!r} has no events; these have: {having}")
        path, query = resource_path(type_, id_, "events"), Query()
        return Listing(lambda: numbered(lambda number: self._rows(path, query, (), number), recorded_event))

    def trigger(self, id_: str) -> Answer[RecordedEvent]:
        """Fire an event again, at once: every webhook of its topic posts it, other people's among them.

        https://docs.commercelayer.io/core/api-reference/events
        """
        return self._change("triggering", id_, {"_trigger": True})


def _linkage(type_: str, id_: str) -> Json:
    """How a relationship is written."""
    resource_path(type_, id_)
    return {"data": {"type": type_, "id": id_}}


def _check(offer: Offer, given: Mapping[str, Any], allowed: Sequence[str], words: str) -> None:
    for name, value in given.items():
        if name not in allowed:
            raise NotOffered(f"{offer.type} cannot be {words} {name!r}; it is offered for: {', '.join(allowed)}")
        attribute = offer.attributes.get(name)
        expected = _JSON_TYPES.get(attribute.kind, (str,)) if attribute else (bool,)
        if value is not None and not isinstance(value, expected):
            raise NotOffered(f"{name!r} of {offer.type} is of the kind {attribute.kind if attribute else 'boolean'}")
