"""Order factories: order copies and recurring order copies.

All documented attributes of both editions of the object page, and those of the two kinds:
https://docs.commercelayer.io/core/api-reference/order_factories/object,
https://docs.commercelayer.io/core/api-reference/order_copies/object and
https://docs.commercelayer.io/core/api-reference/recurring_order_copies/object
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from service.resources.orders import Order, Subscription, order, subscription
from service.resources.resource import Resource
from service.resources.values import Json, boolean, find, instant, integer, is_id, mapping, related_id, text

FactoryType = Literal["order_copies", "recurring_order_copies"]
FACTORY_TYPES: tuple[FactoryType, ...] = ("order_copies", "recurring_order_copies")
UMBRELLA: Literal["order_factories"] = "order_factories"
# `aborted` is in the newer edition of the object page only; no topic tells of it.
FACTORY_STATUSES = ("pending", "in_progress", "aborted", "failed", "completed")


@dataclass(frozen=True, slots=True)
class OrderFactory(Resource):
    """An order copy or a recurring order copy.

    A related order or subscription is None where the document did not include it; its id may be known all the same.

    Attributes:
        type: which of the two it is; `order_factories` only where a list of both does not say.
        status: one of FACTORY_STATUSES, or a newer one as it came.
        errors_log: attribute to messages; None where there are none.
        cancel_source_order: of order copies only, like apply_promotions, skip_errors and ignore_invalid_coupon.
        metadata: None where it is empty.
    """

    type: FactoryType | Literal["order_factories"]
    id: str
    status: str | None = None
    started_at: datetime | None = None
    completed_at: datetime | None = None
    failed_at: datetime | None = None
    errors_log: Json | None = None
    errors_count: int | None = None
    place_target_order: bool | None = None
    cancel_source_order: bool | None = None
    skip_errors: bool | None = None
    created_at: datetime | None = None
    updated_at: datetime | None = None
    metadata: Json | None = None
    source_order_id: str | None = None
    target_order_id: str | None = None
    order_subscription_id: str | None = None
    source_order: Order | None = None
    target_order: Order | None = None
    order_subscription: Subscription | None = None
    reuse_wallet: bool | None = None
    apply_promotions: bool | None = None
    ignore_invalid_coupon: bool | None = None
    reference: str | None = None
    reference_origin: str | None = None

    @property
    def subject(self) -> str:
        """How the audit trail and the commands name it: `order_copies/XAyRWNUzyN`."""
        return f"{self.type}/{self.id}"

    @property
    def first_error(self) -> str | None:
        """The first line of `errors_log`, as `attribute: message`; None where there is none."""
        for attribute, messages in (self.errors_log or {}).items():
            message = messages[0] if isinstance(messages, list) and messages else messages
            return f"{attribute}: {message}" if isinstance(message, str) else str(attribute)
        return None


def factory_of(subject: str) -> tuple[FactoryType, str]:
    """Split `order_copies/XAyRWNUzyN` into its type and id.

    Raises:
        ValueError: it does not name an order factory.
    """
    type_, _, id_ = subject.partition("/")
    for known in FACTORY_TYPES:
        if type_ == known and is_id(id_):
            return known, id_
    raise ValueError(f"{subject} does not name an order factory")


def order_factory(resource: Json, included: tuple[Json, ...] = ()) -> OrderFactory:
    """Read an `order_copies`, `recurring_order_copies` or `order_factories` resource object and what it includes."""
    get = mapping(resource.get("attributes")).get
    relationships = mapping(resource.get("relationships"))
    source, target = related_id(relationships, "source_order"), related_id(relationships, "target_order")
    subscribed = related_id(relationships, "order_subscription")
    found_source, found_target = find(included, "orders", source), find(included, "orders", target)
    found_subscription = find(included, "order_subscriptions", subscribed)
    return OrderFactory(
        type=_type(resource["type"], get("type")),
        id=resource["id"],
        status=text(get("status")),
        started_at=instant(get("started_at")),
        completed_at=instant(get("completed_at")),
        failed_at=instant(get("failed_at")),
        errors_log=mapping(get("errors_log")) or None,
        errors_count=integer(get("errors_count")),
        place_target_order=boolean(get("place_target_order")),
        cancel_source_order=boolean(get("cancel_source_order")),
        skip_errors=boolean(get("skip_errors")),
        created_at=instant(get("created_at")),
        updated_at=instant(get("updated_at")),
        metadata=mapping(get("metadata")) or None,
        source_order_id=source,
        target_order_id=target,
        order_subscription_id=subscribed,
        source_order=order(found_source, included) if found_source else None,
        target_order=order(found_target, included) if found_target else None,
        order_subscription=subscription(found_subscription) if found_subscription else None,
        reuse_wallet=boolean(get("reuse_wallet")),
        apply_promotions=boolean(get("apply_promotions")),
        ignore_invalid_coupon=boolean(get("ignore_invalid_coupon")),
        reference=text(get("reference")),
        reference_origin=text(get("reference_origin")),
        raw=resource,
    )


def _type(declared: str, attribute: object) -> FactoryType | Literal["order_factories"]:
    """Which of the two a factory is.

    `attributes.type` exists on all three, and the examples of the reference show it wrong on order copies. It is
    believed only where `data.type` is the umbrella's, because there nothing else says it.
    """
    said = attribute if declared == UMBRELLA else declared
    for known in FACTORY_TYPES:
        if said == known:
            return known
    return UMBRELLA
