"""The signature: base64 of HMAC-SHA256 over the raw body, under the secret as text."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.signature import LENGTH, Key, sign, verify
from tests.bodies import shared

VECTORS = shared("signature/vectors.json")
KEY = Key.from_text("1c0994cc4e996e8c6ee56a2198f66f3c")
OTHER = Key.from_text("9f86d081884c7d659a2feaa0c55ad015")
# Computed with `printf '' | openssl dgst -sha256 -hmac 1c09… -binary | base64`.
EMPTY = b"FGLK6cIJFQZPq4tSqufR/LQHwU1RUnNCtYZwLqOAx5A="


def _vectors() -> dict[str, Any]:
    if VECTORS is None:
        pytest.skip("the data folder is not here")
    found: dict[str, Any] = json.loads(VECTORS.read_text())
    return found


def test_signs_as_the_provider_does() -> None:
    """The signature of an empty body is the one that openssl computes."""
    assert sign(KEY.secret, b"") == EMPTY
    assert len(EMPTY) == LENGTH


@pytest.mark.parametrize("number", range(7))
def test_good_vectors(number: int) -> None:
    """Every good vector verifies under its secret and under no other."""
    vector = _vectors()["valid"][number]
    key = Key.from_text(vector["secret"])
    body, signature = vector["body_utf8"].encode(), vector["x_commercelayer_signature"].encode()
    assert verify([key], body, signature) == key
    assert verify([KEY if key != KEY else OTHER], body, signature) is None
    assert verify([key], body + b"\n", signature) is None


def test_a_body_serialised_again_does_not_verify() -> None:
    """The signature is over the bytes and not over what they mean."""
    vector = next(v for v in _vectors()["valid"] if "reserialised_utf8" in v)
    key, signature = Key.from_text(vector["secret"]), vector["x_commercelayer_signature"].encode()
    assert verify([key], vector["reserialised_utf8"].encode(), signature) is None


def test_bad_vectors() -> None:
    """Every wrong signature of the vectors is refused."""
    vectors = _vectors()
    first, wrong = vectors["valid"][0], vectors["invalid_for_first_vector"]
    body = first["body_utf8"].encode()
    assert verify([KEY], body, wrong["good"].encode()) == KEY
    assert len(wrong["bad"]) >= 11
    for one in wrong["bad"]:
        assert verify([KEY], body, one["value"].encode("latin-1")) is None, one["name"]


@pytest.mark.parametrize(
    "header",
    [
        b"",
        EMPTY[:1],
        EMPTY[:-1],
        EMPTY + b"\n",
        EMPTY + EMPTY,
        b" " + EMPTY,
        EMPTY.replace(b"/", b"_"),
        EMPTY[:-2] + b"B=",  # another spelling of the same 32 bytes
        EMPTY.lower(),
        b"v1," + EMPTY,
        "é".encode() * 22,
        b"\0" * 44,
        b"\xff" * 44,
    ],
)
def test_only_the_canonical_spelling_verifies(header: bytes) -> None:
    """A header of another shape, length or alphabet is refused without an exception."""
    assert verify([KEY], b"", header) is None


def test_any_live_key_verifies_and_is_named() -> None:
    """While a secret is rotated both verify, and the record says which one did."""
    assert verify([OTHER, KEY], b"", EMPTY) == KEY
    assert verify([KEY, OTHER], b"", EMPTY) == KEY
    assert verify([], b"", EMPTY) is None


def test_fingerprints_tell_secrets_apart_and_hide_them() -> None:
    """A fingerprint is 12 hexadecimal characters, its own for each secret, and shows nothing of it."""
    assert KEY.fingerprint != OTHER.fingerprint
    assert len(KEY.fingerprint) == 12
    assert int(KEY.fingerprint, 16) >= 0
    assert "1c0994" not in repr(KEY)


@given(st.binary(max_size=200), st.binary(max_size=60))
def test_whatever_is_sent_nothing_is_raised(body: bytes, header: bytes) -> None:
    """Verifying answers with a key or with None for any bytes."""
    assert verify([KEY], body, header) == (KEY if header == sign(KEY.secret, body) else None)
