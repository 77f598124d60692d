"""Whatever is wrong with a request is refused with an error that names it, and says what there is."""

from __future__ import annotations

import json

import pytest

from service.web.api.catalogue import OFFERS
from service.web.api.problems import CODES
from tests.bodies import copy
from tests.web.api.conftest import Desk

COPIES, FACTORIES, OWN = "/api/order_copies", "/api/order_factories", "/api/events"
# The address, its code, the parameter that is named, and words of what is told.
WRONG: list[tuple[str, str, str, str]] = [
    (f"{COPIES}?page[number]=0", "INVALID_PAGE_VALUE", "page[number]", "from 1"),
    (f"{COPIES}?page[number]=-1", "INVALID_PAGE_VALUE", "page[number]", "from 1"),
    (f"{COPIES}?page[number]=", "INVALID_PAGE_VALUE", "page[number]", "from 1"),
    (f"{COPIES}?page[number]=1.5", "INVALID_PAGE_VALUE", "page[number]", "whole number"),
    (f"{COPIES}?page[number]=\N{ARABIC-INDIC DIGIT ONE}", "INVALID_PAGE_VALUE", "page[number]", "whole number"),
    (f"{COPIES}?page[number]=9999999999", "INVALID_PAGE_VALUE", "page[number]", "1000000"),
    (f"{COPIES}?page[number]=999999", "INVALID_PAGE_VALUE", "page[number]", "1000000"),
    (f"{COPIES}?page[size]=26", "INVALID_PAGE_VALUE", "page[size]", "1 to 25"),
    (f"{COPIES}?page[size]=0", "INVALID_PAGE_VALUE", "page[size]", "1 to 25"),
    (f"{COPIES}?page[size]=ten", "INVALID_PAGE_VALUE", "page[size]", "1 to 25"),
    (f"{COPIES}?page[offset]=1", "PARAM_NOT_ALLOWED", "page[offset]", "page[number]"),
    (f"{COPIES}?page=1", "PARAM_NOT_ALLOWED", "page", "page[number]"),
    (f"{COPIES}?page[after]=1", "PARAM_NOT_ALLOWED", "page[after]", "page[number]"),
    (f"{OWN}?page[after]=x", "INVALID_PAGE_VALUE", "page[after]", "whole number"),
    (f"{OWN}?page[after]=1&page[number]=2", "INVALID_PAGE_VALUE", "page[after]", "without"),
    (f"{OWN}?page[after]=1&sort=id", "INVALID_PAGE_VALUE", "page[after]", "without"),
    (f"{COPIES}?page[size]=5&page[size]=5", "PARAM_GIVEN_TWICE", "page[size]", "once"),
    (f"{COPIES}?sort=", "INVALID_SORT_CRITERIA", "sort", "status"),
    (f"{COPIES}?sort=metadata", "INVALID_SORT_CRITERIA", "sort", "updated_at"),
    (f"{COPIES}?sort=--status", "INVALID_SORT_CRITERIA", "sort", "status"),
    (f"{COPIES}?sort=status,", "INVALID_SORT_CRITERIA", "sort", "status"),
    (f"{COPIES}?sort=id,-id", "INVALID_SORT_CRITERIA", "sort", "status"),
    (f"{COPIES}?sort=place", "INVALID_SORT_CRITERIA", "sort", "status"),
    ("/api/recurring_order_copies?sort=type", "INVALID_SORT_CRITERIA", "sort", "status"),
    (f"{COPIES}?filter[q][status]=failed", "FILTER_NOT_ALLOWED", "filter[q][status]", "not_eq"),
    (f"{COPIES}?filter[q][nothing_eq]=1", "FILTER_NOT_ALLOWED", "filter[q][nothing_eq]", "status"),
    (f"{COPIES}?filter[q][]=1", "FILTER_NOT_ALLOWED", "filter[q][]", "predicate"),
    (f"{COPIES}?filter[q][errors_log_present]=1", "FILTER_NOT_ALLOWED", "filter[q][errors_log_present]", "status"),
    (f"{COPIES}?filter[q][errors_count_cont]=1", "FILTER_NOT_ALLOWED", "filter[q][errors_count_cont]", "lteq"),
    (f"{COPIES}?filter[q][status_in_any]=a", "FILTER_NOT_ALLOWED", "filter[q][status_in_any]", "_any"),
    (f"{COPIES}?filter[q][status_true]=true", "FILTER_NOT_ALLOWED", "filter[q][status_true]", "matches"),
    (f"{COPIES}?filter[q][status_or_errors_count_eq]=1", "FILTER_NOT_ALLOWED", "", "one value"),
    (f"{COPIES}?filter[q][status_or_metadata_null]=true", "FILTER_NOT_ALLOWED", "", "JSON"),
    (f"{COPIES}?filter[q][order_subscription_id_eq]=x", "FILTER_NOT_ALLOWED", "", "source_order_id"),
    (f"{COPIES}?filter[q][errors_count_eq]=one", "INVALID_FILTER_VALUE", "filter[q][errors_count_eq]", "whole"),
    (f"{COPIES}?filter[q][errors_count_eq]={'9' * 19}", "INVALID_FILTER_VALUE", "", "18 digits"),
    (f"{COPIES}?filter[q][updated_at_gt]=yesterday", "INVALID_FILTER_VALUE", "", "2018-01-01T12:00:00.000Z"),
    (f"{COPIES}?filter[q][updated_at_gt]=0001-01-01T00:00:00%2B14:00", "INVALID_FILTER_VALUE", "", "not a time"),
    (f"{COPIES}?filter[q][status_null]=maybe", "INVALID_FILTER_VALUE", "filter[q][status_null]", "true nor false"),
    (f"{COPIES}?filter[q][status_eq]=%00", "INVALID_FILTER_VALUE", "filter[q][status_eq]", "NUL"),
    (f"{COPIES}?filter[q][id_in]={',' * 100}", "INVALID_FILTER_VALUE", "filter[q][id_in]", "100 values"),
    (f"{COPIES}?filter[q][metadata_jcont]=[]", "INVALID_FILTER_VALUE", "filter[q][metadata_jcont]", "JSON object"),
    (f"{COPIES}?filter[status]=", "INVALID_FILTER_VALUE", "filter[status]", "characters"),
    (f"{COPIES}?filter[kind]=orders", "INVALID_FILTER_VALUE", "filter[kind]", "order_copies"),
    (f"{COPIES}?filter[colour]=red", "FILTER_NOT_ALLOWED", "filter[colour]", "subject"),
    (f"{OWN}?filter[result]=good", "INVALID_FILTER_VALUE", "filter[result]", "handled"),
    (f"{OWN}?filter[since]=sometime", "INVALID_FILTER_VALUE", "filter[since]", "2h"),
    (f"{COPIES}?include=nothing", "INVALID_INCLUDE", "include", "source_order"),
    (f"{COPIES}?include=event_stores", "INVALID_INCLUDE", "include", "target_order"),
    (f"{COPIES}?include=source_order.market", "INVALID_INCLUDE", "include", "order_subscriptions"),
    (f"{COPIES}?include=source_order,", "INVALID_INCLUDE", "include", "source_order"),
    (f"{FACTORIES}?include=order_subscription", "INVALID_INCLUDE", "include", "events"),
    (f"{OWN}?include=deliveries.event.deliveries.event", "INVALID_INCLUDE", "include", "3 names"),
    (f"{COPIES}?fields[order_copies]=colour", "INVALID_FIELD", "fields[order_copies]", "errors_log"),
    (f"{COPIES}?fields[skus]=code", "INVALID_FIELD", "fields[skus]", "order_copies"),
    (f"{COPIES}?fields=status", "INVALID_FIELD", "fields", "order_copies"),
    (f"{COPIES}?facets=id", "INVALID_FACET", "facets", "status"),
    (f"{COPIES}?colour=red", "PARAM_NOT_ALLOWED", "colour", "sort"),
    (f"{COPIES}?unmask=true", "PARAM_NOT_ALLOWED", "unmask", "filter[q][…]"),
    (f"{COPIES}/XAyRWNUzyN?sort=id", "PARAM_NOT_ALLOWED", "sort", "include"),
    (f"{COPIES}/XAyRWNUzyN?unmask=yes", "INVALID_VALUE", "unmask", "true or false"),
    (f"{COPIES}/XAyRWNUzyN/source_order?sort=id", "PARAM_NOT_ALLOWED", "sort", "include"),
    (f"{COPIES}/XAyRWNUzyN/relationships/events?include=deliveries", "PARAM_NOT_ALLOWED", "include", "page[number]"),
    (f"{COPIES}/XAyRWNUzyN/event_stores?page[number]=1", "PARAM_NOT_ALLOWED", "page[number]", "page[after]"),
    (f"{COPIES}/XAyRWNUzyN/event_stores?page[after]=-", "INVALID_PAGE_VALUE", "page[after]", "1755185525941-17"),
    (f"{COPIES}/XAyRWNUzy_", "INVALID_ID", "id", "letters and digits"),
    (f"{COPIES}/{'x' * 33}", "INVALID_ID", "id", "1 to 32"),
    (f"{OWN}/x", "INVALID_ID", "id", "whole number"),
    (f"{OWN}/{'1' * 19}", "INVALID_ID", "id", "whole number"),
    ("/api/event_stores/1-2-3", "INVALID_ID", "id", "1755185525941-17"),
]


