"""One authorized request to Commerce Layer's API, and reading the document that answers it.

What it raises (the reasons are in `service.clients.peer`):

| answer | read | write |
|---|---|---|
| 401 INVALID_TOKEN | one new token and one more try, then Refused | the same |
| 401 UNAUTHORIZED, 403, 404, 409, 422, 423, other 4xx, 3xx | Refused | Refused |
| 408, 425, 429 | Unavailable | Unavailable |
| 5xx | Unavailable | OutcomeUnknown |
| never sent | Unavailable | Unavailable |
| sent, no whole answer | Unavailable | OutcomeUnknown |
| success with errors, HTML, another resource | Unavailable | OutcomeUnknown |

`Refused.code` holds the provider's word (RECORD_NOT_FOUND, VALIDATION_ERROR), so that a caller who can live
with a refusal, such as a 409 or a 422 after a re-read, decides that itself. Their prose (`title`, `detail`)
is not repeated in messages, because it can quote data; the request id leads to it.
Errors: https://docs.commercelayer.io/core/api-specification/errors
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, TypeGuard, TypeVar
from urllib.parse import quote, urlencode

from service.clients import drift
from service.clients.credentials import Credentials
from service.clients.http import Deadlines, Transport
from service.clients.json_api import document, error_code, error_rule
from service.clients.limits import Budget, RateLimit, Spend, SpendKind, rate_limit
from service.clients.peer import MEBIBYTE, Peer, Request, Response
from service.errors import Refused
from service.resources import Json, is_id
from service.resources.reference import REFERENCE
from service.settings import Settings

T = TypeVar("T")
Parameters = tuple[tuple[str, str], ...]

# https://docs.commercelayer.io/core/api-specification#content-negotiation: 406 and 415 otherwise.
_MEDIA_TYPE = "application/vnd.api+json"
# The burst limits count over 10 seconds, and a recorded 429 says `Retry-After: 0`.
# https://docs.commercelayer.io/core/rate-limits
PEER = Peer("Commerce Layer", throttled_wait=10.0)
# A page of 25 orders with what they include can be over a mebibyte.
_MOST_BYTES = 8 * MEBIBYTE
_OK, _CREATED, _NO_CONTENT, _UNAUTHORIZED = 200, 201, 204, 401
# https://docs.commercelayer.io/core/api-specification: 201 with what was created, 204 for what was deleted.
_SUCCESS = {"GET": _OK, "PATCH": _OK, "POST": _CREATED, "DELETE": _NO_CONTENT}
_NOTHING_ASKED = "nothing was asked of Commerce Layer: the type or the id does not have the form of one"
_IN_META = ("mode", "organization_id", "trace_id")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A value, and what else the answer that brought it said.

    Attributes:
        request_id: the provider's id of the request, for the record of the attempt.
        rate_limit: what is left of the minute's limit; None where the answer did not say.
    """

    value: T
    request_id: str | None
    rate_limit: RateLimit | None = None


@dataclass(frozen=True, slots=True)
class Call:
    """What to ask.

    Attributes:
        what: in an operator's words, such as "reading orders/NgojhelVGm".
        path: below /api, made by `list_path` or `resource_path`.
        body: the document of a write.
    """

    what: str
    method: str
    path: str
    parameters: Parameters = ()
    body: Json | None = None

    @property
    def kind(self) -> SpendKind:
        """What the request counts as."""
        return "read" if self.method == "GET" else "write"


@dataclass(frozen=True, slots=True)
class Reply:
    """A call that was answered with success."""

    request: Request
    response: Response

    def resource(self, type_: str, id_: str | None) -> tuple[Json, tuple[Json, ...]]:
        """The resource that was asked for and what it includes; an answer about another one is none."""
        top = document(self.response.body) or {}
        data = top.get("data")
        if "errors" in top or not _is_one(data, type_) or (id_ is not None and data["id"] != id_):
            raise PEER.misunderstood(self.request, self.response)
        return _told(data, top), _included(top, (data,))

    def resources(self, type_: str) -> tuple[tuple[Json, ...], tuple[Json, ...], Json]:
        """The resources of a page, what they include, and the document's `meta`."""
        top = document(self.response.body) or {}
        data = top.get("data")
        if "errors" in top or not isinstance(data, list) or not all(_is_one(one, type_) for one in data):
            raise PEER.misunderstood(self.request, self.response)
        meta = top.get("meta")
        return (
            tuple(_told(one, top) for one in data),
            _included(top, data),
            meta if isinstance(meta, dict) else {},
        )


