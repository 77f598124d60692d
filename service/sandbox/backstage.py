"""The part of the sandbox's own surface that arranges the provider's side: what exists there, and its moods."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify

from service.sandbox.asking import arguments, asked
from service.sandbox.bulk import Crowd, ignore, make_crowd
from service.sandbox.stage import NewOrder, NewSubscription, make_order, make_subscription
from service.sandbox.state import Record
from service.sandbox.unrest import Disquiet
from service.sandbox.webhooks import drift
from service.sandbox.world import World

ROUTES = {
    "POST /sandbox/orders": "make an order in any state",
    "POST /sandbox/factories": "make many factories that lived in the past, unheard",
    "POST /sandbox/subscriptions": "make a subscription, with the time of its next run",
    "POST /sandbox/webhooks/{id}": "change a webhook by hand; its id or its topic",
    "POST /sandbox/callbacks/age": "let days pass for event callbacks",
    "POST /sandbox/unrest": "touch rows after each list call",
    "GET /sandbox/budgets": "the use of every rate limit, now and at its highest",
    "DELETE /sandbox/budgets": "begin to count anew",
}
# What is forgotten after a month.
_A_MONTH_OF_DAYS = 31.0
Made = tuple[Response, int]


def add_backstage(blueprint: Blueprint, world: World) -> None:
    """Add these routes."""
    _add_makers(blueprint, world)
    _add_budgets(blueprint, world)

    @blueprint.post("/sandbox/webhooks/<id>")
    def webhook(id: str) -> Response | Made:  # noqa: A002 (the route's own name)
        try:
            return jsonify(_shown(drift(world, id, arguments())))
        except KeyError:
            return jsonify(error=f"there is no webhook {id}"), 404

    @blueprint.post("/sandbox/callbacks/age")
    def callbacks() -> Response:
        days = float(arguments().get("days", _A_MONTH_OF_DAYS))
        return jsonify(days=days, left=world.deliveries.callbacks.age(days))

    @blueprint.post("/sandbox/unrest")
    def unrest() -> Response:
        return jsonify(world.unrest.order(asked(Disquiet)))


def _add_makers(blueprint: Blueprint, world: World) -> None:
    @blueprint.post("/sandbox/orders")
    def orders() -> Made:
        return jsonify(_shown(make_order(world, asked(NewOrder)))), 201

    @blueprint.post("/sandbox/factories")
    def factories() -> Made:
        return jsonify(make_crowd(world, asked(Crowd), ignore)), 201

    @blueprint.post("/sandbox/subscriptions")
    def subscriptions() -> Made:
        made = make_subscription(world, asked(NewSubscription))
        return jsonify(_shown(made) | {"source_order": made.relations["source_order"]}), 201


def _add_budgets(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/sandbox/budgets")
    def budgets() -> Response:
        return jsonify(world.limits.budgets())

    @blueprint.delete("/sandbox/budgets")
    def anew() -> Response:
        world.limits.forget()
        return jsonify(world.limits.budgets())


def _shown(record: Record) -> dict[str, object]:
    return {"id": record.id, **record.attributes}
