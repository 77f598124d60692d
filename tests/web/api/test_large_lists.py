"""Lists that are too long to look at every row: counts, pages and refusals are those of short ones."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.conditions import BY_KIND, LISTS, QUESTIONS, TRUTHS
from service.web.api.catalogue import OFFERS
from tests.web.api.conftest import Desk

LISTED = sorted(type_ for type_, offer in OFFERS.items() if offer.listed)
# Every row is too many, so that whatever large lists do differently is done here.
NONE, MANY = 0, 1_000_000


def _large(monkeypatch: pytest.MonkeyPatch, most: int) -> None:
    for module in ("question", "counting", "pages"):
        monkeypatch.setattr(f"service.store.selections.{module}.MOST", most)


def _asked(desk: Desk, type_: str) -> Iterator[str]:
    """Filters by every attribute, with a value of some row and with one of none."""
    offer = OFFERS[type_]
    rows = desk.read(f"/api/{type_}", "act")["data"]
    for name, kind in offer.filterable.items():
        held = [row["id"] if name == "id" else row["attributes"].get(name) for row in rows]
        absent = {"integer": 99, "datetime": "1999-01-01T00:00:00Z", "string": "nobody"}.get(kind, "true")
        value = next((one for one in held if one is not None), absent)
        for predicate in () if kind == "object" else BY_KIND[kind]:
            answers = ("true", "false") if predicate in (*QUESTIONS, *TRUTHS) or kind == "boolean" else (value, absent)
            several = [f"{value},{absent}"] if predicate in LISTS else answers
            yield from (f"filter[q][{name}_{predicate}]={one}" for one in several)
    yield from ("", "filter[until]=2026-03-03T07:00", "filter[since]=2026-03-02T20:00&filter[until]=2026-03-04")


def _all_ids(desk: Desk, type_: str, asked: str) -> tuple[int, list[str]]:
    """What a list says that it has, and what its pages show."""
    found: list[str] = []
    number, pages, said = 0, 1, 0
    while number < pages:
        number += 1
        document = desk.read(f"/api/{type_}?page[size]=3&page[number]={number}&{asked}", "act")
        found += [one["id"] for one in document["data"]]
        pages, said = document["meta"]["page_count"], document["meta"]["record_count"]
    return said, found


@pytest.mark.long
@pytest.mark.parametrize("type_", LISTED)
def test_pages_and_counts_are_those_of_a_short_list(full: Desk, type_: str, monkeypatch: pytest.MonkeyPatch) -> None:
    different = []
    for asked in _asked(full, type_):
        _large(monkeypatch, MANY)
        short = _all_ids(full, type_, asked)
        assert short[0] == len(short[1]) == len(set(short[1])), asked
        _large(monkeypatch, NONE)
        if full.ask(f"/api/{type_}?{asked}", "act").status_code == 200 and _all_ids(full, type_, asked) != short:
            different.append(asked)

    assert different == []


COUNTED = [
    ("events", "filter[q][topic_cont]=order", "topic"),
    ("events", "filter[q][told_status_null]=true", "told_status"),
    ("events", "filter[q][updated_at_gt]=2026-03-02T20:30:00Z&filter[q][result_not_eq]=failed", "origin"),
    ("deliveries", "filter[q][verdict_in]=event,redelivery", "verdict"),
    ("transitions", "filter[q][from_status_null]=true", "from_status"),
    ("audit_entries", "filter[q][action_start]=re&filter[actor]=intake", "action"),
    ("audit_entries", "filter[text]=answer*", "actor"),
    ("follow_ups", "filter[q][kind_not_in]=nothing", "status"),
    ("attempts", "filter[q][result_eq]=unavailable", "result"),
    ("events", "filter[q][subject_eq]=order_copies/XAyRWNUzyN", "fingerprint"),
    ("events", "filter[q][topic_eq]=order_copies.fail", "fingerprint"),
    ("order_factories", "filter[q][updated_at_gt]=2001-01-01", "status"),
]


@pytest.mark.parametrize(("type_", "asked", "facet"), COUNTED)
def test_what_is_counted_beforehand_is_what_pages_show(
    full: Desk, type_: str, asked: str, facet: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    _large(monkeypatch, NONE)
    document = full.read(f"/api/{type_}?page[size]=25&facets={facet}&{asked}", "act")

    shown = [one["attributes"][facet] for one in document["data"]]
    assert len(shown) == document["meta"]["record_count"] > 0
    counts = {one["value"]: one["count"] for one in document["meta"]["facets"][facet]}
    assert counts == {value: shown.count(value) for value in shown}


@pytest.mark.parametrize(
    ("asked", "named"),
    [
        ("events?filter[q][error_cont]=missing", "error"),
        ("events?sort=-created_at", "created_at"),
        ("events?facets=topic&filter[q][organization_eq]=xRRkjDFafe", "organization"),
        ("order_copies?filter[q][source_order_status_eq]=placed", "source_order_status"),
        ("order_copies?filter[q][events_created_at_gt]=2026-01-01", "events_created_at"),
    ],
)
def test_what_no_index_answers_is_refused_by_name_where_too_many_are_left(
    full: Desk, asked: str, named: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    answered = full.ask(f"/api/{asked}", "act").status_code
    _large(monkeypatch, NONE)
    error = full.refused(f"/api/{asked}", scope="act")

    assert (answered, error["code"]) == (200, "TOO_MANY_TO_SCAN")
    assert f"No index helps with {named} asked like this," in error["detail"]


def test_a_filter_with_an_index_lets_the_others_look_at_what_it_leaves(
    full: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = "/api/events?filter[q][error_cont]=4711&filter[q][subject_eq]=orders/qAlMhokOGm&sort=-created_at"
    _large(monkeypatch, 5)

    assert len(full.ids(asked, "act")) == 1
