"""Whatever a list is sorted and filtered by, it is answered: no index is taken that lacks some of its rows."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from service.web.api.catalogue import OFFERS
from service.web.api.offers import Offer
from tests.web.api.conftest import Desk

LISTED = sorted(type_ for type_, offer in OFFERS.items() if offer.listed)
VALUES = {"integer": "2", "datetime": "2026-03-02T09:00:00Z", "boolean": "true", "string": "nobody"}


def _filters(offer: Offer) -> Iterator[tuple[str, str]]:
    """Each attribute, and that it has no value, that it has one, and that it has a certain one."""
    for name, kind in offer.filterable.items():
        yield name, f"filter[q][{name}_null]=true"
        yield name, f"filter[q][{name}_null]=false"
        if kind in VALUES:
            yield name, f"filter[q][{name}_eq]={VALUES[kind]}"


def _sorts(offer: Offer) -> Iterator[str]:
    """Each order, alone and with a filter by another attribute, each in its turn."""
    filters = cycle(_filters(offer))
    for name in offer.sortable:
        for sort in (f"sort={name}", f"sort=-{name}"):
            yield sort
            yield f"{sort}&{next(asked for about, asked in filters if about != name)}"


def _unanswered(desk: Desk, asked: dict[str, list[str]]) -> list[str]:
    paths = [f"/api/{type_}?page[size]=1&fields[{type_}]=&{one}" for type_, some in asked.items() for one in some]
    return [path for path in paths if desk.ask(path, "act").status_code != 200]


def test_every_sort_is_answered_alone_and_with_a_filter(full: Desk) -> None:
    assert _unanswered(full, {type_: [*_sorts(OFFERS[type_])] for type_ in LISTED}) == []


def test_whatever_is_asked_to_have_a_value_or_none_is_answered(full: Desk) -> None:
    asked = {type_: [one for _, one in _filters(OFFERS[type_]) if "_null]=" in one] for type_ in LISTED}
    assert _unanswered(full, asked) == []
