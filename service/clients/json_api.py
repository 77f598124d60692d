"""Reading answers without assuming their shape; pure.

Commerce Layer answers JSON:API, yet a recorded 429 has an object where `errors` is a list elsewhere, the
token endpoint answers OAuth errors, and a gateway in between may answer HTML.
"""

from __future__ import annotations

import re
from typing import Any

from service import documents
from service.errors import BodyUnreadable
from service.resources import Json

# Codes are words. Whatever is not one stays out of messages: it could be an echo of what we sent.
_CODE = re.compile(r"[A-Za-z]+(_[A-Za-z]+){0,7}")
_LONGEST_CODE = 64


def document(body: bytes) -> Json | None:
    """Read `body` as one JSON object; None where it is anything else."""
    try:
        value = documents.parse(body)
    except BodyUnreadable:
        return None
    return value if isinstance(value, dict) else None


def errors(body: bytes) -> list[Json]:
    """The error objects of an answer, given as a list, as one object (recorded 429) or as OAuth's `error`."""
    top = document(body) or {}
    found: Any = top.get("errors", [])
    if isinstance(found, dict):
        found = [found]
    if not found and "error" in top:
        # https://www.rfc-editor.org/rfc/rfc6749#section-5.2
        found = [{"code": top["error"]}]
    return [e for e in found if isinstance(e, dict)] if isinstance(found, list) else []


def error_code(body: bytes) -> str | None:
    """The code of the first error, such as VALIDATION_ERROR; None where there is none."""
    return word(next(iter(errors(body)), {}).get("code"))


def error_rule(body: bytes) -> str | None:
    """The rule that the first error names in its `meta`, such as less_than_or_equal_to; None where there is none."""
    meta = next(iter(errors(body)), {}).get("meta")
    return word(meta.get("error")) if isinstance(meta, dict) else None


def word(value: object) -> str | None:
    """`value` where it has the form of a code, None otherwise."""
    fits = isinstance(value, str) and len(value) <= _LONGEST_CODE and _CODE.fullmatch(value)
    return str(value) if fits else None
