"""Webhooks: how they are made, checked, silenced, reset, and how they drift.

One topic each, and any number of webhooks on one topic, each with a secret of its own. Facts: Commerce Layer
documentation, Webhooks, and its public schema.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from service.sandbox.documents import include_tree
from service.sandbox.marks import new_id, now
from service.sandbox.problems import Problem, invalid
from service.sandbox.resources import RESOURCES
from service.sandbox.state import Record
from service.sandbox.world import World, is_loopback, new_secret

_TOPIC = re.compile(r"[a-z_]+\.[a-z_]+")
_CIRCUITS = ("closed", "open")
_BY_HAND = ("name", "callback_url", "include_resources", "shared_secret", "circuit_state", "circuit_failure_count")


def create(world: World, attributes: dict[str, Any], relations: dict[str, str | None], triggers: list[str]) -> Record:
    """Make one with a new secret, as the API does.

    Raises:
        Problem: 422, it would not work.
    """
    id_ = new_id()
    attributes["name"] = attributes.get("name") or f"Webhook {id_}"
    check(world, attributes, None)
    attributes["disabled_at"] = now() if "_disable" in triggers else None
    attributes["shared_secret"] = new_secret()
    made = world.state.add("webhooks", attributes, relations, id_)
    world.state.note("create", made, "api")
    return made


def check(world: World, attributes: Mapping[str, Any], record: Record | None) -> None:
    """Refuse what the API refuses.

    Args:
        world: the sandbox.
        attributes: what is to be set.
        record: the webhook that is changed; None for a new one.

    Raises:
        Problem: 422, with the attribute that is wrong.
    """
    for name in ("name", "topic", "callback_url"):
        if name in attributes and not attributes[name]:
            raise invalid(name, "can't be blank", error="blank")
    if "topic" in attributes and not _TOPIC.fullmatch(attributes["topic"]):
        raise invalid("topic", "is not included in the list", error="inclusion")
    # The sandbox's own rule: it must never post beyond this machine.
    if "callback_url" in attributes and not is_loopback(attributes["callback_url"]):
        raise invalid("callback_url", "must be an http address of this machine", error="invalid")
    others = (other for other in world.state.all("webhooks") if other is not record)
    if any(other["name"] == attributes.get("name") for other in others):
        raise invalid("name", "has already been taken", error="taken")
    now_set = (record.attributes if record else {}) | dict(attributes)
    _check_includes(now_set["topic"].partition(".")[0], now_set.get("include_resources") or [])


def pull(world: World, webhook: Record, trigger: str) -> None:
    """Carry out one trigger attribute."""
    if trigger == "_reset_circuit":
        world.state.change(webhook, circuit_state="closed", circuit_failure_count=0)
    elif trigger == "_regenerate_shared_secret":
        world.state.change(webhook, shared_secret=new_secret())
    else:
        world.state.change(webhook, disabled_at=now() if trigger == "_disable" else None)
    world.state.note(trigger[1:], webhook, "api")


def drift(world: World, id_: str, changes: Mapping[str, Any]) -> Record:
    """Change a webhook as somebody might in the dashboard, or as the circuit would, without the API's checks.

    Args:
        world: the sandbox.
        id_: the webhook's id, or a topic, which means the first webhook on it.
        changes: attributes by name, and `disabled` as true or false.

    Raises:
        KeyError: there is no such webhook.
        ValueError: something that cannot be changed, or an address beyond this machine.
    """
    state = world.state
    with state.lock:
        webhook = find(world, id_)
        strange = set(changes) - {*_BY_HAND, "disabled"}
        if strange:
            raise ValueError(f"{min(strange)} of a webhook is not changed by hand")
        if not is_loopback(changes.get("callback_url", webhook["callback_url"])):
            raise ValueError("callback_url must be an http address of this machine")
        if changes.get("circuit_state", "closed") not in _CIRCUITS:
            raise ValueError("circuit_state is closed or open")
        values = {name: value for name, value in changes.items() if name != "disabled"}
        if "disabled" in changes:
            values["disabled_at"] = now() if changes["disabled"] else None
        state.change(webhook, **values)
        return webhook


def find(world: World, id_: str) -> Record:
    """The webhook of that id, or the first on that topic; the first of all for an empty text.

    Raises:
        KeyError: there is none.
    """
    for webhook in world.state.all("webhooks"):
        if id_ in ("", webhook.id, webhook["topic"]):
            return webhook
    raise KeyError(id_)


def _check_includes(type_: str, paths: list[Any]) -> None:
    """Refuse what cannot be included, as far as the sandbox knows the resource."""
    try:
        if type_ in RESOURCES:
            include_tree(type_, map(str, paths))
    except Problem:
        raise invalid("include_resources", "is not included in the list", error="inclusion") from None
