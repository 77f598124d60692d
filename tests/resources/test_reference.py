"""The table of what each resource offers says what the reference pages say, and else what the schema says."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from service.resources.reference import REFERENCE

SCHEMA = "shared/commerce-layer/schema/resources-extract-sdk-7.11.0.json"
SINGULAR = {
    "order_factories": "order_factory",
    "order_copies": "order_copy",
    "recurring_order_copies": "recurring_order_copy",
    "orders": "order",
    "order_subscriptions": "order_subscription",
    "webhooks": "webhook",
    "events": "event",
    "event_callbacks": "event_callback",
}
FLAGS = {"c": "creatable", "u": "updatable", "f": "fetchable", "q": "filterable", "s": "sortable"}
# Where the table knowingly differs; the reasons stand beside it.
DIFFERENT = {
    "order_factories": {"place_target_order", "reuse_wallet", "reference", "reference_origin", "metadata"},
    "recurring_order_copies": {"type"},
    "webhooks": {"circuit_state", "circuit_failure_count"},
}
ON_THE_PAGE = [
    "status", "started_at", "completed_at", "failed_at", "errors_count",
    "id", "created_at", "updated_at", "reference", "reference_origin",
]  # fmt: skip


def test_recurring_order_copies_are_sorted_and_filtered_by_exactly_what_the_page_lists() -> None:
    offer = REFERENCE["recurring_order_copies"]
    assert set(offer.sortable) == set(ON_THE_PAGE)
    assert set(offer.filterable) == {*ON_THE_PAGE, "metadata"}
    assert set(offer.filterable_relationships) == {"source_order", "target_order", "events", "order_subscription"}


def test_an_order_copy_is_created_with_exactly_the_arguments_of_the_page() -> None:
    assert set(REFERENCE["order_copies"].creatable) == {
        "place_target_order", "reuse_wallet", "reference", "reference_origin", "metadata", "cancel_source_order",
        "apply_promotions", "skip_errors", "ignore_invalid_coupon", "source_order",
    }  # fmt: skip
    assert set(REFERENCE["order_copies"].updatable) == {"reference", "reference_origin", "metadata"}


def test_both_editions_of_the_object_page_are_covered() -> None:
    offer = REFERENCE["order_factories"]
    assert set(offer.attributes) == {
        "type", "status", "started_at", "completed_at", "failed_at", "errors_log", "errors_count",
        "place_target_order", "reuse_wallet", "created_at", "updated_at", "reference", "reference_origin", "metadata",
    }  # fmt: skip
    assert set(offer.relationships) == {"source_order", "target_order", "events", "event_stores"}
    assert "event_stores" not in offer.includable


def test_nothing_is_written_by_way_of_the_umbrella() -> None:
    offer = REFERENCE["order_factories"]
    assert (offer.creatable, offer.updatable, offer.actions) == ((), (), ("list", "retrieve"))


def schema() -> dict[str, Any]:
    """The published schema, kept beside the project and not in it."""
    path = next((f / SCHEMA for f in Path(__file__).parents if (f / SCHEMA).exists()), None)
    if path is None:
        pytest.skip("the published schema is not here")
    return {one["id"]: one["attributes"] for one in json.loads(path.read_text())}


@pytest.mark.parametrize("type_", REFERENCE)
def test_the_table_agrees_with_the_published_schema(type_: str) -> None:
    published, offer = schema()[SINGULAR[type_]], REFERENCE[type_]
    fields = {n: f for n, f in published["fields"].items() if n != "id" and not n.startswith("_")}
    # A callback's signature is listed but never shown, nor can it be set.
    assert set(offer.attributes) == {n for n, f in fields.items() if any(f.get(flag) for flag in FLAGS.values())}
    for name in set(offer.attributes) - DIFFERENT.get(type_, set()):
        flags = "".join(letter for letter, flag in FLAGS.items() if fields[name].get(flag))
        assert (offer.attributes[name].kind, offer.attributes[name].flags) == (fields[name]["type"], flags), name
    assert set(offer.triggers) <= {n for n, f in published["fields"].items() if f.get("trigger")}
    assert set(offer.actions) == set(published["actions"])
    assert set(offer.relationships) == set(published["relationships"])
    for name, relationship in published["relationships"].items():
        assert (name in offer.filterable_relationships) is bool(relationship.get("filterable")), name
        assert (name in offer.includable) is (relationship.get("includable") is not False), name
