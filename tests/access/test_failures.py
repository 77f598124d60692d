"""The limit on failures: a moving window for each address, and bounded in what it remembers."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.access import failures
from service.access.failures import Failures, source_of


def test_the_window_moves() -> None:
    """Three in ten seconds: the fourth waits until the first is ten seconds old, and no longer."""
    limit = Failures(limit=3, seconds=10)
    waits = []
    for at in (0.0, 4.0, 8.0):
        waits.append(limit.wait("192.0.2.1", at))
        limit.add("192.0.2.1", at)
    assert waits == [0, 0, 0]
    assert [limit.wait("192.0.2.1", at) for at in (8.0, 9.0, 10.0, 11.0)] == [2, 1, 0, 0]
    limit.add("192.0.2.1", 10.0)
    assert limit.wait("192.0.2.1", 10.0) == 4
    assert limit.wait("192.0.2.2", 8.0) == 0


@given(st.lists(st.floats(0, 100), max_size=60), st.integers(1, 5))
def test_never_more_than_the_limit_within_any_window(steps: list[float], most: int) -> None:
    """Whatever the pace, failures that were let through never come thicker than the limit says."""
    limit, now, let = Failures(limit=most, seconds=60), 0.0, []
    for step in steps:
        now += step
        if limit.wait("a", now) == 0:
            limit.add("a", now)
            let.append(now)
    assert all(later - earlier >= 60 for earlier, later in zip(let, let[most:], strict=False))


@pytest.mark.parametrize(
    ("one", "other", "are_one"),
    [
        ("192.0.2.1", "192.0.2.2", False),
        ("2001:db8::1", "2001:db8::ffff:2", True),
        ("2001:db8::1", "2001:db8:0:1::1", False),
        ("::ffff:192.0.2.1", "192.0.2.1", True),
        ("::ffff:192.0.2.1", "::ffff:192.0.2.2", False),
        ("", "", True),
        ("fe80::1%eth0", "fe80::1%eth0", True),
    ],
)
def test_whom_an_address_stands_for(one: str, other: str, are_one: bool) -> None:
    """A network of IPv6 is one source; a Unix socket has no address, and so one for all."""
    assert (source_of(one) == source_of(other)) is are_one


def test_it_forgets_whom_it_saw_longest_ago(monkeypatch: pytest.MonkeyPatch) -> None:
    """However many addresses fail, the memory stays as large; those that failed last are known."""
    monkeypatch.setattr(failures, "_ADDRESSES", 2)
    limit = Failures(limit=1, seconds=60)
    for number in range(1, 5):
        limit.add(f"192.0.2.{number}", 0.0)
    assert [limit.wait(f"192.0.2.{number}", 1.0) for number in range(1, 5)] == [0, 0, 59, 59]
