"""What a request asks for, read from its parameters and checked. Pure.

`page[number]` counts from 1, `page[size]` is 10 unless said and at most 25, `sort` is a comma list with "-" for
descending, filters are `filter[q][{attribute}_{predicate}]`; whatever is not offered is refused and never ignored.
https://docs.commercelayer.io/core/api-specification
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any
from urllib.parse import quote

from service import conditions
from service.conditions import Condition, Unfit
from service.web.api.catalogue import DEEPEST_ROW, LARGEST_PAGE, OFFERS, PAGE_SIZE
from service.web.api.offers import Offer
from service.web.api.problems import Problem, not_among, shortened

Tree = dict[str, Any]
DEEPEST_INCLUDE = 3
MOST_FILTERS = 20
_NAME = re.compile(r"(page|fields|filter\[q\]|filter)\[([^\[\]]*)\]")
_PAGE = re.compile(r"[0-9]{1,9}")
_STORE_ID = re.compile(r"(?:[0-9]{1,18}-)?([0-9]{1,18})")


@dataclass(frozen=True, slots=True)
class Query:
    """One request's parameters, checked.

    Attributes:
        number: the page, from 1.
        size: resources a page.
        after: the id behind which a page begins; None for a numbered page.
        order: attribute and whether descending, the most significant first.
        conditions: filters, all of which must hold.
        words: further ones, in the words of the commands.
        tree: what to include.
        fields: sparse fieldsets, by type.
        facets: the attributes whose values are to be counted.
        unmask: whether what is masked is to be shown, and
        reason: why.
        rest: the parameters that links to other pages repeat, encoded.
    """

    number: int = 1
    size: int = PAGE_SIZE
    after: int | None = None
    order: tuple[tuple[str, bool], ...] = ()
    conditions: tuple[Condition, ...] = ()
    words: Mapping[str, str] = field(default_factory=dict)
    tree: Tree = field(default_factory=dict)
    fields: Mapping[str, frozenset[str]] = field(default_factory=dict)
    facets: tuple[str, ...] = ()
    unmask: bool = False
    reason: str | None = None
    rest: str = ""

    def shows(self, type_: str, name: str) -> bool:
        """Whether a field of a type is shown."""
        return type_ not in self.fields or name in self.fields[type_]

    @property
    def offset(self) -> int:
        """How many rows are on the pages before."""
        return (self.number - 1) * self.size


Reader = Callable[[Query, Offer, str, str], Query]
# What may be said of one resource, of a list of them, and of a list that a cursor goes through.
ONE = ("include", "fields", "unmask", "reason")
LIST = ("page[number]", "page[size]", "page[after]", "sort", "filter[q]", "filter", "include", "fields", "facets")
STORES = ("page[size]", "page[after]", "fields")
LINKAGE: tuple[str, ...] = ("page[number]", "page[size]")


def allowed(offer: Offer, kinds: Iterable[str]) -> tuple[str, ...]:
    """The kinds of parameters that make sense for a resource."""
    found = tuple(kinds)
    if not offer.numbered:
        found = tuple(kind for kind in found if kind != "page[after]" or offer.type == "event_stores")
    if not any("b" in attribute.flags for attribute in offer.attributes.values()):
        found = tuple(kind for kind in found if kind not in ("unmask", "reason"))
    if not offer.facets:
        found = tuple(kind for kind in found if kind != "facets")
    if not offer.includable:
        found = tuple(kind for kind in found if kind != "include")
    return found


def read(offer: Offer, parameters: Iterable[tuple[str, str]], kinds: Iterable[str]) -> Query:
    """Read the parameters of a request.

    Args:
        offer: the resource that is asked for.
        parameters: names and values as they came, decoded.
        kinds: which there may be: ONE, LIST, STORES or LINKAGE.

    Raises:
        Problem: 400, what is not offered, naming the parameter and what is allowed.
    """
    offered, query, seen = allowed(offer, kinds), Query(), set[str]()
    for name, value in parameters:
        bracket = _NAME.fullmatch(name)
        kind = name if bracket is None or bracket[1] == "page" else bracket[1]
        if kind not in offered:
            raise not_among("PARAM_NOT_ALLOWED", "The parameter", name, map(_spelt, offered), source=name)
        if name in seen:
            raise Problem("PARAM_GIVEN_TWICE", "A parameter may be given once.", source=name)
        seen.add(name)
        query = _READERS[kind](query, offer, name, value)
        if kind not in ("page[number]", "page[size]", "page[after]"):
            query = replace(query, rest=f"{query.rest}&{quote(name, safe='[]')}={quote(value, safe=',:')}")
    _check_together(query, seen)
    return query


def read_id(offer: Offer, text: str) -> str | int:
    """Read an id of an address: a number of ours, or an id of the provider.

    Raises:
        Problem: 400, it has not the form of one.
    """
    if offer.type == "event_stores":
        found = _STORE_ID.fullmatch(text)
        if found and text.isascii():
            return int(found[1])
        raise Problem("INVALID_ID", "An id of event_stores is such as 1755185525941-17.", source="id")
    if offer.numbered:
        if re.fullmatch(r"[0-9]{1,18}", text) and text.isascii():
            return int(text)
        raise Problem("INVALID_ID", f"An id of {offer.type} is a whole number.", source="id")
    if re.fullmatch(r"[A-Za-z0-9]{1,32}", text):
        return text
    raise Problem("INVALID_ID", f"An id of {offer.type} is 1 to 32 letters and digits.", source="id")


def _spelt(kind: str) -> str:
    return kind + {"filter[q]": "[…]", "filter": "[…]", "fields": "[…]"}.get(kind, "")


def _check_together(query: Query, seen: set[str]) -> None:
    if query.after is not None and seen & {"page[number]", "sort"}:
        raise Problem("INVALID_PAGE_VALUE", "page[after] goes without page[number] and sort.", source="page[after]")
    if query.offset + query.size > DEEPEST_ROW:
        told = f"Pages end at row {DEEPEST_ROW}; a filter leads further."
        raise Problem("INVALID_PAGE_VALUE", told, source="page[number]")


def _whole(name: str, value: str, most: int) -> int:
    if _PAGE.fullmatch(value) is None or not value.isascii() or not 1 <= int(value) <= most:
        raise Problem("INVALID_PAGE_VALUE", f"{name} is a whole number from 1 to {most}.", source=name)
    return int(value)


def _number(query: Query, _offer: Offer, name: str, value: str) -> Query:
    return replace(query, number=_whole(name, value, DEEPEST_ROW))


def _size(query: Query, _offer: Offer, name: str, value: str) -> Query:
    return replace(query, size=_whole(name, value, LARGEST_PAGE))


def _after(query: Query, offer: Offer, name: str, value: str) -> Query:
    try:
        return replace(query, after=int(read_id(offer, value)))
    except Problem as problem:
        raise Problem("INVALID_PAGE_VALUE", str(problem), source=name) from None


def _sort(query: Query, offer: Offer, name: str, value: str) -> Query:
    order: list[tuple[str, bool]] = []
    for part in value.split(","):
        attribute = part.removeprefix("-")
        if attribute not in offer.sortable or attribute in (one for one, _ in order):
            raise not_among("INVALID_SORT_CRITERIA", "Sorting by", part, offer.sortable, source=name)
        order.append((attribute, part.startswith("-")))
    return replace(query, order=tuple(order))


def _filter(query: Query, offer: Offer, name: str, value: str) -> Query:
    key = name.removeprefix("filter[q][").removesuffix("]")
    if len(query.conditions) >= MOST_FILTERS:
        raise Problem("FILTER_NOT_ALLOWED", f"There may be {MOST_FILTERS} filters at most.", source=name)
    try:
        condition = conditions.read(offer.filterable, key, value)
    except Unfit as unfit:
        code = "INVALID_FILTER_VALUE" if unfit.value else "FILTER_NOT_ALLOWED"
        raise Problem(code, f"The filter {shortened(key)!r}: {unfit}.", source=name) from None
    return replace(query, conditions=(*query.conditions, condition))


def _word(query: Query, offer: Offer, name: str, value: str) -> Query:
    """A filter in the words of the commands; what its value means is for the query layer to say."""
    word = name.removeprefix("filter[").removesuffix("]")
    if word not in offer.words:
        raise not_among("FILTER_NOT_ALLOWED", "The filter", word, offer.words, source=name)
    return replace(query, words={**query.words, word: value})


def _include(query: Query, offer: Offer, name: str, value: str) -> Query:
    tree: Tree = {}
    for path in value.split(",") if value else ():
        branch, at, parts = tree, offer, path.split(".")
        for part in parts:
            if part not in at.includable:
                raise not_among("INVALID_INCLUDE", f"Of {at.type}, the include", path, at.includable, source=name)
            branch, at = branch.setdefault(part, {}), OFFERS[at.relations[part].type]
        if len(parts) > DEEPEST_INCLUDE:
            raise Problem("INVALID_INCLUDE", f"A path has at most {DEEPEST_INCLUDE} names.", source=name)
    return replace(query, tree=tree)


def _fields(query: Query, _offer: Offer, name: str, value: str) -> Query:
    type_ = name.removeprefix("fields[").removesuffix("]")
    if type_ not in OFFERS:
        raise not_among("INVALID_FIELD", "The type", type_, OFFERS, source=name)
    chosen = frozenset(part for part in value.split(",") if part)
    for one in sorted(chosen):
        if one not in ("id", *OFFERS[type_].fields):
            raise not_among("INVALID_FIELD", f"Of {type_}, the field", one, OFFERS[type_].fields, source=name)
    return replace(query, fields={**query.fields, type_: chosen})


def _facets(query: Query, offer: Offer, name: str, value: str) -> Query:
    chosen = tuple(dict.fromkeys(value.split(",")))
    for one in chosen:
        if one not in offer.facets:
            raise not_among("INVALID_FACET", "Counting by", one, offer.facets, source=name)
    return replace(query, facets=chosen)


def _unmask(query: Query, _offer: Offer, name: str, value: str) -> Query:
    if value not in ("true", "false"):
        raise Problem("INVALID_VALUE", f"{name} is true or false.", source=name)
    return replace(query, unmask=value == "true")


def _reason(query: Query, _offer: Offer, _name: str, value: str) -> Query:
    return replace(query, reason=value)


_READERS: Mapping[str, Reader] = {
    "page[number]": _number,
    "page[size]": _size,
    "page[after]": _after,
    "sort": _sort,
    "filter[q]": _filter,
    "filter": _word,
    "include": _include,
    "fields": _fields,
    "facets": _facets,
    "unmask": _unmask,
    "reason": _reason,
}
