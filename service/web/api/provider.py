"""What is shaped as the provider's: order factories of either kind, orders, subscriptions and changes. Pure.

Attributes, relationships and their order are those of the pages of the reference; what a list may be sorted and
filtered by is `service.resources.reference`. https://docs.commercelayer.io/core/api-reference/order_factories
"""

from __future__ import annotations

from collections.abc import Mapping

from service.resources import FACTORY_STATUSES, FACTORY_TYPES, UMBRELLA
from service.resources.reference import REFERENCE
from service.web.api.offers import Attribute, Offer, Relation

_ABOUT = {
    "type": "Which kind of order factory it is: of `order_factories` the only sign.",
    "status": "The order factory status. One of 'pending' (default), 'in_progress', 'aborted', 'failed', or"
    " 'completed'.",
    "started_at": "Time at which the order copy was started.",
    "completed_at": "Time at which the order copy was completed.",
    "failed_at": "Time at which the order copy has failed.",
    "errors_log": "Contains the order copy errors, if any; null where the body that told them is not kept any more.",
    "errors_count": "Indicates the number of copy errors, if any.",
    "place_target_order": "Indicates if the target order must be placed upon copy.",
    "reuse_wallet": "Indicates if the payment source within the source order customer's wallet must be copied.",
    "created_at": "Time at which the resource was created.",
    "updated_at": "Time at which the resource was last updated.",
    "reference": "Its identifier in another system.",
    "reference_origin": "The system that defines the reference.",
    "metadata": "Set of key-value pairs attached to the resource; empty where the body that told them is not kept any"
    " more. Values are masked.",
    "cancel_source_order": "Indicates if the source order must be cancelled upon copy.",
    "apply_promotions": "Indicates if promotions are applied to the target order.",
    "skip_errors": "Indicates if errors are ignored.",
    "ignore_invalid_coupon": "Indicates if an invalid coupon is ignored.",
}
_UMBRELLA = (*_ABOUT,)[:-4]
# As the pages list them; a copy's own come last.
_WIRE: Mapping[str, tuple[str, ...]] = {
    UMBRELLA: _UMBRELLA,
    "order_copies": (*_ABOUT,),
    "recurring_order_copies": _UMBRELLA,
}
_FROM_BODY = ("errors_log", "metadata")
_WRITTEN = ("reference", "reference_origin")
_ID = "string"
_STANDING = {"id": _ID, "status": "string", "updated_at": "datetime"}
# Of one side of a relationship, as far as our record knows it.
_FAR = {
    "orders": _STANDING,
    "order_subscriptions": _STANDING,
    "events": {"id": "integer", "name": "string", "created_at": "datetime", "updated_at": "datetime"},
}
_RELATIONS = {
    "source_order": ("orders", False, "The source order to copy from."),
    "target_order": ("orders", False, "The copied target order."),
    "events": ("events", True, "The associated events."),
    "event_stores": ("event_stores", True, "The associated event stores."),
    "order_subscription": ("order_subscriptions", False, "The subscription that the copy belongs to."),
}


def _factories(type_: str, about: str) -> Offer:
    reference = REFERENCE[type_]
    attributes = {}
    for name in _WIRE[type_]:
        flags = "".join(flag for flag in reference.attributes[name].flags if flag in "qs")
        flags += ("c" if name in ("status", "type") else "") + ("b" if name in _FROM_BODY else "")
        flags += "t" if name in _WRITTEN else "w" if name == "status" else ""
        words = FACTORY_TYPES if name == "type" else FACTORY_STATUSES if name == "status" else ()
        attributes[name] = Attribute(reference.attributes[name].kind, flags, _ABOUT[name], words)
    relations = {}
    for name, (far, many, told) in _RELATIONS.items():
        if name not in reference.relationships:
            continue
        flags = reference.relationships[name].flags
        filters = _FAR[far] if "q" in flags else {}
        relations[name] = Relation(
            far, told, many, "i" in flags, "" if many else f"{name}_id", "" if not many else "subject", filters
        )
    return Offer(type_, about, attributes, relations)


def _known(type_: str, about: str, relations: Mapping[str, tuple[str, bool, str]]) -> Offer:
    """An order or a subscription, of which the record knows where it stands."""
    return Offer(
        type_,
        about,
        {
            "status": Attribute("string", "", "Where it stood last, as far as events or copies told; null otherwise."),
            "updated_at": Attribute("datetime", "", "When that was; null where it is not known."),
        },
        {name: Relation(far, told, many) for name, (far, many, told) in relations.items()},
        listed=False,
    )


_COPIES = {
    "order_factories": ("order_factories", True, "Its copies of either kind."),
    "order_copies": ("order_copies", True, "Its order copies."),
    "recurring_order_copies": ("recurring_order_copies", True, "Its recurring order copies."),
}
PROVIDER: tuple[Offer, ...] = (
    _factories(UMBRELLA, "Order copies and recurring order copies alike."),
    _factories("order_copies", "Order copies."),
    _factories("recurring_order_copies", "Recurring order copies: the runs of subscriptions."),
    _known(
        "orders",
        "An order, as far as the record knows it.",
        {
            "order_subscription": ("order_subscriptions", False, "The subscription whose run made it."),
            "order_subscriptions": ("order_subscriptions", True, "The subscriptions that began with it."),
            **_COPIES,
        },
    ),
    _known("order_subscriptions", "An order subscription, as far as the record knows it.", _COPIES),
    Offer(
        "event_stores",
        "One change of a resource's status, as the record knows it.",
        {
            "resource_type": Attribute("string", "", "The type of what changed."),
            "resource_id": Attribute("string", "", "Its id."),
            "event": Attribute("string", "", "What happened to it.", ("create", "update")),
            "payload": Attribute("object", "", "The status before and after."),
            "who": Attribute("object", "", "Empty: only the provider knows who changed it."),
            "created_at": Attribute("datetime", "", "When it changed."),
            "updated_at": Attribute("datetime", "", "When it was recorded."),
        },
        {},
        listed=False,
    ),
)
