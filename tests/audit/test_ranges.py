"""Row numbers as the trail spells them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.audit import ranges

NUMBERS = st.sets(st.integers(1, 300), max_size=200)


@given(NUMBERS)
def test_what_is_spelled_is_read_back(numbers: set[int]) -> None:
    assert {n for one in ranges.parse(ranges.spell(numbers)) for n in one} == numbers


@given(NUMBERS)
def test_parts_are_short_and_hold_everything_together(numbers: set[int]) -> None:
    parts = ranges.spell_in_parts(numbers, 40)
    assert all(0 < len(part) <= 40 for part in parts)
    assert {n for part in parts for one in ranges.parse(part) for n in one} == numbers


@pytest.mark.parametrize(
    ("numbers", "text"), [([], ""), ([5], "5"), ([3, 1, 2], "1-3"), ([1, 3, 4, 9], "1,3-4,9"), ([2, 2], "2")]
)
def test_the_spelling_is_one(numbers: list[int], text: str) -> None:
    assert ranges.spell(numbers) == text


@pytest.mark.parametrize("text", ["0", "3-1", "1,1", "2,1", "1-3,3", "1-", "a", "1, 2", "-1", "1" * 30, "\uff11"])
def test_what_is_no_list_of_ranges_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="row numbers"):
        ranges.parse(text)