@pytest.fixture(autouse=True, scope="module")
def _told(quick: Desk) -> None:
    quick.tell("order_copies.complete", copy())


@pytest.mark.parametrize(("path", "code", "parameter", "words"), WRONG, ids=[path for path, *_ in WRONG])
def test_a_wrong_parameter_is_named_with_what_is_allowed(
    quick: Desk, path: str, code: str, parameter: str, words: str
) -> None:
    error = quick.refused(path)

    named = parameter or path.partition("?")[2].partition("=")[0]
    assert (error["code"], error["title"], error["source"]) == (code, CODES[code][1], {"parameter": named})
    assert words in error["detail"]
    assert [*error] == ["title", "detail", "code", "status", "source"]


def test_what_a_caller_sent_comes_back_shortened_and_inert(quick: Desk) -> None:
    answer = quick.ask(f"{COPIES}?<script>alert(1)</script>{'x' * 900}=1")

    assert b"<" not in quick.ask(f"{COPIES}?sort=<script>").data
    assert b"<" not in answer.data
    assert len(answer.data) < 900


@pytest.mark.parametrize("path", [f"/api/{type_}/AAAAAAAAAA" for type_ in OFFERS if not OFFERS[type_].numbered])
def test_what_is_not_there_is_not_found(quick: Desk, path: str) -> None:
    if "event_stores" in path:
        path = "/api/event_stores/1-99999"
    error = quick.refused(path, 404)

    assert error == {
        "title": "Record not found",
        "detail": "The requested resource was not found. Please double-check the resource id.",
        "code": "RECORD_NOT_FOUND",
        "status": "404",
    }


