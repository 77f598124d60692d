"""A timeline joins all that is kept about a subject and those that belong to it."""

from __future__ import annotations

import pytest

from service.errors import BadFilter
from service.store import Store
from service.store.listings import Happened, timeline
from tests.listings.conftest import COPY, SOURCE, SUBSCRIPTION


def kinds(happened: list[Happened]) -> list[str]:
    return [f"{one.kind}:{one.what.get('action') or one.what.get('verdict') or ''}".rstrip(":") for one in happened]


def test_everything_about_a_copy_is_in_it(record: Store) -> None:
    """Deliveries, transitions, the follow-up with its attempt, and what an operator did; nothing twice."""
    with record.read() as connection:
        found = timeline(connection, COPY).happened
    wanted = ["delivery:event", "transition", "attempt", "delivery:event", "follow_up", "transition", "entry:replayed"]
    assert sorted(kinds(found)) == sorted([*wanted, "delivery:redelivery"])
    assert [one.at for one in found] == sorted(one.at for one in found)


def test_an_order_and_a_subscription_come_with_their_copies(record: Store) -> None:
    with record.read() as connection:
        of_order = timeline(connection, f"orders/{SOURCE}").happened
        of_subscription = timeline(connection, f"order_subscriptions/{SUBSCRIPTION}").happened
    assert {one.subject for one in of_order} == {f"orders/{SOURCE}", f"order_copies/{COPY}"}
    assert "entry:handler.failed" in kinds(of_order)
    assert {one.subject for one in of_subscription} == {
        f"order_subscriptions/{SUBSCRIPTION}",
        "recurring_order_copies/renewal001",
    }


def test_an_incident_is_told_of_whom_it_affects(record: Store) -> None:
    with record.read() as connection:
        found = timeline(connection, "order_copies/failed0001").happened
    assert "incident" in kinds(found)


def test_parts_of_it_are_all_of_it(record: Store) -> None:
    """Cursors lead back to the beginning, with nothing twice and nothing left out."""
    with record.read() as connection:
        whole = timeline(connection, f"orders/{SOURCE}").happened
        for limit in (1, 3):
            found: list[Happened] = []
            part = timeline(connection, f"orders/{SOURCE}", limit=limit)
            while True:
                found = part.happened + found
                if part.earlier is None:
                    break
                part = timeline(connection, f"orders/{SOURCE}", limit=limit, after=part.earlier)
            assert found == whole
        cursor = timeline(connection, f"orders/{SOURCE}", limit=1).earlier
        with pytest.raises(BadFilter):
            timeline(connection, COPY, after=cursor)
