"""The API's refusals, in the shapes of Commerce Layer's documentation ("Handling errors") and recorded answers."""

from __future__ import annotations

from typing import Any

TITLES = {
    401: (
        "Access denied",
        "You are not authorized to perform this action on the requested resource.",
        "UNAUTHORIZED",
    ),
    403: (
        "Access denied",
        "You are not authorized to perform this action on the requested resource.",
        "UNAUTHORIZED",
    ),
    404: (
        "Record not found",
        "The requested resource was not found. Please double-check the resource id.",
        "RECORD_NOT_FOUND",
    ),
    405: ("Method not allowed", "This resource does not support the method.", "METHOD_NOT_ALLOWED"),
    406: ("Not acceptable", "Accept must be application/vnd.api+json.", "NOT_ACCEPTABLE"),
    409: ("Record not unique", "You can safely ignore this warning.", "RECORD_NOT_UNIQUE"),
    415: (
        "Unsupported media type",
        "Content-Type must be application/vnd.api+json.",
        "UNSUPPORTED_MEDIA_TYPE",
    ),
    422: ("is invalid", "base - is invalid", "VALIDATION_ERROR"),
    500: ("Internal server error", "Something went wrong on the server side.", "INTERNAL_SERVER_ERROR"),
    503: ("Service unavailable", "The service is temporarily unavailable.", "SERVICE_UNAVAILABLE"),
}


class Problem(Exception):
    """A refusal on its way to the caller.

    Attributes:
        status: the HTTP status.
        errors: the JSON:API error objects; their `status` is a string.
    """

    def __init__(self, status: int, **error: Any) -> None:
        self.status = status
        self.errors = [{**error, "status": str(status)}]
        super().__init__(error.get("detail", ""))


def plain(status: int, code: str | None = None) -> Problem:
    """The general refusal for a status, optionally under another code (such as INVALID_TOKEN)."""
    title, detail, usual = TITLES.get(status, ("Error", "The request was not carried out.", "ERROR"))
    return Problem(status, title=title, detail=detail, code=code or usual)


def unsupported(key: str) -> Problem:
    """400: a parameter, a key of the body or an id that the URL does not go with.

    It is the one documented 400, so it serves for every one of them.
    """
    return Problem(
        400,
        title="Key is not included in URL",
        detail=f"The URL does not support the key {key}",
        code="KEY_NOT_INCLUDED_IN_URL",
    )


def invalid(name: str, message: str, *, error: str, where: str = "attributes") -> Problem:
    """422: a rule refused one attribute or relationship.

    Args:
        name: the attribute or relationship.
        message: what is wrong with it, as the title.
        error: the machine-readable name of the rule.
        where: "attributes" or "relationships".
    """
    return Problem(
        422,
        title=message,
        detail=f"{name} - {message}",
        code="VALIDATION_ERROR",
        source={"pointer": f"/data/{where}/{name}"},
        meta={"error": error},
    )
