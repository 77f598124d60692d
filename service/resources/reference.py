"""The reference as data: what Commerce Layer offers for each resource that Copydesk asks for.

Flags, one letter each: c creatable, u updatable, f fetchable, q filterable, s sortable; i, of a relationship,
includable. Sources: the pages of the API reference, https://docs.commercelayer.io/core/api-reference, and the flags
of the published schema (commercelayer-sdk 7.11.0, schema 7.9.16). Where they differ the page is followed: a list of
recurring order copies is neither sorted nor filtered by `type`, nor sorted by subscription.
"""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from service.resources.offer import Offer, attributes, relationships

# https://docs.commercelayer.io/core/api-specification/pagination
LARGEST_PAGE = 25

_MARKS = {
    "datetime fqs": "created_at updated_at",
    "string cufqs": "reference reference_origin",
    "object cufq": "metadata",
}
_RUN = {
    "string fqs": "status",
    "integer fqs": "errors_count",
    "object f": "errors_log",
    "boolean cf": "place_target_order reuse_wallet",
    **_MARKS,
    "datetime fqs": "started_at completed_at failed_at created_at updated_at",
}
_ENDS = {
    "orders cqi": "source_order",
    "orders qi": "target_order",
    "events qi": "events",
    "event_stores": "event_stores",
}

ORDER_FACTORIES = Offer(
    "order_factories",
    # Nothing is written by way of the umbrella.
    attributes(
        {
            "string fqs": "type status reference reference_origin",
            "integer fqs": "errors_count",
            "object f": "errors_log",
            "boolean f": "place_target_order reuse_wallet",
            "datetime fqs": _RUN["datetime fqs"],
            "object fq": "metadata",
        }
    ),
    relationships({"orders qi": "source_order target_order", "events qi": "events", "event_stores": "event_stores"}),
    actions=("list", "retrieve"),
)
ORDER_COPIES = Offer(
    "order_copies",
    attributes(
        {
            **_RUN,
            "string fqs": "type status",
            "boolean cf": "place_target_order reuse_wallet"
            " cancel_source_order apply_promotions skip_errors ignore_invalid_coupon",
        }
    ),
    # A subscription's manual run; it can neither be given nor filtered by.
    relationships({**_ENDS, "order_subscriptions i": "order_subscription"}),
)
RECURRING_ORDER_COPIES = Offer(
    "recurring_order_copies",
    attributes({**_RUN, "string f": "type"}),
    relationships({**_ENDS, "order_subscriptions cqi": "order_subscription"}),
)

# Money of orders comes three times: `…_cents`, `…_float` and `formatted_…`.
_FILTERABLE_MONEY = (
    "subtotal_amount", "shipping_amount", "payment_method_amount", "discount_amount", "adjustment_amount",
    "gift_card_amount", "total_tax_amount", "subtotal_tax_amount", "total_amount", "fees_amount", "duty_amount",
)  # fmt: skip
_SHOWN_MONEY = (
    "shipping_tax_amount", "payment_method_tax_amount", "adjustment_tax_amount", "total_taxable_amount",
    "subtotal_taxable_amount", "shipping_taxable_amount", "payment_method_taxable_amount",
    "adjustment_taxable_amount", "total_amount_with_taxes", "place_total_amount",
)  # fmt: skip
_MONEY = (*_FILTERABLE_MONEY, *_SHOWN_MONEY)

