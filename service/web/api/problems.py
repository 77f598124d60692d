"""The API's refusals, as error objects in the provider's style: `status` is a string, `code` is in capitals. Pure.

https://docs.commercelayer.io/core/api-specification/handling-errors and https://jsonapi.org/format/#error-objects
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

# What an answer may have as its code, with its status and title.
CODES: Mapping[str, tuple[int, str]] = {
    "PARAM_NOT_ALLOWED": (400, "Parameter not allowed"),
    "PARAM_GIVEN_TWICE": (400, "Parameter given twice"),
    "INVALID_ID": (400, "Invalid id"),
    "INVALID_PAGE_VALUE": (400, "Invalid page value"),
    "INVALID_SORT_CRITERIA": (400, "Invalid sort criteria"),
    "FILTER_NOT_ALLOWED": (400, "Filter not allowed"),
    "INVALID_FILTER_VALUE": (400, "Invalid filter value"),
    "INVALID_INCLUDE": (400, "Invalid include"),
    "INVALID_FIELD": (400, "Invalid field"),
    "INVALID_FACET": (400, "Invalid facet"),
    "INVALID_VALUE": (400, "Invalid value"),
    "TOO_MANY_TO_SCAN": (400, "Too many to scan"),
    "BAD_REQUEST": (400, "Bad request"),
    "INVALID_TOKEN": (401, "Access denied"),
    "FORBIDDEN": (403, "Access denied"),
    "RECORD_NOT_FOUND": (404, "Record not found"),
    "METHOD_NOT_ALLOWED": (405, "Method not allowed"),
    "NOT_ACCEPTABLE": (406, "Not acceptable"),
    "UNSUPPORTED_MEDIA_TYPE": (415, "Unsupported media type"),
    "THROTTLED": (429, "Too many requests"),
    "SERVICE_UNAVAILABLE": (503, "Service unavailable"),
}
BY_STATUS: Mapping[int, str] = {
    400: "BAD_REQUEST",
    401: "INVALID_TOKEN",
    403: "FORBIDDEN",
    404: "RECORD_NOT_FOUND",
    405: "METHOD_NOT_ALLOWED",
    406: "NOT_ACCEPTABLE",
    415: "UNSUPPORTED_MEDIA_TYPE",
    429: "THROTTLED",
    503: "SERVICE_UNAVAILABLE",
}
_LONGEST = 100


class Problem(Exception):
    """A refusal on its way to the caller.

    Attributes:
        status: the HTTP status.
        errors: the error objects.
        retry_after: seconds to wait before another try; 0 where that would not help.
    """

    def __init__(self, code: str, detail: str, *, source: str | None = None, retry_after: int = 0) -> None:
        self.status, title = CODES[code]
        self.retry_after = retry_after
        error: dict[str, Any] = {"title": title, "detail": detail, "code": code, "status": str(self.status)}
        if source is not None:
            error["source"] = {"parameter": shortened(source)}
        self.errors = [error]
        super().__init__(detail)


def not_among(code: str, what: str, name: str, offered: Iterable[str], *, source: str) -> Problem:
    """A name that is not offered, beside all that are."""
    known = ", ".join(offered)
    told = f"there are {known}" if known else "there are none"
    return Problem(code, f"{what} {shortened(name)!r} is not offered; {told}.", source=source)


def not_found(what: str = "The requested resource was not found. Please double-check the resource id.") -> Problem:
    """404."""
    return Problem("RECORD_NOT_FOUND", what)


def shortened(text: str) -> str:
    """What somebody sent, no longer than it takes to recognise it."""
    return text if len(text) <= _LONGEST else text[: _LONGEST - 1] + "…"
