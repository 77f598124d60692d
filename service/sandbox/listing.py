"""What a list or a retrieve may be asked: paging, sort, filters, include and sparse fields.

Facts: page[number] counts from 1, page[size] is 10 by default and at most 25; filters are
filter[q][{attribute}_{predicate}]; sort is a comma list with "-" for descending (Commerce Layer documentation,
Pagination, Filtering data, Sorting results). Whatever a resource does not offer is refused with 400, never ignored.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from math import ceil
from operator import attrgetter
from urllib.parse import quote

from service.sandbox.documents import Fields, Tree, include_tree
from service.sandbox.filters import Filter, parse_filter
from service.sandbox.problems import unsupported
from service.sandbox.resources import RESOURCES, with_id
from service.sandbox.state import Record, State

PAGE_SIZE = 10
LARGEST_PAGE = 25
_BRACKETS = re.compile(r"(page|fields|filter\[q\])\[(\w+)\]")


@dataclass(frozen=True)
class Query:
    """One request's parameters, checked.

    Attributes:
        number: the page, from 1.
        size: resources per page, 1 to 25.
        order: attribute and whether descending, the most significant first.
        filters: all must hold.
        tree: what to include.
        fields: sparse fieldsets.
        rest: the parameters that links to other pages repeat, already encoded.
    """

    number: int
    size: int
    order: tuple[tuple[str, bool], ...]
    filters: tuple[Filter, ...]
    tree: Tree
    fields: Fields
    rest: str = ""


@dataclass(frozen=True)
class Page:
    """One page of a list: its records, the list's `meta` and `links`."""

    records: list[Record]
    meta: dict[str, int]
    links: dict[str, str]


def parse_query(type_: str, parameters: Iterable[tuple[str, str]], *, a_list: bool) -> Query:
    """Read the parameters of a request for one resource or for a list of them.

    Args:
        type_: the resource asked for.
        parameters: names and values as they came, decoded.
        a_list: whether page, sort and filter apply.

    Raises:
        Problem: 400, a parameter, attribute, predicate or value that is not offered.
    """
    number, size, order, filters = 1, PAGE_SIZE, [], []
    tree: Tree = {}
    fields: Fields = {}
    rest = []
    for name, value in parameters:
        bracket = _BRACKETS.fullmatch(name)
        kind, inner = bracket.groups() if bracket else (name, "")
        if kind == "include":
            tree = include_tree(type_, value.split(",")) if value else {}
        elif kind == "fields" and inner in RESOURCES:
            fields[inner] = _field_names(inner, value)
        elif a_list and (kind, inner) == ("page", "number"):
            number = _whole(name, value, None)
            continue
        elif a_list and (kind, inner) == ("page", "size"):
            size = _whole(name, value, LARGEST_PAGE)
            continue
        elif a_list and kind == "sort":
            order = [_sort_key(type_, part) for part in value.split(",")]
        elif a_list and kind == "filter[q]":
            filters.append(parse_filter(type_, inner, value))
        else:
            raise unsupported(name)
        rest.append(f"&{quote(name, safe='[]')}={quote(value, safe=',:')}")
    return Query(number, size, tuple(order), tuple(filters), tree, fields, "".join(rest))


@dataclass(frozen=True)
class Cursor:
    """What a list that is paged by cursor was asked: the id before the page, its size, and sparse fields."""

    after: str
    size: int
    query: Query


def parse_cursor(parameters: Iterable[tuple[str, str]]) -> Cursor:
    """Read the parameters of a list of event stores, which neither filters, sorts nor includes.

    Raises:
        Problem: 400, a parameter that is not offered.
    """
    after, size, rest = "", PAGE_SIZE, []
    for name, value in parameters:
        if name == "page[after]":
            after = value
        elif name == "page[size]":
            size = _whole(name, value, LARGEST_PAGE)
        else:
            rest.append((name, value))
    return Cursor(after, size, parse_query("event_stores", rest, a_list=False))


def page_of(state: State, type_: str, query: Query, address: str, among: Iterable[Record] | None = None) -> Page:
    """Find one page.

    Args:
        state: where the records are; its lock is held.
        type_: the resource listed.
        query: from `parse_query`.
        address: the list's absolute URL, for its links.
        among: the records to choose from, by default all of the resource.
    """
    found = [*(state.all(type_) if among is None else among)]
    for chosen in query.filters:
        found = chosen(state, found)
    for name, descending in reversed(query.order):
        found = _sorted(found, name, descending=descending)
    pages = max(1, ceil(len(found) / query.size))
    start = (query.number - 1) * query.size

    def link(number: int) -> str:
        return f"{address}?page[number]={number}&page[size]={query.size}{query.rest}"

    links = {"first": link(1)}
    if query.number > 1:
        links["prev"] = link(min(query.number - 1, pages))
    if query.number < pages:
        links["next"] = link(query.number + 1)
    links["last"] = link(pages)
    return Page(found[start : start + query.size], {"record_count": len(found), "page_count": pages}, links)


def _whole(name: str, value: str, most: int | None) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", value) or int(value) < 1 or (most is not None and int(value) > most):
        raise unsupported(f"{name}={value}")
    return int(value)


def _field_names(type_: str, value: str) -> frozenset[str]:
    names = frozenset(part for part in value.split(",") if part)
    strange = names - {"id", *RESOURCES[type_].attributes, *RESOURCES[type_].relationships}
    if strange:
        raise unsupported(min(strange))
    return names


def _sort_key(type_: str, part: str) -> tuple[str, bool]:
    name = part.removeprefix("-")
    attribute = with_id(RESOURCES[type_]).get(name)
    if attribute is None or "s" not in attribute.flags:
        raise unsupported(name)
    return name, part.startswith("-")


def _sorted(records: list[Record], name: str, *, descending: bool) -> list[Record]:
    """Sort as the provider's database does: nulls after every value, and before them when descending."""
    if name in ("id", "type"):
        return sorted(records, key=attrgetter(name), reverse=descending)
    nulls = [record for record in records if record.attributes[name] is None]
    others = [record for record in records if record.attributes[name] is not None] if nulls else records
    others = sorted(others, key=lambda record: record.attributes[name], reverse=descending)
    return nulls + others if descending else others + nulls
