"""What a token is: its letters, its digest, and what its scopes let it do. Pure, but for the randomness."""

from __future__ import annotations

import hashlib
import re
import secrets
from collections.abc import Iterable
from typing import Literal, get_args

Scope = Literal["read", "act", "admin"]
# Each lets do what those before it let do.
SCOPES: tuple[Scope, ...] = get_args(Scope)
# A scanner for secrets, a grep and our own masking know a token by it.
PREFIX = "cpd_"
# Hexadecimal digits only, so that a double click takes all of it; 160 bits, as nobody types them.
_BYTES = 20
_SHAPE = re.compile(rb"(?i:bearer) +(" + PREFIX.encode() + rb"[0-9a-f]{%d})" % (2 * _BYTES))
NAME_PATTERN = re.compile(r"[A-Za-z][A-Za-z0-9._-]{0,63}")


def new_token() -> str:
    """Make a token."""
    return PREFIX + secrets.token_hex(_BYTES)


def digest(token: bytes) -> bytes:
    """What is kept of a token: SHA-256, since nobody can try out 160 random bits."""
    return hashlib.sha256(token).digest()


def token_of(header: str) -> bytes | None:
    """Read the token of an Authorization header, as WSGI hands it over; None where it is none of ours.

    https://www.rfc-editor.org/rfc/rfc6750#section-2.1
    """
    # WSGI's texts are Latin-1: https://peps.python.org/pep-3333/#unicode-issues
    found = _SHAPE.fullmatch(header.encode("latin-1", "replace").strip(b" "))
    return found[1] if found else None


def implied(scopes: Iterable[str]) -> frozenset[str]:
    """Every scope that these ones have in them; words that are none have nothing."""
    highest = max((SCOPES.index(scope) + 1 for scope in SCOPES if scope in set(scopes)), default=0)
    return frozenset(SCOPES[:highest])
