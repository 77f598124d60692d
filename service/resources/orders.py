"""Orders and order subscriptions, as far as follow-ups and sweeps need them.

https://docs.commercelayer.io/core/api-reference/orders/object and
https://docs.commercelayer.io/core/api-reference/order_subscriptions/object
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from service.resources.resource import Marked
from service.resources.values import (
    Json,
    boolean,
    find,
    instant,
    integer,
    mapping,
    number,
    related_id,
    related_ids,
    text,
)


@dataclass(frozen=True, slots=True)
class Order(Marked):
    """An order.

    Attributes:
        total_cents: with taxes, in hundredths of `currency_code`.
        order_subscription_id: of a target, the subscription that made it.
        order_subscriptions: of a source, the subscriptions it began, with their statuses; None where the answer
            did not include them, which is not the same as none.
    """

    id: str
    number: str | None = None
    status: str | None = None
    payment_status: str | None = None
    fulfillment_status: str | None = None
    total_cents: int | None = None
    items_count: int | None = None
    updated_at: datetime | None = None
    order_subscription_id: str | None = None
    order_subscriptions: tuple[Subscription, ...] | None = None

    @property
    def currency_code(self) -> str | None:
        """Such as EUR."""
        return text(self.attribute("currency_code"))

    @property
    def errors_count(self) -> int | None:
        """How many errors placing it in the background met."""
        return integer(self.attribute("errors_count"))

    @property
    def placed_at(self) -> datetime | None:
        """When it was placed, UTC."""
        return instant(self.attribute("placed_at"))

    @property
    def approved_at(self) -> datetime | None:
        """When it was approved, UTC."""
        return instant(self.attribute("approved_at"))

    @property
    def cancelled_at(self) -> datetime | None:
        """When it was cancelled, UTC."""
        return instant(self.attribute("cancelled_at"))


@dataclass(frozen=True, slots=True)
class Subscription(Marked):
    """An order subscription: what makes recurring copies.

    Attributes:
        last_run_at: when it last made a copy, UTC.
        occurrencies: how often it ran (the provider's spelling).
    """

    id: str
    number: str | None = None
    status: str | None = None
    last_run_at: datetime | None = None
    next_run_at: datetime | None = None
    occurrencies: int | None = None
    errors_count: int | None = None
    succeeded_on_last_run: bool | None = None
    updated_at: datetime | None = None

    @property
    def frequency(self) -> str | None:
        """A word such as monthly, or a crontab."""
        return text(self.attribute("frequency"))

    @property
    def activate_by_source_order(self) -> bool | None:
        """Whether placing the source order activates it."""
        return boolean(self.attribute("activate_by_source_order"))

    @property
    def place_target_order(self) -> bool | None:
        """Whether its copies are placed."""
        return boolean(self.attribute("place_target_order"))

    @property
    def renewal_alert_period(self) -> int | None:
        """Hours between the renewal alert and the run."""
        return integer(self.attribute("renewal_alert_period"))

    @property
    def starts_at(self) -> datetime | None:
        """When it begins, UTC."""
        return instant(self.attribute("starts_at"))

    @property
    def expires_at(self) -> datetime | None:
        """When it ends, UTC; None for never."""
        return instant(self.attribute("expires_at"))

    @property
    def source_order_id(self) -> str | None:
        """The order it copies; None where the document did not include it."""
        return self.related_id("source_order")


def order(resource: Json, included: tuple[Json, ...] = ()) -> Order:
    """Read an `orders` resource object; related subscriptions from `included`."""
    get = mapping(resource.get("attributes")).get
    relationships = mapping(resource.get("relationships"))
    began = related_ids(relationships, "order_subscriptions")
    return Order(
        id=resource["id"],
        number=number(get("number")),
        status=text(get("status")),
        payment_status=text(get("payment_status")),
        fulfillment_status=text(get("fulfillment_status")),
        total_cents=integer(get("total_amount_with_taxes_cents")),
        items_count=integer(get("line_items_count") or get("skus_count")),
        updated_at=instant(get("updated_at")),
        order_subscription_id=related_id(relationships, "order_subscription"),
        order_subscriptions=None
        if began is None
        else tuple(subscription(find(included, "order_subscriptions", i) or {"id": i}) for i in began),
        raw=resource,
    )


def subscription(resource: Json, _included: tuple[Json, ...] = ()) -> Subscription:
    """Read an `order_subscriptions` resource object."""
    get = mapping(resource.get("attributes")).get
    return Subscription(
        id=resource["id"],
        number=number(get("number")),
        status=text(get("status")),
        last_run_at=instant(get("last_run_at")),
        next_run_at=instant(get("next_run_at")),
        occurrencies=integer(get("occurrencies")),
        errors_count=integer(get("errors_count")),
        succeeded_on_last_run=boolean(get("succeeded_on_last_run")),
        updated_at=instant(get("updated_at")),
        raw=resource,
    )
