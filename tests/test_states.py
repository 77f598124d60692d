"""States: whatever the order of arrival, the end is the same."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.outcomes import Transition
from service.states import State, advance, order

SUBJECT = "order_copies/XAyRWNUzyN"
T0 = datetime(2026, 3, 2, 9, tzinfo=UTC)
T1, T2 = T0 + timedelta(milliseconds=1), T0 + timedelta(days=1)
FACTORY = ("pending", "in_progress", "aborted", "failed", "completed", "destroyed")

statuses = st.sampled_from((*FACTORY, "placed", "cancelled", "draft", "active", "a status of tomorrow", "Zzz"))
times = st.sampled_from([None, datetime.min.replace(tzinfo=UTC), T0, T1, T2])
ids = st.sampled_from([None, "aaaaaaaaaa", "bbbbbbbbbb"])
moves = st.builds(
    Transition,
    st.just(SUBJECT),
    statuses,
    times,
    source_order_id=ids,
    target_order_id=ids,
    order_subscription_id=ids,
)


def told(status: str, at: datetime | None = T0, **relations: str) -> Transition:
    """A transition of the one subject."""
    return Transition(SUBJECT, status, at, **relations)


def fold(transitions: Sequence[Transition]) -> State | None:
    """The state after transitions in this order."""
    state = None
    for transition in transitions:
        state, _, _ = advance(state, transition)
    return state


@given(st.data(), st.lists(moves, min_size=1, max_size=6))
def test_every_order_and_every_repeat_ends_alike(data: st.DataObject, transitions: list[Transition]) -> None:
    """For every permutation with duplicates the final state is that of the sorted sequence."""
    repeated = transitions + data.draw(st.lists(st.sampled_from(transitions), max_size=4))
    expected = fold(sorted(transitions, key=lambda t: order(t.status, t.at)))
    assert fold(data.draw(st.permutations(repeated))) == expected


@given(st.lists(moves, min_size=1, max_size=6))
def test_superseded_exactly_when_something_newer_is_known(transitions: list[Transition]) -> None:
    """A transition is applied where it is newer, superseded where it is older, and neither where it repeats."""
    state: State | None = None
    for transition in transitions:
        place = order(transition.status, transition.at)
        known = None if state is None else order(state.status, state.at)
        state, applied, superseded = advance(state, transition)
        assert applied == (known is None or place > known)
        assert superseded == (known is not None and place < known)
        assert order(state.status, state.at) == max(place, known or place)


@pytest.mark.parametrize("end", ["completed", "failed", "aborted", "cancelled"])
@pytest.mark.parametrize("before", ["pending", "in_progress", "placed", "approved", "draft", "a status of tomorrow"])
def test_terminal_wins_ties(before: str, end: str) -> None:
    """Where `updated_at` is the same, the terminal status is the state, whichever came first."""
    for transitions in ([told(before), told(end)], [told(end), told(before)]):
        state = fold(transitions)
        assert state is not None
        assert state.status == end


@pytest.mark.parametrize(
    ("first", "then", "status"),
    [
        (told("completed", T0), told("in_progress", T1), "in_progress"),  # time decides before rank
        (told("completed", T1), told("in_progress", T0), "completed"),
        (told("destroyed", None), told("completed", T2), "destroyed"),  # nothing comes after it
        (told("completed", T2), told("destroyed", None), "destroyed"),
        (told("completed", None), told("pending", T0), "pending"),  # no time is older than any
        (told("pending", None), told("pending", datetime.min.replace(tzinfo=UTC)), "pending"),
    ],
)
def test_the_fixed_order(first: Transition, then: Transition, status: str) -> None:
    """Destroyed is last of all, then `updated_at` decides, then the rank."""
    assert (fold([first, then]), fold([then, first])) == (fold([then, first]), fold([first, then]))
    state = fold([first, then])
    assert state is not None
    assert state.status == status


def test_a_relation_stays_known() -> None:
    """What one event named is not forgotten because a newer one does not name it."""
    state = fold(
        [
            told("pending", T0, source_order_id="aaaaaaaaaa"),
            told("completed", T2, target_order_id="bbbbbbbbbb"),
            told("in_progress", T1, order_subscription_id="cccccccccc"),
        ]
    )
    assert state == State(SUBJECT, "completed", T2, "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc")
