"""What is on the other side of relationships, for many resources at once."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from service.store import selections
from service.store.selections import LISTED
from service.web.api.catalogue import OFFERS
from service.web.api.objects import Item, Linkage, identifier
from service.web.api.offers import Relation
from service.web.api.parameters import Tree
from service.web.api.problems import Problem
from service.web.api.reading import FACTORIES, Reading

# As many as one answer can sensibly carry; the related list has them all.
MOST_INCLUDED = 500
_STANDING = ("orders", "order_subscriptions")


def included(reading: Reading, items: list[Item], tree: Tree) -> list[Item]:
    """Find what a request includes, each resource once, and note the linkage on those that lead to it.

    Raises:
        Problem: 400, there is too much of it.
    """
    found: dict[tuple[str, str], Item] = {}
    _gather(reading, items, tree, found)
    return [*found.values()]


def _gather(reading: Reading, items: list[Item], tree: Tree, found: dict[tuple[str, str], Item]) -> None:
    if not items:
        return
    for name, branch in tree.items():
        relation = OFFERS[items[0].type].relations[name]
        others = others_of(reading, items, name)
        next_: dict[tuple[str, str], Item] = {}
        for item in items:
            theirs = [found.get((other.type, other.id), other) for other in others.get(item.id, [])]
            item.links[name] = linkage(relation, theirs)
            next_ |= {(other.type, other.id): other for other in theirs}
        found |= next_
        if len(found) > MOST_INCLUDED:
            told = f"It comes to more than {MOST_INCLUDED} resources; ask for fewer at once, or for the related list."
            raise Problem("INVALID_INCLUDE", told, source="include")
        _gather(reading, [*next_.values()], branch, found)


def others_of(reading: Reading, items: list[Item], name: str) -> dict[str, list[Item]]:
    """What a relationship leads to, by the id of the resource that it leads from."""
    type_ = items[0].type
    relation = OFFERS[type_].relations[name]
    if type_ in FACTORIES and relation.type == "events":
        return _events(reading, items)
    if type_ in _STANDING:
        return _beyond(reading, type_, items, name, relation)
    if not relation.many:
        return _one(reading, items, relation)
    ids = [item.values["id"] for item in items]
    rows = selections.rows_where(reading.connection, LISTED[relation.type], relation.theirs, ids, MOST_INCLUDED + 1)
    return _grouped((str(row[relation.theirs]) for row in rows), reading.items(relation.type, rows))


def _one(reading: Reading, items: list[Item], relation: Relation) -> dict[str, list[Item]]:
    ids = {item.values[relation.ours] for item in items} - {None}
    if relation.type in _STANDING:
        found = reading.standing(relation.type, ids)
    else:
        rows = selections.rows_where(reading.connection, LISTED[relation.type], "id", ids, len(ids) or 1)
        found = {item.id: item for item in reading.items(relation.type, rows)}
    named = ((item.id, found.get(str(item.values[relation.ours]))) for item in items)
    return {id_: [other] for id_, other in named if other is not None}


def _events(reading: Reading, items: list[Item]) -> dict[str, list[Item]]:
    by_subject = {item.values["subject"]: item.id for item in items}
    rows = selections.events_at(reading.connection, by_subject, MOST_INCLUDED + 1)
    return _grouped((by_subject[row["subject"]] for row in rows), reading.items("events", rows))


def _beyond(reading: Reading, type_: str, items: list[Item], name: str, relation: Relation) -> dict[str, list[Item]]:
    """What an order or a subscription leads to: all of it by way of copies."""
    ids = [item.id for item in items]
    if name == "order_subscriptions":
        by_order = selections.related_subscriptions(reading.connection, ids)
        found = reading.standing(relation.type, {one for several in by_order.values() for one in several})
        return {order: [found[one] for one in several] for order, several in by_order.items()}
    end = "target_order_id" if name == "order_subscription" else f"{type_.removesuffix('s')}_id"
    end = "source_order_id" if end == "order_id" else end
    listed = LISTED["order_factories" if name == "order_subscription" else relation.type]
    rows = selections.rows_where(reading.connection, listed, end, ids, MOST_INCLUDED + 1)
    if name != "order_subscription":
        return _grouped((row[end] for row in rows), reading.items(relation.type, rows))
    named = {row[end]: row["order_subscription_id"] for row in rows if row["order_subscription_id"]}
    found = reading.standing(relation.type, named.values())
    return {order: [found[id_]] for order, id_ in named.items()}


def _grouped(keys: Iterable[str], items: list[Item]) -> dict[str, list[Item]]:
    """Items under the keys that are named for them."""
    found: dict[str, list[Item]] = {}
    for key, item in zip(keys, items, strict=True):
        found.setdefault(key, []).append(item)
    return found


def linkage(relation: Relation, others: list[Item]) -> Linkage:
    """What a relationship shows of where it leads."""
    found: list[Mapping[str, str]] = [identifier(other.type, other.id) for other in others]
    return found if relation.many else next(iter(found), None)
