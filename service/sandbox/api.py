"""The provider's surface: the token endpoint and the resources under /api."""

from __future__ import annotations

import json
from collections.abc import Iterable

from flask import Blueprint, Response, jsonify, request

from service.sandbox import writes
from service.sandbox.documents import Form, Tree, document
from service.sandbox.gate import MEDIA_TYPE, answer, guard
from service.sandbox.journal import Entry
from service.sandbox.listing import Query, page_of, parse_cursor, parse_query
from service.sandbox.problems import plain, unsupported
from service.sandbox.resources import RESOURCES
from service.sandbox.state import Record
from service.sandbox.world import World


def authorization(world: World) -> Blueprint:
    """The authorization server: POST /oauth/token."""
    blueprint = Blueprint("authorization", __name__)
    guard(blueprint, world, tokens=False)

    @blueprint.post("/oauth/token")
    def token() -> Response | tuple[Response, int]:
        given = request.get_json(silent=True) if request.is_json else request.form.to_dict()
        if not isinstance(given, dict) or given.get("grant_type") != "client_credentials":
            return _oauth_refusal("unsupported_grant_type", 400)
        basic = request.authorization
        client_id = basic.username if basic and basic.type == "basic" else given.get("client_id")
        client_secret = basic.password if basic and basic.type == "basic" else given.get("client_secret")
        if not world.tokens.knows(str(client_id), str(client_secret)):
            return _oauth_refusal("invalid_client", 401)
        response = jsonify(world.tokens.give(world.url))
        response.headers["Cache-Control"] = "no-store"
        return response

    return blueprint


def _oauth_refusal(error: str, status: int) -> tuple[Response, int]:
    """The error of RFC 6749, 5.2."""
    return jsonify(error=error, error_description="Client authentication failed or is not supported."), status


