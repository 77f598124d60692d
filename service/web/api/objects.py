"""Documents: resource objects, relationships, pages and their links, key by key in the order of the wire. Pure.

https://docs.commercelayer.io/core/api-specification and https://jsonapi.org/format
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from math import ceil
from typing import Any

from service.web.api.catalogue import OFFERS
from service.web.api.offers import Relation
from service.web.api.parameters import Query

Json = dict[str, Any]
Linkage = Mapping[str, str] | list[Mapping[str, str]] | None


@dataclass(frozen=True)
class Item:
    """One resource, ready to be written.

    Attributes:
        type: as which it is written.
        id: as it is written.
        values: its attributes, and the columns that its relationships are made of.
        links: linkage of relationships that is known.
        meta: mode and organization, where it has them.
    """

    type: str
    id: str
    values: dict[str, Any]
    links: dict[str, Linkage] = field(default_factory=dict)
    meta: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Writer:
    """Writes what a request asks for.

    Attributes:
        base: what links begin with: scheme and host.
        query: the request's, for its sparse fieldsets.
    """

    base: str
    query: Query

    def object(self, item: Item) -> Json:
        """One resource object."""
        offer, shows = OFFERS[item.type], self.query.shows
        address = f"{self.base}/api/{item.type}/{item.id}"
        told: Json = {
            "id": item.id,
            "type": item.type,
            "links": {"self": address},
            "attributes": {
                name: written(attribute.kind, item.values.get(name))
                for name, attribute in offer.attributes.items()
                if shows(item.type, name)
                # What only a body knows is left out where nobody asked for it.
                if "b" not in attribute.flags or name in item.values
            },
            "relationships": {
                name: _relationship(item, name, relation, address)
                for name, relation in offer.relations.items()
                if shows(item.type, name)
            },
        }
        return told | ({"meta": _meta(item)} if item.meta else {})

    def one(self, item: Item, included: list[Item]) -> Json:
        """A document of one resource."""
        return {"data": self.object(item)} | self._included(included)

    def several(self, items: list[Item], included: list[Item]) -> Json:
        """A document of several, without their count and links."""
        return {"data": [self.object(item) for item in items]} | self._included(included)

    def _included(self, items: list[Item]) -> Json:
        return {"included": [self.object(item) for item in items]} if self.query.tree else {}


def written(kind: str, value: Any) -> Any:
    """A value as JSON has it: times in UTC with milliseconds, bytes as hexadecimal digits."""
    if isinstance(value, datetime):
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    if isinstance(value, bytes | memoryview):
        return bytes(value).hex()
    if kind == "boolean" and value is not None:
        return bool(value)
    return value


def identifier(type_: str, id_: object) -> Json:
    """What points to a resource."""
    return {"type": type_, "id": str(id_)}


def page_meta(record_count: int, size: int) -> Json:
    """How many there are."""
    return {"record_count": record_count, "page_count": max(1, ceil(record_count / size))}


def page_links(address: str, query: Query, pages: int) -> Json:
    """Where the other pages are. Brackets stand as they are, as the provider writes them."""

    def link(number: int) -> str:
        return f"{address}?page[number]={number}&page[size]={query.size}{query.rest}"

    links = {"first": link(1)}
    if query.number > 1:
        links["prev"] = link(min(query.number - 1, pages))
    if query.number < pages:
        links["next"] = link(query.number + 1)
    return links | {"last": link(pages)}


def cursor_links(address: str, query: Query, last_id: str | None) -> Json:
    """Where the list begins, and where it goes on; `last_id` is None where it does not."""
    size = f"page[size]={query.size}{query.rest}"
    return {"first": f"{address}?{size}"} | ({"next": f"{address}?page[after]={last_id}&{size}"} if last_id else {})


def _relationship(item: Item, name: str, relation: Relation, address: str) -> Json:
    told: Json = {"links": {"self": f"{address}/relationships/{name}", "related": f"{address}/{name}"}}
    if name in item.links:
        told["data"] = item.links[name]
    elif relation.linked:
        id_ = item.values.get(relation.ours)
        told["data"] = None if id_ is None else identifier(relation.type, id_)
    return told


def _meta(item: Item) -> Json:
    """The provider's meta. Its trace differs with every answer; ours with what is answered, so that ETags hold."""
    told = json.dumps([item.type, item.id, *(str(item.values.get(name)) for name in sorted(item.values))])
    return {**item.meta, "trace_id": hashlib.sha256(told.encode("utf-8", "surrogatepass")).hexdigest()}
