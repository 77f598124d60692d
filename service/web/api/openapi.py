"""The description of the API in OpenAPI 3.1, made from the tables that the routes are made from. Pure.

https://spec.openapis.org/oas/v3.1.0
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from service.conditions import BY_KIND, LISTS, QUESTIONS, TRUTHS
from service.topics import KNOWN_TOPICS
from service.web.api import schemas
from service.web.api.catalogue import DEEPEST_ROW, LARGEST_PAGE, OFFERS, PAGE_SIZE
from service.web.api.media import MEDIA_TYPE
from service.web.api.offers import Offer, Relation
from service.web.api.parameters import LINKAGE, LIST, ONE, STORES, allowed

Json = dict[str, Any]
VERSION = "1.0.0"
_REFUSALS = {
    "400": "A parameter, a value or an id that is not offered; the errors name what is.",
    "401": "No token, or none that is good.",
    "403": "A token that does not let its holder do this.",
    "404": "There is no such resource.",
    "406": "Accept does not take JSON:API.",
    "415": "Content-Type is JSON:API with parameters.",
    "429": "Too many bad tokens from this address.",
    "503": "The database is busy, or the question takes too long; Retry-After says when to come again.",
}
_ID = {"name": "id", "in": "path", "required": True}
_PROVIDER_ID: Json = {"type": "string", "pattern": "^[A-Za-z0-9]{1,32}$"}
_NUMBER: Json = {"type": "string", "pattern": "^[0-9]{1,18}$"}
_STORE_ID: Json = {"type": "string", "pattern": "^([0-9]{1,18}-)?[0-9]{1,18}$"}


def description(base: str) -> Json:
    """The whole description.

    Args:
        base: what addresses begin with: scheme and host.
    """
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Copydesk",
            "version": VERSION,
            "description": "The record of order copies and recurring order copies, in the shape of Commerce Layer's"
            " own API. Reading only.",
        },
        "servers": [{"url": base}],
        "security": [{"token": []}],
        "paths": dict(_paths()),
        "components": {
            "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}},
            "schemas": schemas.components() | dict(_parameter_schemas()),
            "responses": {
                status: {
                    "description": told,
                    "content": {MEDIA_TYPE: {"schema": schemas.ref("errors")}},
                }
                for status, told in _REFUSALS.items()
            },
        },
    }


def _paths() -> Iterable[tuple[str, Json]]:
    for offer in OFFERS.values():
        at = f"/api/{offer.type}"
        if offer.listed:
            yield at, _get(f"List {offer.type}", offer, LIST, schemas.several(offer.type), "404")
        yield f"{at}/{{id}}", _get(f"Retrieve one of {offer.type}", offer, ONE, schemas.one(offer.type), of=offer)
        for name, relation in offer.relations.items():
            yield f"{at}/{{id}}/{name}", _related(offer, name, relation)
            yield f"{at}/{{id}}/relationships/{name}", _linkage(offer, name, relation)
    yield "/api/timeline/{type}/{id}", _timeline()
    yield "/api/token", {"get": _token()}
    yield "/api/openapi.json", {"get": _own_description()}


def _related(offer: Offer, name: str, relation: Relation) -> Json:
    far, summary = OFFERS[relation.type], f"The {name} of one of {offer.type}"
    if far.type == "event_stores":
        return _get(summary, far, STORES, schemas.several(far.type, counted=False), of=offer)
    if relation.many and far.listed:
        return _get(summary, far, LIST, schemas.several(far.type), of=offer)
    found = schemas.several(far.type, counted=False) if relation.many else schemas.one(far.type, may_be_empty=True)
    return _get(summary, far, ("include", "fields"), found, of=offer)


def _linkage(offer: Offer, name: str, relation: Relation) -> Json:
    far = OFFERS[relation.type]
    kinds = STORES[:2] if far.type == "event_stores" else LINKAGE if relation.many and far.listed else ()
    return _get(f"Where {name} of one of {offer.type} points to", far, kinds, schemas.linkage(relation), of=offer)


def _get(
    summary: str, offer: Offer, kinds: Iterable[str], answer: Json, *without: str, of: Offer | None = None
) -> Json:
    """One operation.

    Args:
        summary: what it does.
        offer: what is answered.
        kinds: the kinds of its parameters.
        answer: the schema of the document.
        without: refusals that cannot be.
        of: whose id the address names; None where it names none.
    """
    parameters = [*_parameters(offer, allowed(offer, kinds))]
    if of is not None:
        schema = _STORE_ID if of.type == "event_stores" else _NUMBER if of.numbered else _PROVIDER_ID
        parameters.insert(0, {**_ID, "schema": schema})
    content = {MEDIA_TYPE: {"schema": answer}}
    refusals = {s: {"$ref": f"#/components/responses/{s}"} for s in _REFUSALS if s not in without}
    operation: Json = {
        "summary": summary,
        "tags": [offer.type],
        "parameters": parameters,
        "responses": {"200": {"description": "Found.", "content": content}, **refusals},
    }
    return {"get": operation}


def _parameters(offer: Offer, kinds: Iterable[str]) -> Iterable[Json]:
    """What kinds of parameters come to for a resource: those with brackets are the members of one object."""
    nested: dict[str, Json] = {}
    for kind in kinds:
        if kind.startswith("page["):
            nested.setdefault("page", {})[kind[5:-1]] = _plain(offer, kind)
        elif kind in _NESTED:
            nested[kind] = schemas.ref(_NESTED[kind].format(offer.type))
        else:
            schema = _plain(offer, kind)
            yield {"name": kind, "in": "query", "schema": schema, "description": schema["description"]}
    for name, members in nested.items():
        schema = members if "$ref" in members else _members(members)
        told = {"name": name, "in": "query", "style": "deepObject", "explode": True, "schema": schema}
        yield told | {"description": _TOLD[name]}


_TOLD = {
    "page": "Which page.",
    "fields": "Which fields are shown of a type, with commas.",
    "filter": "Filters in the words of Copydesk's commands.",
    "filter[q]": "Filters in the provider's words: attribute_predicate; attributes may be joined by _or_, and values of"
    " most predicates by _any or _all.",
}
_TEXT = {"type": "string"}
_VALUES: dict[str, Json] = {
    "datetime": {"type": "string", "format": "date-time"},
    "integer": {"type": "integer"},
    "boolean": {"type": "string", "enum": ["true", "false"]},
    "string": _TEXT,
    "object": {"type": "string", "contentMediaType": "application/json"},
}


def _filters(offer: Offer) -> Json:
    return {
        f"{name}_{predicate}": _VALUES["boolean"]
        if predicate in (*QUESTIONS, *TRUTHS)
        else _TEXT
        if predicate in LISTS
        else _VALUES[kind]
        for name, kind in offer.filterable.items()
        for predicate in BY_KIND[kind]
    }


_NESTED = {"fields": "fields", "filter": "{}.words", "filter[q]": "{}.filters"}


def _parameter_schemas() -> Iterable[tuple[str, Json]]:
    yield "fields", _members(dict.fromkeys(OFFERS, _TEXT))
    for offer in OFFERS.values():
        if offer.listed:
            yield f"{offer.type}.words", _members(dict.fromkeys(offer.words, _TEXT))
            yield f"{offer.type}.filters", _members(_filters(offer))


def _members(properties: Json) -> Json:
    return {"type": "object", "properties": properties, "additionalProperties": False}


def _plain(offer: Offer, kind: str) -> Json:
    names = {
        "sort": ([*offer.sortable, *(f"-{name}" for name in offer.sortable)], "By what it is sorted, with commas."),
        "include": ([*offer.includable], "What comes with it, with commas; paths have dots."),
        "facets": ([*offer.facets], "Whose values are counted in meta, with commas."),
    }
    if kind in names:
        known, told = names[kind]
        # Paths of includes may go on, as far as what they lead to offers it.
        one = "[a-z_.]+" if kind == "include" else f"({'|'.join(map(re.escape, known))})"
        told = f"{told} There are {', '.join(known)}."
        return {"type": "string", "pattern": f"^{one}(,{one})*$", "examples": [known[0]], "description": told}
    cursor = _STORE_ID if offer.type == "event_stores" else _NUMBER
    return {
        "page[number]": {"type": "integer", "minimum": 1, "maximum": DEEPEST_ROW, "description": "From 1."},
        "page[size]": {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE},
        "page[after]": cursor | {"description": "The id behind which the page begins, so that pages do not jump."},
        "unmask": _VALUES["boolean"] | {"description": "true: as it came; needs the scope act, and a reason."},
        "reason": _TEXT | {"description": "Why what is masked is looked at; it is kept on the trail."},
    }[kind]


def _timeline() -> Json:
    size = {"type": "integer", "minimum": 1, "maximum": LARGEST_PAGE, "default": PAGE_SIZE}
    page = _members({"after": _TEXT, "size": size})
    told = {"name": "page", "in": "query", "style": "deepObject", "explode": True, "schema": page}
    refusals = {s: {"$ref": f"#/components/responses/{s}"} for s in _REFUSALS}
    content = {MEDIA_TYPE: {"schema": schemas.happenings()}}
    operation = {
        "summary": "Everything about a subject, newest first; of an order or a subscription, about its copies too",
        "tags": ["timeline"],
        "parameters": [
            {"name": "type", "in": "path", "required": True, "schema": {"type": "string", "enum": [*KNOWN_TOPICS]}},
            {**_ID, "schema": _PROVIDER_ID},
            told | {"description": "Which page: after what links.next says."},
        ],
        "responses": {"200": {"description": "Found.", "content": content}, **refusals},
    }
    return {"get": operation}


def _token() -> Json:
    content = {MEDIA_TYPE: {"schema": schemas.token()}}
    refusals = {s: {"$ref": f"#/components/responses/{s}"} for s in _REFUSALS if s != "404"}
    return {
        "summary": "Whose token it is, and what it lets do",
        "tags": ["token"],
        "responses": {"200": {"description": "It is good.", "content": content}, **refusals},
    }


def _own_description() -> Json:
    content = {"application/json": {"schema": {"type": "object"}}}
    return {
        "summary": "This description",
        "tags": ["description"],
        "security": [],
        "responses": {"200": {"description": "OpenAPI 3.1.", "content": content}},
    }
