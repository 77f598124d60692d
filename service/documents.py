"""The one JSON parser of the intake: strict where parsers disagree, so that no two readers see two documents.

Refused: other encodings than UTF-8, a byte order mark, duplicate names, NaN and infinities, integers beyond 64
bits, lone surrogates, more than 64 levels, anything behind the document. Whoever stores the parsed text elsewhere
(jsonb, SQLite's JSON functions) would otherwise keep another document than the one that was acted on.
"""

from __future__ import annotations

import json
import math
from typing import Any

from service.errors import BodyUnreadable

MAX_DEPTH = 64
_INT64 = range(-(2**63), 2**63)


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    members = dict(pairs)
    if len(members) != len(pairs):
        raise BodyUnreadable("a name stands twice in one object")
    return members


def _integer(digits: str) -> int:
    # Far below Python's own limit on digits, so that the refusal is ours and cheap.
    if len(digits) > 20 or int(digits) not in _INT64:  # noqa: PLR2004 - 19 digits and a sign
        raise BodyUnreadable("an integer does not fit in 64 bits")
    return int(digits)


def _float(digits: str) -> float:
    number = float(digits)
    if not math.isfinite(number):
        raise BodyUnreadable("a number is not finite")
    return number


def _constant(name: str) -> None:
    raise BodyUnreadable(f"{name} is not JSON")


_decoder = json.JSONDecoder(object_pairs_hook=_object, parse_constant=_constant, parse_int=_integer, parse_float=_float)


def parse(raw: bytes) -> Any:
    """Parse one JSON document.

    Raises:
        BodyUnreadable: with the reason, in words that hold nothing of the body.
    """
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        raise BodyUnreadable("not UTF-8") from None
    try:
        document = _decoder.decode(text)
    except (ValueError, RecursionError) as error:
        where = f" at character {error.pos}" if isinstance(error, json.JSONDecodeError) else ""
        raise BodyUnreadable(f"not JSON{where}") from None
    if text.count("{") + text.count("[") > MAX_DEPTH and _depth(document) > MAX_DEPTH:
        raise BodyUnreadable(f"nested deeper than {MAX_DEPTH} levels")
    if ("\\ud" in text or "\\uD" in text) and not _encodable(document):
        raise BodyUnreadable("a lone surrogate stands in a string")
    return document


def _depth(document: Any) -> int:
    """Count how deep arrays and objects stand in each other, and never past the limit by more than one."""
    depth, level = 0, [document]
    while depth <= MAX_DEPTH and (level := [value for value in level if isinstance(value, dict | list)]):
        level = [child for value in level for child in (value.values() if isinstance(value, dict) else value)]
        depth += 1
    return depth


def _encodable(document: Any) -> bool:
    try:
        json.dumps(document, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return False
    return True
