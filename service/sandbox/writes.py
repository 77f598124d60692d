"""Creating, changing and deleting resources through the API: what a body may say, and what then happens."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

from service.sandbox.documents import include_tree
from service.sandbox.orders import pull
from service.sandbox.problems import Problem, invalid, plain, unsupported
from service.sandbox.resources import COPIES, RESOURCES, Attribute
from service.sandbox.state import Record, new_id, now
from service.sandbox.world import World, is_loopback, new_secret

_TOPIC = re.compile(r"[a-z_]+\.[a-z_]+")
_KINDS: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "datetime": (str,),
    "integer": (int,),
    "float": (int, float),
    "boolean": (bool,),
    "object": (dict,),
    "array": (list,),
}
Attributes = dict[str, Any]
Relations = dict[str, str | None]


def create(world: World, type_: str, body: object) -> Record:
    """Create one resource; the state's lock is held.

    Raises:
        Problem: 400 for what the resource does not offer, 422 for what a rule refuses.
    """
    resource = RESOURCES[type_]
    data = _data(type_, body)
    attributes, triggers = _attributes(type_, data, "c")
    relations = _relations(world, type_, data)
    for name in resource.required:
        where = "relationships" if name in resource.relationships else "attributes"
        if (relations if where == "relationships" else attributes).get(name) in (None, ""):
            raise invalid(name, "can't be blank", error="blank", where=where)
    if type_ in COPIES:
        subscription = world.state.find("order_subscriptions", relations.get("order_subscription"))
        if subscription is not None:
            attributes.setdefault("place_target_order", subscription["place_target_order"])
        return world.copies.make(type_, attributes, relations)
    return _CREATIONS[type_](world, attributes, relations, triggers)


def update(world: World, type_: str, record: Record, body: object) -> None:
    """Change one resource; the state's lock is held. Triggers come first: a refused one changes nothing.

    Raises:
        Problem: 400 for what cannot be changed or a body that speaks of another id, 422 for what a rule refuses.
    """
    data = _data(type_, body)
    if data.get("id") != record.id:
        raise unsupported(str(data.get("id")))
    if data.get("relationships"):
        raise unsupported(min(data["relationships"]))
    attributes, triggers = _attributes(type_, data, "u")
    if type_ == "webhooks":
        _check_webhook(world, attributes, record)
    for trigger in triggers:
        _pull(world, record, trigger)
    if attributes:
        world.state.change(record, **attributes)


def delete(world: World, record: Record) -> None:
    """Delete one resource and fire its destroy event; the state's lock is held."""
    world.state.remove(record)
    world.state.note("destroy", record, "api")
    world.state.fire("destroy", record, record.id)


def _data(type_: str, body: object) -> dict[str, Any]:
    data = body.get("data") if isinstance(body, dict) else None
    if not isinstance(data, dict):
        raise unsupported("data")
    if data.get("type") != type_:
        raise unsupported(str(data.get("type")))
    for part in ("attributes", "relationships"):
        if not isinstance(data.get(part, {}), dict):
            raise unsupported(part)
    strange = set(data) - {"type", "id", "attributes", "relationships", "meta"}
    if strange:
        raise unsupported(min(strange))
    return data


def _attributes(type_: str, data: dict[str, Any], flag: str) -> tuple[Attributes, list[str]]:
    """The attributes a body sets and the triggers it pulls."""
    resource, values, triggers = RESOURCES[type_], {}, []
    for name, value in data.get("attributes", {}).items():
        if name in resource.triggers:
            if not isinstance(value, bool):
                raise invalid(name, "is invalid", error="invalid")
            if value:
                triggers.append(name)
            continue
        attribute = resource.attributes.get(name)
        if attribute is None or flag not in attribute.flags:
            raise unsupported(name)
        _check_kind(name, attribute, value)
        values[name] = value
    return values, triggers


def _check_kind(name: str, attribute: Attribute, value: object) -> None:
    # In Python a bool is an int; in JSON it is not.
    wrong_bool = isinstance(value, bool) and attribute.kind != "boolean"
    if value is not None and (wrong_bool or not isinstance(value, _KINDS[attribute.kind])):
        raise invalid(name, "is invalid", error="invalid")


