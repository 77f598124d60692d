"""Every scenario plays the story it promises."""

import time

import pytest

from service.sandbox import SCENARIOS, Sandbox

from .conftest import Api, Receiver, http

COPY = ["order_copies.create", "order_copies.start"]
RENEWAL = ["recurring_order_copies.create", "recurring_order_copies.start"]


@pytest.mark.parametrize(
    ("name", "arguments", "topics"),
    [
        ("good-copy", {}, [*COPY, "orders.place", "orders.cancel", "order_copies.complete"]),
        ("forgotten-source", {}, [*COPY, "orders.place", "order_copies.complete"]),
        ("metadata-copy", {}, [*COPY, "orders.place", "order_copies.complete"]),
        ("unplaced-target", {}, [*COPY, "order_copies.complete"]),
        ("skip-errors", {}, [*COPY, "orders.place", "order_copies.complete"]),
        ("failing-copy", {}, [*COPY, "order_copies.fail"]),
        (
            "good-renewal",
            {},
            [*RENEWAL, "orders.place", "recurring_order_copies.complete", "order_subscriptions.last_run_succeeded"],
        ),
        (
            "failing-renewal",
            {},
            [*RENEWAL, "recurring_order_copies.fail", "order_subscriptions.last_run_failed"],
        ),
        ("failing-renewal", {"manual": True}, [*COPY, "order_copies.fail", "order_subscriptions.last_run_failed"]),
    ],
)
def test_a_scenario_fires_its_events_in_order(
    sandbox: Sandbox, receiver: Receiver, name: str, arguments: dict, topics: list
) -> None:
    sandbox.play(name, **arguments)
    assert sandbox.settle()
    assert receiver.topics == topics


@pytest.mark.parametrize(
    ("name", "source", "target"),
    [
        ("good-copy", ("cancelled", "voided"), ("placed", "authorized")),
        ("forgotten-source", ("placed", "authorized"), ("placed", "authorized")),
        ("metadata-copy", ("placed", "authorized"), ("placed", "authorized")),
        ("unplaced-target", ("placed", "authorized"), ("pending", "unpaid")),
        ("skip-errors", ("placed", "authorized"), ("placed", "authorized")),
        ("failing-copy", ("placed", "authorized"), None),
        ("good-renewal", ("approved", "paid"), ("placed", "authorized")),
        ("failing-renewal", ("approved", "paid"), ("pending", "unpaid")),
    ],
)
def test_a_scenario_leaves_its_orders_as_promised(
    sandbox: Sandbox, api: Api, name: str, source: tuple, target: tuple | None
) -> None:
    made = sandbox.play(name)
    assert _state(api, made["source_order"]) == source
    assert (_state(api, made["target_order"]) if made["target_order"] else None) == target


