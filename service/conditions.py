"""A filter of a list in the provider's words, read and checked: what a parameter asks, before any database is. Pure.

`{attribute}_{predicate}`, with OR between attributes that are joined by `_or_`, and between the values of a predicate
with `_any` (AND with `_all`): https://docs.commercelayer.io/core/api-specification/filtering-data
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

ORDERED = ("lt", "lteq", "gt", "gteq")
COMPARISONS = ("eq", "not_eq", *ORDERED)
LISTS = ("in", "not_in")
TEXTS = ("start", "end", "cont", "matches")
# Questions of a value; the parameter says whether the answer must be yes.
QUESTIONS = ("null", "not_null", "present", "blank")
TRUTHS = ("true", "false")
JSON_CONT = "jcont"
PREDICATES = (*COMPARISONS, *LISTS, *TEXTS, *QUESTIONS, *TRUTHS, JSON_CONT)
BY_KIND: Mapping[str, tuple[str, ...]] = {
    "string": (*COMPARISONS, *LISTS, *TEXTS, *QUESTIONS),
    "integer": (*COMPARISONS, *LISTS, *QUESTIONS),
    "datetime": (*COMPARISONS, *LISTS, *QUESTIONS),
    "boolean": ("eq", "not_eq", *QUESTIONS, *TRUTHS),
    "object": (*QUESTIONS, JSON_CONT),
}
# Far more than a person writes, and few enough for every database.
MOST_VALUES = 100
_TRUE, _FALSE = ("true", "1", "t"), ("false", "0", "f")
# Longest first, so that not_eq is not read as eq and not_null not as null.
_ENDING = re.compile(rf"(.+?)_({'|'.join(sorted(PREDICATES, key=len, reverse=True))})(_any|_all)?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")
# A date or a time as ISO 8601 has it, and no shorter or stranger form that a parser would take as well.
_MOMENT = re.compile(r"\d{4}-\d\d-\d\d([T ]\d\d:\d\d(:\d\d(\.\d{1,6})?)?(Z|[+-]\d\d:?\d\d)?)?")


class Unfit(Exception):
    """A filter that cannot be; the message says what can, in one sentence."""

    def __init__(self, sentence: str, *, value: bool) -> None:
        self.value = value
        super().__init__(sentence)


@dataclass(frozen=True, slots=True)
class Condition:
    """One filter.

    Attributes:
        names: attributes of which any must fit.
        predicate: one of PREDICATES.
        quantity: `any` or `all` of the values, or empty.
        values: of the attributes' kind; the one of a question says whether its answer must be yes.
    """

    names: tuple[str, ...]
    predicate: str
    quantity: str
    values: tuple[Any, ...]


def read(kinds: Mapping[str, str], key: str, value: str) -> Condition:
    """Read one filter.

    Args:
        kinds: the attributes that may be filtered by, with the kind of each.
        key: such as `status_in`.
        value: as the parameter has it, decoded.

    Raises:
        Unfit: an attribute or predicate that is not offered, or a value that does not fit it.
    """
    names, predicate, quantity = _parts(kinds, key)
    for name in names:
        offered = BY_KIND[kinds[name]]
        if predicate not in offered:
            raise Unfit(f"{name} takes no {predicate}; it takes {', '.join(offered)}", value=False)
    if quantity and predicate not in (*COMPARISONS, *TEXTS):
        raise Unfit(f"{predicate} goes with neither _any nor _all", value=False)
    several = predicate in LISTS or bool(quantity)
    texts = value.split(",") if several else [value]
    if len(texts) > MOST_VALUES:
        raise Unfit(f"at most {MOST_VALUES} values, not {len(texts)}", value=True)
    kind = _kind(predicate, {kinds[name] for name in names})
    return Condition(names, predicate, quantity, tuple(_value(kind, text) for text in texts))


def _parts(kinds: Mapping[str, str], key: str) -> tuple[tuple[str, ...], str, str]:
    ending = _ENDING.fullmatch(key)
    if ending is None:
        raise Unfit(f"it ends with no predicate; there are {', '.join(PREDICATES)}", value=False)
    joined, predicate, quantity = ending.groups()
    names = (joined,) if joined in kinds else tuple(joined.split("_or_"))
    for name in names:
        if name not in kinds:
            raise Unfit(f"no filter by {_short(name)}; there are {', '.join(kinds)}", value=False)
    if len(names) > 1 and "object" in {kinds[name] for name in names}:
        raise Unfit("JSON is filtered by itself, without _or_", value=False)
    return names, predicate, (quantity or "").removeprefix("_")


def _kind(predicate: str, kinds: set[str]) -> str:
    if predicate in (*QUESTIONS, *TRUTHS):
        return "boolean"
    if predicate in TEXTS:
        return "string"
    if predicate == JSON_CONT:
        return "object"
    if len(kinds) > 1:
        raise Unfit(f"one value cannot be {' and '.join(sorted(kinds))}", value=False)
    return kinds.pop()


def _value(kind: str, text: str) -> Any:
    """A parameter's value as one of a kind."""
    return _READERS[kind](text)