def _relations(world: World, type_: str, data: dict[str, Any]) -> Relations:
    relations: Relations = {}
    for name, given in data.get("relationships", {}).items():
        relationship = RESOURCES[type_].relationships.get(name)
        if relationship is None or "c" not in relationship.flags:
            raise unsupported(name)
        linkage = given.get("data") if isinstance(given, dict) else None
        if not isinstance(linkage, dict) or linkage.get("type") != relationship.type:
            raise invalid(name, "is invalid", error="invalid", where="relationships")
        if world.state.find(relationship.type, str(linkage.get("id"))) is None:
            raise invalid(name, "must exist", error="required", where="relationships")
        relations[name] = str(linkage["id"])
    return relations


def _create_order(world: World, attributes: Attributes, _relations: Relations, _triggers: list[str]) -> Record:
    made = world.state.add("orders", {"number": world.state.number()} | attributes, {"order_subscription": None})
    world.state.fire("create", made)
    return made


def _create_subscription(world: World, attributes: Attributes, relations: Relations, _triggers: list[str]) -> Record:
    source = world.state.find("orders", relations["source_order"])
    by_source = attributes.get("activate_by_source_order", True)
    if not by_source and attributes.get("starts_at") is None:
        raise invalid("starts_at", "can't be blank", error="blank")
    active = by_source and source is not None and source["status"] in ("placed", "approved")
    attributes = {
        "number": world.state.number(),
        "status": "active" if active else "inactive",
        "customer_email": source["customer_email"] if source else None,
        "starts_at": now(),
    } | attributes
    made = world.state.add("order_subscriptions", attributes, relations)
    world.state.fire("create", made)
    if active:
        world.state.fire("activate", made)
    return made


def _create_webhook(world: World, attributes: Attributes, relations: Relations, triggers: list[str]) -> Record:
    id_ = new_id()
    attributes.setdefault("name", f"Webhook {id_}")
    _check_webhook(world, attributes, None)
    attributes["disabled_at"] = now() if "_disable" in triggers else None
    attributes["shared_secret"] = new_secret()
    return world.state.add("webhooks", attributes, relations, id_)


_CREATIONS: dict[str, Callable[[World, Attributes, Relations, list[str]], Record]] = {
    "orders": _create_order,
    "order_subscriptions": _create_subscription,
    "webhooks": _create_webhook,
}


def _check_webhook(world: World, attributes: Attributes, record: Record | None) -> None:
    if "topic" in attributes and not _TOPIC.fullmatch(str(attributes["topic"])):
        raise invalid("topic", "is not included in the list", error="inclusion")
    # The sandbox's own rule: it must never post beyond this machine.
    if "callback_url" in attributes and not is_loopback(str(attributes["callback_url"])):
        raise invalid("callback_url", "must be an http address of this machine", error="invalid")
    others = (other for other in world.state.all("webhooks") if other is not record)
    if any(other["name"] == attributes.get("name") for other in others):
        raise invalid("name", "has already been taken", error="taken")
    topic = str(attributes.get("topic") or (record["topic"] if record else ""))
    type_ = topic.partition(".")[0]
    paths = attributes.get("include_resources") or []
    try:
        if type_ in RESOURCES:
            include_tree(type_, map(str, paths))
    except Problem:
        raise invalid("include_resources", "is not included in the list", error="inclusion") from None


def _pull(world: World, record: Record, trigger: str) -> None:
    if record.type == "orders":
        pull(world.state, record, trigger)
    elif record.type == "order_subscriptions":
        status = {"_activate": "active", "_deactivate": "inactive", "_cancel": "cancelled"}[trigger]
        if record["status"] != status:
            world.state.change(record, status=status)
            world.state.note(trigger[1:], record, "api")
            world.state.fire(trigger[1:], record)
    elif record.type == "webhooks":
        _pull_webhook(world, record, trigger)
    else:
        subject = world.state.find(record["name"].partition(".")[0], record.relations["subject"])
        if subject is None:
            raise plain(404)
        world.deliveries.fire(record["name"], subject, "")


def _pull_webhook(world: World, webhook: Record, trigger: str) -> None:
    if trigger == "_reset_circuit":
        world.state.change(webhook, circuit_state="closed", circuit_failure_count=0)
    else:
        world.state.change(webhook, disabled_at=now() if trigger == "_disable" else None)
    world.state.note(trigger[1:], webhook, "api")
