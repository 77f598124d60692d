"""Subscriptions run at their time, by name or crontab, or not at all."""

import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import pytest

from service.sandbox import Sandbox
from service.sandbox.frequency import next_run

from .conftest import Api, Receiver, client_of, http


def _until(holds: Callable[[], object]) -> None:
    limit = time.monotonic() + 5
    while not holds():
        assert time.monotonic() < limit
        time.sleep(0.01)


def _copies(api: Api, subscription: str, kind: str = "recurring_order_copies") -> list[str]:
    data = api.get(f"order_subscriptions/{subscription}/{kind}").json()["data"]
    return [one["attributes"]["status"] for one in data]


@pytest.mark.parametrize(("manual", "kind"), [(False, "recurring_order_copies"), (True, "order_copies")])
def test_a_subscription_runs_when_its_time_has_come(sandbox: Sandbox, api: Api, manual: bool, kind: str) -> None:
    made = sandbox.make_subscription(in_seconds=0.5, manual=manual, frequency="weekly")
    due = api.attributes("order_subscriptions", made)["next_run_at"]
    assert sandbox.settle()
    assert _copies(api, made, kind) == []
    _until(lambda: _copies(api, made, kind) == ["completed"])
    assert sandbox.settle()
    after = api.attributes("order_subscriptions", made)
    assert after["occurrencies"] == 1
    assert after["last_run_at"] >= due
    assert _days(after["next_run_at"], after["last_run_at"]) == pytest.approx(7, abs=0.01)


def test_a_run_given_by_the_api_happens_and_cannot_lie_in_the_past(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.make_subscription(errors={"payment_source": ["card expired"]})
    past = (datetime.now(UTC) - timedelta(hours=1)).isoformat()
    assert api.update("order_subscriptions", made, next_run_at=past).status_code == 422
    soon = (datetime.now(UTC) + timedelta(seconds=0.7)).isoformat()
    assert api.update("order_subscriptions", made, next_run_at=soon).status_code == 200
    _until(lambda: _copies(api, made) == ["failed"])


def test_a_run_that_is_put_off_does_not_happen_at_its_old_time(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.make_subscription(in_seconds=0.5)
    later = (datetime.now(UTC) + timedelta(hours=5)).isoformat()
    api.update("order_subscriptions", made, next_run_at=later)
    other = sandbox.make_subscription(in_seconds=0.6)
    api.update("order_subscriptions", other, _deactivate=True)
    time.sleep(0.7)
    assert _copies(api, made) == _copies(api, other) == []


def test_a_subscription_that_is_changed_meanwhile_runs_once() -> None:
    with Sandbox(step_seconds=0.1) as slow, client_of(slow) as patient:
        made = slow.make_subscription(in_seconds=0.1)
        for number in range(3):
            patient.update("order_subscriptions", made, metadata={"n": number})
        _until(lambda: _copies(patient, made) == ["completed"])
        assert slow.settle()
        assert _copies(patient, made) == ["completed"]


def test_an_absent_run_never_happens_and_its_time_stays_in_the_past(
    sandbox: Sandbox, api: Api, receiver: Receiver
) -> None:
    told = sandbox.play("absent-renewal", hours=3, earlier=2)
    soon = sandbox.make_subscription(in_seconds=0.02, absent=True)
    assert sandbox.settle()
    time.sleep(0.1)
    late = api.get(
        "order_subscriptions",
        **{"filter[q][status_eq]": "active", "filter[q][next_run_at_lt]": datetime.now(UTC).isoformat()},
    ).json()["data"]
    assert {one["id"] for one in late} == {told["order_subscription"], soon}
    assert _copies(api, told["order_subscription"]) == ["completed", "completed"]
    assert _copies(api, soon) == []
    assert len(receiver.of("recurring_order_copies.complete")) == 2


def test_the_alert_comes_hours_before_the_run(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    topic = "order_subscriptions.renewal"
    api.create("webhooks", {"topic": topic, "callback_url": receiver.url})
    made = sandbox.make_subscription(in_seconds=2 * 3600 + 0.3, renewal_alert_period=2)
    _until(lambda: receiver.of(topic))
    assert receiver.of(topic)[0].data["id"] == made
    assert _copies(api, made) == []


@pytest.mark.parametrize(
    ("frequency", "expected"),
    [
        ("hourly", "2026-01-31T11:30"),
        ("daily", "2026-02-01T10:30"),
        ("weekly", "2026-02-07T10:30"),
        ("monthly", "2026-02-28T10:30"),
        ("two-month", "2026-03-31T10:30"),
        ("six-month", "2026-07-31T10:30"),
        ("yearly", "2027-01-31T10:30"),
        ("0 6 * * *", "2026-02-01T06:00"),
        ("15 */8 * * *", "2026-01-31T16:15"),
        ("0 9 1-7 3,6 *", "2026-03-01T09:00"),
        ("0 9 * * 1-5", "2026-02-02T09:00"),
        ("0 0 13 * 7", "2026-02-01T00:00"),
    ],
)
def test_every_frequency_has_its_next_run(frequency: str, expected: str) -> None:
    last = datetime(2026, 1, 31, 10, 30, tzinfo=UTC)
    assert next_run(frequency, last) == datetime.fromisoformat(f"{expected}:00+00:00")


@pytest.mark.parametrize("frequency", ["sometimes", "* * * * *", "0 25 * * *", "0 0 31 2 *", ""])
def test_a_frequency_that_is_none_is_refused(sandbox: Sandbox, api: Api, frequency: str) -> None:
    answer = api.create("order_subscriptions", {"frequency": frequency}, source_order=("orders", sandbox.make_order()))
    assert answer.status_code == 422, answer.text
    assert http.post(f"{sandbox.url}/sandbox/subscriptions", json={"frequency": frequency}).status_code == 400


def test_a_subscription_made_by_hand_tells_its_next_run(sandbox: Sandbox) -> None:
    wanted = {"frequency": "daily", "next_run_at": "2026-01-01T06:00:00+01:00"}
    made = http.post(f"{sandbox.url}/sandbox/subscriptions", json=wanted)
    assert made.status_code == 201
    assert made.json().items() >= {"status": "active", "next_run_at": "2026-01-01T05:00:00.000Z"}.items()


def _days(later: str, earlier: str) -> float:
    return (datetime.fromisoformat(later) - datetime.fromisoformat(earlier)) / timedelta(days=1)