def _text(text: str) -> str:
    # PostgreSQL holds no NUL, and nothing that is kept has one.
    if "\0" in text:
        raise Unfit("a value has no NUL in it", value=True)
    return text


def _integer(text: str) -> int:
    if _WHOLE.fullmatch(text) is None or not text.isascii():
        raise Unfit(f"{_short(text)} is not a whole number of at most 18 digits", value=True)
    return int(text)


def _boolean(text: str) -> bool:
    if text not in (*_TRUE, *_FALSE):
        raise Unfit(f"{_short(text)} is neither true nor false", value=True)
    return text in _TRUE


def _moment(text: str) -> datetime:
    """An ISO 8601 date or time; without a zone it is UTC, as at the provider."""
    try:
        # What has not the form of one is no time of day either.
        moment = datetime.fromisoformat(text if _MOMENT.fullmatch(text) and text.isascii() else "")
        return moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC)
    except (ValueError, OverflowError):
        raise Unfit(f"{_short(text)} is not a time such as 2018-01-01T12:00:00.000Z", value=True) from None


def _object(text: str) -> Any:
    try:
        found = json.loads(text)
    except (ValueError, RecursionError):
        found = None
    if not isinstance(found, dict):
        raise Unfit('it takes a JSON object such as {"foo":"bar"}', value=True)
    return found


def _short(text: str) -> str:
    return repr(text if len(text) <= 40 else text[:39] + "…")  # noqa: PLR2004 - a line on a screen


_READERS: Mapping[str, Callable[[str], Any]] = {
    "string": _text,
    "integer": _integer,
    "boolean": _boolean,
    "datetime": _moment,
    "object": _object,
}


def contains(whole: Any, part: Any) -> bool:
    """Tell whether JSON contains JSON as PostgreSQL's `@>` does: objects by their members, lists as sets."""
    if isinstance(part, dict):
        return isinstance(whole, dict) and all(
            name in whole and contains(whole[name], one) for name, one in part.items()
        )
    if isinstance(part, list):
        return isinstance(whole, list) and all(any(contains(other, one) for other in whole) for one in part)
    # True is 1 to Python, and not to JSON.
    return bool(whole == part) and (_number(whole) is _number(part))


def _number(value: Any) -> bool:
    return isinstance(value, int | float) and not isinstance(value, bool)


def holds_for_object(condition: Condition, value: Any) -> bool:
    """Whether a condition on JSON holds."""
    wanted = condition.values[0]
    if condition.predicate == JSON_CONT:
        return contains(value, wanted)
    missing = value is None if condition.predicate in ("null", "not_null") else value in (None, {}, [], "")
    asked = condition.predicate in ("null", "blank")
    return bool((missing == asked) == wanted)