ORDERS = Offer(
    "orders",
    attributes(
        {
            "string cufqs": "number affiliate_code language_code coupon_code gift_card_code reference reference_origin",
            "string fqs": "status payment_status fulfillment_status currency_code country_code circuit_state",
            "string cufq": "customer_email",
            "string fq": "token",
            "string f": "customer_type checkout_url " + " ".join(f"formatted_{amount}" for amount in _MONEY),
            "string cuf": "shipping_country_code_lock gift_card_or_coupon_code"
            " cart_url return_url terms_url privacy_url",
            "string cu": "customer_password",
            "boolean cufqs": "place_async guest",
            "boolean cuf": "autorefresh freight_taxable payment_method_taxable adjustment_taxable gift_card_taxable",
            "boolean fqs": "tax_included",
            "boolean f": "editable requires_billing_info",
            "integer fqs": "circuit_failure_count " + " ".join(f"{amount}_cents" for amount in _FILTERABLE_MONEY),
            "integer f": "skus_count line_item_options_count shipments_count tax_calculations_count"
            " validations_count errors_count " + " ".join(f"{amount}_cents" for amount in _SHOWN_MONEY),
            "float fqs": "tax_rate",
            "float f": " ".join(f"{amount}_float" for amount in _MONEY),
            "datetime fqs": "placed_at approved_at cancelled_at payment_updated_at fulfillment_updated_at refreshed_at"
            " archived_at subscription_created_at created_at updated_at",
            "datetime cufqs": "expires_at",
            "object fq": "payment_source_details",
            "object cufq": "metadata",
            "object cuf": "expiration_info",
        }
    ),
    relationships(
        {
            "* cuqi": "market customer shipping_address billing_address store payment_method payment_source tags",
            "* qi": "discount_engine_item line_items line_item_options stock_reservations stock_line_items"
            " stock_transfers shipments payment_options transactions authorizations captures voids refunds returns"
            " attachments notifications links resource_errors",
            "* i": "default_shipping_method default_payment_method available_payment_methods"
            " available_customer_payment_sources available_free_skus available_free_bundles versions",
            "order_subscriptions qi": "order_subscription order_subscriptions",
            "order_factories i": "order_factories",
            "order_copies qi": "order_copies",
            "recurring_order_copies qi": "recurring_order_copies",
            "events qi": "events",
            "event_stores": "event_stores",
        }
    ),
    # Those that Copydesk has a use for.
    triggers=("_cancel", "_place", "_approve", "_pending"),
)
ORDER_SUBSCRIPTIONS = Offer(
    "order_subscriptions",
    attributes(
        {
            **_MARKS,
            "string fqs": "number status",
            "string cufqs": "frequency reference reference_origin",
            "string fq": "customer_email",
            "boolean cuf": "activate_by_source_order place_target_order",
            "boolean fqs": "succeeded_on_last_run",
            "integer cuf": "renewal_alert_period",
            "integer fqs": "occurrencies errors_count",
            "datetime cfqs": "starts_at",
            "datetime cufqs": "expires_at",
            "datetime ufqs": "next_run_at",
            "datetime fqs": "last_run_at created_at updated_at",
            "object cuf": "options",
        }
    ),
    relationships(
        {
            "* cqi": "market",
            "* qi": "subscription_model customer customer_payment_source tags",
            "* i": "order_subscription_items versions",
            "orders cqi": "source_order",
            "orders i": "orders",
            "order_factories i": "order_factories",
            "order_copies i": "order_copies",
            "recurring_order_copies i": "recurring_order_copies",
            "events qi": "events",
            "event_stores": "event_stores",
        }
    ),
    triggers=("_activate", "_deactivate", "_cancel", "_convert"),
)
WEBHOOKS = Offer(
    "webhooks",
    attributes(
        {
            **_MARKS,
            "string cufq": "name topic",
            "string cuf": "callback_url",
            "array cuf": "include_resources",
            "datetime fqs": "disabled_at created_at updated_at",
            # Kept outside the provider's database: its own tools filter by them after reading, so nobody else
            # should rely on a filter either.
            "string f": "circuit_state shared_secret",
            "integer f": "circuit_failure_count",
        }
    ),
    relationships({"event_callbacks i": "last_event_callbacks", "* i": "versions", "event_stores": "event_stores"}),
    # A new secret is better had by a second webhook: the trigger for it is deprecated, and the old one ends at once.
    triggers=("_enable", "_disable", "_reset_circuit"),
    creatable_triggers=("_enable", "_disable"),
)
EVENTS = Offer(
    "events",
    attributes({**_MARKS, "string fqs": "name"}),
    relationships(
        {"webhooks i": "webhooks", "event_callbacks i": "last_event_callbacks", "event_stores": "event_stores"}
    ),
    actions=("list", "retrieve", "update"),
    triggers=("_trigger",),
)
EVENT_CALLBACKS = Offer(
    "event_callbacks",
    attributes(
        {
            **_MARKS,
            "string fq": "callback_url",
            "string fqs": "response_code response_message",
            "object f": "payload",
        }
    ),
    relationships({"webhooks qi": "webhook", "event_stores": "event_stores"}),
    actions=("list", "retrieve"),
)

REFERENCE: Mapping[str, Offer] = MappingProxyType(
    {
        offer.type: offer
        for offer in (
            ORDER_FACTORIES,
            ORDER_COPIES,
            RECURRING_ORDER_COPIES,
            ORDERS,
            ORDER_SUBSCRIPTIONS,
            WEBHOOKS,
            EVENTS,
            EVENT_CALLBACKS,
        )
    }
)
