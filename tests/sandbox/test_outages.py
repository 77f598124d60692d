"""What webhooks do not say: a weekend without a receiver, aborted and stuck copies, imports, thousands of factories."""

from collections import Counter
from collections.abc import Iterator

import pytest

from service.sandbox import Sandbox

from .conftest import SECRETS, Api, Receiver, client_of, http

MANY = 5_000


@pytest.fixture(scope="module")
def crowded() -> Iterator[tuple[Sandbox, Api, dict]]:
    """A sandbox after a weekend without a receiver; nothing here changes it."""
    secrets = {topic: SECRETS[topic] for topic in ("order_copies.complete", "order_copies.fail", "orders.cancel")}
    with Sandbox(callback="http://127.0.0.1:9/webhooks", secrets=secrets) as sandbox, client_of(sandbox) as api:
        yield sandbox, api, sandbox.play("weekend-outage", seed=7)


def _all(api: Api, resource: str, **parameters: str) -> list[dict]:
    found, number = [], 1
    while True:
        page = api.get(resource, **{"page[size]": "25", "page[number]": str(number), **parameters}).json()
        found += page["data"]
        number += 1
        if number > page["meta"]["page_count"]:
            return found


def _count(api: Api, resource: str, **parameters: str) -> int:
    return api.get(resource, **parameters).json()["meta"]["record_count"]


def test_after_the_weekend_every_factory_has_its_fate(crowded: tuple[Sandbox, Api, dict]) -> None:
    _sandbox, api, told = crowded
    fates = {name: len(told[name]) for name in ("failed", "aborted", "stuck", "deleted")}
    assert fates == {"failed": 500, "aborted": 100, "stuck": 50, "deleted": 100}
    assert len({*told["order_copies"], *told["recurring_order_copies"]}) == told["count"] == MANY
    assert _count(api, "order_factories") == MANY - 100
    for status, expected in (("completed", 4250), ("failed", 500), ("aborted", 100), ("in_progress", 50)):
        assert _count(api, "order_factories", **{"filter[q][status_eq]": status}) == expected


def test_its_orders_are_what_the_rules_make_of_them(crowded: tuple[Sandbox, Api, dict]) -> None:
    sandbox, api, told = crowded
    gone = {*told["failed"], *told["aborted"], *told["stuck"]}
    completed = [id_ for id_ in told["order_copies"] if id_ not in gone]
    cancels = [one for one in sandbox.effects if one["effect"] == "cancel"]
    assert sorted(one["cause"] for one in cancels) == sorted(completed)
    assert {one["by"] for one in cancels} == {"platform"}
    assert _count(api, "orders", **{"filter[q][status_eq]": "cancelled"}) == len(completed)
    moments = [one["at"] for one in sandbox.effects if one["effect"] in ("complete", "fail", "abort")]
    assert moments == sorted(moments)
    assert told["from"] < moments[0] < moments[-1] <= told["to"]


def test_its_circuits_are_open_and_the_platform_remembers_thirty_failures_of_each(
    crowded: tuple[Sandbox, Api, dict],
) -> None:
    sandbox, api, told = crowded
    assert set(told["open"]) == {"order_copies.complete", "order_copies.fail", "orders.cancel"}
    webhooks = _all(api, "webhooks")
    assert {one["attributes"]["circuit_failure_count"] for one in webhooks} == {30}
    for webhook in webhooks:
        assert _count(api, "event_callbacks", **{"filter[q][webhook_id_eq]": webhook["id"]}) == 30
    assert Counter(one["topic"] for one in sandbox.deliveries) == dict.fromkeys(told["open"], 30)
    assert {one["status"] for one in sandbox.deliveries} == {None}


def test_many_rows_have_the_same_moment(crowded: tuple[Sandbox, Api, dict]) -> None:
    _sandbox, api, _told = crowded
    data = api.get("order_factories", sort="updated_at,id", **{"page[size]": "25"}).json()["data"]
    moments = Counter(one["attributes"]["updated_at"] for one in data)
    assert len(moments) < 15
    pairs = [(one["attributes"]["updated_at"], one["id"]) for one in data]
    assert pairs == sorted(pairs)


