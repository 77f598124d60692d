"""When a follow-up is tried again, and when no more."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.follow_ups.backoff import AFTER_UNKNOWN, LONGEST, after_unknown, delay

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
attempts = st.integers(1, 10_000)
luck = st.floats(0, 1)


@pytest.mark.parametrize(
    ("number", "luck", "retry_after", "seconds"),
    [
        (1, 0.0, None, 2.0),
        (1, 1.0, None, 4.0),
        (2, 0.0, None, 4.0),
        (5, 1.0, None, 64.0),
        (9, 0.0, None, 450.0),
        (60, 1.0, None, 900.0),
        (1, 0.0, 30.0, 30.0),
        (1, 1.0, 30.0, 37.5),
        (1, 0.0, 1.0, 2.0),
        (9, 0.0, 30.0, 450.0),
        (1, 0.0, 1e9, 900.0),
    ],
)
def test_the_table_of_delays(number: int, luck: float, retry_after: float | None, seconds: float) -> None:
    assert delay(number, luck, retry_after) == seconds


@given(attempts, luck, st.none() | st.floats(0, 1e12))
def test_a_delay_is_never_short_never_endless_and_never_less_than_asked(
    number: int, luck: float, retry_after: float | None
) -> None:
    wait = delay(number, luck, retry_after)

    assert 2 <= wait <= LONGEST * 1.25
    assert wait >= min(retry_after or 0, LONGEST)


@given(attempts, luck, luck)
def test_a_later_attempt_never_waits_much_less_than_an_earlier_one(number: int, one: float, other: float) -> None:
    assert delay(number + 1, one) >= delay(number, other) or delay(number, other) > LONGEST / 2


@given(attempts, luck, st.none() | st.floats(0, 1e12))
def test_what_is_unknown_is_not_read_back_too_soon_and_not_for_ever(
    number: int, luck: float, retry_after: float | None
) -> None:
    wait = after_unknown(number, luck, retry_after)

    assert AFTER_UNKNOWN <= wait <= LONGEST * 1.25
    assert wait >= delay(number, luck, retry_after)
