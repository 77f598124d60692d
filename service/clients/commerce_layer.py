"""Commerce Layer's API, as far as Copydesk asks it: each resource by its name, and what the follow-ups need.

Every call is bounded by one deadline, makes one request (two where the token had to be renewed) and says by its
error whether it may have been carried out: see the table in `service.clients.api`. What each resource offers is in
`service.resources.reference`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Self

from service import resources
from service.clients.api import Answer, Api, Call, resource_path
from service.clients.collection import Collection
from service.clients.credentials import Identity, disagreements, read_identity
from service.clients.http import DEADLINES, Deadlines
from service.clients.limits import Budget, RateLimit, SpendKind, unlimited
from service.clients.writing import Copies, Events, OrderCopies, Webhooks
from service.errors import ConfigurationError
from service.resources import EventCallback, FactoryType, Order, OrderFactory, Subscription, reference
from service.settings import PREFIX, Settings

__all__ = ["Answer", "CommerceLayer"]

# All of them relationships of both types:
# https://docs.commercelayer.io/core/api-reference/order_copies/object and
# https://docs.commercelayer.io/core/api-reference/recurring_order_copies/object
_FACTORY_INCLUDE = ("source_order", "target_order", "order_subscription", "source_order.order_subscriptions")
_ORDER_INCLUDE = ("order_subscription", "order_subscriptions")


class CommerceLayer:
    """A client of one organization; safe for threads and greenlets, to be closed or used as a context manager.

    Args:
        settings: api_url, auth_url, client_id and client_secret are used; organization and mode are checked.
        deadlines: how long one call may take altogether, a new token included.
        clock: seconds that only grow, for the token's life; tests hand in their own.
        budget: asked before every request to the API, so that all workers together keep the provider's limits.

    Attributes:
        order_factories: order copies and recurring order copies alike: list, retrieve, changes.
        order_copies: list, retrieve, changes, create, update, delete.
        recurring_order_copies: list, retrieve, changes, update, delete.
        orders: list, retrieve, changes.
        order_subscriptions: list, retrieve, changes.
        webhooks: list, retrieve, changes, create, update, enable, disable, reset_circuit, delete.
        events: list, retrieve, changes, of, trigger.
        event_callbacks: list, retrieve, changes; the provider keeps a month of them.

    Raises:
        ConfigurationError: there are no credentials.
    """

    def __init__(
        self,
        settings: Settings,
        deadlines: Deadlines = DEADLINES,
        clock: Callable[[], float] = time.monotonic,
        budget: Budget = unlimited,
    ) -> None:
        if not settings.has_client:
            raise ConfigurationError([f"{PREFIX}CLIENT_ID: is not set; Commerce Layer cannot be asked without it"])
        self._settings = settings
        self._api = api = Api(settings, deadlines, clock, budget)
        factory = resources.order_factory
        self.order_factories: Collection[OrderFactory] = Collection(api, reference.ORDER_FACTORIES, factory)
        self.order_copies = OrderCopies(api, reference.ORDER_COPIES, factory)
        self.recurring_order_copies = Copies(api, reference.RECURRING_ORDER_COPIES, factory)
        self.orders: Collection[Order] = Collection(api, reference.ORDERS, resources.order)
        self.order_subscriptions: Collection[Subscription] = Collection(
            api, reference.ORDER_SUBSCRIPTIONS, resources.subscription
        )
        self.webhooks = Webhooks(api, reference.WEBHOOKS, resources.webhook)
        self.events = Events(api, reference.EVENTS, resources.recorded_event)
        self.event_callbacks: Collection[EventCallback] = Collection(
            api, reference.EVENT_CALLBACKS, resources.event_callback
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """Close every connection; the client must not be used afterwards."""
        self._api.close()

    def identity(self) -> Identity:
        """Whom the credentials speak for, as the token says.

        Raises:
            Refused: the credentials are not accepted.
            Unavailable: no token could be had, or it cannot be read.
        """
        return read_identity(self._api.token())

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

    @property
    def rate_limits(self) -> Mapping[SpendKind, RateLimit]:
        """What the latest answers said of the minute's limits, for reads and for writes; empty before the first."""
        return dict(self._api.rate_limits)

    def retrieve_factory(self, type_: FactoryType, id_: str) -> Answer[OrderFactory]:
        """Read an order factory with its source, target and subscription, and the source's subscriptions."""
        resource_path(type_, id_)
        kind = self.recurring_order_copies if type_ == "recurring_order_copies" else self.order_copies
        return kind.retrieve(id_, include=_FACTORY_INCLUDE)

    def retrieve_order(self, id_: str) -> Answer[Order]:
        """Read an order with the subscription that made it and those that it began."""
        return self.orders.retrieve(id_, include=_ORDER_INCLUDE)

    def retrieve_subscription(self, id_: str) -> Answer[Subscription]:
        """Read an order subscription."""
        return self.order_subscriptions.retrieve(id_)

    def cancel_order(self, id_: str) -> Answer[Order]:
        """Cancel an order; its authorization is voided with it.

        Not marked idempotent by the provider: read the order before repeating it.
        https://docs.commercelayer.io/core/api-reference/orders/update
        """
        data = {"type": "orders", "id": id_, "attributes": {"_cancel": True}}
        call = Call(f"cancelling orders/{id_}", "PATCH", resource_path("orders", id_), body={"data": data})
        reply = self._api.call(call)
        return self._api.answer(reply, resources.order(*reply.resource("orders", id_)))
