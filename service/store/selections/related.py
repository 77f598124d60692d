"""What lies beyond a factory: orders and subscriptions as far as they are known, its events, its changes."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from service.store.schema import deliveries, events, incident_subjects, states, transitions
from service.store.selections.asking import Row
from service.store.selections.listed import LISTED


@dataclass(frozen=True, slots=True)
class Known:
    """What the record knows of an order or a subscription: nothing but its id where nobody told more."""

    id: str
    status: str | None = None
    updated_at: datetime | None = None


def status_of(connection: sa.Connection, type_: str, ids: Collection[str]) -> dict[str, Known]:
    """Where do these orders or subscriptions stand? Only those that were told of by themselves."""
    query = sa.select(states.c.subject, states.c.status, states.c.at)
    query = query.where(states.c.subject.in_([f"{type_}/{id_}" for id_ in sorted(ids)]), states.c.status != "")
    found = (Known(subject.partition("/")[2], status, at) for subject, status, at in connection.execute(query))
    return {known.id: known for known in found}


def related_subscriptions(connection: sa.Connection, order_ids: Collection[str]) -> dict[str, list[str]]:
    """Which subscriptions began with these orders, as far as their copies say?"""
    subscription = states.c.order_subscription_id
    query = sa.select(states.c.source_order_id, subscription).distinct()
    query = query.where(states.c.source_order_id.in_(sorted(order_ids)), subscription.is_not(None))
    found: dict[str, list[str]] = {}
    for order, id_ in connection.execute(query.order_by(subscription)):
        found.setdefault(order, []).append(id_)
    return found


def events_at(connection: sa.Connection, subjects: Collection[str], limit: int) -> list[Row]:
    """Which events were about these subjects, oldest first?"""
    listed = LISTED["events"]
    query = sa.select(*(column.label(name) for name, column in listed.columns.items()))
    query = query.where(events.c.subject.in_(sorted(subjects))).order_by(events.c.id).limit(limit)
    return [*connection.execute(query).mappings()]


def stores(
    connection: sa.Connection, subject: str | None, *, id_: int | None = None, after: int = 0, limit: int
) -> list[Row]:
    """Which changes of a resource's status are known, oldest first, or which one is this?"""
    query = sa.select(*transitions.c).where(transitions.c.applied == sa.true(), transitions.c.id > after)
    if subject is not None:
        query = query.where(transitions.c.subject == subject)
    if id_ is not None:
        query = query.where(transitions.c.id == id_)
    return [*connection.execute(query.order_by(transitions.c.id).limit(limit)).mappings()]


def affected(connection: sa.Connection, incident_ids: Sequence[int], each: int) -> dict[int, list[Row]]:
    """Whom do these incidents affect, the latest first?"""
    table = incident_subjects
    found: dict[int, list[Row]] = {}
    for incident_id in incident_ids:
        query = sa.select(*(c for c in table.c if c.name not in ("incident_id", "follow_up_id")))
        query = query.where(table.c.incident_id == incident_id)
        query = query.order_by(table.c.last_seen_at.desc(), table.c.subject).limit(each)
        found[incident_id] = [*connection.execute(query).mappings()]
    return found


_SEALED = (deliveries.c.body, deliveries.c.headers, deliveries.c.salt, deliveries.c.data_key)


def bodies(connection: sa.Connection, event_ids: Collection[int], largest: int) -> Mapping[int, tuple[Any, ...]]:
    """Which body came last with each of these events and is still kept? With what opens it; none that is too large."""
    newest = sa.select(sa.func.max(deliveries.c.id)).where(
        deliveries.c.event_id.in_(sorted(event_ids)), deliveries.c.body.is_not(None), deliveries.c.size <= largest
    )
    query = sa.select(deliveries.c.event_id, *_SEALED)
    query = query.where(deliveries.c.id.in_(newest.group_by(deliveries.c.event_id)))
    return {event_id: tuple(rest) for event_id, *rest in connection.execute(query)}


def bodies_of(connection: sa.Connection, ids: Collection[int], largest: int) -> Mapping[int, tuple[Any, ...]]:
    """Which bodies of these deliveries are still kept? With what opens them; none that is too large."""
    query = sa.select(deliveries.c.id, *_SEALED).where(deliveries.c.id.in_(sorted(ids)))
    query = query.where(deliveries.c.body.is_not(None), deliveries.c.size <= largest)
    return {id_: tuple(rest) for id_, *rest in connection.execute(query)}
