"""What of a payload may be shown: its shape, ids, states, amounts and times. Pure, and the one policy of every face.

The policy is by the names of fields, for what people, their devices and their money are called, and by the look of
values (`service.scrubbing`), for what stands in free text. Everything of `metadata` is masked, since nobody knows
what is in it, but for the keys that the settings name. `errors_log` stays readable: only its look is judged.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from service.scrubbing import MASK, MASKED_EMAIL, has_email, scrubbed, without_addresses

__all__ = ["MASK", "MASKED_EMAIL", "masked", "masked_attributes", "masked_factory_parts", "masked_metadata", "scrubbed"]

_NOTHING: frozenset[str] = frozenset()
# Whole words of a name, so that `customer_email` is one and `email_template_id` is none.
_PERSON = (
    "email|first_name|last_name|full_name|middle_name|given_name|family_name|surname|company|nickname|username|name"
    "|customer_name|holder|recipient|birthday|birth_date|date_of_birth|gender|phone|phone_number|mobile|fax|signature"
)
_PLACE = (
    "line_1|line_2|street|address|city|town|zip|zip_code|postal_code|postcode|state_code|province|latitude|longitude"
    "|lat|lng|geocode|geolocation|static_map_url|map_url|ip|ip_address|user_agent|fingerprint|device"
)
_MONEY = (
    "billing_info|tax_id|tax_code|vat_number|vat|iban|bic|swift|account_number|routing_number|card|credit_card"
    "|card_number|card_type|card_expiry|expiry|last_digits|last_4|last4|pan|cc_number|cvc|cvv|security_code"
    "|gift_card_code|gift_card_or_coupon_code|payment_instrument|payment_source_details|payment_response"
    "|payment_request_data|payment_request_details|payment_options|mandate"
)
_KEYS = (
    "password|pass|token|secret|client_secret|access_token|refresh_token|authorization|cookie|session|session_id|otp"
    "|pin|api_key|private_key|secret_key|publishable_key|public_key|credentials"
)
_TEXT = "notes?|gift_message|message_to_recipient|comments?"
_PERSONAL = re.compile(rf"(?:^|_)(?:{_PERSON}|{_PLACE}|{_MONEY}|{_KEYS}|{_TEXT})$")
# The names of things, which are no persons'.
_THINGS = re.compile(r"(^|_)(market|sku|shipping_method|payment_method|price_list|item|product|event|resource)_name$")
_HUMP = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")
# What JSON:API puts beside attributes; whatever else stands there is treated as attributes are.
# https://jsonapi.org/format/#document-resource-objects
_STRUCTURE = frozenset({"data", "included", "id", "type", "links", "relationships", "errors", "jsonapi"})


def masked(document: Any, shown: Collection[str] = _NOTHING) -> Any:
    """A payload without what is personal; its structure stays, so that it means the same to a handler.

    Args:
        document: a JSON:API document, or any other JSON value.
        shown: keys of `metadata` that may be shown.
    """
    if isinstance(document, list):
        return [masked(one, shown) for one in document]
    if not isinstance(document, dict):
        return _looked_through(document)
    return {_key(name): _member(name, value, shown) for name, value in document.items()}


def _member(name: str, value: Any, shown: Collection[str]) -> Any:
    if name == "attributes":
        return masked_attributes(value, shown)
    if name == "relationships" and isinstance(value, dict):
        # Their names are those of resources, such as `billing_address`, and each is a structure of its own.
        return {_key(one): masked(of, shown) for one, of in value.items()}
    return masked(value, shown) if name in _STRUCTURE else _field(name, value, shown)


def masked_attributes(attributes: Any, shown: Collection[str] = _NOTHING) -> Any:
    """The attributes of a resource, likewise."""
    if isinstance(attributes, dict):
        return {_key(name): _field(name, one, shown) for name, one in attributes.items()}
    if isinstance(attributes, list):
        return [masked_attributes(one, shown) for one in attributes]
    return _looked_through(attributes)


def masked_metadata(metadata: Any, shown: Collection[str] = _NOTHING) -> Any:
    """The metadata of a resource: its keys, and the values of those keys that may be shown, scrubbed.

    Booleans stay, since they tell nobody's name and rules look for them.
    """
    if not isinstance(metadata, dict):
        return _blank(metadata)
    return {_key(name): _everywhere(one) if name in shown else _blank(one) for name, one in metadata.items()}


def masked_factory_parts(payload: Any, shown: Collection[str] = _NOTHING) -> tuple[Any, Any]:
    """What of a factory stands in its payload alone, as it may be shown.

    Args:
        payload: the parsed body of a delivery about an order factory.
        shown: keys of `metadata` that may be shown.

    Returns:
        `errors_log` and `metadata`; None for what the payload does not have.
    """
    data = payload.get("data") if isinstance(payload, Mapping) else None
    attributes = data.get("attributes") if isinstance(data, Mapping) else None
    if not isinstance(attributes, Mapping):
        return None, None
    errors, metadata = attributes.get("errors_log"), attributes.get("metadata")
    return _everywhere(errors), None if metadata is None else masked_metadata(metadata, shown)


def _field(name: str, value: Any, shown: Collection[str]) -> Any:
    low = _HUMP.sub("_", name).lower().replace("-", "_")
    if low == "metadata" or low.endswith("_metadata"):
        return masked_metadata(value, shown)
    if low == "errors_log":
        # Its keys are the names of fields, and its texts what people have to read.
        return _everywhere(value)
    if _PERSONAL.search(low) and not _THINGS.search(low):
        return _blank(value)
    return masked_attributes(value, shown) if isinstance(value, dict | list) else _looked_through(value)


def _key(name: str) -> str:
    """A name of a member, which may be somebody's too: an object may map e-mail addresses to what befell them."""
    return without_addresses(name)


def _everywhere(value: Any) -> Any:
    """Each text in a value looked through, whatever it is called."""
    if isinstance(value, dict):
        return {_key(name): _everywhere(one) for name, one in value.items()}
    return [_everywhere(one) for one in value] if isinstance(value, list) else _looked_through(value)


def _blank(value: Any) -> Any:
    """Nothing of the value but its kind; keys of objects stay, since handlers look for them."""
    if isinstance(value, dict):
        return {_key(name): _blank(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_blank(one) for one in value]
    if isinstance(value, str) and value:
        return MASKED_EMAIL if has_email(value) else MASK
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _looked_through(value: Any) -> Any:
    """A value of a field that is not personal, without what looks personal in it."""
    return without_addresses(value) if isinstance(value, str) else value
