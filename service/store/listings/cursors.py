"""Where a page ends, as a text that people hand back: opaque, and refused where it is not one of ours. Pure.

A cursor names the last row by what it is sorted by, not by how many came before: rows that are added meanwhile move
nothing. It opens no secret, so nothing is signed; the checksum finds what was cut off or mistyped.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from service.errors import BadFilter

_CHECK_BYTES = 6
_LONGEST = 2000
LARGEST = 2**63 - 1


@dataclass(frozen=True)
class Place:
    """A row's place in one sorted list.

    Attributes:
        value: what the list is sorted by, at that row; times as ISO 8601.
        key: the row's own name.
        back: the page before that row is wanted, not the one after it.
    """

    value: str | int
    key: str | int
    back: bool = False


def sealed(place: Place, listing: str, sort: str, filters: Mapping[str, str]) -> str:
    """Write a place down for one question."""
    told = json.dumps([place.value, place.key, place.back], separators=(",", ":")).encode()
    return urlsafe_b64encode(_check(told, listing, sort, filters) + told).rstrip(b"=").decode()


def opened(text: str, listing: str, sort: str, filters: Mapping[str, str]) -> Place:
    """Read a place that was given for the same question.

    Raises:
        BadFilter: it is not one of ours, or of another question.
    """
    try:
        raw = urlsafe_b64decode((text + "=" * (-len(text) % 4)).encode("ascii")) if len(text) <= _LONGEST else b""
        check, told = raw[:_CHECK_BYTES], raw[_CHECK_BYTES:]
        parts: Any = json.loads(told) if check == _check(told, listing, sort, filters) else None
    except ValueError:
        parts = None
    match parts:
        case [str() | int() as value, str() | int() as key, bool() as back] if _is_held(value) and _is_held(key):
            return Place(value, key, back)
        case _:
            raise BadFilter("after", "it is not a cursor of this list with these filters and this order")


def _is_held(value: str | int) -> bool:
    """Whether a database can compare with it: the checksum is no secret, so anybody can make a cursor."""
    if isinstance(value, int):
        return abs(value) <= LARGEST
    return not any(character == "\0" or "\ud800" <= character <= "\udfff" for character in value)


def _check(told: bytes, listing: str, sort: str, filters: Mapping[str, str]) -> bytes:
    question = json.dumps([1, listing, sort, sorted(filters.items())]).encode()
    return sha256(question + b"\n" + told).digest()[:_CHECK_BYTES]
