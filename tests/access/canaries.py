"""Bodies with a canary in every field that is somebody's, and what of it may be nowhere."""

from __future__ import annotations

from typing import Any

from tests.bodies import NOON, Json, copy, resource, subscription

WORD = "ca7ary"
EMAIL = f"{WORD}@example.org"
PHONE = "+44 20 7946 0777"
CARD = "4111 1111 1111 1111"
TOKEN = f"eyJhbGciOi.{WORD}.sig"
MARKS = (WORD, "7946 0777", "1111 1111")

PERSONAL: Json = {
    "email": EMAIL,
    "customer_email": EMAIL,
    "first_name": f"{WORD} first",
    "last_name": f"{WORD} last",
    "full_name": f"{WORD} full",
    "name": f"{WORD} name",
    "company": f"{WORD} company",
    "line_1": f"{WORD} street 1",
    "line_2": f"{WORD} floor 2",
    "city": f"{WORD} city",
    "zip_code": f"{WORD} zip",
    "state_code": f"{WORD}",
    "phone": PHONE,
    "billing_info": f"{WORD} VAT",
    "notes": f"{WORD} notes",
    "ip_address": f"{WORD} 203.0.113.9",
    "token": WORD,
    "customer_payment_source_token": WORD,
    "payment_source_details": {"type": "card", "number": CARD, "holder": WORD, "deep": [{"x": WORD}]},
    "gift_card_code": WORD,
    "firstName": WORD,
    "shipping-address": {"street": WORD},
    "geocode": {"lat": WORD},
    "cart_url": f"https://shop.example/?access_token={WORD}",
    "free_text": f"write to {EMAIL} or call {PHONE}, card {CARD}, Bearer {WORD}",
    "metadata": {"who": WORD, EMAIL: [WORD, {"deep": WORD}], "cancel_source_order": True},
}
ERRORS: Json = {
    "payment_method": [f"declined for {EMAIL} ({PHONE}), {TOKEN}", f"call {PHONE}"],
    "card": [f"{CARD} is expired", f"authorization failed: {TOKEN}"],
}


def failed(id_: str, *, recurring: bool = False) -> Json:
    """A copy that failed, with its orders, a customer and an address included."""
    body = copy(
        id_,
        "failed",
        recurring=recurring,
        source_order="qAlMhokOGm",
        target_order="NgojhelVGm",
        **({"order_subscription": "nZvYhWxKqB"} if recurring else {}),
        errors_log=ERRORS,
        errors_count=2,
        failed_at=NOON,
        **PERSONAL,
    )
    order = resource("orders", "qAlMhokOGm", {"status": "placed", **PERSONAL})
    order["relationships"] = {"billing_address": {"data": {"type": "addresses", "id": "a"}, "first_name": WORD}}
    order["meta"] |= {"customer": {"email": EMAIL}, "first_name": WORD}
    others = [resource(type_, "Xyz", PERSONAL) for type_ in ("customers", "addresses", "credit_cards")]
    return body | {"included": [order, *others], "meta": {"email": EMAIL}, "first_name": WORD}


def run_failed() -> Json:
    """A failed run of a subscription."""
    body: dict[str, Any] = subscription(last_run_at=NOON, errors_log=ERRORS, **PERSONAL)
    return body


def found(text: str) -> list[str]:
    """The canaries in a text, with what stands around the first of each."""
    return [text[max(0, text.index(mark) - 80) : text.index(mark) + 80] for mark in MARKS if mark in text]
