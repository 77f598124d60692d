"""The routes of the API, made from what it offers: lists, single resources, and what they are related to."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import replace
from typing import Any

import sqlalchemy as sa
from flask import Blueprint, Response, current_app, request

from service.access import Caller, unmask
from service.access.tokens import SCOPES
from service.conditions import JSON_CONT, ORDERED, TEXTS, Condition
from service.errors import NotFound, StoreUnavailable
from service.store import selections
from service.store.selections import LISTED
from service.web.access import require
from service.web.api import answers, media, openapi, related, timeline
from service.web.api.catalogue import OFFERS
from service.web.api.objects import Item, Writer, cursor_links, page_links, page_meta
from service.web.api.offers import Offer
from service.web.api.parameters import LINKAGE, LIST, ONE, STORES, Query, read, read_id
from service.web.api.problems import Problem, not_among, not_found
from service.web.api.reading import FACTORIES, Reading
from service.web.services import Services

api = Blueprint("api", __name__, url_prefix="/api")

Wanted = Sequence[sa.ColumnElement[bool]]
Json = dict[str, Any]
View = Callable[..., Response]


def base_url() -> str:
    """What links begin with: the setting, or the host that the request names; nothing where it names none."""
    public = Services.of(current_app).records.public_url
    return public or (f"{request.scheme}://{request.host}" if request.host else "")


def asked(offer: Offer, kinds: Sequence[str]) -> tuple[Caller, Query]:
    """Let the caller in, and read what they ask for.

    Raises:
        AccessRefused: they may not.
        Problem: 400, 406 or 415.
    """
    caller = require("read")
    check_media_types()
    query = read(offer, request.args.items(multi=True), kinds)
    shown = Services.of(current_app).records.shown
    if any(_reveals(offer, one, shown) for one in query.conditions):
        # Whoever may ask what stands behind the mask learns it, one question at a time.
        caller.check("act")
    return caller, query


def _reveals(offer: Offer, one: Condition, shown: Collection[str]) -> bool:
    """Tell whether a filter asks for a part of what is masked: a whole value must be known already."""
    if one.predicate == JSON_CONT:
        return not set(one.values[0]) <= set(shown)
    return one.predicate in (*TEXTS, *ORDERED) and not set(one.names).isdisjoint(offer.free_texts)


def check_media_types() -> None:
    """Answer in JSON:API only.

    Raises:
        Problem: 406 or 415.
    """
    if not media.is_acceptable(request.headers.get("Accept")):
        raise Problem("NOT_ACCEPTABLE", f"Accept must be {media.MEDIA_TYPE}, without parameters.")
    if not media.is_supported(request.headers.get("Content-Type")):
        raise Problem("UNSUPPORTED_MEDIA_TYPE", f"Content-Type must be {media.MEDIA_TYPE}, without parameters.")


def list_view(offer: Offer) -> View:
    """GET /api/{type}."""

    def view() -> Response:
        _, query = asked(offer, LIST)
        with Services.of(current_app).records.snapshot() as connection:
            reading = _reading(connection, query)
            return answers.document(_listed(reading, offer.type, (), f"{base_url()}/api/{offer.type}"))

    return view


def one_view(offer: Offer) -> View:
    """GET /api/{type}/{id}."""

    def view(id_: str) -> Response:
        caller, query = asked(offer, ONE)
        read_id(offer, id_)
        records = Services.of(current_app).records
        with records.snapshot() as connection:
            reading = _reading(connection, query)
            item = _found(reading, offer, id_)
            told = _written(reading, item)
        if query.unmask:
            _record_unmasking(caller, item, query)
            with records.snapshot() as connection:
                reading = _reading(connection, query, plain=True)
                told = _written(reading, _found(reading, offer, id_))
        return answers.document(told)

    return view


def related_view(offer: Offer, name: str) -> View:
    """GET /api/{type}/{id}/{relationship}."""
    relation = offer.relations[name]
    far = OFFERS[relation.type]
    kinds = STORES if far.type == "event_stores" else LIST if relation.many and far.listed else ("include", "fields")

    def view(id_: str) -> Response:
        _, query = asked(far, kinds)
        read_id(offer, id_)
        address = f"{base_url()}/api/{offer.type}/{id_}/{name}"
        with Services.of(current_app).records.snapshot() as connection:
            reading = _reading(connection, query)
            item = _found(reading, offer, id_)
            if far.type == "event_stores":
                return answers.document(_stores(reading, item, address))
            if relation.many and far.listed:
                return answers.document(_listed(reading, far.type, theirs(item, offer, name), address))
            others = related.others_of(reading, [item], name).get(item.id, [])
            return answers.document(_others(reading, others, many=relation.many))

    return view


def linkage_view(offer: Offer, name: str) -> View:
    """GET /api/{type}/{id}/relationships/{relationship}."""
    relation = offer.relations[name]
    far = OFFERS[relation.type]
    kinds = STORES[:2] if far.type == "event_stores" else LINKAGE if relation.many and far.listed else ()

    def view(id_: str) -> Response:
        _, query = asked(far, kinds)
        read_id(offer, id_)
        address = f"{base_url()}/api/{offer.type}/{id_}"
        links = {"self": f"{address}/relationships/{name}", "related": f"{address}/{name}"}
        with Services.of(current_app).records.snapshot() as connection:
            reading = _reading(connection, query)
            item = _found(reading, offer, id_)
            meta: Json = {}
            if far.type == "event_stores":
                others, more = _changes(reading, item)
                links |= cursor_links(links["self"], query, more)
            elif relation.many and far.listed:
                others, count = reading.page(far.type, theirs(item, offer, name))
                meta = {"meta": page_meta(count, query.size)}
                links |= page_links(links["self"], query, meta["meta"]["page_count"])
            else:
                others = related.others_of(reading, [item], name).get(item.id, [])
            return answers.document({"data": related.linkage(relation, others), **meta, "links": links})

    return view


def _reading(connection: sa.Connection, query: Query, *, plain: bool = False) -> Reading:
    records = Services.of(current_app).records
    return Reading(connection, records.vault, query, plain, records.shown)


def _found(reading: Reading, offer: Offer, text: str) -> Item:
    """What has this id, as the address writes it."""
    item = reading.one(offer.type, read_id(offer, text))
    # The number alone finds a change of a status; where its time is written too, it must be the right one.
    if item is None or (offer.type == "event_stores" and "-" in text and item.id != text):
        raise not_found()
    return item


def _written(reading: Reading, item: Item) -> Json:
    # Who may see one thing as it came, and why, is on its trail; what is beside it stays masked.
    included = related.included(replace(reading, plain=False), [item], reading.query.tree)
    return Writer(base_url(), reading.query).one(item, included)


def _others(reading: Reading, others: list[Item], *, many: bool) -> Json:
    """What a relationship leads to, where that has no list of its own."""
    included = related.included(reading, others, reading.query.tree)
    writer = Writer(base_url(), reading.query)
    if many:
        return writer.several(others, included)
    return writer.one(others[0], included) if others else {"data": None}


def _listed(reading: Reading, type_: str, wanted: Wanted, address: str) -> Json:
    items, count = reading.page(type_, wanted)
    told = Writer(base_url(), reading.query).several(items, related.included(reading, items, reading.query.tree))
    # Linkage is noted while what is included is found, so the resources are written afterwards.
    meta = page_meta(count, reading.query.size)
    links = page_links(address, reading.query, meta["page_count"])
    if reading.query.after is not None:
        more = items[-1].id if len(items) == reading.query.size else None
        links = cursor_links(address, reading.query, more)
    if reading.query.facets:
        meta["facets"] = reading.facets(type_, wanted)
    return told | {"meta": meta, "links": links}


def theirs(item: Item, offer: Offer, name: str) -> Wanted:
    """What holds for the rows on the other side of a to-many."""
    relation = offer.relations[name]
    columns = LISTED[relation.type].columns
    if offer.type in ("orders", "order_subscriptions"):
        end = "source_order_id" if offer.type == "orders" else "order_subscription_id"
        return (columns[end] == item.id,)
    if offer.type in FACTORIES:
        return (columns["subject"] == item.values["subject"],)
    return (columns[relation.theirs] == item.values["id"],)


def _changes(reading: Reading, item: Item) -> tuple[list[Item], str | None]:
    """A page of what changed about a factory, and the id behind which it goes on."""
    query = reading.query
    rows = selections.stores(reading.connection, item.values["subject"], after=query.after or 0, limit=query.size + 1)
    items = reading.items("event_stores", rows)
    shown = items[: query.size]
    return shown, shown[-1].id if len(items) > query.size else None


def _stores(reading: Reading, item: Item, address: str) -> Json:
    items, more = _changes(reading, item)
    told = Writer(base_url(), reading.query).several(items, [])
    return told | {"links": cursor_links(address, reading.query, more)}


def _record_unmasking(caller: Caller, item: Item, query: Query) -> None:
    """Have it on the trail that somebody looks at what is masked, before they do."""
    event_id = item.values.get("event_id")
    caller.check("act")
    if not (query.reason and query.reason.strip()):
        raise Problem("INVALID_VALUE", "What is masked is shown for a reason: reason=WHY.", source="reason")
    if event_id is None:
        raise Problem("INVALID_VALUE", "No event is kept whose body could be shown.", source="unmask")
    subject = item.values.get("subject") or f"topics/{item.values.get('topic')}"
    try:
        unmask(caller, Services.of(current_app).quick, str(subject), event_id, query.reason)
    except NotFound as error:
        raise not_found() from error
    except StoreUnavailable as error:
        told = "It could not be written down who looks, so nothing is shown."
        raise Problem("SERVICE_UNAVAILABLE", told, retry_after=5) from error


def _add(rule: str, name: str, view: View) -> None:
    # The reference asks for lists with and without a slash at the end.
    api.add_url_rule(rule, name, view, methods=["GET"], strict_slashes=False)


@api.get("/timeline/<type_>/<id_>")
def timeline_of(type_: str, id_: str) -> Response:
    """Everything about a subject."""
    require("read")
    check_media_types()
    after, size = timeline.paging(request.args.items(multi=True))
    with Services.of(current_app).records.snapshot() as connection:
        return answers.document(timeline.page(_reading(connection, Query()), type_, id_, base_url(), after, size))


@api.get("/token")
def token() -> Response:
    """Say whose token it is and what it lets do; the way to try one out."""
    caller = require("read")
    check_media_types()
    for name in request.args:
        raise not_among("PARAM_NOT_ALLOWED", "The parameter", name, (), source=name)
    attributes = {"scopes": [scope for scope in SCOPES if scope in caller.scopes]}
    return answers.document({"data": {"type": "tokens", "id": caller.name, "attributes": attributes}})


@api.get("/openapi.json")
def description() -> Response:
    """What there is, for machines; everybody may read it."""
    return answers.document(openapi.description(base_url()), "application/json")


for _offer in OFFERS.values():
    if _offer.listed:
        _add(f"/{_offer.type}", f"list {_offer.type}", list_view(_offer))
    if _offer.retrieved:
        _add(f"/{_offer.type}/<id_>", f"one of {_offer.type}", one_view(_offer))
    for _name in _offer.relations:
        _add(f"/{_offer.type}/<id_>/{_name}", f"{_offer.type}: {_name}", related_view(_offer, _name))
        _add(
            f"/{_offer.type}/<id_>/relationships/{_name}",
            f"{_offer.type}: linkage of {_name}",
            linkage_view(_offer, _name),
        )
