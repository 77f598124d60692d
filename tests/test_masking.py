"""The field policy: what is somebody's is masked, what people need to understand a failure is not."""

from __future__ import annotations

import json
import time
import timeit
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.masking import MASK, MASKED_EMAIL, masked, masked_factory_parts, masked_metadata, scrubbed

STAYS = (
    "",
    "completed",
    "payment_method: can't be blank",
    "2026-11-21T18:05:52.123456Z",
    "2026-11-21 18:05:52",
    "9f1b2c3d-0001-4abc-8def-0123456789ab",
    "order_copies/XAyRWNUzyN",
    "follow-up 17 of 2000000000",
    "in_progress → completed",
    "€1.530,00 of €12 345.67",
    "HTTP 503 after 10.00s, again at 18:05:52",
    "COPYDESK_CLIENT_SECRET: is not set (Its secret.)",
    "no token; secret: is too short",
    "sha256 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
    "basic information is missing",
    "card: is expired",
    "1234 5678 9012 3456 is no card's number",
    "SKU TSHIRTMM000000FFFFFFXLXX x 12",
    "version 3.51.3, 10.0.0.7:5432",
    "item @ 12",
)
GOES = (
    ("declined for jane@example.org.", f"declined for {MASKED_EMAIL}"),
    ("<mailto:jane.doe+x@shop.example.org>", f"<{MASKED_EMAIL}>"),
    ("customer_email=jane%40example.org", MASKED_EMAIL),
    ("jane\N{FULLWIDTH COMMERCIAL AT}example.org", MASKED_EMAIL),
    ("(jane@example.org, joe@example.org)", f"({MASKED_EMAIL}, {MASKED_EMAIL})"),
    ("call +44 20 7946 0000 now", "call masked now"),
    ("call +4420 79460000", "call masked"),
    ("0044 207 946 0000", None),
    ("00442079460000", "masked"),
    ("(555) 010-9999", "masked"),
    ("555-010-9999", "masked"),
    ("020 7946 0000", "masked"),
    ("0170/1234567", "masked"),
    ("card 4111 1111 1111 1111 declined", "card masked declined"),
    ("4111-1111-1111-1111", "masked"),
    ("4111111111111111", "masked"),
    ("Authorization: Bearer abc.def", "Authorization: masked"),
    ("eyJhbGciOi.eyJzdWIi.c2ln", "masked"),
    ("cpd_" + "0f" * 20, "masked"),
    ("https://x.example/?a=1&access_token=abc#f", "https://x.example/?a=1masked#f"),
    ("password=hunter", "masked"),
    ('client_secret: "abc123"', 'masked"'),
)


@pytest.mark.parametrize("text", STAYS)
def test_what_people_need_to_read_stays(text: str) -> None:
    assert scrubbed(text) == text


@pytest.mark.parametrize(("text", "shown"), GOES)
def test_what_looks_like_somebodys_goes(text: str, shown: str | None) -> None:
    told = scrubbed(text)
    assert told != text
    assert shown is None or told == shown


PIECES = (
    *("a", "a@", "@", "+1", "0", "eyJ", "eyJ.", "bearer ", "?token", "?a", "1.", ":", "a:", "1111 ", "(0", "0 ", "="),
    *("_-", "secret", "password:", "password=", "((", "+(", "sk_", "1 ", "%40", "::", "+", "0."),
)
_PIECES = st.sampled_from([*STAYS, *(text for text, _ in GOES), "@", "+", "0", "7946 0000", "eyJ", ".", "=", "bearer "])


@given(st.lists(st.one_of(_PIECES, st.text(max_size=8))).map("".join))
def test_scrubbing_again_changes_nothing(text: str) -> None:
    once = scrubbed(text)
    assert scrubbed(once) == once


@given(st.text(max_size=40), st.text(max_size=40))
def test_an_address_goes_wherever_it_stands(before: str, after: str) -> None:
    assert "ca7ary@example.org" not in scrubbed(f"{before} ca7ary@example.org {after}")


@pytest.mark.parametrize("piece", PIECES)
def test_a_long_hostile_text_is_read_once(piece: str) -> None:
    """Whoever writes errors cannot stop a page of them: read from each of its characters on, this takes minutes."""
    document = {"data": {"attributes": {"text": (piece * 200_000)[:200_000], "x": "jane@example.org"}}}
    began = time.process_time()
    masked(document)
    assert time.process_time() - began < 3.0


def test_a_list_of_lines_is_scrubbed_in_no_time() -> None:
    """A thousand lines within a tenth of a second, as lists show them."""
    lines = [f"{text} {number}" for number in range(50) for text in STAYS]
    assert min(timeit.repeat(lambda: [scrubbed(line) for line in lines], number=1, repeat=5)) < 0.1


