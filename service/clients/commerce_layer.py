"""Commerce Layer's API, as far as Copydesk asks it.

What every method raises (the reasons are in `service.clients.peer`):

| answer | read | write |
|---|---|---|
| 401 INVALID_TOKEN | one new token and one more try, then Refused | the same |
| 401 UNAUTHORIZED, 403, 404, 409, 422, 423, other 4xx, 3xx | Refused | Refused |
| 408, 425, 429 | Unavailable | Unavailable |
| 5xx | Unavailable | OutcomeUnknown |
| never sent | Unavailable | Unavailable |
| sent, no whole answer | Unavailable | OutcomeUnknown |
| 200 with errors, HTML, another resource | Unavailable | OutcomeUnknown |

`Refused.code` holds the provider's word (RECORD_NOT_FOUND, VALIDATION_ERROR), so that a caller who can live
with a refusal, such as a 409 or a 422 after a re-read, decides that itself. Their prose (`title`, `detail`)
is not repeated in messages, because it can quote data; the request id leads to it.
Errors: https://docs.commercelayer.io/core/api-specification/errors
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Generic, Self, TypeVar
from urllib.parse import quote, urlencode

from service import resources
from service.clients.credentials import Credentials, Identity, disagreements, read_identity
from service.clients.http import DEADLINES, Deadlines, Transport
from service.clients.json_api import document, error_code, error_rule
from service.clients.peer import Peer, Request, Response
from service.errors import ConfigurationError, Refused
from service.resources import FACTORY_TYPES, FactoryType, Json, Order, OrderFactory, Subscription, is_id
from service.settings import PREFIX, Settings

T = TypeVar("T")

# https://docs.commercelayer.io/core/api-specification#content-negotiation: 406 and 415 otherwise.
_MEDIA_TYPE = "application/vnd.api+json"
# The burst limits count over 10 seconds, and a recorded 429 says `Retry-After: 0`.
# https://docs.commercelayer.io/core/rate-limits
_PEER = Peer("Commerce Layer", throttled_wait=10.0)
_OK, _UNAUTHORIZED = 200, 401
# All of them relationships of both types:
# https://docs.commercelayer.io/core/api-reference/order_copies/object and
# https://docs.commercelayer.io/core/api-reference/recurring_order_copies/object
_FACTORY_INCLUDE = "source_order,target_order,order_subscription,source_order.order_subscriptions"
_ORDER_INCLUDE = "order_subscription,order_subscriptions"
_TYPES = (*FACTORY_TYPES, "orders", "order_subscriptions")


@dataclass(frozen=True, slots=True)
class Answer(Generic[T]):
    """A value and the provider's id of the request that brought it, for the record of the attempt."""

    value: T
    request_id: str | None


