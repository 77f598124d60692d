"""What happens later happens, is counted, and never takes a thread down with it."""

import threading
from collections.abc import Iterator

import pytest

from service.sandbox.background import Background


@pytest.fixture
def background() -> Iterator[Background]:
    """One with two threads in its pool."""
    running = Background(2)
    yield running
    running.close()


def test_timed_jobs_run_in_the_order_of_their_time(background: Background) -> None:
    seen: list[int] = []
    for seconds, number in ((0.02, 3), (0.0, 1), (0.0, 2)):
        background.later(seconds, lambda number=number: seen.append(number))
    assert background.settled(5)
    assert seen == [1, 2, 3]


def test_a_job_that_fails_is_logged_and_the_next_one_runs(
    background: Background, caplog: pytest.LogCaptureFixture
) -> None:
    seen: list[str] = []
    background.later(0.0, lambda: seen[0].upper() and None)
    background.in_pool(lambda: seen[0].upper() and None)
    assert background.settled(5)
    background.later(0.0, lambda: seen.append("still here"))
    assert background.settled(5)
    assert seen == ["still here"]
    assert len(caplog.records) == 2


def test_it_is_not_settled_while_a_job_runs(background: Background) -> None:
    go_on = threading.Event()
    background.in_pool(lambda: go_on.wait(5) and None)
    assert not background.settled(0.01)
    go_on.set()
    assert background.settled(5)


def test_what_is_timed_can_be_forgotten(background: Background) -> None:
    background.later(60.0, lambda: None)
    background.forget()
    assert background.settled(0)
