"""What every request to the provider's surface passes: trouble, limits, token, media types, and the log of calls."""

from __future__ import annotations

import json
import socket
import time
import uuid
from http import HTTPStatus
from typing import Any

from flask import Blueprint, Response, g, request

from service.sandbox.documents import compact
from service.sandbox.marks import now
from service.sandbox.problems import Problem, plain
from service.sandbox.trouble import Trouble
from service.sandbox.world import World

MEDIA_TYPE = "application/vnd.api+json"
# The recorded 429: `errors` is an object and `status` a number, unlike in every other error.
_THROTTLED = {"errors": {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}}


def answer(body: dict[str, Any], status: int = 200) -> Response:
    """A JSON:API answer."""
    return Response(compact(body), status, content_type=MEDIA_TYPE)


def refusal(problem: Problem) -> Response:
    """The answer to a request that was refused."""
    return answer({"errors": problem.errors}, problem.status)


def throttled() -> Response:
    """The recorded 429, which gives Retry-After as 0."""
    response = Response(compact(_THROTTLED), 429, content_type="application/json; charset=utf-8")
    response.headers["Retry-After"] = "0"
    return response


def hang_up() -> None:
    """Close the connection under the request; what is returned afterwards is never seen."""
    connection = request.environ.get("sandbox.connection")
    if isinstance(connection, socket.socket):
        connection.shutdown(socket.SHUT_RDWR)


def guard(blueprint: Blueprint, world: World, *, tokens: bool) -> None:
    """Put the gate before a blueprint's routes.

    Args:
        blueprint: whose requests pass it.
        world: the sandbox.
        tokens: whether a token and the media types are required.
    """

    @blueprint.before_request
    def enter() -> Response | None:
        g.began, g.at, g.dropped = time.monotonic(), now(), False
        g.trouble = world.troubles.meet(request.method, request.path)
        endpoint = f"{request.method} {request.path.split('/')[2]}" if tokens else "token"
        within, g.limits = world.limits.count(endpoint)
        met = _meet(world, g.trouble, "before")
        if met is not None:
            return met
        if not within:
            return throttled()
        if tokens:
            _check_token(world)
            _check_media_types()
        return None

    @blueprint.after_request
    def leave(response: Response) -> Response:
        # A refused request has taken no effect, so there is nothing to hide behind trouble.
        trouble = g.trouble if response.status_code < HTTPStatus.BAD_REQUEST else None
        response = _meet(world, trouble, "after") or response
        response.headers.update(g.limits)
        # The recorded 429 comes from the gateway and has no request id.
        request_id = None if response.status_code == HTTPStatus.TOO_MANY_REQUESTS else str(uuid.uuid4())
        if request_id:
            response.headers["x-request-id"] = request_id
        world.calls.append(_call(response, request_id, _loggable() if tokens else None))
        # Only now, so that whoever sees the connection closed finds the call in the log.
        if g.dropped:
            hang_up()
        return response

    blueprint.register_error_handler(Problem, refusal)


def _meet(world: World, trouble: Trouble | None, moment: str) -> Response | None:
    """Make the trouble that was ordered for this moment, if any."""
    if trouble is None:
        return None
    if moment == "before" and trouble.latency:
        world.stopping.wait(trouble.latency)
    if trouble.when != moment:
        return None
    if trouble.drop:
        g.dropped = True
        return Response()
    if trouble.status is None:
        return None
    return troubled(trouble, trouble.status)


def troubled(trouble: Trouble, status: int) -> Response:
    """The answer that trouble asks for."""
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return throttled()
    # A 401 that a client can mend by a new token is the usual case.
    usual = "INVALID_TOKEN" if status == HTTPStatus.UNAUTHORIZED else None
    response = refusal(plain(status, trouble.code or usual))
    if trouble.retry_after is not None:
        response.headers["Retry-After"] = str(trouble.retry_after)
    return response


def _check_token(world: World) -> None:
    scheme, _, token = request.headers.get("Authorization", "").partition(" ")
    if scheme.lower() != "bearer" or not world.tokens.valid(token.strip()):
        raise plain(401, "INVALID_TOKEN")


def _check_media_types() -> None:
    accepted = [part.partition(";")[0].strip() for part in request.headers.get("Accept", "").split(",")]
    if MEDIA_TYPE not in accepted:
        raise plain(406)
    if request.method in ("POST", "PATCH") and request.mimetype != MEDIA_TYPE:
        raise plain(415)


def _call(response: Response, request_id: str | None, body: object) -> dict[str, Any]:
    """The line of the log of calls about the present request; credentials are not in it."""
    return {
        "at": g.at,
        "method": request.method,
        "path": request.path,
        "query": request.query_string.decode(errors="replace"),
        "status": None if g.dropped else response.status_code,
        "request_id": request_id,
        "seconds": round(time.monotonic() - g.began, 3),
        "body": body,
    }


def _loggable() -> object:
    try:
        return json.loads(request.get_data())
    except ValueError:
        return None
