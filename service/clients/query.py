"""What a list or a retrieve asks for, checked against the reference before anything is sent. Pure.

Filters are written as the provider writes them: attributes, joined by `_or_`, then a predicate, then perhaps `_any`
or `_all`, as in `{"status_in": ["failed", "aborted"], "updated_at_gteq": since}`. All of them must hold.
https://docs.commercelayer.io/core/api-specification/filtering-data
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TypeAlias

from service.errors import NotOffered
from service.resources import UMBRELLA, instant
from service.resources.offer import Offer
from service.resources.reference import LARGEST_PAGE, REFERENCE

Single: TypeAlias = str | int | bool | datetime
Filters: TypeAlias = Mapping[str, Single | Sequence[Single]]
# Names, or a comma list of them.
Names: TypeAlias = str | Iterable[str]
# Of the resource itself, or by type.
Fields: TypeAlias = Names | Mapping[str, Names]

_COMPARISONS = ("eq", "not_eq", "lt", "lteq", "gt", "gteq")
_LISTS = ("in", "not_in")
_TEXTS = ("start", "end", "cont", "matches")
# Questions of the value; the parameter says whether the answer must be yes.
_QUESTIONS = ("null", "not_null", "present", "blank", "true", "false")
PREDICATES = (*_COMPARISONS, *_LISTS, *_TEXTS, *_QUESTIONS)
# Longest first, so that not_eq is not read as eq.
_KEY = re.compile(rf"(.+?)_({'|'.join(sorted(PREDICATES, key=len, reverse=True))})(_any|_all)?")
_WHOLE = re.compile(r"-?[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class Query:
    """Checked parameters, ready to be sent."""

    parameters: tuple[tuple[str, str], ...] = ()
    page_size: int = LARGEST_PAGE


def list_query(
    offer: Offer, *, sort: Names = (), filters: Filters | None = None, page_size: int = LARGEST_PAGE
) -> Query:
    """Check what a list is sorted and filtered by.

    Args:
        offer: the resource that is listed.
        sort: attributes, the most significant first; a leading "-" for descending.
        filters: see the module.
        page_size: resources a page, 1 to 25.

    Raises:
        NotOffered: something that the resource does not offer; the message names what it does.
    """
    if isinstance(page_size, bool) or page_size not in range(1, LARGEST_PAGE + 1):
        raise NotOffered(f"a page of {page_size} is not offered; a page has 1 to {LARGEST_PAGE}")
    parameters = []
    order = names(sort)
    for name in order:
        _among(name.removeprefix("-"), offer.sortable, f"{offer.type} cannot be sorted by")
    if order:
        parameters.append(("sort", ",".join(order)))
    for key, value in (filters or {}).items():
        parameters.append((f"filter[q][{key}]", _filter(offer, key, value)))
    return Query(tuple(parameters), page_size)


def shape(offer: Offer, *, include: Names = (), fields: Fields | None = None) -> tuple[tuple[str, str], ...]:
    """Check what comes with each resource, as parameters.

    Args:
        offer: the resource that is asked for.
        include: paths of relationships, such as `source_order.order_subscriptions`.
        fields: what to show of the resource, or of each type; what is included, and which kind of factory it is,
            is always shown. Everything where it is None.

    Raises:
        NotOffered: something that the resource does not offer; the message names what it does.
    """
    shown = _fields(offer, fields)
    paths = names(include)
    for path in paths:
        _show_path(offer, path, shown)
    parameters = [("include", ",".join(paths))] if paths else []
    parameters += [(f"fields[{type_}]", ",".join(chosen)) for type_, chosen in shown.items()]
    return tuple(parameters)


def names(given: Names) -> list[str]:
    """Read names, or a comma list of them."""
    return [part.strip() for part in given.split(",") if part.strip()] if isinstance(given, str) else [*given]


def _fields(offer: Offer, fields: Fields | None) -> dict[str, list[str]]:
    if fields is None:
        return {}
    by_type = fields if isinstance(fields, Mapping) else {offer.type: fields}
    shown = {}
    for type_, wanted in by_type.items():
        _among(type_, tuple(REFERENCE), "fields cannot be chosen for")
        shown[type_] = names(wanted)
        for name in shown[type_]:
            _among(name, ("id", *REFERENCE[type_].fetchable), f"{type_} has no field")
    if UMBRELLA in shown:
        _add(shown[UMBRELLA], "type")
    return shown


def _show_path(offer: Offer, path: str, shown: dict[str, list[str]]) -> None:
    at: Offer | None = offer
    for name in path.split("."):
        if at is None:
            raise NotOffered(f"{offer.type} cannot include {path!r}: what lies beyond is not in the reference")
        _among(name, at.includable, f"{at.type} cannot include")
        if at.type in shown:
            _add(shown[at.type], name)
        at = REFERENCE.get(at.relationships[name].type)


def _filter(offer: Offer, key: str, value: Single | Sequence[Single]) -> str:
    parsed = _KEY.fullmatch(key)
    if parsed is None:
        raise NotOffered(f"{key!r} ends with no predicate; there are: {', '.join(PREDICATES)}")
    attributes, predicate, quantity = parsed.groups()
    kinds = {_kind(offer, name) for name in attributes.split("_or_")}
    several = predicate in _LISTS or quantity is not None
    if quantity and predicate not in (*_COMPARISONS, *_TEXTS):
        raise NotOffered(f"{key!r}: {predicate} goes with neither _any nor _all")
    if isinstance(value, str):
        singles: Sequence[Single] = value.split(",") if several else [value]
    elif isinstance(value, Sequence):
        singles = value
    else:
        singles = [value]
    if not singles or (len(singles) > 1 and not several):
        raise NotOffered(f"{key!r} takes {'at least one value' if several else 'one value'}")
    return ",".join(_written(key, predicate, kinds, single, several=several) for single in singles)


def _kind(offer: Offer, name: str) -> str:
    """The kind of a filtered attribute, the resource's own or a related one's."""
    if name in offer.filterable:
        return offer.attributes[name].kind if name in offer.attributes else "string"
    for relationship in offer.filterable_relationships:
        if name.startswith(f"{relationship}_"):
            far, other = name.removeprefix(f"{relationship}_"), REFERENCE.get(offer.relationships[relationship].type)
            offered = other.filterable if other else ("id",)
            if far in offered:
                return other.attributes[far].kind if other and far in other.attributes else "string"
    related = tuple(f"{relationship}_id" for relationship in offer.filterable_relationships)
    raise _not_offered(f"{offer.type} cannot be filtered by", name, (*offer.filterable, *related))


def _written(key: str, predicate: str, kinds: set[str], value: Single, *, several: bool) -> str:
    """One value as the parameter spells it, where it fits every attribute of the filter."""
    if predicate in _QUESTIONS:
        kinds = {"boolean"}
    elif predicate in _TEXTS:
        kinds = {"string"}
    text = _text(value)
    if not all(_fits(kind, text) for kind in kinds):
        raise NotOffered(f"{key!r} does not take {value!r}; it takes: {', '.join(sorted(kinds))}")
    if several and "," in text:
        raise NotOffered(f"{key!r}: {value!r} has a comma, which separates values")
    return text


def _text(value: Single) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, datetime):
        if value.tzinfo is None:
            raise NotOffered(f"{value.isoformat()} has no time zone")
        return value.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return str(value)


def _fits(kind: str, text: str) -> bool:
    if kind == "datetime":
        return instant(text) is not None
    if kind == "integer":
        return _WHOLE.fullmatch(text) is not None
    if kind == "boolean":
        return text in ("true", "false")
    return kind in ("string", "float")


def _among(name: str, offered: tuple[str, ...], words: str) -> None:
    if name not in offered:
        raise _not_offered(words, name, offered)


def _not_offered(words: str, name: str, offered: tuple[str, ...]) -> NotOffered:
    return NotOffered(f"{words} {name!r}; it is offered for: {', '.join(offered)}")


def _add(to: list[str], name: str) -> None:
    if name not in to:
        to.append(name)
