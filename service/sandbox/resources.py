"""What the sandbox knows of each resource: its attributes, its relationships and what may be done with them.

The flags are those of Commerce Layer's public schema (commercelayer-sdk, gen/resources.json, 7.11.0), one letter
each: c creatable, u updatable, f fetchable, q filterable, s sortable. Recurring order copies follow the reference
page "List all recurring order copies", which offers neither `type` nor a sort by subscription.
"""

from __future__ import annotations

from service.sandbox.schema import Attribute, Relationship, Resource

# How many of "the last" callbacks are shown is not public.
NEWEST_CALLBACKS = 25

_MARKS = {
    "created_at": Attribute("datetime", "fqs"),
    "updated_at": Attribute("datetime", "fqs"),
    "reference": Attribute("string", "cufqs"),
    "reference_origin": Attribute("string", "cufqs"),
    "metadata": Attribute("object", "cufq", default={}),
}
_EVENTS = {
    "events": Relationship("events", "q", via="subject"),
    "event_stores": Relationship("event_stores", known=False),
}
_RUN = {
    "status": Attribute("string", "fqs", default="pending"),
    "started_at": Attribute("datetime", "fqs"),
    "completed_at": Attribute("datetime", "fqs"),
    "failed_at": Attribute("datetime", "fqs"),
    "errors_log": Attribute("object", "f", default={}),
    "errors_count": Attribute("integer", "fqs", default=0),
    "place_target_order": Attribute("boolean", "cf"),
    "reuse_wallet": Attribute("boolean", "cf", default=True),
    **_MARKS,
}
_ENDS = {
    "source_order": Relationship("orders", "cq"),
    "target_order": Relationship("orders", "q"),
}
_TYPE = {"type": Attribute("string", "fqs")}