def test_a_forgotten_source_was_asked_to_be_cancelled(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("forgotten-source")
    assert api.attributes("order_copies", made["order_copy"])["cancel_source_order"] is True
    assert [effect for effect in sandbox.effects if effect["effect"] == "cancel"] == []


def test_a_metadata_copy_asks_by_its_metadata_only(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("metadata-copy", key="replace")
    attributes = api.attributes("order_copies", made["order_copy"])
    assert attributes["metadata"] == {"replace": True}
    assert attributes["cancel_source_order"] is None


def test_skipped_errors_are_logged_and_the_target_lacks_something(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("skip-errors", cancel_source_order=True)
    attributes = api.attributes("order_copies", made["order_copy"])
    assert attributes["errors_log"] == {"line_items": ["out of stock"]}
    assert (attributes["errors_count"], attributes["skip_errors"]) == (1, True)
    source, target = (api.attributes("orders", made[end]) for end in ("source_order", "target_order"))
    assert target["skus_count"] < source["skus_count"]
    assert target["total_amount_with_taxes_cents"] < source["total_amount_with_taxes_cents"]
    assert source["status"] == "cancelled"


def test_skipped_payment_errors_hide_that_the_target_was_not_placed(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("skip-errors", errors={"payment_source": ["card expired"]})
    assert made["status"] == "completed"
    assert _state(api, made["target_order"]) == ("pending", "unpaid")


def test_a_failed_renewal_counts_on_the_subscription_and_the_next_success_shows(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("failing-renewal")
    copy = api.attributes("recurring_order_copies", made["recurring_order_copy"])
    assert copy["errors_log"] == {"payment_source": ["card expired"]}
    assert copy["failed_at"] is not None
    subscription = api.attributes("order_subscriptions", made["order_subscription"])
    told = {"status": "active", "errors_count": 1, "occurrencies": 1, "succeeded_on_last_run": False}
    assert subscription.items() >= told.items()
    again = sandbox.play("good-renewal", subscription=made["order_subscription"])
    assert again["order_subscription"] == made["order_subscription"]
    subscription = api.attributes("order_subscriptions", made["order_subscription"])
    assert subscription.items() >= {"errors_count": 1, "occurrencies": 2, "succeeded_on_last_run": True}.items()
    assert subscription["next_run_at"] > subscription["last_run_at"]


def test_duplicates_post_every_delivery_several_times(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.play("duplicates", times=3)
    assert sandbox.settle()
    for topic in (*COPY, "order_copies.complete", "orders.place", "orders.cancel"):
        assert len(receiver.of(topic)) == 3
        assert len({request.body for request in receiver.of(topic)}) == 1


def test_reordered_deliveries_arrive_the_wrong_way_round(sandbox: Sandbox, receiver: Receiver) -> None:
    sandbox.play("reordered")
    assert sandbox.settle()
    factory = [topic for topic in receiver.topics if topic.startswith("order_copies.")]
    assert factory == ["order_copies.complete", "order_copies.start", "order_copies.create"]


def test_a_storm_delivers_every_event_of_every_copy(receiver: Receiver) -> None:
    topics = ("order_copies.complete", "order_copies.fail")
    secrets = {topic: f"{number:032x}" for number, topic in enumerate(topics)}
    with Sandbox(callback=receiver.url, secrets=secrets, step_seconds=0.0) as sandbox:
        made = sandbox.play("storm", count=200, failing=20)
        assert sandbox.settle()
    assert made["count"] == len(set(made["order_copies"])) == 200
    assert len(receiver.of("order_copies.complete")) == 180
    assert len(receiver.of("order_copies.fail")) == 20


def test_an_outage_answers_503_and_passes(sandbox: Sandbox, api: Api) -> None:
    sandbox.play("outage", seconds=0.2)
    answer = api.get("orders")
    assert answer.status_code == 503
    assert answer.json()["errors"][0]["status"] == "503"
    for _ in range(100):
        if api.get("orders").status_code == 200:
            return
        time.sleep(0.01)
    pytest.fail("the outage did not pass")


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_scenario_can_be_played_over_http(sandbox: Sandbox, name: str) -> None:
    arguments = {"storm": {"count": 3}, "outage": {"seconds": 0.0}, "weekend-outage": {"count": 20}}.get(name, {})
    answer = http.post(f"{sandbox.url}/sandbox/scenarios/{name}", json=arguments | {"wait": True})
    assert answer.status_code == 200
    assert answer.json()["settled"] is True


@pytest.mark.parametrize(
    ("name", "arguments", "status"),
    [
        ("nothing", {}, 404),
        ("good-copy", {"speed": 1}, 400),
        ("storm", {"count": 0}, 400),
        ("storm", {"count": "many"}, 400),
        ("failing-copy", {"errors": "card expired"}, 400),
        ("good-copy", {"cents": "much"}, 400),
        ("good-renewal", {"subscription": "nowhere"}, 400),
    ],
)
def test_a_scenario_that_cannot_be_played_says_why(sandbox: Sandbox, name: str, arguments: dict, status: int) -> None:
    answer = http.post(f"{sandbox.url}/sandbox/scenarios/{name}", json=arguments)
    assert answer.status_code == status
    assert answer.json()["error"]


def _state(api: Api, order: str) -> tuple[str, str]:
    attributes = api.attributes("orders", order)
    return attributes["status"], attributes["payment_status"]
