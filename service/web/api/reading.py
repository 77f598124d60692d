"""From the store to resources: rows become items, with what of them only a kept body has."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import gevent
import sqlalchemy as sa

from service import documents, payloads
from service.conditions import Condition, holds_for_object
from service.errors import BadFilter, BodyUnreadable, ConfigurationError, TooManyRows
from service.intake.door import MAX_PARSED_AT_ONCE
from service.masking import masked, masked_attributes, scrubbed
from service.store import selections
from service.store.listings import LISTINGS
from service.store.selections import LISTED, Known, Question
from service.vault import Vault
from service.web.api.catalogue import LISTS, OFFERS
from service.web.api.objects import Item, written
from service.web.api.parameters import Query
from service.web.api.problems import Problem

FACTORIES = ("order_factories", "order_copies", "recurring_order_copies")
# How many bodies a filter by what only bodies have may open: what one request may cost the others.
MOST_SCANNED = 200
EACH_AFFECTED = 25
_FROM_BODY = ("errors_log", "metadata")
_JSON = {"follow_ups": "params", "audit_entries": "detail"}
Row = Mapping[str, Any]


@dataclass(frozen=True)
class Reading:
    """One request's look at the store.

    Attributes:
        connection: a snapshot.
        vault: opens sealed bodies.
        query: what was asked.
        plain: whether payloads are shown as they came; whoever sets it has recorded that.
        shown: keys of metadata whose values need no mask.
    """

    connection: sa.Connection
    vault: Vault
    query: Query
    plain: bool = False
    shown: Collection[str] = ()

    def items(self, type_: str, rows: Iterable[Row], *, with_payload: bool = False) -> list[Item]:
        """Make resources of rows."""
        found = [_item(type_, row) for row in rows]
        if not self.plain:
            for item in found:
                item.values.update(_scrubbed(OFFERS[type_].scrubbed, item.values))
        if type_ in FACTORIES:
            self._add_rest(type_, found)
        elif type_ == "deliveries" and (with_payload or "payload" in self.query.fields.get(type_, ())):
            self._add_payloads(found)
        elif type_ == "incidents" and self.query.shows(type_, "affected"):
            self._add_affected(found)
        return found

    def page(self, type_: str, wanted: Sequence[sa.ColumnElement[bool]]) -> tuple[list[Item], int]:
        """The resources of a page, and how many there are on all of them."""
        query = self.query
        question, others = self._question(type_, wanted)
        with _answerable():
            number = selections.count(question)
            if others:
                return self._scanned(type_, question, others, number)
            where = {"offset": query.offset} if query.after is None else {"after": query.after}
            rows = selections.page(question, number, order=query.order, limit=query.size, **where)
        return self.items(type_, rows), number

    def facets(self, type_: str, wanted: Sequence[sa.ColumnElement[bool]]) -> dict[str, list[dict[str, Any]]]:
        """How often the list has which values, the most frequent 25 of each."""
        question, others = self._question(type_, wanted)
        if others:
            raise Problem("INVALID_FACET", "Facets go without a filter by metadata.", source="facets")
        with _answerable():
            found = selections.facets(question, self.query.facets, 25)
        free = OFFERS[type_].scrubbed
        return {
            name: [
                {"value": scrubbed(value) if name in free and value else value, "count": number}
                for value, number in found[name]
            ]
            for name in self.query.facets
        }

    def _question(self, type_: str, wanted: Sequence[sa.ColumnElement[bool]]) -> tuple[Question, list[Condition]]:
        """What is asked of a list, and the conditions that only bodies can answer."""
        kinds, asked = OFFERS[type_].filterable, self.query.conditions
        others = [one for one in asked if kinds[one.names[0]] == "object"]
        ours = [one for one in asked if one not in others]
        listing = LISTINGS[LISTS[type_]]
        return Question(self.connection, LISTED[type_], listing, kinds, ours, self.query.words, wanted), others

    def one(self, type_: str, id_: str | int) -> Item | None:
        """The resource of this id; None where there is none."""
        if type_ in ("orders", "order_subscriptions"):
            return self._standing(type_, str(id_))
        if type_ == "event_stores":
            found = selections.stores(self.connection, None, id_=int(id_), limit=1)
            return next(iter(self.items(type_, found)), None)
        rows = selections.rows_where(self.connection, LISTED[type_], "id", [id_], 1)
        return next(iter(self.items(type_, rows, with_payload=True)), None)

    def standing(self, type_: str, ids: Iterable[str]) -> dict[str, Item]:
        """Orders or subscriptions, as far as they are known."""
        wanted = set(ids)
        known = selections.status_of(self.connection, type_, wanted)
        return {id_: _known(type_, known.get(id_, Known(id_))) for id_ in wanted}

    def _standing(self, type_: str, id_: str) -> Item | None:
        known = selections.status_of(self.connection, type_, [id_])
        ends = ("order_subscription_id",) if type_ != "orders" else ("source_order_id", "target_order_id")
        copies = LISTED["order_factories"]
        if known or any(selections.rows_where(self.connection, copies, end, [id_], 1) for end in ends):
            return _known(type_, known.get(id_, Known(id_)))
        return None

    def _scanned(
        self, type_: str, question: Question, others: Sequence[Condition], number: int
    ) -> tuple[list[Item], int]:
        """A page of a list that is filtered by what only bodies have."""
        if number > MOST_SCANNED:
            raise Problem(
                "TOO_MANY_TO_SCAN",
                f"A filter by metadata reads every body, and {number} are left after the other filters; with at most"
                f" {MOST_SCANNED} it can be done. Filter by status, created_at or updated_at as well.",
                source="filter[q]",
            )
        rows = selections.page(question, number, order=self.query.order, limit=MOST_SCANNED)
        rests = self._rests(_item(type_, row) for row in rows)
        fitting = [
            row
            for row in rows
            if all(holds_for_object(one, rests.get(row["event_id"], {}).get(one.names[0])) for one in others)
        ]
        shown = fitting[self.query.offset : self.query.offset + self.query.size]
        return self.items(type_, shown), len(fitting)

    def _add_rest(self, type_: str, items: list[Item]) -> None:
        """Add what only the body has; where it is not kept any more, there is nothing."""
        if not any(self.query.shows(type_, name) for name in _FROM_BODY):
            return
        rests = self._rests(items)
        for item in items:
            rest = rests.get(item.values["event_id"], {})
            errors, metadata = rest.get("errors_log"), rest.get("metadata")
            told = {
                "errors_log": errors if isinstance(errors, dict) else None,
                "metadata": metadata if isinstance(metadata, dict) else {},
            }
            item.values.update(told if self.plain else masked_attributes(told, self.shown))

    def _rests(self, items: Iterable[Item]) -> dict[int, dict[str, Any]]:
        """The attributes of kept bodies, by event."""
        ids = {item.values["event_id"] for item in items} - {None}
        found = {}
        for event_id, document in self._documents(ids).items():
            data = document.get("data") if isinstance(document, dict) else None
            attributes = data.get("attributes") if isinstance(data, dict) else None
            found[event_id] = attributes if isinstance(attributes, dict) else {}
        return found

    def _documents(self, event_ids: set[int]) -> dict[int, Any]:
        found = {}
        for event_id, sealed in selections.bodies(self.connection, event_ids, MAX_PARSED_AT_ONCE).items():
            found[event_id] = _opened(self.vault, sealed)
            # Parsing yields to nobody by itself, and deliveries want their turn.
            gevent.sleep(0)
        return found

    def _add_payloads(self, items: list[Item]) -> None:
        ids = [item.values["id"] for item in items]
        kept = selections.bodies_of(self.connection, ids, MAX_PARSED_AT_ONCE)
        for item in items:
            sealed = kept.get(item.values["id"])
            document = None if sealed is None else _opened(self.vault, sealed)
            told = document if isinstance(document, dict) else None
            item.values["payload"] = told if self.plain or told is None else masked(told, self.shown)
            gevent.sleep(0)

    def _add_affected(self, items: list[Item]) -> None:
        found = selections.affected(self.connection, [item.values["id"] for item in items], EACH_AFFECTED)
        for item in items:
            item.values["affected"] = [
                {name: written("", value) for name, value in (row | _scrubbed(("detail",), row)).items()}
                for row in map(dict, found[item.values["id"]])
            ]


@contextmanager
def _answerable() -> Iterator[None]:
    """Say which parameter it is, where a question cannot be answered."""
    try:
        yield
    except BadFilter as error:
        told = f"{error.message}; one of {', '.join(error.allowed)}" if error.allowed else error.message
        raise Problem("INVALID_FILTER_VALUE", f"{told}.", source=f"filter[{error.parameter}]") from None
    except TooManyRows as error:
        told = (
            f"No index helps with {' or '.join(error.names)} asked like this, so at most {error.most} rows may be left"
            " to look at, and there are more. Filter by a time, by an id or by another attribute that leaves fewer."
        )
        raise Problem("TOO_MANY_TO_SCAN", told) from None


def _item(type_: str, row: Row) -> Item:
    values = dict(row)
    if type_ == "event_stores":
        return _change(values)
    if name := _JSON.get(type_):
        values[name] = _masked_facts(json.loads(values[name]))
    if type_ == "events":
        values["metadata"] = {}
    meta = {"mode": row["mode"], "organization_id": row["organization"]} if "organization" in row else {}
    return Item(type_, str(row["id"]), values, meta=meta)


def _masked_facts(facts: dict[str, Any]) -> dict[str, Any]:
    """Facts of the trail without what is personal; the params of a follow-up stand among them as a text of JSON."""
    if "params" in facts:
        # What is no JSON has no fields, and is only looked through.
        with suppress(TypeError, ValueError):
            facts = facts | {"params": json.dumps(masked_attributes(json.loads(facts["params"])))}
    masked_facts: dict[str, Any] = masked_attributes(facts)
    return masked_facts


def _scrubbed(names: Iterable[str], values: Row) -> dict[str, Any]:
    """What people and the other side wrote, without what looks like somebody's."""
    return {name: scrubbed(values[name]) for name in names if isinstance(values.get(name), str)}


def _change(row: dict[str, Any]) -> Item:
    """A transition as the provider's event stores have it."""
    at = row["at"] or row["recorded_at"]
    type_, _, id_ = row["subject"].partition("/")
    values = {
        "resource_type": type_,
        "resource_id": id_,
        "event": "update" if row["from_status"] else "create",
        "payload": {"status": [status and scrubbed(status) for status in (row["from_status"], row["to_status"])]},
        "who": {},
        "created_at": at,
        "updated_at": row["recorded_at"],
        "number": row["id"],
    }
    return Item("event_stores", f"{int(at.timestamp() * 1000)}-{row['id']}", values)


def _known(type_: str, known: Known) -> Item:
    return Item(type_, known.id, {"status": known.status and scrubbed(known.status), "updated_at": known.updated_at})


def _opened(vault: Vault, sealed: tuple[Any, ...]) -> Any:
    """The document of a kept body; None where it is none, or no key opens it."""
    try:
        return documents.parse(payloads.unsealed(vault, *sealed).body)
    except (BodyUnreadable, ConfigurationError):
        return None