ORDER_FACTORIES = Resource(
    attributes={**_TYPE, **_RUN},
    relationships={**_ENDS, **_EVENTS},
    actions=frozenset({"list", "retrieve"}),
)
ORDER_COPIES = Resource(
    attributes={
        **_TYPE,
        **_RUN,
        "cancel_source_order": Attribute("boolean", "cf"),
        "apply_promotions": Attribute("boolean", "cf", default=False),
        "skip_errors": Attribute("boolean", "cf", default=False),
        "ignore_invalid_coupon": Attribute("boolean", "cf", default=False),
    },
    # The subscription of an order copy can neither be given nor filtered by.
    relationships={**_ENDS, **_EVENTS, "order_subscription": Relationship("order_subscriptions")},
    required=("source_order",),
)
RECURRING_ORDER_COPIES = Resource(
    attributes=_RUN,
    relationships={**_ENDS, **_EVENTS, "order_subscription": Relationship("order_subscriptions", "cq")},
    required=("source_order", "order_subscription"),
)
ORDERS = Resource(
    attributes={
        "number": Attribute("string", "cufqs"),
        "place_async": Attribute("boolean", "cufqs", default=False),
        "status": Attribute("string", "fqs", default="draft"),
        "payment_status": Attribute("string", "fqs", default="unpaid"),
        "fulfillment_status": Attribute("string", "fqs", default="unfulfilled"),
        "customer_email": Attribute("string", "cufq"),
        "currency_code": Attribute("string", "fqs", default="EUR"),
        "skus_count": Attribute("integer", "f", default=0),
        "total_amount_with_taxes_cents": Attribute("integer", "f", default=0),
        "total_amount_with_taxes_float": Attribute("float", "f", default=0.0),
        "formatted_total_amount_with_taxes": Attribute("string", "f", default="€0,00"),
        "placed_at": Attribute("datetime", "fqs"),
        "approved_at": Attribute("datetime", "fqs"),
        "cancelled_at": Attribute("datetime", "fqs"),
        **_MARKS,
    },
    relationships={
        "market": Relationship("markets", known=False),
        "customer": Relationship("customers", known=False),
        "order_subscription": Relationship("order_subscriptions", "q"),
        "order_subscriptions": Relationship("order_subscriptions", "q", via="source_order"),
        "order_factories": Relationship("order_factories", via="source_order"),
        "order_copies": Relationship("order_copies", "q", via="source_order"),
        "recurring_order_copies": Relationship("recurring_order_copies", "q", via="source_order"),
        **_EVENTS,
    },
    actions=frozenset({"list", "retrieve", "create", "update"}),
    triggers=dict.fromkeys(
        ("_pending", "_place", "_cancel", "_approve", "_approve_and_capture", "_capture", "_refund"), "u"
    ),
)
ORDER_SUBSCRIPTIONS = Resource(
    attributes={
        "number": Attribute("string", "fqs"),
        "status": Attribute("string", "fqs", default="draft"),
        "frequency": Attribute("string", "cufqs"),
        "activate_by_source_order": Attribute("boolean", "cuf", default=True),
        "place_target_order": Attribute("boolean", "cuf", default=True),
        "renewal_alert_period": Attribute("integer", "cuf", default=1),
        "customer_email": Attribute("string", "fq"),
        "starts_at": Attribute("datetime", "cfqs"),
        "expires_at": Attribute("datetime", "cufqs"),
        "last_run_at": Attribute("datetime", "fqs"),
        "next_run_at": Attribute("datetime", "ufqs"),
        "occurrencies": Attribute("integer", "fqs", default=0),
        "errors_count": Attribute("integer", "fqs", default=0),
        "succeeded_on_last_run": Attribute("boolean", "fqs"),
        **_MARKS,
    },
    relationships={
        "market": Relationship("markets", known=False),
        "subscription_model": Relationship("subscription_models", known=False),
        "source_order": Relationship("orders", "cq"),
        "customer": Relationship("customers", known=False),
        "customer_payment_source": Relationship("customer_payment_sources", known=False),
        "order_subscription_items": Relationship("order_subscription_items", known=False),
        "order_factories": Relationship("order_factories", via="order_subscription"),
        "order_copies": Relationship("order_copies", via="order_subscription"),
        "recurring_order_copies": Relationship("recurring_order_copies", via="order_subscription"),
        "orders": Relationship("orders", via="order_subscription"),
        "events": _EVENTS["events"],
        "tags": Relationship("tags", known=False),
        "event_stores": _EVENTS["event_stores"],
    },
    actions=frozenset({"list", "retrieve", "create", "update"}),
    triggers=dict.fromkeys(("_activate", "_deactivate", "_cancel"), "u"),
    required=("frequency", "source_order"),
)
WEBHOOKS = Resource(
    attributes={
        "name": Attribute("string", "cufq"),
        "topic": Attribute("string", "cufq"),
        "callback_url": Attribute("string", "cuf"),
        "include_resources": Attribute("array", "cuf"),
        "disabled_at": Attribute("datetime", "fqs"),
        # Transient: no part of the row, so neither filters nor sorts.
        "circuit_state": Attribute("string", "f", default="closed"),
        "circuit_failure_count": Attribute("integer", "f", default=0),
        "shared_secret": Attribute("string", "f"),
        **_MARKS,
    },
    relationships={
        "last_event_callbacks": Relationship("event_callbacks", via="webhook", newest=NEWEST_CALLBACKS),
        "event_stores": _EVENTS["event_stores"],
    },
    triggers={"_enable": "cu", "_disable": "cu", "_reset_circuit": "u", "_regenerate_shared_secret": "u"},
    required=("topic", "callback_url"),
)
EVENTS = Resource(
    attributes={"name": Attribute("string", "fqs"), **_MARKS},
    relationships={
        "webhooks": Relationship("webhooks", same=("name", "topic")),
        "last_event_callbacks": Relationship("event_callbacks", via="event", newest=NEWEST_CALLBACKS),
        "event_stores": Relationship("event_stores", known=False),
    },
    actions=frozenset({"list", "retrieve", "update"}),
    triggers={"_trigger": "u"},
)
EVENT_CALLBACKS = Resource(
    attributes={
        "callback_url": Attribute("string", "fq"),
        "payload": Attribute("object", "f"),
        "response_code": Attribute("string", "fqs"),
        "response_message": Attribute("string", "fqs"),
        **_MARKS,
    },
    relationships={"webhook": Relationship("webhooks", "q")},
    actions=frozenset({"list", "retrieve"}),
)
EVENT_STORES = Resource(
    attributes={
        "resource_type": Attribute("string", "f"),
        "resource_id": Attribute("string", "f"),
        "event": Attribute("string", "f"),
        "payload": Attribute("object", "f"),
        "who": Attribute("object", "f"),
        "created_at": Attribute("datetime", "f"),
    },
    relationships={},
    actions=frozenset({"retrieve"}),
)

RESOURCES: dict[str, Resource] = {
    "orders": ORDERS,
    "order_copies": ORDER_COPIES,
    "recurring_order_copies": RECURRING_ORDER_COPIES,
    "order_factories": ORDER_FACTORIES,
    "order_subscriptions": ORDER_SUBSCRIPTIONS,
    "webhooks": WEBHOOKS,
    "events": EVENTS,
    "event_callbacks": EVENT_CALLBACKS,
    "event_stores": EVENT_STORES,
}

# `order_factories` is the umbrella over these two and keeps nothing of its own.
COPIES = ("order_copies", "recurring_order_copies")


def with_id(resource: Resource) -> dict[str, Attribute]:
    """The attributes a list may be filtered and sorted by: the resource's own and its id."""
    return {"id": Attribute("string", "fqs"), **resource.attributes}