class Resources:
    """Answers requests for the resources of one sandbox."""

    def __init__(self, world: World) -> None:
        self._world = world

    def list(self, type_: str) -> Response:
        """GET /api/{type}."""
        _allow(type_, "list")
        query = _query(type_, a_list=True)
        with self._world.state.lock:
            self._expire(type_)
            answered = self._page(type_, query, f"{self._world.url}/api/{type_}", None)
            self._world.unrest.stir(type_)
            return answered

    def create(self, type_: str) -> Response:
        """POST /api/{type}: 201."""
        _allow(type_, "create")
        query = _query(type_, a_list=False)
        with self._world.state.asked_for():
            record = writes.create(self._world, type_, _body())
            return self._one(record, type_, query, 201)

    def retrieve(self, type_: str, id_: str) -> Response:
        """GET /api/{type}/{id}."""
        _allow(type_, "retrieve")
        query = _query(type_, a_list=False)
        with self._world.state.lock:
            return self._one(self._find(type_, id_), type_, query)

    def update(self, type_: str, id_: str) -> Response:
        """PATCH /api/{type}/{id}."""
        _allow(type_, "update")
        query = _query(type_, a_list=False)
        with self._world.state.asked_for():
            record = self._find(type_, id_)
            writes.update(self._world, type_, record, _body())
            return self._one(record, type_, query)

    def delete(self, type_: str, id_: str) -> Response:
        """DELETE /api/{type}/{id}: 204 without a body."""
        _allow(type_, "delete")
        with self._world.state.asked_for():
            writes.delete(self._world, self._find(type_, id_))
        return Response(status=204, content_type=MEDIA_TYPE)

    def related(self, type_: str, id_: str, name: str) -> Response:
        """GET /api/{type}/{id}/{relationship}: where a resource's `related` links lead."""
        _allow(type_, "retrieve")
        relationship = RESOURCES[type_].relationships.get(name)
        if relationship is not None and relationship.type == "event_stores":
            return self._event_stores(type_, id_)
        if relationship is None or not relationship.known:
            raise plain(404)
        query = _query(relationship.type, a_list=relationship.many)
        with self._world.state.lock:
            self._expire(relationship.type)
            others = self._world.state.related(self._find(type_, id_), name, relationship)
            if relationship.many:
                address = f"{self._world.url}/api/{type_}/{id_}/{name}"
                return self._page(relationship.type, query, address, others)
            if not others:
                return answer({"data": None})
            return self._one(others[0], relationship.type, query)

    def _event_stores(self, type_: str, id_: str) -> Response:
        """GET /api/{type}/{id}/event_stores: by cursor, and not counted."""
        cursor = parse_cursor(request.args.items(multi=True))
        address = f"{self._world.url}/api/{type_}/{id_}/event_stores"
        with self._world.state.lock:
            try:
                entries, more = self._world.state.journal.of(self._find(type_, id_).id, cursor.after, cursor.size)
            except KeyError:
                raise unsupported(f"page[after]={cursor.after}") from None
            records = [self._entry(entry) for entry in entries]
            body = self._document(records, "event_stores", {}, cursor.query)
        links = {"first": f"{address}?page[size]={cursor.size}"}
        if more:
            links["next"] = f"{address}?page[after]={records[-1].id}&page[size]={cursor.size}"
        return answer(body | {"links": links})

    def _entry(self, entry: Entry) -> Record:
        return Record("event_stores", entry.id, entry.attributes(self._world.tokens.application))

    def _expire(self, type_: str) -> None:
        """Forget what is too old before it is listed."""
        if type_ == "event_callbacks":
            self._world.deliveries.callbacks.purge()

    def _find(self, type_: str, id_: str) -> Record:
        if type_ == "event_stores":
            entry = self._world.state.journal.find(id_)
            record = self._entry(entry) if entry else None
        else:
            record = self._world.state.find(type_, id_)
        if record is None:
            raise plain(404)
        return record

    def _one(self, record: Record, type_: str, query: Query, status: int = 200) -> Response:
        return answer(self._document(record, type_, query.tree, query), status)

    def _page(self, type_: str, query: Query, address: str, among: Iterable[Record] | None) -> Response:
        page = page_of(self._world.state, type_, query, address, among)
        body = self._document(page.records, type_, query.tree, query)
        return answer(body | {"meta": page.meta, "links": page.links})

    def _document(self, records: Record | Iterable[Record], type_: str, tree: Tree, query: Query) -> dict[str, object]:
        options = self._world.options
        form = Form(options.organization, options.mode, self._world.url, rest=True, fields=query.fields)
        chosen = records if isinstance(records, Record) else [*records]
        return document(self._world.state, form, chosen, type_, tree)


def resources(world: World) -> Blueprint:
    """The resources: /api/…, with a token and the JSON:API media type."""
    blueprint = Blueprint("resources", __name__, url_prefix="/api")
    guard(blueprint, world, tokens=True)
    faces = Resources(world)
    one, many = "/<type_>/<id_>", "/<type_>"
    # The reference page of the list calls it with a slash at the end.
    for rule, method, view in (
        (many, "GET", faces.list),
        (many, "POST", faces.create),
        (one, "GET", faces.retrieve),
        (one, "PATCH", faces.update),
        (one, "DELETE", faces.delete),
        (f"{one}/<name>", "GET", faces.related),
    ):
        blueprint.add_url_rule(rule, endpoint=view.__name__, view_func=view, methods=[method], strict_slashes=False)

    # So that the gate, and not the router, answers for an address or a method that does not exist.
    @blueprint.route("/<path:address>", methods=["GET", "POST", "PUT", "PATCH", "DELETE"])
    def nowhere(address: str) -> Response:
        type_, _, rest = address.rstrip("/").partition("/")
        raise plain(405 if type_ in RESOURCES and "/" not in rest else 404)

    return blueprint


def _allow(type_: str, action: str) -> None:
    if type_ not in RESOURCES:
        raise plain(404)
    if action not in RESOURCES[type_].actions:
        raise plain(405)


def _query(type_: str, *, a_list: bool) -> Query:
    return parse_query(type_, request.args.items(multi=True), a_list=a_list)


def _body() -> object:
    try:
        return json.loads(request.get_data())
    except ValueError:
        raise unsupported("data") from None
