"""What the API's answer about a factory would have been as a webhook, and whether it is news. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from typing import Any

from service import states
from service.resources import FactoryType, Json, OrderFactory
from service.states import State

# `abort` is no topic of the provider: an aborted factory is told by nobody but the API.
# https://docs.commercelayer.io/core/real-time-webhooks#supported-topics
ENDS = ("aborted", "failed", "completed")
_TOLD_BY = {"pending": "create", "in_progress": "start", "aborted": "abort", "failed": "fail", "completed": "complete"}


def topic_of(factory: OrderFactory) -> str:
    """The topic under which a factory's present status is told; an unknown status is a topic of its own."""
    return f"{factory.type}.{_TOLD_BY.get(factory.status or '', 'update')}"


def body_of(factory: OrderFactory) -> bytes:
    """The answer as a delivery's body: what the API said of this one resource, as it said it.

    A list of order factories names the umbrella as type; a webhook names the kind.
    """
    related = (factory.source_order, factory.target_order, factory.order_subscription)
    included = [one.raw for one in related if one is not None and one.raw is not None]
    return _written({**(factory.raw or {}), "type": factory.type}, included)


def gone(type_: FactoryType, id_: str) -> bytes:
    """The body of the destroy event of a factory that the API does not list any more."""
    return _written({"id": id_, "type": type_, "attributes": {}}, ())


def is_news(factory: OrderFactory, known: State | None, *, heard: bool) -> bool:
    """Tell whether a factory's status is one that we do not know, and not older than what we know.

    Args:
        factory: as the API has it.
        known: where it stands by our record.
        heard: whether the event of its status is kept. A body may be ahead of its topic: then an end is known whose
            own event, with what handlers make of it, never came.
    """
    if known is None:
        return True
    if factory.status is None:
        return False
    if factory.status == known.status:
        return factory.status in ENDS and not heard
    return states.order(factory.status, factory.updated_at) > states.order(known.status, known.at)


def _written(resource: Json, included: Iterable[Json]) -> bytes:
    document: dict[str, Any] = {"data": dict(resource)}
    if others := [dict(one) for one in included]:
        document["included"] = others
    return json.dumps(document, separators=(",", ":"), ensure_ascii=False).encode("utf-8", "surrogatepass")