@pytest.mark.parametrize(
    "parameters",
    [
        {"sort": "updated_at", "filter[q][updated_at_gteq]": "2020-01-01", "filter[q][status_not_eq]": "pending"},
        {"sort": "-created_at,id", "include": "source_order,target_order", "page[number]": "100"},
        {"filter[q][source_order_status_eq]": "placed", "sort": "-failed_at"},
    ],
    ids=["swept", "included", "through a relationship"],
)
def test_a_page_of_thousands_takes_less_than_twenty_milliseconds(
    crowded: tuple[Sandbox, Api, dict], parameters: dict
) -> None:
    sandbox, api, _told = crowded
    seconds = []
    # The best of several: other work on this machine is none of a page's.
    while len(seconds) < 50 and not (seconds and min(seconds) < 0.02):
        assert len(api.get("order_factories", **{"page[size]": "25", **parameters}).json()["data"]) == 25
        seconds.append(sandbox.calls[-1]["seconds"])
    assert min(seconds) < 0.02


def test_the_same_seed_makes_the_same_fates() -> None:
    def fates(seed: int) -> list[tuple[str, str]]:
        with Sandbox() as sandbox, client_of(sandbox) as api:
            sandbox.play("weekend-outage", count=60, failing=20, aborted=5, stuck=5, deleted=0, together=1, seed=seed)
            rows = [one["attributes"] for one in _all(api, "order_factories", sort="created_at")]
            return [(row["type"], row["status"]) for row in rows]

    assert fates(1) == fates(1) != fates(2)


def test_factories_can_be_made_unheard(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    wanted = {"count": 30, "kinds": "order_copies", "failing": 3, "together": 30}
    made = http.post(f"{sandbox.url}/sandbox/factories", json=wanted)
    assert made.status_code == 201
    assert (made.json()["completed"], len(made.json()["failed"])) == (27, 3)
    assert sandbox.settle()
    assert receiver.received == []
    assert _count(api, "event_callbacks") == 0
    assert len({one["attributes"]["updated_at"] for one in _all(api, "order_copies")}) == 1
    events = api.get(f"order_copies/{made.json()['failed'][0]}/events").json()["data"]
    assert [one["attributes"]["name"].partition(".")[2] for one in events] == ["create", "start", "fail"]


@pytest.mark.parametrize(
    "wanted",
    [
        {"count": 0},
        {"count": 10, "failing": 11},
        {"kinds": "orders"},
        {"together": 0},
        {"hours": 0},
        {"stuck": -1},
        {"colour": "red"},
    ],
)
def test_a_crowd_that_cannot_be_is_refused(sandbox: Sandbox, wanted: dict) -> None:
    assert http.post(f"{sandbox.url}/sandbox/factories", json=wanted).status_code == 400


def test_an_aborted_copy_tells_nothing_and_leaves_its_source(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    made = sandbox.play("aborted-copy")
    assert sandbox.settle()
    assert (made["status"], made["target_order"]) == ("aborted", None)
    assert receiver.topics == ["order_copies.create", "order_copies.start"]
    shown = api.attributes("order_copies", made["order_copy"])
    assert (shown["completed_at"], shown["failed_at"], shown["errors_count"]) == (None, None, 0)
    assert api.attributes("orders", made["source_order"])["status"] == "placed"


def test_a_stuck_copy_was_started_hours_ago_and_goes_no_further(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    made = sandbox.play("stuck-copy", hours=8)
    assert sandbox.settle()
    assert made["status"] == "in_progress"
    filters = {"filter[q][status_eq]": "in_progress", "filter[q][started_at_lt]": made["started_at"]}
    assert _count(api, "order_factories", **filters) == 0
    filters["filter[q][started_at_lt]"] = api.attributes("orders", sandbox.make_order())["created_at"]
    assert [one["id"] for one in api.get("order_factories", **filters).json()["data"]] == [made["order_copy"]]
    assert receiver.topics == ["order_copies.create", "order_copies.start"]


def test_an_import_tells_only_the_status_of_orders(sandbox: Sandbox, api: Api, receiver: Receiver) -> None:
    for topic in ("orders.create", "orders.pending", "orders.authorize", "order_subscriptions.create"):
        api.create("webhooks", {"topic": topic, "callback_url": receiver.url})
    made = sandbox.play("import", count=3, renewals=2, failing=1)
    assert sandbox.settle()
    assert Counter(receiver.topics) == {"orders.authorize": 4, "orders.place": 4, "orders.cancel": 2}
    assert (len(made["order_copies"]), len(made["recurring_order_copies"]), len(made["failed"])) == (3, 2, 1)
    assert _count(api, "order_factories", **{"filter[q][status_in]": "completed,failed"}) == 5
    assert api.get(f"order_copies/{made['order_copies'][0]}/events").json()["data"] == []
