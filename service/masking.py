"""What of a real payload may be looked at elsewhere: its shape, ids, states, amounts and times. Pure.

The policy is by the names of fields, for what people and their devices are called, and by the look of values, for
what stands in free text. Everything of `metadata` is masked, since nobody knows what is in it.
"""

from __future__ import annotations

import re
from typing import Any

MASK = "masked"
MASKED_EMAIL = "masked@example.com"
# Whole words of a name, so that `customer_email` is one and `email_template_id` is none.
_PERSONAL = re.compile(
    r"(^|_)(email|first_name|last_name|full_name|company|line_1|line_2|city|zip_code|state_code|phone|mobile|fax"
    r"|billing_info|notes?|gift_message|latitude|longitude|lat|lng|geocode|static_map_url|map_url|birthday|birth_date"
    r"|tax_id|tax_code|vat_number|iban|card|last_digits|password|token|secret|ip|ip_address|user_agent|fingerprint"
    r"|client_secret|access_token|nickname|username|signature|street|address|recipient|customer_name|name)$"
)
# The names of things, which are no persons'.
_THINGS = re.compile(r"(^|_)(market|sku|shipping_method|payment_method|price_list|item|product|event|resource)_name$")
_EMAIL = re.compile(r"[^\s@<>\"',;]+@[^\s@<>\"',;]+\.[^\s@<>\"',;]+")
_IPV4 = re.compile(r"(?<![\d.])(?:\d{1,3}\.){3}\d{1,3}(?![\d.])")
_IPV6 = re.compile(
    r"(?<![\w:])(?:[0-9a-fA-F]{1,4}:){3,7}[0-9a-fA-F]{0,4}(?![\w:])|(?<![\w:])[0-9a-fA-F:]*::[0-9a-fA-F:]+"
)
_TOKEN = re.compile(r"(?i)eyJ[\w-]+\.[\w-]+(?:\.[\w-]*)?|bearer\s+\S+|[?&]\w*(?:token|key|secret)=[^\s&]+")
_PHONE = re.compile(r"(?<![\w.:/-])\+\d[\d ()./-]{6,}\d")
_STRUCTURE = frozenset({"id", "type", "links", "meta", "relationships"})


def masked(document: Any) -> Any:
    """A payload without what is personal; its structure stays, so that it means the same to a handler."""
    if isinstance(document, list):
        return [masked(one) for one in document]
    if not isinstance(document, dict):
        return _scrubbed(document)
    return {
        name: _attributes(value) if name == "attributes" else value if name in _STRUCTURE else masked(value)
        for name, value in document.items()
    }


def _attributes(value: Any) -> Any:
    if isinstance(value, dict):
        return {name: _field(name, one) for name, one in value.items()}
    return _scrubbed(value)


def _field(name: str, value: Any) -> Any:
    low = name.lower()
    if low == "metadata" or low.endswith("_metadata") or _is_personal(low):
        return _blank(value)
    if isinstance(value, dict):
        return _attributes(value)
    if isinstance(value, list):
        return [_field(name, one) for one in value]
    return _scrubbed(value)


def _is_personal(name: str) -> bool:
    return bool(_PERSONAL.search(name)) and not _THINGS.search(name)


def _blank(value: Any) -> Any:
    """Nothing of the value but its kind; keys of objects stay, since handlers look for them."""
    if isinstance(value, dict):
        return {name: _blank(one) for name, one in value.items()}
    if isinstance(value, list):
        return [_blank(one) for one in value]
    if isinstance(value, str) and value:
        return MASKED_EMAIL if "@" in value else MASK
    return 0 if isinstance(value, int | float) and not isinstance(value, bool) else value


def _scrubbed(value: Any) -> Any:
    """A value of a field that is not personal, without what looks personal in it."""
    if not isinstance(value, str):
        return value
    for pattern, instead in ((_EMAIL, MASKED_EMAIL), (_TOKEN, MASK), (_IPV4, MASK), (_IPV6, MASK), (_PHONE, MASK)):
        value = pattern.sub(instead, value)
    return value
