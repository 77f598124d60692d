"""The projection of order factories: the newest snapshot of each, whatever came first."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import documents, resources
from service.arrivals import Arrival
from service.store import Store, open_store
from service.store.factories import answered, project
from service.store.keep import adopt, keep
from service.store.schema import deliveries, events, factories
from tests.bodies import MODE, NOW, ORGANIZATION, STAGES, arrival, copy, order, sample
from tests.rows import empty, rows


@pytest.fixture(scope="module")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One SQLite store for many examples."""
    opened = open_store(f"sqlite:///{tmp_path_factory.mktemp('factories')}/copydesk.db")
    yield opened
    opened.close()


def _told(topic: str, **attributes: Any) -> tuple[str, Any]:
    type_, _, action = topic.partition(".")
    body = copy("XAyRWNUzyN", STAGES.get(action), recurring=type_ != "order_copies", **attributes)
    return topic, body


def _at(second: int) -> str:
    return f"2026-03-02T09:00:{second:02d}.000Z"


# Of one copy and one recurring copy; some at one moment, some ahead of their topic, some without a time.
TOLD = [
    _told("order_copies.create", updated_at=_at(1), reference="a"),
    _told("order_copies.start", updated_at=_at(2), reference="b"),
    ("order_copies.complete", copy("XAyRWNUzyN", "completed", updated_at=_at(2), reference="c")),
    ("order_copies.fail", copy("XAyRWNUzyN", "completed", updated_at=_at(2), reference="d")),
    _told("recurring_order_copies.create", updated_at=None, reference="e"),
    _told("recurring_order_copies.start", updated_at=None, reference="f"),
    _told("recurring_order_copies.fail", updated_at=_at(0), errors_count=2**62),
    ("order_copies.destroy", copy("Destroyedd", None, updated_at=None)),
    ("order_copies.complete", copy("Destroyedd", "completed", updated_at=_at(59))),
    ("orders.place", order("TargetOrdr")),
]
# What the API told at some time, of the same copy.
ANSWERS = [
    {"status": "in_progress", "updated_at": _at(2), "reference": "g"},
    {"status": "completed", "updated_at": _at(2), "reference": "h"},
    {"status": "completed", "updated_at": _at(3), "reference": "i"},
    {"status": "completed", "updated_at": _at(3), "reference": "j"},
]


def _tell(store: Store, steps: Sequence[int], size: int) -> list[dict[str, Any]]:
    """Let events and answers come in an order, events in batches; the rows by the identity of their events."""
    empty(store)
    waiting: list[Arrival] = []
    for n, step in enumerate([*steps, len(TOLD)]):
        if step < len(TOLD):
            waiting.append(arrival(*TOLD[step], NOW + timedelta(seconds=n)))
        if waiting and (step >= len(TOLD) or len(waiting) == size):
            with store.write() as connection:
                keep(connection, waiting)
            waiting = []
        if step > len(TOLD):
            _answer(store, ANSWERS[step - len(TOLD) - 1])
    keys = {row["id"]: bytes(row["key"]) for row in rows(store, events)}
    found = rows(store, factories)
    return [row | {"event_id": keys.get(row["event_id"]), "place": bytes(row["place"])} for row in found]


def _answer(store: Store, attributes: dict[str, Any]) -> None:
    factory = resources.order_factory(copy("XAyRWNUzyN", **attributes)["data"])
    with store.write() as connection:
        project(connection, [answered(factory, MODE, ORGANIZATION)])


STEPS = [*range(len(TOLD)), *range(len(TOLD) + 1, len(TOLD) + 1 + len(ANSWERS))]


@settings(max_examples=40)
@given(first=st.permutations(STEPS), second=st.permutations(STEPS), sizes=st.tuples(*[st.integers(1, 5)] * 2))
def test_every_order_of_arrival_gives_the_same_rows(
    shared_store: Store, first: list[int], second: list[int], sizes: tuple[int, int]
) -> None:
    found = _tell(shared_store, first, sizes[0])

    assert found == _tell(shared_store, second, sizes[1])
    assert {row["subject"]: row["status"] for row in found} == {
        "order_copies/Destroyedd": "destroyed",
        "order_copies/XAyRWNUzyN": "completed",
        "recurring_order_copies/XAyRWNUzyN": "failed",
    }


def test_a_row_has_every_documented_scalar_of_its_body(store: Store) -> None:
    with store.write() as connection:
        (receipt,) = keep(connection, [arrival("order_copies.fail", sample("order_copies.fail"))])

    (row,) = rows(store, factories)
    said = resources.order_factory(_data(sample("order_copies.fail")))
    shared = set(row) & set(said.__slots__) - {"type"}
    assert len(shared) > 15
    assert {name: row[name] for name in shared} == {name: getattr(said, name) for name in shared}
    assert (row["type"], row["event_id"], row["mode"], row["organization"]) == (
        "order_copies",
        receipt.event_id,
        MODE,
        ORGANIZATION,
    )


def _data(raw: bytes) -> Any:
    return documents.parse(raw)["data"]


def test_hostile_references_are_lines_and_numbers_keep_their_size(store: Store) -> None:
    body = copy(reference="a\0b\r\nc" + "x" * 3000, reference_origin="\u202e", errors_count=-(2**63))
    with store.write() as connection:
        keep(connection, [arrival("order_copies.complete", body)])

    (row,) = rows(store, factories)
    assert row["reference"].startswith("a\ufffdb\ufffd\ufffdc")
    assert len(row["reference"]) == 255
    assert (row["reference_origin"], row["errors_count"]) == ("\ufffd", -(2**63))


def test_an_answer_that_is_newer_has_no_body(store: Store) -> None:
    with store.write() as connection:
        keep(connection, [arrival("order_copies.complete", copy(updated_at=_at(2)))])

    _answer(store, ANSWERS[1])
    (before,) = rows(store, factories)
    _answer(store, ANSWERS[2])
    (after,) = rows(store, factories)

    assert before["event_id"] is not None
    assert (after["event_id"], after["reference"]) == (None, "i")


def test_a_delivery_that_is_read_later_is_projected_too(store: Store) -> None:
    read = arrival("order_copies.complete", copy())
    with store.write() as connection:
        keep(connection, [Arrival(read.topic, NOW, read.body, read.kept, apart="deferred", reason="too large")])
    (delivery,) = rows(store, deliveries)
    assert rows(store, factories) == []

    with store.write() as connection:
        adopt(connection, delivery["id"], "deferred", read, NOW)

    assert [row["status"] for row in rows(store, factories)] == ["completed"]
