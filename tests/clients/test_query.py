"""Arguments of lists and retrieves: written as the provider wants them, or refused with what is offered."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest

from service.clients.query import PREDICATES, list_query, shape
from service.errors import NotOffered
from service.resources.reference import REFERENCE

COPIES, RECURRING = REFERENCE["order_copies"], REFERENCE["recurring_order_copies"]
FACTORIES, ORDERS = REFERENCE["order_factories"], REFERENCE["orders"]
MOMENT = datetime(2026, 3, 2, 9, 0, 2, 905123, UTC)


def filtered(key: str, value: Any, offer: Any = COPIES) -> str:
    """The parameter that one filter becomes."""
    ((name, text),) = list_query(offer, filters={key: value}).parameters
    assert name == f"filter[q][{key}]"
    return text


@pytest.mark.parametrize(
    ("key", "value", "text"),
    [
        ("status_eq", "failed", "failed"),
        ("status_in", ["failed", "aborted"], "failed,aborted"),
        ("status_in", "failed,aborted", "failed,aborted"),
        ("status_not_in", ("failed",), "failed"),
        ("updated_at_gteq", MOMENT, "2026-03-02T09:00:02.905Z"),
        ("updated_at_lt", MOMENT.astimezone(timezone(timedelta(hours=-5))), "2026-03-02T09:00:02.905Z"),
        ("updated_at_gt", "2026-03-02T09:00:02Z", "2026-03-02T09:00:02Z"),
        ("errors_count_gt", 0, "0"),
        ("errors_count_in", [1, 2], "1,2"),
        ("failed_at_null", False, "false"),
        ("failed_at_not_null", "true", "true"),
        ("metadata_present", True, "true"),
        ("reference_or_reference_origin_cont", "a b&c", "a b&c"),
        ("reference_start_any", ["a", "b"], "a,b"),
        ("reference_not_eq", "x,y", "x,y"),
        ("source_order_id_eq", "NgojhelVGm", "NgojhelVGm"),
        ("source_order_number_or_target_order_number_eq", "42", "42"),
        ("source_order_placed_at_gt", MOMENT, "2026-03-02T09:00:02.905Z"),
    ],
)
def test_a_filter_is_written_as_the_provider_reads_it(key: str, value: object, text: str) -> None:
    assert filtered(key, value) == text


@pytest.mark.parametrize("predicate", PREDICATES)
def test_every_documented_predicate_is_known(predicate: str) -> None:
    value: object = predicate in ("null", "not_null", "present", "blank", "true", "false") or "pending"
    assert filtered(f"status_{predicate}", value) in ("true", "pending")


@pytest.mark.parametrize(
    ("key", "value", "words"),
    [
        ("mood_eq", "x", "order_copies cannot be filtered by 'mood'; it is offered for: id, "),
        ("errors_log_present", True, "source_order_id"),
        ("order_subscription_id_eq", "sUb", "cannot be filtered by 'order_subscription_id'"),
        ("source_order_mood_eq", "x", "cannot be filtered by 'source_order_mood'"),
        ("status_or_mood_eq", "x", "cannot be filtered by 'mood'"),
        ("status", "x", "ends with no predicate; there are: eq, not_eq"),
        ("status_similar", "x", "ends with no predicate"),
        ("status_in_any", ["x"], "goes with neither _any nor _all"),
        ("status_in", [], "takes at least one value"),
        ("status_eq", ["a", "b"], "takes one value"),
        ("status_in", ["a,b"], "has a comma"),
        ("updated_at_gt", "yesterday", "it takes: datetime"),
        ("updated_at_gt", datetime(2026, 3, 2), "has no time zone"),  # noqa: DTZ001 - which is the point
        ("errors_count_gt", "many", "it takes: integer"),
        ("errors_count_gt", True, "it takes: integer"),
        ("failed_at_null", "perhaps", "it takes: boolean"),
        ("metadata_eq", "x", "it takes: object"),
    ],
)
def test_a_filter_that_is_not_offered_is_refused_in_words(key: str, value: object, words: str) -> None:
    with pytest.raises(NotOffered, match=words):
        filtered(key, value)


def test_a_list_is_sorted_by_what_is_sortable_only() -> None:
    assert list_query(RECURRING, sort=("-updated_at", "id")).parameters == (("sort", "-updated_at,id"),)
    assert list_query(RECURRING, sort="-updated_at, id") == list_query(RECURRING, sort=("-updated_at", "id"))
    for name in ("metadata", "type", "order_subscription", "--id", ""):
        with pytest.raises(NotOffered, match=r"cannot be sorted by .*; it is offered for: id, status"):
            list_query(RECURRING, sort=[name])


@pytest.mark.parametrize("size", [0, 26, -1, True, 2.5])
def test_a_page_has_1_to_25_resources(size: Any) -> None:
    with pytest.raises(NotOffered, match="a page has 1 to 25"):
        list_query(COPIES, page_size=size)


def test_relationships_are_included_by_path() -> None:
    paths = ("source_order", "source_order.order_subscriptions", "source_order.market")
    assert shape(COPIES, include=paths) == (("include", ",".join(paths)),)
    assert shape(COPIES, include="source_order,target_order") == (("include", "source_order,target_order"),)


@pytest.mark.parametrize(
    ("path", "words"),
    [
        ("event_stores", "order_copies cannot include 'event_stores'; it is offered for: source_order, target_order"),
        ("mood", "cannot include 'mood'"),
        ("source_order.mood", "orders cannot include 'mood'"),
        ("source_order.market.merchant", "what lies beyond is not in the reference"),
        ("source_order..events", "cannot include ''"),
    ],
)
def test_an_include_that_is_not_offered_is_refused_in_words(path: str, words: str) -> None:
    with pytest.raises(NotOffered, match=words):
        shape(COPIES, include=[path])


def test_fields_name_what_is_shown_and_always_show_what_is_included() -> None:
    fields = {"order_copies": "status,errors_log", "orders": ["status"]}
    shown = dict(shape(COPIES, include="source_order.order_subscriptions,target_order", fields=fields))
    assert shown["fields[order_copies]"] == "status,errors_log,source_order,target_order"
    assert shown["fields[orders]"] == "status,order_subscriptions"
    assert shape(COPIES, fields="status") == (("fields[order_copies]", "status"),)


def test_a_factory_always_shows_which_of_the_two_it_is() -> None:
    assert shape(FACTORIES, fields=["status"]) == (("fields[order_factories]", "status,type"),)


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ("mood", "order_copies has no field 'mood'; it is offered for: id, "),
        ({"orders": ["customer_password"]}, "orders has no field 'customer_password'"),
        ({"customers": ["email"]}, "fields cannot be chosen for 'customers'; it is offered for: order_factories"),
    ],
)
def test_fields_that_do_not_exist_are_refused_in_words(fields: Any, words: str) -> None:
    with pytest.raises(NotOffered, match=words):
        shape(COPIES, fields=fields)


def test_orders_are_filtered_by_money_in_cents() -> None:
    assert filtered("total_amount_cents_gteq", 15300, ORDERS) == "15300"
    with pytest.raises(NotOffered, match="cannot be filtered by 'total_amount_float'"):
        filtered("total_amount_float_gteq", 153, ORDERS)
