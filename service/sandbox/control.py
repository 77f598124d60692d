"""The sandbox's own surface under /sandbox: scenarios, logs, trouble and Slack. The provider has nothing of it."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from typing import Any
from urllib.parse import urlsplit

from flask import Blueprint, Response, jsonify, request

from service.sandbox import backstage
from service.sandbox.asking import arguments, asked
from service.sandbox.gate import hang_up
from service.sandbox.scenarios import SCENARIOS, play
from service.sandbox.slack import REFUSALS
from service.sandbox.trouble import Trouble
from service.sandbox.world import LOOPBACK, World

SETTLE_SECONDS = 30.0
ROUTES = {
    "POST /oauth/token": "access tokens, client credentials",
    "/api/{resource}": "orders, order_copies, recurring_order_copies, order_factories, order_subscriptions,"
    " webhooks, events, event_callbacks, event_stores",
    "GET /sandbox/scenarios": "every scenario and what it does",
    "POST /sandbox/scenarios/{name}": "play one; its arguments as a JSON object",
    **backstage.ROUTES,
    "GET /sandbox/calls": "every call of the API received",
    "GET /sandbox/effects": "every effective change, and by whom",
    "GET /sandbox/deliveries": "every attempt to deliver a webhook",
    "POST /sandbox/settle": "wait until no copy runs and no delivery is under way",
    "GET /sandbox/trouble": "trouble that is standing",
    "POST /sandbox/trouble": "order trouble for the next calls or for a while",
    "DELETE /sandbox/trouble": "end all trouble",
    "POST /sandbox/tokens/age": "let time pass for access tokens",
    "POST /sandbox/tokens/forget": "make every access token unknown",
    "GET /sandbox/slack": "what Slack was told",
    "POST /sandbox/slack": "one Slack incoming webhook",
    "POST /sandbox/reset": "forget everything and make the webhooks anew",
}


def control(world: World) -> Blueprint:
    """The routes under /sandbox and the index at /."""
    blueprint = Blueprint("control", __name__)
    # A TypeError is a value of the wrong kind, such as a text where a number of cents belongs.
    for mistake in (ValueError, TypeError):
        blueprint.register_error_handler(mistake, _mistake)
    blueprint.before_request(_only_from_here)
    _add_index(blueprint)
    _add_scenarios(blueprint, world)
    backstage.add_backstage(blueprint, world)
    _add_logs(blueprint, world)
    _add_trouble(blueprint, world)
    _add_slack(blueprint, world)
    return blueprint


def _add_index(blueprint: Blueprint) -> None:
    @blueprint.get("/")
    def index() -> Response:
        width = max(map(len, ROUTES))
        lines = [f"  {route:<{width}}  {meaning}" for route, meaning in ROUTES.items()]
        text = "The Copydesk sandbox: a local Commerce Layer for trying things out. Nothing here is real.\n\n"
        return Response(text + "\n".join(lines) + "\n", content_type="text/plain; charset=utf-8")


def _add_scenarios(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/sandbox/scenarios")
    def scenarios() -> Response:
        return jsonify({name: inspect.getdoc(scenario) for name, scenario in SCENARIOS.items()})

    @blueprint.post("/sandbox/scenarios/<name>")
    def scenario(name: str) -> Response | tuple[Response, int]:
        if name not in SCENARIOS:
            return jsonify(error=f"there is no scenario {name}", scenarios=[*SCENARIOS]), 404
        given = arguments()
        wait = given.pop("wait", False)
        made = play(world, name, given)
        return jsonify(made | {"settled": world.background.settled(SETTLE_SECONDS)} if wait else made)


def _add_logs(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/sandbox/calls")
    def calls() -> Response:
        return jsonify(filtered([*world.calls], request.args.to_dict()))

    @blueprint.get("/sandbox/effects")
    def effects() -> Response:
        with world.state.lock:
            return jsonify(filtered([*world.state.effects], request.args.to_dict()))

    @blueprint.get("/sandbox/deliveries")
    def deliveries() -> Response:
        with world.state.lock:
            return jsonify(filtered([*world.deliveries.attempts], request.args.to_dict()))

    @blueprint.post("/sandbox/settle")
    def settle() -> Response:
        seconds = float(arguments().get("timeout", SETTLE_SECONDS))
        return jsonify(settled=world.background.settled(seconds))

    @blueprint.post("/sandbox/reset")
    def reset() -> Response:
        world.reset()
        return jsonify(reset=True)


def _add_trouble(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/sandbox/trouble")
    def standing() -> Response:
        return jsonify(world.troubles.standing())

    @blueprint.post("/sandbox/trouble")
    def order() -> tuple[Response, int]:
        trouble = asked(Trouble)
        world.troubles.order(trouble)
        return jsonify(trouble.described()), 201

    @blueprint.delete("/sandbox/trouble")
    def end() -> Response:
        world.troubles.end()
        return jsonify(world.troubles.standing())

    @blueprint.post("/sandbox/tokens/age")
    def age() -> Response:
        seconds = float(arguments().get("seconds", world.options.token_seconds))
        world.tokens.age(seconds)
        return jsonify(seconds=seconds)

    @blueprint.post("/sandbox/tokens/forget")
    def forget() -> Response:
        world.tokens.forget()
        return jsonify(forgotten=True)


def _add_slack(blueprint: Blueprint, world: World) -> None:
    @blueprint.get("/sandbox/slack")
    def messages() -> Response:
        return jsonify(world.slack.messages())

    @blueprint.post("/sandbox/slack")
    def message() -> Response:
        trouble = world.troubles.meet(request.method, request.path)
        if trouble is not None and trouble.latency:
            world.stopping.wait(trouble.latency)
        payload = request.get_json(silent=True, force=True)
        text, status = "", 500
        if trouble is None or trouble.when == "after" or not (trouble.status or trouble.drop):
            text, status = world.slack.take(payload)
        if trouble is not None and trouble.drop:
            hang_up()
        if trouble is not None and trouble.status is not None:
            text, status = REFUSALS.get(trouble.status, "internal_error"), trouble.status
        response = Response(text, status, content_type="text/plain; charset=utf-8")
        if trouble is not None and trouble.retry_after is not None:
            response.headers["Retry-After"] = str(trouble.retry_after)
        return response


def filtered(entries: Iterable[dict[str, Any]], wanted: dict[str, str]) -> list[dict[str, Any]]:
    """The entries of a log whose values begin with what is wanted, by name.

    `path=/api/orders` finds /api/orders/XAyRWNUzyN; every other value must be equal, written as text. `since` keeps
    what happened at or after that ISO time.
    """
    since = wanted.get("since", "")
    exact = {name: value for name, value in wanted.items() if name not in ("since", "path")}
    return [
        entry
        for entry in entries
        if entry["at"] >= since
        and str(entry.get("path", "")).startswith(wanted.get("path", ""))
        and all(str(entry.get(name)) == value for name, value in exact.items())
    ]


def _only_from_here() -> tuple[Response, int] | None:
    """Refuse what a web page elsewhere might send here through somebody's browser."""
    host = urlsplit(f"//{request.host}").hostname
    if host not in LOOPBACK or request.headers.get("Sec-Fetch-Site", "none") not in ("none", "same-origin"):
        return jsonify(error="the sandbox answers this machine only"), 403
    return None


def _mistake(error: Exception) -> tuple[Response, int]:
    return jsonify(error=str(error)), 400
