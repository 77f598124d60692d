"""Answers of the API: documents with their headers, and refusals as JSON:API errors."""

from __future__ import annotations

import hashlib
import json
from typing import Any

from flask import Response, request
from werkzeug.exceptions import HTTPException, MethodNotAllowed

from service.errors import AccessRefused
from service.web.api.media import MEDIA_TYPE
from service.web.api.problems import BY_STATUS, CODES, Problem

_DETAILS = {
    404: "There is nothing at this address.",
    405: "This resource does not support the method.",
    500: "Something went wrong on our side; the log says what, under this answer's X-Request-Id.",
}


def document(body: dict[str, Any], media_type: str = MEDIA_TYPE) -> Response:
    """A document with its strong ETag; 304 where the caller has it."""
    raw = _bytes(body)
    response = Response(raw, content_type=media_type)
    response.headers["Vary"] = "Accept, Authorization"
    response.set_etag(hashlib.sha256(raw).hexdigest()[:32])
    response.make_conditional(request.environ)
    return response


def refuse(problem: Problem) -> Response:
    """A refusal of ours."""
    headers = {"Retry-After": str(problem.retry_after)} if problem.retry_after else {}
    return _errors(problem.errors, problem.status, headers)


def not_let_in(error: AccessRefused) -> Response:
    """A refusal of the guard."""
    told = {
        "title": error.title,
        "detail": error.detail,
        "code": BY_STATUS.get(error.status, "BAD_REQUEST"),
        "status": str(error.status),
    }
    return _errors([told], error.status, error.headers)


def of_http(error: HTTPException) -> Response:
    """A refusal of the framework: no such address, another method, or a fault of ours."""
    status = error.code or 500
    code = BY_STATUS.get(status, "INTERNAL_SERVER_ERROR" if status >= 500 else "BAD_REQUEST")  # noqa: PLR2004
    title = CODES[code][1] if code in CODES else "Internal server error"
    detail = _DETAILS.get(status, "The request was not carried out.")
    methods = error.valid_methods if isinstance(error, MethodNotAllowed) else None
    headers = {"Allow": ", ".join(sorted(methods))} if methods else {}
    return _errors([{"title": title, "detail": detail, "code": code, "status": str(status)}], status, headers)


def _errors(errors: list[dict[str, Any]], status: int, headers: dict[str, str]) -> Response:
    return Response(_bytes({"errors": errors}), status, headers, content_type=MEDIA_TYPE)


def _bytes(body: dict[str, Any]) -> bytes:
    """JSON without one byte above ASCII, and without what HTML would take for its own."""
    return json.dumps(body, separators=(",", ":")).replace("<", "\\u003c").replace(">", "\\u003e").encode()