@pytest.mark.parametrize(
    ("name", "value", "shown"),
    [
        ("customerEmail", "x", MASK),
        ("Customer-Name", "x", MASK),
        ("middle_name", "x", MASK),
        ("postal_code", "x", MASK),
        ("iban", "x", MASK),
        ("payment_source_details", {"type": "card", "expires": 2027}, {"type": MASK, "expires": 0}),
        ("payment_response", [{"a": "x"}], [{"a": MASK}]),
        ("gift_card_code", "x", MASK),
        ("session_id", "x", MASK),
        ("phone", 4_420_794_600, 0),
        ("options", {"email": "x", "kind": "gift"}, {"email": MASK, "kind": "gift"}),
        ("options", [{"first_name": "x"}], [{"first_name": MASK}]),
        ("shipping_method_name", "Express", "Express"),
        ("email_template_id", "XAyRWNUzyN", "XAyRWNUzyN"),
        ("country_code", "GB", "GB"),
        ("currency_code", "EUR", "EUR"),
        ("errors_log", {"email": ["can't be blank"]}, {"email": ["can't be blank"]}),
        ("errors_log", {"name": "jane@example.org is taken"}, {"name": f"{MASKED_EMAIL} is taken"}),
        ("errors_log", {"jane@example.org": ["is taken"]}, {MASKED_EMAIL: ["is taken"]}),
        ("subscription_metadata", {"who": "x"}, {"who": MASK}),
    ],
)
def test_the_policy_by_the_names_of_fields(name: str, value: Any, shown: Any) -> None:
    document = {"data": {"id": "XAyRWNUzyN", "type": "orders", "attributes": {name: value}}}
    assert masked(document)["data"]["attributes"] == {name: shown}


@pytest.mark.parametrize(
    ("document", "shown"),
    [
        ({"first_name": "x"}, {"first_name": MASK}),
        ({"meta": {"email": "x", "mode": "test"}}, {"meta": {"email": MASK, "mode": "test"}}),
        ({"data": [{"phone": "x"}]}, {"data": [{"phone": MASK}]}),
        ({"data": {"relationships": {"billing_address": {"data": {"type": "addresses", "id": "a"}}}}}, None),
        (
            {"data": {"relationships": {"customer": {"email": "x"}}}},
            {"data": {"relationships": {"customer": {"email": MASK}}}},
        ),
        (
            {"data": {"links": {"self": "/api/orders/a?access_token=x"}}},
            {"data": {"links": {"self": "/api/orders/amasked"}}},
        ),
        ({"errors": [{"detail": "jane@example.org"}]}, {"errors": [{"detail": MASKED_EMAIL}]}),
        (["jane@example.org", 7, None, True], [MASKED_EMAIL, 7, None, True]),
        ("203.0.113.9", MASK),
    ],
)
def test_what_stands_beside_attributes_is_looked_at_too(document: Any, shown: Any) -> None:
    """A payload need not be JSON:API to hold somebody's name, and what is its structure stays."""
    assert masked(document) == (document if shown is None else shown)


def test_metadata_shows_the_keys_that_it_may() -> None:
    metadata = {"erp_id": "E-17", "who": "Jane", "contact": "jane@example.org", "vip": True, "n": 7}
    assert masked_metadata(metadata) == {"erp_id": MASK, "who": MASK, "contact": MASKED_EMAIL, "vip": True, "n": 0}
    shown = masked_metadata(metadata, {"erp_id", "contact", "n"})
    assert shown == {"erp_id": "E-17", "who": MASK, "contact": MASKED_EMAIL, "vip": True, "n": 7}
    assert masked_metadata("jane@example.org") == MASKED_EMAIL


def test_a_factorys_parts_are_those_of_its_payload() -> None:
    attributes = {"errors_log": {"email": ["jane@example.org"]}, "metadata": {"erp_id": "E-17", "who": "Jane"}}
    payload = {"data": {"attributes": attributes}}
    assert masked_factory_parts(payload) == ({"email": [MASKED_EMAIL]}, {"erp_id": MASK, "who": MASK})
    assert masked_factory_parts(payload, {"erp_id"})[1] == {"erp_id": "E-17", "who": MASK}
    for nothing in (None, [], {}, {"data": None}, {"data": {"attributes": []}}, {"data": {"attributes": {}}}):
        assert masked_factory_parts(nothing) == (None, None)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(_JSON)
def test_any_json_is_masked_into_json(document: Any) -> None:
    """Whatever somebody posts; and masking it again changes nothing."""
    once = masked({"data": {"attributes": document}})
    assert masked(json.loads(json.dumps(once))) == once
