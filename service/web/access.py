"""Who may have what a route answers."""

from __future__ import annotations

from flask import current_app, request

from service.access import Caller
from service.access.tokens import Scope
from service.errors import AccessRefused
from service.web.services import Services


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