class Api:
    """The API of one organization; safe for threads and greenlets.

    Args:
        settings: api_url and what the token needs.
        deadlines: how long one call may take altogether, a new token and the budget's wait included.
        clock: seconds that only grow, for the token's life.
        budget: asked before every request; a read that is repeated because its kept connection turned out closed
            is one request.
    """

    def __init__(self, settings: Settings, deadlines: Deadlines, clock: Callable[[], float], budget: Budget) -> None:
        self._url = f"{settings.api_url}/api/"
        self._transport = Transport(PEER, deadlines)
        self._credentials = Credentials(settings, PEER, self._transport, clock)
        self._budget = budget
        self.rate_limits: dict[SpendKind, RateLimit] = {}

    def close(self) -> None:
        """Close every connection."""
        self._transport.close()

    def token(self) -> str:
        """The current access token."""
        return self._credentials.token(self._transport.until())

    def call(self, call: Call) -> Reply:
        """Ask once, with one new token where the old one is no longer good; every success is returned."""
        until = self._transport.until()
        token = self._credentials.token(until)
        reply = self._send(call, token, until)
        if reply.response.status == _UNAUTHORIZED and error_code(reply.response.body) == "INVALID_TOKEN":
            reply = self._send(call, self._credentials.token(until, rejected=token), until)
        if reply.response.status != _SUCCESS[call.method]:
            body = reply.response.body
            rule = error_rule(body)
            hint = f" ({rule})" if rule else ""
            raise PEER.failure(reply.request, reply.response, code=error_code(body), hint=hint)
        return reply

    def answer(self, reply: Reply, value: T) -> Answer[T]:
        """Put `value` together with what else the answer said."""
        return Answer(value, reply.response.request_id, rate_limit(reply.response.headers))

    def _send(self, call: Call, token: str, until: float) -> Reply:
        endpoint = f"{call.method} {call.path.partition('/')[0]}"
        self._budget(Spend(call.kind, endpoint, max(0.0, until - time.monotonic())))
        query = f"?{urlencode(call.parameters, safe=',:', quote_via=quote)}" if call.parameters else ""
        headers = {"Accept": _MEDIA_TYPE, "Authorization": f"Bearer {token}"}
        content = b""
        if call.body is not None:
            headers["Content-Type"] = _MEDIA_TYPE
            content = json.dumps(call.body).encode()
        repeatable = call.kind == "read"
        request = Request(
            call.what, call.method, self._url + call.path + query, headers, content, repeatable, _MOST_BYTES
        )
        response = self._transport.send(request, until)
        told = rate_limit(response.headers)
        if told is not None:
            self.rate_limits[call.kind] = told
        return Reply(request, response)


def list_path(type_: str) -> str:
    """The path of all resources of a type.

    Raises:
        Refused: it is none of the reference; nothing is asked.
    """
    if type_ not in REFERENCE:
        raise Refused(_NOTHING_ASKED)
    return type_


def resource_path(type_: str, id_: str, relationship: str = "") -> str:
    """The path of one resource or of what is related to it; ids come from webhooks and must not steer it elsewhere.

    Raises:
        Refused: the type or the id does not have the form of one; nothing is asked.
    """
    if not is_id(id_):
        raise Refused(_NOTHING_ASKED)
    return "/".join((list_path(type_), id_, *filter(None, [relationship])))


def _is_one(data: Any, type_: str) -> TypeGuard[Json]:
    return isinstance(data, dict) and data.get("type") == type_ and is_id(data.get("id"))


def _included(top: Json, data: Iterable[Json]) -> tuple[Json, ...]:
    included = top.get("included")
    others = tuple(r for r in included if isinstance(r, dict)) if isinstance(included, list) else ()
    drift.report((*data, *others))
    return others


def _told(resource: Json, top: Json) -> Json:
    """`resource` with what the newest API versions say of it in the document's `meta`."""
    general, own = top.get("meta"), resource.get("meta")
    if not isinstance(general, Mapping) or not any(name in general for name in _IN_META):
        return resource
    own = own if isinstance(own, Mapping) else {}
    return {**resource, "meta": {name: general[name] for name in _IN_META if name in general} | dict(own)}
