"""Deliveries in any order, any number of times, in any batches: the same states, and every follow-up planned once."""

from __future__ import annotations

from collections import Counter
from datetime import UTC, datetime, timedelta
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from service.arrivals import Arrival
from service.store import Store
from service.store.keep import keep
from service.store.record import Told, record
from service.store.schema import events, follow_ups, states
from tests import bodies
from tests.rows import empty, rows

NOW = datetime(2026, 3, 2, 12, 0, tzinfo=UTC)
RELATED = {"source_order": "SourceOrdr", "target_order": "TargetOrdr"}


def _at(second: int) -> str:
    return f"2026-03-02T09:00:{second:02d}.000Z"


def _story(id_: str, *stages: str, recurring: bool = False, **attributes: Any) -> list[tuple[str, Any]]:
    """The events of one copy, each a second later than the one before."""
    type_ = "recurring_order_copies" if recurring else "order_copies"
    return [
        (
            f"{type_}.{stage}",
            bodies.copy(id_, bodies.STAGES[stage], recurring=recurring, updated_at=_at(n), **attributes),
        )
        for n, stage in enumerate(stages)
    ]


TOLD: list[tuple[str, Any]] = [
    *_story("CopyGooood", "create", "start", "complete", cancel_source_order=True, place_target_order=True, **RELATED),
    *_story("CopyFailed", "create", "start", "fail", **RELATED),
    # No ids: it is to be hydrated.
    *_story("CopyBareee", "create", "start", "complete"),
    *_story("RenewalOne", "create", "start", "fail", recurring=True, order_subscription="SubscrOnee", **RELATED),
    ("order_copies.destroy", bodies.copy("CopyFailed", None, updated_at=None)),
    ("orders.place", bodies.order("TargetOrdr", "placed", updated_at=_at(2))),
    ("orders.cancel", bodies.order("SourceOrdr", "cancelled", updated_at=_at(3))),
    (
        "order_subscriptions.last_run_failed",
        bodies.subscription("SubscrOnee", last_run_at=_at(1), updated_at=_at(2)),
    ),
]
# The same event in other bytes, as a retry that was rendered anew would be.
_, _again = TOLD[2]
TOLD.append((TOLD[2][0], {**_again, "meta": {"trace_id": "0123456789"}}))
EXPECTED_STATES = {
    "order_copies/CopyGooood": "completed",
    "order_copies/CopyFailed": "destroyed",
    "order_copies/CopyBareee": "completed",
    "recurring_order_copies/RenewalOne": "failed",
    "orders/TargetOrdr": "placed",
    "orders/SourceOrdr": "cancelled",
    "order_subscriptions/SubscrOnee": "active",
}
EXPECTED_FOLLOW_UPS = {
    "settle_source_order:order_copies/CopyGooood:completed",
    "settle_source_order:order_copies/CopyBareee:completed",
    "hydrate:order_copies/CopyBareee:no order ids",
    "alert:order_copies/CopyFailed:copy failed",
    "alert:recurring_order_copies/RenewalOne:copy failed",
    f"alert:order_subscriptions/SubscrOnee:run failed {_at(1)}",
}

_deliveries = st.lists(st.integers(0, len(TOLD) - 1), max_size=12).flatmap(
    lambda again: st.permutations([*range(len(TOLD)), *again])
)


@settings(max_examples=25)
@given(order=_deliveries, sizes=st.lists(st.integers(1, 9), min_size=1, max_size=4), replayed=st.booleans())
def test_every_order_with_repetitions_in_any_batches_is_one_history(
    shared_store: Store, order: list[int], sizes: list[int], replayed: bool
) -> None:
    empty(shared_store)
    arrivals = [bodies.arrival(*TOLD[n], NOW + timedelta(seconds=i)) for i, n in enumerate(order)]

    _keep(shared_store, arrivals, sizes)
    if replayed:
        _replay(shared_store, arrivals)

    kept = rows(shared_store, follow_ups)
    assert {row["subject"]: row["status"] for row in rows(shared_store, states)} == EXPECTED_STATES
    assert Counter(row["identity"] for row in kept) == Counter(EXPECTED_FOLLOW_UPS)
    assert {row["status"] for row in kept} == {"planned"}
    known = rows(shared_store, events)
    assert len(known) == len({(row["topic"], row["subject"]) for row in known}) == len(TOLD) - 1
    assert sum(row["deliveries"] for row in known) == len(order)


@settings(max_examples=10)
@given(first=st.permutations(range(len(TOLD))), second=st.permutations(range(len(TOLD))))
def test_relations_and_times_are_the_same_too(shared_store: Store, first: list[int], second: list[int]) -> None:
    found = []
    for order in (first, second):
        empty(shared_store)
        _keep(shared_store, [bodies.arrival(*TOLD[n], NOW) for n in order], [3])
        found.append([{**row, "event_id": None} for row in rows(shared_store, states)])

    assert found[0] == found[1]


def _keep(store: Store, arrivals: list[Arrival], sizes: list[int]) -> None:
    """Write them in batches of the given sizes, in turn."""
    rest, turn = list(arrivals), 0
    while rest:
        size = sizes[turn % len(sizes)]
        with store.write() as connection:
            keep(connection, rest[:size])
        rest, turn = rest[size:], turn + 1


def _replay(store: Store, arrivals: list[Arrival]) -> None:
    """Make the outcomes of all of them so once more, as a replay does."""
    ids = {bytes(row["key"]): row["id"] for row in rows(store, events)}
    told = [Told(ids[a.event.key], a.event.subject, a.verdict) for a in arrivals if a.event is not None]
    with store.write() as connection:
        record(connection, told, NOW + timedelta(days=1), actor="replay")