class CommerceLayer:
    """A client of one organization; safe for threads and greenlets, to be closed or used as a context manager.

    Args:
        settings: api_url, auth_url, client_id and client_secret are used; organization and mode are checked.
        deadlines: how long one method may take altogether, a new token included.
        clock: seconds that only grow, for the token's life; tests hand in their own.

    Raises:
        ConfigurationError: there are no credentials.
    """

    def __init__(
        self,
        settings: Settings,
        deadlines: Deadlines = DEADLINES,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        if not settings.has_client:
            raise ConfigurationError([f"{PREFIX}CLIENT_ID: is not set; Commerce Layer cannot be asked without it"])
        self._settings = settings
        self._transport = Transport(_PEER, deadlines)
        self._credentials = Credentials(settings, _PEER, self._transport, clock)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the client must not be used afterwards."""
        self._transport.close()

    def identity(self) -> Identity:
        """Whom the credentials speak for, as the token says.

        Raises:
            Refused: the credentials are not accepted.
            Unavailable: no token could be had, or it cannot be read.
        """
        return read_identity(self._credentials.token(self._transport.until()))

    def check_identity(self) -> None:
        """Make sure that the credentials belong to the organization and mode of the settings, and may integrate.

        Raises:
            ConfigurationError: they do not; one sentence per setting that disagrees.
            Refused: the credentials are not accepted.
            Unavailable: no token could be had, or it cannot be read.
        """
        mistakes = disagreements(self.identity(), self._settings)
        if mistakes:
            raise ConfigurationError(mistakes)

    def retrieve_factory(self, type_: FactoryType, id_: str) -> Answer[OrderFactory]:
        """Read an order factory with its source, target and subscription, and the source's subscriptions."""
        return self._retrieve(type_, id_, resources.order_factory, include=_FACTORY_INCLUDE)

    def retrieve_order(self, id_: str) -> Answer[Order]:
        """Read an order with the subscription that made it and those that it began."""
        return self._retrieve("orders", id_, resources.order, include=_ORDER_INCLUDE)

    def retrieve_subscription(self, id_: str) -> Answer[Subscription]:
        """Read an order subscription."""
        return self._retrieve("order_subscriptions", id_, lambda data, _: resources.subscription(data))

    def cancel_order(self, id_: str) -> Answer[Order]:
        """Cancel an order; its authorization is voided with it.

        Not marked idempotent by the provider: read the order before repeating it.
        https://docs.commercelayer.io/core/api-reference/orders/update
        """
        path = _path("orders", id_)
        body = {"data": {"type": "orders", "id": id_, "attributes": {"_cancel": True}}}
        request, response = self._call("PATCH", path, what=f"cancelling orders/{id_}", body=body)
        return self._answer(request, response, ("orders", id_), resources.order)

    def _retrieve(
        self, type_: str, id_: str, read: Callable[[Json, tuple[Json, ...]], T], include: str | None = None
    ) -> Answer[T]:
        params = {"include": include} if include else {}
        request, response = self._call("GET", _path(type_, id_), what=f"reading {type_}/{id_}", params=params)
        return self._answer(request, response, (type_, id_), read)

    def _call(
        self,
        method: str,
        path: str,
        *,
        what: str,
        params: Mapping[str, str] | None = None,
        body: Json | None = None,
    ) -> tuple[Request, Response]:
        """Ask the API once, with one new token where the old one is no longer good; any 200 is returned."""
        until = self._transport.until()
        url = f"{self._settings.api_url}/api/{path}" + (f"?{urlencode(params)}" if params else "")
        content = json.dumps(body).encode() if body is not None else b""
        token = self._credentials.token(until)
        request = _request(what, method, url, token, content)
        response = self._transport.send(request, until)
        if response.status == _UNAUTHORIZED and error_code(response.body) == "INVALID_TOKEN":
            request = _request(what, method, url, self._credentials.token(until, rejected=token), content)
            response = self._transport.send(request, until)
        if response.status != _OK:
            rule = error_rule(response.body)
            raise _PEER.failure(request, response, code=error_code(response.body), hint=f" ({rule})" if rule else "")
        return request, response

    def _answer(
        self,
        request: Request,
        response: Response,
        asked: tuple[str, str],
        read: Callable[[Json, tuple[Json, ...]], T],
    ) -> Answer[T]:
        """Read the resource that was asked for; an answer about another one is none."""
        top = document(response.body) or {}
        data: Any = top.get("data")
        if "errors" in top or not isinstance(data, dict) or (data.get("type"), data.get("id")) != asked:
            raise _PEER.misunderstood(request, response)
        included = top.get("included")
        others = tuple(r for r in included if isinstance(r, dict)) if isinstance(included, list) else ()
        return Answer(read(data, others), response.request_id)


def _path(type_: str, id_: str) -> str:
    """The path of a resource; ids come from webhooks and must not steer it elsewhere."""
    if type_ not in _TYPES or not is_id(id_):
        raise Refused("nothing was asked of Commerce Layer: the type or the id does not have the form of one")
    return f"{quote(type_, safe='')}/{quote(id_, safe='')}"


def _request(what: str, method: str, url: str, token: str, content: bytes) -> Request:
    headers = {"Accept": _MEDIA_TYPE, "Authorization": f"Bearer {token}"}
    if content:
        headers["Content-Type"] = _MEDIA_TYPE
    return Request(what, method, url, headers, content, repeatable=method == "GET")
