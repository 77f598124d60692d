"""The provider's resources as frozen values: one reading for webhook bodies and API answers, which share a format.

Pure and tolerant: an unknown attribute is ignored, a known one of the wrong type reads as None, and an unknown
status is kept as it came, because the provider's enums grow. Ids are checked against one pattern, so that nothing
from a body can steer a path or a query. Source of the fields: the resource pages of the API reference,
https://docs.commercelayer.io/core/api-reference
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, TypeAlias, TypeGuard

Json: TypeAlias = Mapping[str, Any]
FactoryType = Literal["order_copies", "recurring_order_copies"]
FACTORY_TYPES: tuple[FactoryType, ...] = ("order_copies", "recurring_order_copies")

ID_PATTERN = re.compile(r"[A-Za-z0-9]{1,32}")
_INSTANT_PATTERN = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,6})?(Z|[+-]\d\d:\d\d)")


def is_id(value: object) -> TypeGuard[str]:
    """Tell whether `value` has the form of a resource id."""
    return isinstance(value, str) and ID_PATTERN.fullmatch(value) is not None


def instant(value: object) -> datetime | None:
    """Read a time such as 2026-03-02T09:00:02.905Z as UTC; None where it is anything else."""
    if not isinstance(value, str) or not _INSTANT_PATTERN.fullmatch(value):
        return None
    try:
        return datetime.fromisoformat(value).astimezone(UTC)
    except (ValueError, OverflowError):
        return None


@dataclass(frozen=True, slots=True)
class Order:
    """An order, as far as copies and their source need it."""

    id: str
    number: str | None = None
    status: str | None = None
    payment_status: str | None = None
    fulfillment_status: str | None = None
    total_cents: int | None = None
    items_count: int | None = None
    updated_at: datetime | None = None
    # Of a target: the subscription that made it. Of a source: the subscriptions it began, with their statuses;
    # None where the answer did not include them, which is not the same as none.
    order_subscription_id: str | None = None
    order_subscriptions: tuple[Subscription, ...] | None = None


@dataclass(frozen=True, slots=True)
class Subscription:
    """An order subscription: what makes recurring copies."""

    id: str
    number: str | None = None
    status: str | None = None
    last_run_at: datetime | None = None
    next_run_at: datetime | None = None
    occurrencies: int | None = None
    errors_count: int | None = None
    succeeded_on_last_run: bool | None = None
    updated_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class OrderFactory:
    """An order copy or a recurring order copy.

    A related order or subscription is None where the document did not include it; its id may be known all the same.
    """

    type: FactoryType
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


def order(resource: Json, included: tuple[Json, ...] = ()) -> Order:
    """Read an `orders` resource object; related subscriptions from `included`."""
    a = _mapping(resource.get("attributes"))
    began = _linkage(resource, "order_subscriptions")
    return Order(
        id=resource["id"],
        number=_number(a.get("number")),
        status=_text(a.get("status")),
        payment_status=_text(a.get("payment_status")),
        fulfillment_status=_text(a.get("fulfillment_status")),
        total_cents=_integer(a.get("total_amount_with_taxes_cents")),
        items_count=_integer(a.get("line_items_count") or a.get("skus_count")),
        updated_at=instant(a.get("updated_at")),
        order_subscription_id=_related_id(resource, "order_subscription"),
        order_subscriptions=None
        if began is None
        else tuple(subscription(_find(included, "order_subscriptions", i) or {"id": i}) for i in began),
    )


def subscription(resource: Json) -> Subscription:
    """Read an `order_subscriptions` resource object."""
    a = _mapping(resource.get("attributes"))
    return Subscription(
        id=resource["id"],
        number=_number(a.get("number")),
        status=_text(a.get("status")),
        last_run_at=instant(a.get("last_run_at")),
        next_run_at=instant(a.get("next_run_at")),
        occurrencies=_integer(a.get("occurrencies")),
        errors_count=_integer(a.get("errors_count")),
        succeeded_on_last_run=_boolean(a.get("succeeded_on_last_run")),
        updated_at=instant(a.get("updated_at")),
    )


def order_factory(resource: Json, included: tuple[Json, ...] = ()) -> OrderFactory:
    """Read an `order_copies` or `recurring_order_copies` resource object and what it includes.

    Only `data.type` says which of the two it is: `attributes.type` exists too and documentation shows it wrong.
    """
    a = _mapping(resource.get("attributes"))
    source, target = _related_id(resource, "source_order"), _related_id(resource, "target_order")
    subscribed = _related_id(resource, "order_subscription")
    found_source, found_target = _find(included, "orders", source), _find(included, "orders", target)
    found_subscription = _find(included, "order_subscriptions", subscribed)
    return OrderFactory(
        type=resource["type"],
        id=resource["id"],
        status=_text(a.get("status")),
        started_at=instant(a.get("started_at")),
        completed_at=instant(a.get("completed_at")),
        failed_at=instant(a.get("failed_at")),
        errors_log=_mapping(a.get("errors_log")) or None,
        errors_count=_integer(a.get("errors_count")),
        place_target_order=_boolean(a.get("place_target_order")),
        cancel_source_order=_boolean(a.get("cancel_source_order")),
        skip_errors=_boolean(a.get("skip_errors")),
        created_at=instant(a.get("created_at")),
        updated_at=instant(a.get("updated_at")),
        metadata=_mapping(a.get("metadata")) or None,
        source_order_id=source,
        target_order_id=target,
        order_subscription_id=subscribed,
        source_order=order(found_source, included) if found_source else None,
        target_order=order(found_target, included) if found_target else None,
        order_subscription=subscription(found_subscription) if found_subscription else None,
    )


def _mapping(value: object) -> Json:
    return value if isinstance(value, dict) else {}


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None


def _number(value: object) -> str | None:
    """Order numbers were integers until 2022 and are strings now."""
    return str(value) if isinstance(value, str | int) and not isinstance(value, bool) else None


def _integer(value: object) -> int | None:
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _boolean(value: object) -> bool | None:
    return value if isinstance(value, bool) else None


def _related_id(resource: Json, name: str) -> str | None:
    """The id of a to-one relationship; linkage is there only for included ones, `"data": null` for an empty one."""
    linkage = _mapping(_mapping(_mapping(resource.get("relationships")).get(name)).get("data"))
    return linkage["id"] if is_id(linkage.get("id")) else None


def _linkage(resource: Json, name: str) -> list[str] | None:
    """The ids of a to-many relationship; None where the document does not say."""
    relationship = _mapping(_mapping(resource.get("relationships")).get(name))
    data = relationship.get("data")
    if not isinstance(data, list):
        return None
    return [item["id"] for item in data if isinstance(item, dict) and is_id(item.get("id"))]


def _find(included: tuple[Json, ...], type_: str, id_: str | None) -> Json | None:
    return next((r for r in included if id_ and r.get("type") == type_ and r.get("id") == id_), None)
