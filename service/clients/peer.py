"""What an outside system's answer, or its silence, means; pure.

"Repeatable" requests change nothing (reads, tokens); the others are writes.

| what happened | repeatable | write |
|---|---|---|
| no name, no connection, no TLS, no time left to send | Unavailable | Unavailable: certainly not sent |
| sent, then timeout, reset, cut short, too long | Unavailable | OutcomeUnknown |
| sent on a kept connection, closed meanwhile | once more, then Unavailable | OutcomeUnknown |
| 408, 425, 429 | Unavailable | Unavailable: certainly not done |
| 5xx | Unavailable | OutcomeUnknown |
| 3xx, 409, any other 4xx | Refused | Refused |
| 1xx or 2xx that is not the answer to the question | Unavailable | OutcomeUnknown |
"""

from __future__ import annotations

import os
import re
import socket
import ssl
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import httpcore
import httpx

from service.errors import OutcomeUnknown, OutsideError, Refused, Unavailable

MEBIBYTE = 1024 * 1024
SHORTEST_WAIT, LONGEST_WAIT = 1.0, 900.0
_THROTTLED = 429
_AGAIN = (408, 425, _THROTTLED)
_REDIRECTION, _CLIENT_ERROR, _SERVER_ERROR = 300, 400, 500
_REQUEST_ID = re.compile(r"[A-Za-z0-9-]{1,64}")
_SECONDS = re.compile(r"-?[0-9]+")
_DOUBT = "; it may have been done all the same"


@dataclass(frozen=True, slots=True)
class Request:
    """What to send. Its repr shows only `what`: address, headers and body may be or hold secrets.

    Attributes:
        what: the request in an operator's words, such as "reading orders/NgojhelVGm".
        repeatable: True where doing it twice changes nothing.
        most_bytes: how long the answer's body may be.
    """

    what: str
    method: str = field(repr=False)
    url: str = field(repr=False)
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)
    repeatable: bool = False
    most_bytes: int = field(default=MEBIBYTE, repr=False)


@dataclass(frozen=True, slots=True)
class Response:
    """What came back: header names in lower case, a body that is never decoded."""

    status: int
    headers: Mapping[str, str] = field(repr=False)
    body: bytes = field(default=b"", repr=False)

    @property
    def request_id(self) -> str | None:
        """The `x-request-id` for the other side's support; None where there is none or it is no id."""
        found = self.headers.get("x-request-id", "")
        return found if _REQUEST_ID.fullmatch(found) else None


@dataclass(frozen=True, slots=True)
class Peer:
    """An outside system.

    Attributes:
        name: what messages call it.
        throttled_wait: seconds to wait at least after a 429, whatever it says.
    """

    name: str
    throttled_wait: float = SHORTEST_WAIT

    def failure(self, request: Request, response: Response, *, code: str | None, hint: str = "") -> OutsideError:
        """Say what an answer without success means.

        Args:
            request: what was asked.
            response: the answer.
            code: the other side's error code.
            hint: what an operator should know besides, beginning with its punctuation.
        """
        status = response.status
        if status < _REDIRECTION:
            return self.misunderstood(request, response)
        said = f"{status} {code}" if code else str(status)
        words = f"{request.what}: {self.name} answered {said}{hint}"
        if status < _SERVER_ERROR and status not in _AGAIN:
            words += "" if status >= _CLIENT_ERROR else "; redirects are not followed"
            return Refused(words, status=status, code=code, request_id=response.request_id)
        kind = _unsure(request) if status >= _SERVER_ERROR else Unavailable
        return kind(
            words + (_DOUBT if kind is OutcomeUnknown else ""),
            status=status,
            code=code,
            request_id=response.request_id,
            retry_after=self._wait(response),
        )

    def misunderstood(self, request: Request, response: Response, instead: str = "something else") -> Unavailable:
        """Say that what came is not the answer to the question: HTML, another resource, far too much."""
        kind = _unsure(request)
        return kind(
            f"{request.what}: {self.name} answered {response.status} with {instead}"
            + (_DOUBT if kind is OutcomeUnknown else ""),
            status=response.status,
            request_id=response.request_id,
        )

    def unanswered(self, request: Request, cause: Exception, *, sent: bool) -> Unavailable:
        """Say that no whole answer came, and whether the request may have arrived."""
        if not sent:
            return Unavailable(f"{request.what}: {self.name} could not be reached: {_reason(cause)}; nothing was sent")
        kind = _unsure(request)
        doubt = _DOUBT if kind is OutcomeUnknown else ""
        return kind(f"{request.what}: no whole answer from {self.name}: {_reason(cause)}{doubt}")

    def _wait(self, response: Response) -> float | None:
        asked = wait_seconds(response.headers.get("retry-after"), datetime.now(UTC))
        return max(asked or 0.0, self.throttled_wait) if response.status == _THROTTLED else asked


def wait_seconds(retry_after: str | None, now: datetime) -> float | None:
    """Read a Retry-After header, in either form, as seconds between 1 and 900; None where it says nothing.

    Source: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after
    """
    text = (retry_after or "").strip()
    if _SECONDS.fullmatch(text):
        asked = float(text)
    else:
        try:
            date = parsedate_to_datetime(text)
        except (ValueError, TypeError, OverflowError):
            return None
        asked = (date.replace(tzinfo=date.tzinfo or UTC) - now).total_seconds()
    return min(max(asked, SHORTEST_WAIT), LONGEST_WAIT)


def _unsure(request: Request) -> type[Unavailable]:
    """What it is not to know whether a request was carried out."""
    return Unavailable if request.repeatable else OutcomeUnknown


def _reason(failure: Exception) -> str:
    """Put a failure in plain words; its own text is not repeated, because it can quote what was sent."""
    if isinstance(failure, httpcore.TimeoutException):
        return "it took too long"
    if isinstance(failure, httpx.InvalidURL | httpcore.UnsupportedProtocol):
        return "its address is not one of HTTP"
    # httpcore hands on the system's error as its own error's argument.
    cause = failure.args[0] if failure.args else None
    words = (
        (ssl.SSLCertVerificationError, "its certificate is not trusted or is for another name"),
        (ssl.SSLError, "no secure connection came about"),
        ((socket.gaierror, UnicodeError), "its name has no address"),
    )
    for kind, said in words:
        if isinstance(cause, kind):
            return said
    if isinstance(cause, OSError) and cause.errno:
        return os.strerror(cause.errno).lower()
    return "the connection was closed, or what passed over it is not HTTP"
