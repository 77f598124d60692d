"""Creating, changing and deleting resources through the API: what a body may say, and what then happens."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from service.sandbox import webhooks
from service.sandbox.frequency import next_run
from service.sandbox.marks import iso, now
from service.sandbox.orders import pull
from service.sandbox.problems import invalid, plain, unsupported
from service.sandbox.resources import COPIES, RESOURCES
from service.sandbox.schema import Attribute
from service.sandbox.state import Record
from service.sandbox.world import World

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
    made = _CREATIONS[type_](world, attributes, relations, triggers)
    if type_ == "order_subscriptions":
        world.runs.plan(made)
    return made


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
        webhooks.check(world, attributes, record)
    if type_ == "order_subscriptions":
        _check_frequency(attributes)
        if attributes.get("next_run_at") and attributes["next_run_at"] <= now():
            raise invalid("next_run_at", "must be in the future", error="future")
    for trigger in triggers:
        _pull(world, record, trigger)
    if attributes:
        world.state.change(record, **attributes)
    if type_ == "order_subscriptions":
        world.runs.plan(record)


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
        if flag in resource.triggers.get(name, ""):
            if not isinstance(value, bool):
                raise invalid(name, "is invalid", error="invalid")
            if value:
                triggers.append(name)
            continue
        attribute = resource.attributes.get(name)
        if attribute is None or flag not in attribute.flags:
            raise unsupported(name)
        values[name] = _checked(name, attribute, value)
    return values, triggers


def _checked(name: str, attribute: Attribute, value: Any) -> Any:
    """A value of the attribute's kind; a time becomes one of ours.

    Raises:
        Problem: 422, it is of another kind.
    """
    # In Python a bool is an int; in JSON it is not.
    wrong_bool = isinstance(value, bool) and attribute.kind != "boolean"
    if value is not None and (wrong_bool or not isinstance(value, _KINDS[attribute.kind])):
        raise invalid(name, "is invalid", error="invalid")
    if attribute.kind != "datetime" or value is None:
        return value
    try:
        moment = datetime.fromisoformat(str(value))
        return iso(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    except (ValueError, OverflowError):
        raise invalid(name, "is invalid", error="invalid") from None


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
    _check_frequency(attributes)
    if active:
        first = next_run(attributes["frequency"], datetime.fromisoformat(attributes["starts_at"] or now()))
        attributes["next_run_at"] = iso(first)
    made = world.state.add("order_subscriptions", attributes, relations)
    world.state.fire("create", made)
    if active:
        world.state.fire("activate", made)
    return made


_CREATIONS: dict[str, Callable[[World, Attributes, Relations, list[str]], Record]] = {
    "orders": _create_order,
    "order_subscriptions": _create_subscription,
    "webhooks": webhooks.create,
}


def _check_frequency(attributes: Attributes) -> None:
    try:
        if "frequency" in attributes:
            next_run(str(attributes["frequency"]), datetime.now(UTC))
    except ValueError:
        raise invalid("frequency", "is invalid", error="invalid") from None


def _pull(world: World, record: Record, trigger: str) -> None:
    if record.type == "orders":
        pull(world.state, record, trigger)
    elif record.type == "order_subscriptions":
        status = {"_activate": "active", "_deactivate": "inactive", "_cancel": "cancelled"}[trigger]
        if record["status"] != status:
            changes: Attributes = {"status": status}
            if status == "active" and (record["next_run_at"] or "") <= now():
                changes["next_run_at"] = iso(next_run(record["frequency"], datetime.now(UTC)))
            world.state.change(record, **changes)
            world.state.note(trigger[1:], record, "api")
            world.state.fire(trigger[1:], record)
    elif record.type == "webhooks":
        webhooks.pull(world, record, trigger)
    else:
        _fire_again(world, record)


def _fire_again(world: World, event: Record) -> None:
    """Tell every webhook of the topic once more, with what the resource is like now."""
    topic, id_ = event["name"], event.relations["subject"] or ""
    type_ = topic.partition(".")[0]
    subject = world.state.find(type_, id_)
    if subject is None and not topic.endswith(".destroy"):
        raise plain(404)
    world.deliveries.fire(topic, subject or Record(type_, id_, dict.fromkeys(RESOURCES[type_].attributes)), "")
