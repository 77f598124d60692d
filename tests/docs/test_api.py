"""The page about the API says what it offers."""

from __future__ import annotations

import re

import pytest

from service.conditions import BY_KIND, MOST_VALUES
from service.web.api import own, parameters, reading, records, related
from service.web.api.catalogue import DEEPEST_ROW, LARGEST_PAGE, OFFERS, PAGE_SIZE
from service.web.api.offers import Offer
from service.web.api.openapi import description
from service.web.api.problems import CODES
from tests.docs.pages import code_spans, page, rows, section, words

PAGE = "docs/api.md"


def test_every_endpoint_is_told_and_no_other() -> None:
    listed = {path for path in words(section(PAGE, "Endpoints")) if path.startswith("/")}
    told = {row[0].strip("`"): code_spans(row[1]) for row in rows(section(PAGE, "Endpoints")) if "/" not in row[0]}
    assert told == {offer.type: [*offer.relations] for offer in OFFERS.values() if offer.relations}
    listed |= {f"/api/{t}/:id/{between}{name}" for t, ns in told.items() for name in ns for between in _BETWEEN}
    assert {re.sub(r":(\w+)", r"{\1}", path) for path in listed} == set(description("")["paths"])


_BETWEEN = ("", "relationships/")


def test_every_predicate_is_told_with_its_kind() -> None:
    told = {row[0]: tuple(code_spans(row[1])) for row in rows(section(PAGE, "Filters"))}
    assert told == BY_KIND


def test_every_code_of_an_error_is_told_with_its_status() -> None:
    told = {row[0].strip("`"): int(row[1]) for row in rows(section(PAGE, "Errors"))}
    assert told == {code: status for code, (status, _) in CODES.items()}


def _flags(offer: Offer, name: str) -> str:
    flags = offer.attributes[name].flags
    return " ".join(letter for letter, flag in (("s", "s"), ("f", "q"), ("c", "c")) if flag in flags) or "\N{EN DASH}"


@pytest.mark.parametrize("offer", own.OWN, ids=lambda offer: offer.type)
def test_every_attribute_of_ours_is_told(offer: Offer) -> None:
    told = [(row[0].strip("`"), row[1], row[2]) for row in rows(section(PAGE, offer.type))]
    assert told == [(name, one.kind, _flags(offer, name)) for name, one in offer.attributes.items()]


def test_every_attribute_of_factories_is_told() -> None:
    offer = OFFERS["order_copies"]
    told = [(row[0].strip("`"), row[1], row[2]) for row in rows(section(PAGE, "Factories"))]
    flags = [(name, one.kind, _flags(offer, name).replace(" c", "")) for name, one in offer.attributes.items()]
    assert told == flags


def test_every_kind_of_parameter_is_told() -> None:
    told = " ".join(row[0] for row in rows(section(PAGE, "Parameters")))
    kinds = {*parameters.LIST, *parameters.ONE, *parameters.STORES}
    assert [kind for kind in sorted(kinds) if kind not in told] == []


def test_the_limits_are_those_of_the_code() -> None:
    text = " ".join(page(PAGE).split())
    for limit in (
        f"{PAGE_SIZE} unless said, at most {LARGEST_PAGE}",
        f"end at row {DEEPEST_ROW:,}",
        f"at most {parameters.MOST_FILTERS}, and all must hold",
        f"at most {related.MOST_INCLUDED} resources",
        f"({MOST_VALUES} at most)",
        f"of at most {reading.MOST_SCANNED} factories",
        f"longer than {records.QUERY_SECONDS:g} seconds",
        f"over {reading.MAX_PARSED_AT_ONCE >> 10} KiB",
    ):
        assert limit in text, limit
    assert records.AT_ONCE == 3
    assert "At most three requests at once" in text
