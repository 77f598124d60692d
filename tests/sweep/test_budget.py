"""All processes of one installation together keep the provider's limits."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest

from service.budget import SharedBudget
from service.clients.limits import Spend
from service.errors import Unavailable
from service.settings import Settings
from service.store import Store
from service.store.schema import spends
from service.store.spends import Window, reserve
from service.sweep.schedules import every
from tests.rows import rows

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)


def ask(store: Store, endpoint: str, seconds: float) -> float:
    windows = (Window(5, 60.0), Window(3, 10.0, endpoint))
    with store.write() as connection:
        return reserve(connection, endpoint, windows, NOW + timedelta(seconds=seconds))


def test_a_full_burst_of_an_endpoint_waits_until_its_first_request_has_left_the_window(store: Store) -> None:
    assert [ask(store, "GET orders", n) for n in range(3)] == [0, 0, 0]
    assert ask(store, "GET orders", 3) == pytest.approx(7)
    assert ask(store, "GET webhooks", 3) == 0
    assert ask(store, "GET orders", 10) == 0


def test_the_minute_counts_every_endpoint(store: Store) -> None:
    assert [ask(store, f"GET {n}", n) for n in range(5)] == [0] * 5
    assert ask(store, "GET other", 6) == pytest.approx(54)
    assert ask(store, "GET other", 60) == 0


def test_what_left_every_window_is_forgotten(store: Store) -> None:
    for second in (0, 1, 2, 120):
        ask(store, "GET orders", second)
    assert len(rows(store, spends)) == 1


def test_two_processes_count_in_one_store(store: Store) -> None:
    settings = Settings(attempts_per_minute=8)
    one, other = SharedBudget(settings, store), SharedBudget(settings, store)
    one(Spend("read", "GET orders", 0.2))
    other(Spend("read", "GET orders", 0.2))
    with pytest.raises(Unavailable) as refused:
        one(Spend("read", "GET orders", 0.2))
    assert 9 < (refused.value.retry_after or 0) <= 10.5


@pytest.mark.parametrize(
    ("minutes", "line"),
    [(1, "25 */1 * * * *"), (15, "25 */15 * * * *"), (60, "25 5 */1 * * *"), (1440, "25 5 */23 * * *")],
)
def test_how_often_a_sweep_runs(minutes: int, line: str) -> None:
    assert every(minutes) == line
