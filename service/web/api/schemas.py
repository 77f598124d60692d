"""JSON Schemas of what the API answers, made from what it offers. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from service.web.api.catalogue import OFFERS
from service.web.api.offers import Attribute, Offer, Relation
from service.web.api.problems import CODES

Json = dict[str, Any]
_KINDS: dict[str, Json] = {
    "string": {"type": ["string", "null"]},
    "integer": {"type": ["integer", "null"]},
    "boolean": {"type": ["boolean", "null"]},
    "datetime": {"type": ["string", "null"], "format": "date-time"},
    "object": {"type": ["object", "null"]},
    "array": {"type": "array", "items": {"type": "object"}},
}
_TEXT: Json = {"type": "string"}
_COUNT: Json = {"type": "integer", "minimum": 0}
_LINKS: Json = {"type": "object", "additionalProperties": _TEXT}


def ref(name: str) -> Json:
    """A pointer to one of the schemas."""
    return {"$ref": f"#/components/schemas/{name}"}


def components() -> Json:
    """Every schema, by name."""
    return {
        **{offer.type: _resource(offer) for offer in OFFERS.values()},
        "errors": _closed({"errors": {"type": "array", "minItems": 1, "items": _error()}}),
        "identifier": _closed({"type": {"enum": [*OFFERS]}, "id": _TEXT}),
        "any": {"anyOf": [ref(type_) for type_ in OFFERS]},
        "list_meta": _closed(
            {"record_count": _COUNT, "page_count": {"type": "integer", "minimum": 1}, "facets": {"type": "object"}},
            ("record_count", "page_count"),
        ),
    }


def one(type_: str, *, may_be_empty: bool = False) -> Json:
    """A document of one resource."""
    data = {"anyOf": [ref(type_), {"type": "null"}]} if may_be_empty else ref(type_)
    return _closed({"data": data, "included": _several("any")}, ("data",))


def several(type_: str, *, counted: bool = True) -> Json:
    """A document of several resources."""
    parts: Json = {"data": _several(type_), "included": _several("any"), "links": _LINKS}
    if counted:
        return _closed(parts | {"meta": ref("list_meta")}, ("data", "meta", "links"))
    return _closed(parts, ("data",))


def linkage(relation: Relation) -> Json:
    """A document of what a relationship points to."""
    data = _several("identifier") if relation.many else {"anyOf": [ref("identifier"), {"type": "null"}]}
    return _closed({"data": data, "links": _LINKS, "meta": ref("list_meta")}, ("data", "links"))


def happenings() -> Json:
    """A document of a timeline."""
    attributes = {"at": _TEXT | {"format": "date-time"}, "kind": _TEXT, "subject": _TEXT, "what": {"type": "object"}}
    row = _closed({"links": _closed({"related": _TEXT}), "data": ref("identifier")})
    one = {
        "id": _TEXT,
        "type": {"const": "happenings"},
        "attributes": _closed(attributes),
        "relationships": _closed({"row": row}),
    }
    return _closed({"data": {"type": "array", "items": _closed(one)}, "links": _LINKS})


def token() -> Json:
    """A document of the token that asks."""
    attributes = _closed({"scopes": {"type": "array", "items": _TEXT}})
    return _closed({"data": _closed({"type": {"const": "tokens"}, "id": _TEXT, "attributes": attributes})})


def _several(name: str) -> Json:
    return {"type": "array", "items": ref(name)}


def _resource(offer: Offer) -> Json:
    relations = {name: _relation(relation) for name, relation in offer.relations.items()}
    return _closed(
        {
            "id": _TEXT,
            "type": {"const": offer.type},
            "links": _closed({"self": _TEXT}),
            "attributes": _closed({n: _attribute(a) for n, a in offer.attributes.items()}, ()),
            "relationships": _closed(relations, ()),
            "meta": _closed({"mode": _TEXT, "organization_id": _TEXT, "trace_id": _TEXT}),
        },
        ("id", "type", "links", "attributes", "relationships"),
    ) | {"description": offer.about}


def _attribute(attribute: Attribute) -> Json:
    # The words are not an `enum`: the provider adds to its own, and what it says is shown as it came.
    told = f" One of {', '.join(attribute.words)}." if attribute.words else ""
    return _KINDS[attribute.kind] | {"description": attribute.about + told}


def _relation(relation: Relation) -> Json:
    data = _several("identifier") if relation.many else {"anyOf": [ref("identifier"), {"type": "null"}]}
    links = _closed({"self": _TEXT, "related": _TEXT})
    return _closed({"links": links, "data": data}, ("links",)) | {"description": relation.about}


def _error() -> Json:
    return _closed(
        {
            "title": _TEXT,
            "detail": _TEXT,
            "code": {"enum": [*CODES]},
            "status": {"type": "string", "pattern": "^[45][0-9][0-9]$"},
            "source": _closed({"parameter": _TEXT}),
        },
        ("title", "detail", "code", "status"),
    )


def _closed(properties: Json, required: Iterable[str] | None = None) -> Json:
    """An object of these members and no others; all of them are there unless fewer are named."""
    needed = [*properties] if required is None else [*required]
    told: Json = {"type": "object", "properties": properties, "additionalProperties": False}
    return told | ({"required": needed} if needed else {})
