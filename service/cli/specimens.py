"""Webhook bodies as Commerce Layer sends them, for trying an installation. Pure.

The shape is that of the API reference: https://docs.commercelayer.io/core/real-time-webhooks
"""

from __future__ import annotations

import json
import random
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from service.resources import FACTORY_TYPES

Document = dict[str, Any]

_LETTERS = string.ascii_letters
# The status in which a resource is when a topic is told; for the others it is the action's own word, if it is one.
_STATUSES: Mapping[str, Mapping[str, str]] = {
    **{
        type_: {"create": "pending", "start": "in_progress", "complete": "completed", "fail": "failed"}
        for type_ in FACTORY_TYPES
    },
    "orders": {"create": "draft", "place": "placed", "approve": "approved", "cancel": "cancelled"},
    "order_subscriptions": {"create": "draft", "cancel": "cancelled", "deactivate": "inactive"},
}
_OTHERWISE: Mapping[str, str] = {"orders": "placed", "order_subscriptions": "active"}


def new_id(chance: random.Random) -> str:
    """An id of the form that resources have."""
    return "".join(chance.choices(_LETTERS, k=10))


def specimen(
    topic: str,
    id_: str,
    *,
    organization: str,
    mode: str,
    at: datetime,
    chance: random.Random,
    attributes: Mapping[str, Any] | None = None,
) -> bytes:
    """Make the body of one webhook.

    Args:
        topic: such as `order_copies.fail`.
        id_: of the resource.
        organization: its id, as it stands in `meta`.
        mode: test or live, likewise.
        at: the resource's `updated_at`.
        chance: where other ids come from.
        attributes: set or replace attributes.
    """
    type_, _, action = topic.partition(".")
    meta = {"mode": mode, "organization_id": organization}
    resource: Document = {"id": id_, "type": type_, "links": {"self": f"/api/{type_}/{id_}"}, "meta": meta}
    document: Document = {"data": resource}
    told: Document = {"created_at": _time(at), "updated_at": _time(at), "metadata": {}}
    if status := _STATUSES.get(type_, {}).get(action, _OTHERWISE.get(type_)):
        told["status"] = status
    if type_ in FACTORY_TYPES:
        told |= _of_a_copy(action, at)
        resource["relationships"], document["included"] = _orders(type_, action, chance, meta)
    if type_ == "order_subscriptions" and action.startswith("last_run"):
        told |= {"last_run_at": _time(at), "succeeded_on_last_run": action == "last_run_succeeded"}
    # A destroyed resource is told by its id alone.
    resource["attributes"] = {**({} if action == "destroy" else told), **(attributes or {})}
    return json.dumps(document, separators=(",", ":")).encode()


def value(text: str) -> Any:
    """Read a value from the command line: as JSON where it is JSON, otherwise as the text it is."""
    try:
        return json.loads(text)
    except ValueError:
        return text


def _of_a_copy(action: str, at: datetime) -> Document:
    failed = action == "fail"
    return {
        "started_at": None if action == "create" else _time(at),
        "completed_at": _time(at) if action == "complete" else None,
        "failed_at": _time(at) if failed else None,
        "errors_log": {"line_items": ["out of stock"]} if failed else {},
        "errors_count": 1 if failed else 0,
        "place_target_order": True,
        "cancel_source_order": True,
    }


def _orders(type_: str, action: str, chance: random.Random, meta: Document) -> tuple[Document, list[Document]]:
    """The relationships of a copy, and the orders that they include."""
    names = {"source_order": "placed"} | ({"target_order": "placed"} if action == "complete" else {})
    ids = {name: new_id(chance) for name in names}
    relationships: Document = {name: {"data": {"type": "orders", "id": id_}} for name, id_ in ids.items()}
    if type_ == "recurring_order_copies":
        relationships["order_subscription"] = {"data": {"type": "order_subscriptions", "id": new_id(chance)}}
    included = [
        {"id": ids[name], "type": "orders", "attributes": {"status": status}, "meta": meta}
        for name, status in names.items()
    ]
    return relationships, included


def _time(at: datetime) -> str:
    return at.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
