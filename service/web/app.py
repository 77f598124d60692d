"""The Flask application: what it needs, made once a process and handed to the routes."""

from __future__ import annotations

import secrets

from flask import Flask, Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.access import Guard
from service.errors import AccessRefused, RequestRefused
from service.intake import Writer
from service.intake.refusals import Refusals
from service.router import Router
from service.settings import Settings
from service.store import open_store
from service.web.api import answers
from service.web.api.problems import Problem
from service.web.api.records import Records
from service.web.api.routes import api
from service.web.doors import Doors
from service.web.health import health
from service.web.services import Services
from service.web.webhook import BUSY, REQUEST_ID, RETRY_AFTER, answer, webhook

# https://owasp.org/www-project-secure-headers/: nothing here is for a browser, so everything is closed.
RESPONSE_HEADERS = {
    "Cache-Control": "no-store",
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'",
}
_WORDS = {
    400: "bad request\n",
    401: "unauthorized\n",
    404: "not found\n",
    405: "method not allowed\n",
    413: "too large\n",
    BUSY: "busy\n",
}


def create_app(settings: Settings, router: Router, *, max_batch: int | None = None) -> Flask:
    """Make the application; call it after the fork, since it opens the database and starts threads.

    Args:
        settings: as loaded for the role `web`.
        router: the handlers' switchboard.
        max_batch: deliveries in one commit; None for the default.

    Raises:
        ConfigurationError: the secrets in the store cannot be used.
        StoreUnusable, StoreUnavailable: as `open_store`.
    """
    app = Flask("copydesk", static_folder=None)
    app.config["PROVIDE_AUTOMATIC_OPTIONS"] = False  # a method that no route names is 405, OPTIONS too
    store = open_store(settings.database_url.get_secret_value())
    quick = store.impatient()
    try:
        doors = Doors(quick, settings, router)
    except BaseException:
        quick.close()
        store.close()
        raise
    writer = Writer(store) if max_batch is None else Writer(store, max_batch=max_batch)
    refusals = Refusals(store, doors.door.keys)
    doors.tell(refusals)
    guard, records = Guard(quick, refusals.count_access), Records.of(settings, store)
    Services(store, quick, doors, writer, refusals, guard, records).belong_to(app)
    app.register_blueprint(webhook)
    app.register_blueprint(health)
    app.register_blueprint(api)
    app.register_error_handler(RequestRefused, lambda refusal: _plain(refusal.status))
    app.register_error_handler(AccessRefused, answers.not_let_in)
    app.register_error_handler(Problem, answers.refuse)
    app.register_error_handler(HTTPException, _unanswered)
    app.before_request(_name_request)
    app.after_request(_close)
    return app


def _unanswered(error: HTTPException) -> Response:
    """No such address, another method, or a fault of ours: in the words of whoever asks."""
    if request.path.startswith("/api/") or request.path == "/api":
        return answers.of_http(error)
    return _plain(error.code or 500, error)


def _plain(status: int, error: HTTPException | None = None) -> Response:
    """A constant body: whoever has no key learns nothing from us."""
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    headers = {"Allow": ", ".join(sorted(methods))} if methods else {}
    if status == BUSY:
        headers["Retry-After"] = RETRY_AFTER
    return answer(_WORDS.get(status, "error\n"), status, headers)


def _name_request() -> None:
    request.environ[REQUEST_ID] = secrets.token_hex(8)


def _close(response: Response) -> Response:
    response.headers["X-Request-Id"] = request.environ.get(REQUEST_ID, "-")
    response.headers.extend(RESPONSE_HEADERS)
    return response
