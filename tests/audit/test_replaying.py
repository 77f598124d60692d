"""The trail replays to the tables: for any history, in any batches, on both databases."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from service import Transition
from service.audit.verification.states import STATE, Said, replayed
from service.router import Verdict
from service.store import Store, open_store
from service.store.audit import write_audit
from service.store.keep import keep
from service.store.record import Told, record
from service.store.schema import audit_entries, spell, states
from tests.audit.record import BEGAN, verified
from tests.bodies import STAGES, arrival, copy, order
from tests.rows import empty, rows

IDS = ("CopyOnee", "CopyTwoo")
RELATED = ({}, {"source_order": "SourceOne", "target_order": "TargetOne"}, {"source_order": "SourceTwo"})
TOLD = st.tuples(st.sampled_from(IDS), st.sampled_from(tuple(STAGES)), st.integers(0, 3), st.sampled_from(RELATED))
# Deliveries in batches, and between them what the API told.
STEPS = st.lists(st.one_of(st.lists(TOLD, min_size=1, max_size=4), TOLD), min_size=1, max_size=6)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """One store of each kind, for examples that empty it themselves."""
    if request.param == "sqlite":
        store = open_store(f"sqlite:///{tmp_path_factory.mktemp('shared')}/copydesk.db")
        yield store
        store.close()
        return
    with request.getfixturevalue("new_postgres")() as url:
        store = open_store(url)
        yield store
        store.close()


def _live(store: Store, steps: list[Any]) -> None:
    for number, step in enumerate(steps):
        now = BEGAN + timedelta(seconds=number)
        if isinstance(step, list):
            with store.write() as connection:
                keep(connection, [_arrival(one, now) for one in step])
            continue
        id_, stage, second, related = step
        names = {f"{name}_id": value for name, value in related.items()}
        move = Transition(f"order_copies/{id_}", STAGES[stage], BEGAN + timedelta(seconds=second), **names)
        with store.write() as connection:
            said = Told(None, move.subject, Verdict(transitions=(move,)))
            write_audit(connection, record(connection, [said], now, actor="hydrate"))


def _arrival(one: Any, now: Any) -> Any:
    id_, stage, second, related = one
    if stage == "create" and second == 3:
        return arrival("orders.place", order(id_, "placed", updated_at=None), now)
    return arrival(f"order_copies.{stage}", copy(id_, STAGES[stage], updated_at=_at(second), **related), now)


def _at(second: int) -> str:
    return f"2026-03-02T09:00:0{second}.000Z"


@settings(max_examples=20)
@given(steps=STEPS)
def test_states_are_rebuilt_from_entries_alone(shared_store: Store, steps: list[Any]) -> None:
    """Whatever happened: the entries of each subject come to exactly its row, and there are no other rows."""
    empty(shared_store)
    _live(shared_store, steps)
    by_subject: dict[str, list[Said]] = {}
    for row in rows(shared_store, audit_entries):
        if row["action"].startswith("state."):
            said = Said(row["event_id"], spell(row["at"]), json.loads(row["detail"]))
            by_subject.setdefault(row["subject"], []).append(said)
    rebuilt = [replayed(subject, entries) for subject, entries in sorted(by_subject.items())]
    kept = [
        tuple(spell(row[name]) if name in ("at", "seen_at") and row[name] else row[name] for name in STATE)
        for row in rows(shared_store, states)
    ]
    assert rebuilt == kept


@settings(max_examples=10)
@given(steps=STEPS)
def test_every_table_is_what_the_trail_tells(shared_store: Store, steps: list[Any]) -> None:
    """The verifier finds nothing in any history that the product itself wrote."""
    empty(shared_store)
    _live(shared_store, steps)
    assert verified(shared_store).violations == []
