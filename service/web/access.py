"""Who may have what a route answers."""

from __future__ import annotations

import json

from flask import Blueprint, Response, current_app, request

from service.access import Caller
from service.access.tokens import SCOPES, Scope
from service.errors import AccessRefused
from service.web.api.media import MEDIA_TYPE
from service.web.services import Services

access = Blueprint("access", __name__)


def require(scope: Scope) -> Caller:
    """Tell who asks in this request, and make sure that they may.

    Args:
        scope: what their token must let them do: read, act or admin.

    Raises:
        AccessRefused: 401, 403, 429 or 503.
    """
    services = Services.of(current_app)
    environ = request.environ
    caller = services.guard.caller(environ.get("HTTP_AUTHORIZATION"), environ.get("REMOTE_ADDR") or "")
    try:
        caller.check(scope)
    except AccessRefused:
        services.refusals.count_access("scope")
        raise
    return caller


@access.get("/api/token")
def token() -> Response:
    """Say whose token it is and what it lets do; the way to try one out."""
    caller = require("read")
    attributes = {"scopes": [scope for scope in SCOPES if scope in caller.scopes]}
    told = {"data": {"type": "tokens", "id": caller.name, "attributes": attributes}}
    return Response(json.dumps(told), content_type=MEDIA_TYPE)
