"""Commerce Layer's resources as frozen values, read from JSON:API resource objects. Pure.

The reader is tolerant: what is missing or of the wrong type reads as None, an unknown status is kept as it came,
because the provider's enums grow, and what is unknown altogether stays in `raw`. Ids are checked against one
pattern, so that nothing from a body can steer a path or a query. What each resource offers (fields, sorts, filters,
includes, what may be created and updated) is in `service.resources.reference`. Source of the fields:
https://docs.commercelayer.io/core/api-reference
"""

from service.resources.factories import (
    FACTORY_STATUSES,
    FACTORY_TYPES,
    UMBRELLA,
    FactoryType,
    OrderFactory,
    factory_of,
    order_factory,
)
from service.resources.orders import Order, Subscription, order, subscription
from service.resources.resource import Meta, Resource, unknown_attributes
from service.resources.values import ID_PATTERN, Json, instant, is_id
from service.resources.webhooks import (
    EventCallback,
    RecordedEvent,
    Webhook,
    event_callback,
    recorded_event,
    webhook,
)

__all__ = [
    "FACTORY_STATUSES",
    "FACTORY_TYPES",
    "ID_PATTERN",
    "UMBRELLA",
    "EventCallback",
    "FactoryType",
    "Json",
    "Meta",
    "Order",
    "OrderFactory",
    "RecordedEvent",
    "Resource",
    "Subscription",
    "Webhook",
    "event_callback",
    "factory_of",
    "instant",
    "is_id",
    "order",
    "order_factory",
    "recorded_event",
    "subscription",
    "unknown_attributes",
    "webhook",
]
