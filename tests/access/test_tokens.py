"""What a token is, what its scopes let it do, and how it is read from a header."""

from __future__ import annotations

import re

import pytest

from service.access.caller import Caller
from service.access.tokens import NAME_PATTERN, SCOPES, digest, implied, new_token, token_of
from service.errors import AccessRefused

TOKEN = "cpd_" + "0f" * 20


def test_a_token_is_160_random_bits_behind_its_prefix() -> None:
    made = {new_token() for _ in range(100)}
    assert len(made) == 100
    assert all(re.fullmatch(r"cpd_[0-9a-f]{40}", token) for token in made)


@pytest.mark.parametrize(
    ("header", "is_one"),
    [
        (f"Bearer {TOKEN}", True),
        (f"bearer {TOKEN}", True),
        (f"BEARER   {TOKEN} ", True),
        (TOKEN, False),
        (f"Basic {TOKEN}", False),
        (f"Bearer{TOKEN}", False),
        ("Bearer", False),
        ("Bearer ", False),
        (f"Bearer {TOKEN}0", False),
        (f"Bearer {TOKEN[:-1]}", False),
        (f"Bearer {TOKEN.upper()}", False),
        (f"Bearer {TOKEN}, Bearer {TOKEN}", False),
        (f"Bearer {TOKEN}\n", False),
        (f"Bearer\t{TOKEN}", False),
        ("Bearer cpd_" + "é" * 40, False),
        ("Bearer cpd_" + "\N{FULLWIDTH DIGIT ONE}" * 40, False),
        ("Bearer cpd_" + "\udc80" * 40, False),
        ("Bearer " + "a" * 100_000, False),
    ],
)
def test_only_a_whole_token_is_read(header: str, is_one: bool) -> None:
    assert token_of(header) == (TOKEN.encode() if is_one else None)


@pytest.mark.parametrize(
    ("given", "allowed"),
    [
        ("", ""),
        ("read", "read"),
        ("act", "read act"),
        ("admin", "read act admin"),
        ("read act", "read act"),
        ("read admin", "read act admin"),
        ("root", ""),
        ("READ", ""),
    ],
)
@pytest.mark.parametrize("asked", SCOPES)
def test_the_matrix_of_scopes(given: str, allowed: str, asked: str) -> None:
    """A scope lets do what those before it let do, and nothing else."""
    caller = Caller("reader", implied(given.split()))
    if asked in allowed.split():
        caller.check(asked)
        return
    with pytest.raises(AccessRefused) as refused:
        caller.check(asked)
    assert (refused.value.status, refused.value.headers) == (403, {})


def test_the_trail_names_the_token() -> None:
    assert Caller("dashboard", frozenset()).actor == "token dashboard"


def test_the_digest_tells_nothing_of_the_token() -> None:
    assert len(digest(TOKEN.encode())) == 32
    assert digest(TOKEN.encode()) != digest(TOKEN.encode() + b"0")


@pytest.mark.parametrize(
    ("name", "is_one"),
    [("dashboard", True), ("a.b-c_9", True), ("7", False), ("", False), ("a b", False), ("a\n", False), ("é", False)],
)
def test_a_name_is_no_number(name: str, is_one: bool) -> None:
    """So that `tokens revoke` never has to guess which of the two it was given."""
    assert bool(NAME_PATTERN.fullmatch(name)) is is_one
