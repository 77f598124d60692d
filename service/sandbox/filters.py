"""The filters of a list: filter[q][{attribute}_{predicate}]=value.

AND between filters; OR between the attributes of one (`number_or_customer_email_cont`) and between the values of a
predicate with `_any` (AND with `_all`). A relationship's attributes are reached through its name
(`source_order_id_eq`). Facts: Commerce Layer documentation, Filtering data.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from service.sandbox.marks import iso
from service.sandbox.problems import unsupported
from service.sandbox.resources import RESOURCES, with_id
from service.sandbox.schema import Kind, Relationship
from service.sandbox.state import Record, State

Filter = Callable[[State, list[Record]], list[Record]]
Reader = Callable[[State, Record], tuple[Any, ...]]
Test = Callable[[Any], bool]

_TRUE = frozenset({"true", "1", "t"})
_FALSE = frozenset({"false", "0", "f"})


def _like(pattern: str) -> Test:
    """SQL's LIKE without regard to case: % is any text, _ one character."""
    parts = [{"%": ".*", "_": "."}.get(letter, re.escape(letter)) for letter in pattern]
    matcher = re.compile("".join(parts), re.IGNORECASE | re.DOTALL)
    return lambda value: value is not None and matcher.fullmatch(_text(value)) is not None


# Predicates that compare with one value, already of the attribute's kind.
_COMPARISONS: dict[str, Callable[[Any], Test]] = {
    "eq": lambda other: lambda value: bool(value == other),
    "not_eq": lambda other: lambda value: bool(value != other),
    "lt": lambda other: lambda value: value is not None and value < other,
    "lteq": lambda other: lambda value: value is not None and value <= other,
    "gt": lambda other: lambda value: value is not None and value > other,
    "gteq": lambda other: lambda value: value is not None and value >= other,
}
_LISTS: dict[str, Callable[[list[Any]], Test]] = {
    "in": lambda others: lambda value: value in others,
    "not_in": lambda others: lambda value: value not in others,
}
# Predicates on the text of a value, whatever its kind.
_TEXTS: dict[str, Callable[[str], Test]] = {
    "start": lambda other: lambda value: _text(value).casefold().startswith(other.casefold()),
    "end": lambda other: lambda value: _text(value).casefold().endswith(other.casefold()),
    "cont": lambda other: lambda value: other.casefold() in _text(value).casefold(),
    "matches": _like,
}
# Predicates that ask a question of the value; the parameter says whether the answer must be yes.
_QUESTIONS: dict[str, Test] = {
    "null": lambda value: value is None,
    "not_null": lambda value: value is not None,
    "present": lambda value: value not in (None, "", {}, []),
    "blank": lambda value: value in (None, "", {}, []),
    "true": lambda value: value is True,
    "false": lambda value: value is False,
}
PREDICATES = (*_COMPARISONS, *_LISTS, *_TEXTS, *_QUESTIONS)
# Longest first, so that not_eq is not read as eq and not_null not as null.
_ENDING = re.compile(rf"(.+?)_({'|'.join(sorted(PREDICATES, key=len, reverse=True))})(_any|_all)?")


def parse_filter(type_: str, key: str, value: str) -> Filter:
    """Read one filter.

    Args:
        type_: the resource listed.
        key: what stands in the second bracket, such as status_in.
        value: the parameter's value.

    Raises:
        Problem: 400, the attribute cannot be filtered by, the predicate is unknown, or the value is not of the
            attribute's kind.
    """
    ending = _ENDING.fullmatch(key)
    if ending is None:
        raise unsupported(key)
    names, predicate, quantity = ending.groups()
    attributes, tests = with_id(RESOURCES[type_]), []
    for name in names.split("_or_"):
        own = attributes.get(name)
        if own is not None and "q" in own.flags:
            tests.append((_own_reader(name), _test(predicate, quantity, own.kind, value, key)))
        else:
            reader, kind = _far_reader(type_, name, key)
            tests.append((reader, _test(predicate, quantity, kind, value, key)))
    if names in attributes and names not in ("id", "type"):
        # Much the most frequent filter, so it is spared the general way.
        ((_, test),) = tests
        return lambda _state, records: [record for record in records if test(record.attributes[names])]
    if len(tests) == 1:
        read, test = tests[0]
        return lambda state, records: [record for record in records if any(map(test, read(state, record)))]
    return lambda state, records: [
        record for record in records if any(any(map(test, read(state, record))) for read, test in tests)
    ]


def _own_reader(name: str) -> Reader:
    """How the value of an attribute of the resource itself is read."""
    if name in ("id", "type"):
        return lambda _state, record: (getattr(record, name),)
    return lambda _state, record: (record.attributes[name],)


def _far_reader(type_: str, name: str, key: str) -> tuple[Reader, Kind]:
    """The same for an attribute of a resource on the other side of a relationship, and its kind."""
    for through, relationship in RESOURCES[type_].relationships.items():
        if "q" not in relationship.flags or not name.startswith(f"{through}_"):
            continue
        far = name.removeprefix(f"{through}_")
        attribute = with_id(RESOURCES[relationship.type]).get(far)
        if attribute is not None and "q" in attribute.flags:
            return _through(through, relationship, _own_reader(far)), attribute.kind
    raise unsupported(key)


def _through(name: str, relationship: Relationship, reader: Reader) -> Reader:
    def read(state: State, record: Record) -> tuple[Any, ...]:
        if not relationship.many:
            other = state.find(relationship.type, record.relations.get(name))
            return reader(state, other) if other else (None,)
        others = state.related(record, name, relationship)
        return tuple(reader(state, other)[0] for other in others) or (None,)

    return read


def _test(predicate: str, quantity: str | None, kind: Kind, value: str, key: str) -> Test:
    if predicate in _QUESTIONS:
        if value not in _TRUE | _FALSE or quantity:
            raise unsupported(f"{key}={value}")
        expected, question = value in _TRUE, _QUESTIONS[predicate]
        return lambda found: question(found) == expected
    if predicate in _LISTS:
        others = [_typed(part, kind, key) for part in value.split(",")]
        return _LISTS[predicate](others)
    if not quantity:
        return _single(predicate, kind, value, key)
    singles = [_single(predicate, kind, part, key) for part in value.split(",")]
    if quantity == "_all":
        return lambda found: all(single(found) for single in singles)
    return lambda found: any(single(found) for single in singles)


def _single(predicate: str, kind: Kind, value: str, key: str) -> Test:
    if predicate in _TEXTS:
        return _TEXTS[predicate](value)
    return _COMPARISONS[predicate](_typed(value, kind, key))


def _typed(value: str, kind: Kind, key: str) -> Any:
    """Read a parameter's value as one of the attribute's kind."""
    try:
        if kind == "datetime":
            return _moment(value)
        if kind == "integer":
            return int(value)
    except (ValueError, OverflowError):
        raise unsupported(f"{key}={value}") from None
    if kind == "boolean" and value in _TRUE | _FALSE:
        return value in _TRUE
    if kind == "string":
        return value
    raise unsupported(f"{key}={value}")


def _moment(value: str) -> str:
    """An ISO date or time as a text that compares with ours by its moment; without a zone it is UTC."""
    moment = datetime.fromisoformat(value)
    utc = moment if moment.tzinfo else moment.replace(tzinfo=UTC)
    # Ours are whole milliseconds and end with Z: what is between two of them comes after the first.
    return iso(utc)[:-1] + ("~" if utc.microsecond % 1000 else "Z")


def _text(value: Any) -> str:
    if isinstance(value, dict | list):
        return json.dumps(value, ensure_ascii=False)
    return "" if value is None else str(value)