@pytest.mark.parametrize("path", [f"/api/{type_}/999999" for type_ in OFFERS if OFFERS[type_].numbered])
def test_a_number_that_is_not_there_is_not_found(quick: Desk, path: str) -> None:
    assert quick.refused(path, 404)["code"] == "RECORD_NOT_FOUND"


@pytest.mark.parametrize("path", ["/api", "/api/", "/api/skus", "/api/order_copies/XAyRWNUzyN/market", "/api//"])
def test_another_address_is_not_found(quick: Desk, path: str) -> None:
    assert quick.refused(path, 404)["code"] == "RECORD_NOT_FOUND"


@pytest.mark.parametrize("method", ["POST", "PUT", "PATCH", "DELETE", "OPTIONS"])
def test_nothing_is_written(quick: Desk, method: str) -> None:
    answer = quick.ask(f"{COPIES}/XAyRWNUzyN", method=method)

    assert (answer.status_code, answer.headers["Allow"]) == (405, "GET, HEAD")
    assert json.loads(answer.data)["errors"][0]["code"] == "METHOD_NOT_ALLOWED"


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/vnd.api+json", 200),
        ("application/json, application/vnd.api+json", 200),
        ("*/*", 200),
        ("application/*;q=0.5", 200),
        ('application/vnd.api+json; profile="https://example.com/x"', 200),
        ("application/vnd.api+json; charset=utf-8, application/vnd.api+json", 200),
        ("application/vnd.api+json; charset=utf-8", 406),
        ('application/vnd.api+json; ext="https://example.com/x"', 406),
        ("application/vnd.api+json;q=0", 406),
        ("application/json", 406),
        ("text/html", 406),
        ("", 406),
        ("%\x7f;;=,", 406),
    ],
)
def test_the_media_type_is_json_api(quick: Desk, accept: str, status: int) -> None:
    answer = quick.ask(COPIES, Accept=accept)

    assert answer.status_code == status
    assert answer.content_type == "application/vnd.api+json"


def test_a_content_type_with_parameters_is_not_supported(quick: Desk) -> None:
    assert quick.ask(COPIES, Content_Type="application/vnd.api+json; charset=utf-8").status_code == 415
    assert quick.ask(COPIES, Content_Type="application/vnd.api+json").status_code == 200


def test_without_a_token_nobody_reads_but_the_description(quick: Desk) -> None:
    paths = [COPIES, f"{COPIES}/XAyRWNUzyN", f"{COPIES}/XAyRWNUzyN/events", "/api/deliveries/1", "/api/nothing"]
    answers = [quick.http.get(path) for path in paths]

    assert [answer.status_code for answer in answers] == [401, 401, 401, 401, 404]
    error = json.loads(answers[0].data)["errors"][0]
    assert (error["code"], error["status"]) == ("INVALID_TOKEN", "401")
    assert answers[0].headers["WWW-Authenticate"] == "Bearer"
    assert quick.http.get("/api/openapi.json").status_code == 200


def test_what_is_masked_needs_the_scope_act_and_a_reason(quick: Desk) -> None:
    path = f"{COPIES}/XAyRWNUzyN?unmask=true"

    assert quick.refused(f"{path}&reason=x", 403)["code"] == "FORBIDDEN"
    assert "reason" in quick.refused(path, 400, "act")["detail"]
    jcont = f"{COPIES}?filter[q][metadata_jcont]=" + '{"a":1}'
    assert quick.refused(jcont, 403)["code"] == "FORBIDDEN"
    assert quick.ask(jcont, "act").status_code == 200
