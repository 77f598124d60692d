"""The provider's resources as values: tolerant of everything but ids."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service import resources, text
from service.resources import Order, Subscription
from tests.bodies import copy, event, order, resource, sample


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        ("2026-03-02T09:00:02.905Z", datetime(2026, 3, 2, 9, 0, 2, 905_000, UTC)),
        ("2026-03-02T09:00:02Z", datetime(2026, 3, 2, 9, 0, 2, 0, UTC)),
        ("2026-03-02T09:00:02.905+01:00", datetime(2026, 3, 2, 8, 0, 2, 905_000, UTC)),
        ("9999-12-31T23:59:59.999999Z", datetime.max.replace(tzinfo=UTC)),
        *(
            (value, None)
            for value in (
                None,
                1772442002,
                "",
                "yesterday",
                "2026-03-02",
                "2026-03-02T09:00:02.905",
                "2026-13-02T09:00:02Z",
                "2026-03-02T25:00:02Z",
                "2026-03-02T09:00:02+99:00",
                "0001-01-01T00:00:00+14:00",
                "2026-03-02T09:00:02Z\n",
                "2026-W10-1T09:00:02Z",
                ["2026-03-02T09:00:02Z"],
            )
        ),
    ],
)
def test_times(value: Any, expected: datetime | None) -> None:
    """A time with a zone is read as UTC; anything else is none."""
    assert resources.instant(value) == expected


@given(st.datetimes(timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=30))])))
def test_times_survive(moment: datetime) -> None:
    """A time as the provider spells it comes back as itself."""
    assert resources.instant(moment.isoformat()) in (moment, None)


def test_a_copy_with_its_orders() -> None:
    """Linkage gives ids, `included` gives the orders, and both are read from one document."""
    factory = event("order_copies.complete", sample("order_copies.complete")).factory
    assert (factory.subject, factory.status) == ("order_copies/XAyRWNUzyN", "completed")
    assert (factory.source_order_id, factory.target_order_id) == ("NgojhelVGm", "qAlMhokOGm")
    assert factory.source_order == Order(
        "NgojhelVGm",
        number="28030653",
        status="cancelled",
        payment_status="voided",
        fulfillment_status="unfulfilled",
        total_cents=15300,
        updated_at=datetime(2026, 3, 2, 9, 0, 2, 700_000, UTC),
    )
    assert (factory.cancel_source_order, factory.place_target_order, factory.skip_errors) == (True, True, False)
    assert (factory.errors_count, factory.errors_log, factory.first_error) == (0, None, None)


def test_related_is_not_included() -> None:
    """An id is known without the order itself; an empty relationship, or a strange one, is none."""
    factory = event("order_copies.complete", copy(source_order="aaaaaaaaaa")).factory
    assert (factory.source_order_id, factory.source_order, factory.target_order_id) == ("aaaaaaaaaa", None, None)
    for data in (None, [], "x", {"id": "../x"}, {"id": 1}, {"id": None}):
        document = copy()
        document["data"]["relationships"] = {"source_order": {"data": data}}
        assert event("order_copies.complete", document).factory.source_order_id is None


def test_not_included_is_not_none() -> None:
    """Subscriptions that an answer did not include are unknown; an empty list is the knowledge of none."""
    assert resources.order(order()["data"]).order_subscriptions is None
    told = resource("orders", "a")
    told["relationships"] = {"order_subscriptions": {"data": []}}
    assert resources.order(told).order_subscriptions == ()
    told["relationships"] = {"order_subscriptions": {"data": [{"type": "order_subscriptions", "id": "b"}, None, "x"]}}
    included = (resource("order_subscriptions", "b", {"status": "active"}),)
    assert resources.order(told, included).order_subscriptions == (Subscription("b", status="active"),)
    assert resources.order(told).order_subscriptions == (Subscription("b"),)


@pytest.mark.parametrize(
    ("log", "line"),
    [
        (None, None),
        ({}, None),
        ([], None),
        ({"base": ["no stock", "no price"]}, "base: no stock"),
        ({"base": "no stock", "other": ["x"]}, "base: no stock"),
        ({"base": []}, "base"),
        ({"base": [{"code": 1}]}, "base"),
    ],
)
def test_the_first_error(log: Any, line: str | None) -> None:
    """The error log is a free object; its first line is shown, whatever its shape."""
    assert event("order_copies.fail", copy(status="failed", errors_log=log)).factory.first_error == line


anything = (
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text() | st.just([]) | st.just({})
)


@given(st.dictionaries(st.sampled_from(["status", "number", "errors_count", "metadata", "updated_at"]), anything))
def test_any_attributes_are_read(attributes: dict[str, Any]) -> None:
    """An attribute of another type than the provider's reads as none; nothing raises."""
    factory = resources.order_factory(resource("order_copies", "a", attributes))
    assert factory.status is None or factory.status == attributes["status"]
    assert factory.errors_count is None or factory.errors_count == attributes["errors_count"]
    assert isinstance(resources.order(resource("orders", "a", attributes)).number, str | None)
    assert resources.subscription(resource("order_subscriptions", "a", attributes)).id == "a"


@pytest.mark.parametrize(
    "unsafe", "\0\n\r\t\x1b\x7f\x85\x9b\xad\u061c\u200b\u200e\u2028\u202e\u2066\ufeff\udfff\U000e0041"
)
def test_one_line(unsafe: str) -> None:
    """Controls, bidi, invisible characters and surrogates become a visible mark, so a line stays a line."""
    assert text.line(f"a{unsafe}b") == "a\ufffdb"


def test_short_enough() -> None:
    """A line longer than its limit ends in an ellipsis and has exactly the limit; others are left as they are."""
    assert text.line("é€\N{GRINNING FACE}~ ") == "é€\N{GRINNING FACE}~ "
    assert text.line("x" * 10, 10) == "x" * 10
    assert text.line("x" * 11, 10) == "x" * 9 + "…"
