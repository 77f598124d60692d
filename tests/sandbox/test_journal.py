"""Event stores tell who created and changed what, by cursor."""

import httpx
import pytest

from service.sandbox import Sandbox

from .conftest import Api


def _stores(api: Api, address: str, **parameters: str) -> list[dict]:
    answer = api.get(f"{address}/event_stores", **parameters)
    assert answer.status_code == 200, answer.text
    return answer.json()["data"]


def test_a_copy_tells_its_life_as_pairs_of_before_and_after(sandbox: Sandbox, api: Api) -> None:
    id_ = sandbox.play("good-copy")["order_copy"]
    created, started, completed = (one["attributes"] for one in _stores(api, f"order_copies/{id_}"))
    assert (created["event"], started["event"]) == ("create", "update")
    assert (created["resource_type"], created["resource_id"]) == ("order_copies", id_)
    assert created["payload"]["cancel_source_order"] == [None, True]
    assert started["payload"]["status"] == ["pending", "in_progress"]
    assert completed["payload"]["status"] == ["in_progress", "completed"]
    assert completed["payload"]["updated_at"][1] == completed["created_at"]
    same = _stores(api, f"order_factories/{id_}")
    assert [one["attributes"]["event"] for one in same] == ["create", "update", "update"]


def test_who_is_the_application_for_the_api_and_a_worker_for_the_platform(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("good-copy")
    *_, cancelled = _stores(api, f"orders/{made['source_order']}")
    assert cancelled["attributes"]["payload"]["status"] == ["placed", "cancelled"]
    assert cancelled["attributes"]["who"] == {"application": None, "owner": None, "worker": {"name": "platform"}}
    order = sandbox.make_order()
    api.update("orders", order, _cancel=True)
    *_, cancelled = _stores(api, f"orders/{order}")
    who = cancelled["attributes"]["who"]
    assert (who["application"]["kind"], who["worker"]) == ("integration", None)


def test_they_are_paged_by_cursor_and_not_counted(sandbox: Sandbox, api: Api) -> None:
    order = sandbox.make_order()
    for number in range(4):
        api.update("orders", order, reference=str(number))
    whole = [one["id"] for one in _stores(api, f"orders/{order}")]
    assert len(whole) == len(set(whole)) == 5
    seen, address = [], f"/api/orders/{order}/event_stores?page[size]=2"
    pages = 0
    while address:
        body = api.client.get(address).json()
        assert "meta" not in body
        seen += [one["id"] for one in body["data"]]
        address = body["links"].get("next")
        pages += 1
    assert (seen, pages) == (whole, 3)
    assert api.get(f"event_stores/{whole[0]}").json()["data"]["attributes"]["event"] == "create"
    millisecond, _, number = whole[0].partition("-")
    assert millisecond.isdigit()
    assert number.isdigit()


@pytest.mark.parametrize("name", ["page[number]", "filter[q][event_eq]", "sort", "include", "page[after]"])
def test_they_are_neither_filtered_nor_sorted_nor_numbered(sandbox: Sandbox, api: Api, name: str) -> None:
    answer = api.get(f"orders/{sandbox.make_order()}/event_stores", **{name: "nothing"})
    assert answer.status_code == 400, answer.text


def test_they_cannot_be_listed_by_themselves_or_be_included(sandbox: Sandbox, api: Api) -> None:
    def status(answer: httpx.Response) -> int:
        return answer.status_code

    assert status(api.get("event_stores")) == 405
    assert status(api.get(f"orders/{sandbox.make_order()}", include="event_stores")) == 400
    assert status(api.get("event_stores/1-0")) == 404
    assert status(api.get("orders/nowhere/event_stores")) == 404


def test_the_event_stores_of_a_webhook_do_not_tell_its_secret(sandbox: Sandbox, api: Api) -> None:
    (webhook,) = api.get("webhooks", **{"filter[q][topic_eq]": "orders.place"}).json()["data"]
    sandbox.change_webhook("orders.place", shared_secret="f" * 32, callback_url="http://127.0.0.1:9/")
    created, changed = _stores(api, f"webhooks/{webhook['id']}")
    assert changed["attributes"]["payload"]["callback_url"][1] == "http://127.0.0.1:9/"
    assert webhook["attributes"]["shared_secret"] not in str((created, changed))
    assert "f" * 32 not in str(changed)
