"""What every resource has besides its attributes: a link to itself, relationships, meta, and what we do not know."""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from service.resources.reference import REFERENCE
from service.resources.values import Json, instant, mapping, related_id, related_ids, text


@dataclass(frozen=True, slots=True)
class Meta:
    """The provider's `meta`; the newest API versions keep most of it on the document instead.

    Attributes:
        mode: test or live.
        organization_id: whose resource it is.
        trace_id: differs with every answer about the same resource; never part of an identity.
    """

    mode: str | None = None
    organization_id: str | None = None
    trace_id: str | None = None


@dataclass(frozen=True, slots=True)
class Resource:
    """The part that all models share; its properties are read when they are asked for, because most never are.

    Attributes:
        raw: the resource object as it came; not part of a comparison. None for a value that was made by hand.
    """

    raw: Json | None = field(default=None, repr=False, compare=False, kw_only=True)

    def attribute(self, name: str) -> Any:
        """The value of one attribute as it came, documented or not; None where the document has none."""
        return mapping(mapping(self.raw).get("attributes")).get(name)

    @property
    def link(self) -> str | None:
        """Its own address: absolute in answers, relative in webhooks' bodies. To be shown, never followed."""
        return text(mapping(mapping(self.raw).get("links")).get("self"))

    @property
    def meta(self) -> Meta:
        """Its mode, organization and trace."""
        meta = mapping(mapping(self.raw).get("meta"))
        return Meta(text(meta.get("mode")), text(meta.get("organization_id")), text(meta.get("trace_id")))

    @property
    def relationships(self) -> tuple[str, ...]:
        """The names of its relationships, in the order in which they came."""
        return tuple(mapping(mapping(self.raw).get("relationships")))

    @property
    def event_ids(self) -> tuple[str, ...] | None:
        """The ids of its recorded events; None where the document did not include them."""
        return related_ids(mapping(mapping(self.raw).get("relationships")), "events")

    @property
    def event_stores(self) -> str | None:
        """Where its changes are listed: they cannot be included."""
        return self.related_link("event_stores")

    def related_id(self, name: str) -> str | None:
        """The id on the other side of a to-one relationship; None where the document did not include it."""
        return related_id(mapping(mapping(self.raw).get("relationships")), name)

    def related_link(self, name: str) -> str | None:
        """Where the other side of a relationship is found; None where the document does not say."""
        relationship = mapping(mapping(mapping(self.raw).get("relationships")).get(name))
        return text(mapping(relationship.get("links")).get("related"))

    @property
    def unknown_attributes(self) -> dict[str, Any]:
        """What the provider said that the reference does not document; kept, and reported as drift."""
        raw = mapping(self.raw)
        return {name: mapping(raw.get("attributes"))[name] for name in unknown_attributes(raw)}


@dataclass(frozen=True, slots=True)
class Marked(Resource):
    """The attributes that every resource has, read when they are asked for."""

    @property
    def created_at(self) -> datetime | None:
        """When it was created, UTC."""
        return instant(self.attribute("created_at"))

    @property
    def reference(self) -> str | None:
        """Its identifier in another system."""
        return text(self.attribute("reference"))

    @property
    def reference_origin(self) -> str | None:
        """That other system."""
        return text(self.attribute("reference_origin"))

    @property
    def metadata(self) -> Json | None:
        """Free key-value pairs; None where it is empty."""
        return mapping(self.attribute("metadata")) or None


def unknown_attributes(resource: Json) -> frozenset[str]:
    """The names of the attributes of a resource object that the reference does not document; pure."""
    known = REFERENCE.get(str(resource.get("type")))
    attributes = resource.get("attributes")
    if known is None or not isinstance(attributes, dict) or attributes.keys() <= known.attributes.keys():
        return frozenset()
    return frozenset(attributes.keys() - known.attributes.keys())
