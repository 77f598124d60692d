"""JSON:API documents, in the two forms in which Commerce Layer writes one resource.

The REST form has absolute links and a `trace_id` that differs with every answer; the webhook form has relative links
and none (captured deliveries of 2022 to 2024). Both show `data` linkage only for what is included.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

from service.sandbox.callbacks import as_jsonb
from service.sandbox.problems import unsupported
from service.sandbox.resources import RESOURCES
from service.sandbox.schema import Relationship
from service.sandbox.state import Record, State

Tree = dict[str, Any]
Fields = dict[str, frozenset[str]]


@dataclass(frozen=True)
class Form:
    """How documents are written.

    Attributes:
        organization: the organization's id, for `meta`.
        mode: test or live, for `meta`.
        base: what links begin with: the server's URL, or "" for the relative links of webhooks.
        rest: True for REST answers, which carry a trace_id and an order copy's `type` attribute.
        fields: sparse fieldsets by resource; resources that are not named are written whole.
    """

    organization: str
    mode: str
    base: str = ""
    rest: bool = False
    fields: Fields = field(default_factory=dict)


def include_tree(type_: str, paths: Iterable[str]) -> Tree:
    """Read include paths such as "order_subscription.source_order" into a tree of relationship names.

    Raises:
        Problem: 400, a path names no relationship that can be included.
    """
    tree: Tree = {}
    for path in paths:
        branch, at = tree, type_
        for name in path.split("."):
            relationship = RESOURCES[at].relationships.get(name) if at in RESOURCES else None
            if relationship is None or not relationship.known:
                raise unsupported(path)
            branch, at = branch.setdefault(name, {}), relationship.type
    return tree


def document(state: State, form: Form, records: Record | list[Record], type_: str, tree: Tree) -> dict[str, Any]:
    """Write `data` and, where something is to be included, `included`.

    Args:
        state: where the other side of relationships is found; its lock is held.
        form: REST or webhook.
        records: one record, or a page of them.
        type_: the resource as which they are written; an order copy may be asked for as an order_factories.
        tree: what to include, from `include_tree`.
    """
    seen: dict[tuple[str, str], dict[str, Any]] = {}
    for record in records if isinstance(records, list) else [records]:
        _gather(state, form, record, type_, tree, seen)
    if isinstance(records, list):
        data: Any = [resource_object(state, form, record, type_, tree) for record in records]
    else:
        data = resource_object(state, form, records, type_, tree)
    return {"data": data, "included": list(seen.values())} if tree else {"data": data}


def resource_object(state: State, form: Form, record: Record, type_: str, tree: Tree) -> dict[str, Any]:
    """Write one resource: id, type, links, attributes, relationships and meta, in the order of the wire."""
    address = f"{form.base}/api/{type_}/{record.id}"
    wanted = form.fields.get(type_)
    meta = {"mode": form.mode, "organization_id": form.organization}
    return {
        "id": record.id,
        "type": type_,
        "links": {"self": address},
        "attributes": _attributes(form, record, type_),
        "relationships": {
            name: _relationship(state, record, name, relationship, address, linked=name in tree)
            for name, relationship in RESOURCES[type_].relationships.items()
            if wanted is None or name in wanted
        },
        "meta": meta | {"trace_id": secrets.token_hex(32)} if form.rest else meta,
    }


def destroyed(form: Form, record: Record) -> dict[str, Any]:
    """Write the body of a destroy event: only the id has a value (docs.commercelayer.io, Real-time webhooks).

    The exact shape is not public: every attribute is null here.
    """
    gone = Record(record.type, record.id, dict.fromkeys(record.attributes))
    return {"data": resource_object(State(), form, gone, record.type, {})}


def compact(body: dict[str, Any]) -> bytes:
    """The bytes of a document: compact and in UTF-8, as they are signed and sent."""
    return json.dumps(body, separators=(",", ":"), ensure_ascii=False).encode()


def _attributes(form: Form, record: Record, type_: str) -> dict[str, Any]:
    wanted = form.fields.get(type_)
    values: dict[str, Any] = {}
    for name in RESOURCES[type_].attributes:
        if wanted is not None and name not in wanted:
            continue
        if name != "type":
            value = record.attributes[name]
            values[name] = as_jsonb(value) if isinstance(value, bytes) else value
        elif form.rest:
            values[name] = record.type
    return values


def _relationship(
    state: State, record: Record, name: str, relationship: Relationship, address: str, *, linked: bool
) -> dict[str, Any]:
    body: dict[str, Any] = {
        "links": {"self": f"{address}/relationships/{name}", "related": f"{address}/{name}"},
    }
    if linked:
        others = state.related(record, name, relationship)
        linkage = [{"type": relationship.type, "id": other.id} for other in others]
        body["data"] = linkage if relationship.many else next(iter(linkage), None)
    return body


def _gather(
    state: State,
    form: Form,
    record: Record,
    type_: str,
    tree: Tree,
    seen: dict[tuple[str, str], dict[str, Any]],
) -> None:
    """Collect what is included below one record, each resource once."""
    for name, branch in tree.items():
        relationship = RESOURCES[type_].relationships[name]
        for other in state.related(record, name, relationship):
            key = (relationship.type, other.id)
            if key not in seen:
                seen[key] = resource_object(state, form, other, relationship.type, branch)
            _gather(state, form, other, relationship.type, branch, seen)
