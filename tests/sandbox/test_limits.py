"""Rate limits are counted always and enforced on demand; rows change under the reader on demand."""

import time

import pytest

from service.sandbox import Sandbox
from service.sandbox import limits as room

from .conftest import Api, client_of, http


def _budget(sandbox: Sandbox, endpoint: str) -> dict:
    (found,) = [one for one in sandbox.budgets if one["endpoint"] == endpoint]
    return found


@pytest.mark.parametrize(("mode", "minute", "burst"), [("test", 100, 25), ("live", 200, 50)])
def test_every_window_tells_its_highest_use(mode: str, minute: int, burst: int) -> None:
    with Sandbox(mode=mode) as sandbox, client_of(sandbox) as api:
        for _ in range(burst + 1):
            assert api.get("orders").status_code == 200
        api.get("order_factories")
        told = _budget(sandbox, "GET orders")
        assert told.items() >= {"seconds": 10, "limit": burst, "highest": burst + 1, "exceeded": True}.items()
        assert _budget(sandbox, "GET order_factories")["exceeded"] is False
        told = _budget(sandbox, "api")
        assert told.items() >= {"seconds": 60, "limit": minute, "highest": burst + 2, "exceeded": False}.items()
        assert _budget(sandbox, "token").items() >= {"seconds": 60, "limit": 30, "highest": 1}.items()
        assert http.get(f"{sandbox.url}/sandbox/budgets").json()[0].keys() == told.keys()
        assert http.delete(f"{sandbox.url}/sandbox/budgets").json() == []


def test_windows_slide_and_their_highest_use_stays(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "BURST_SECONDS", 1.0)
    with Sandbox(rate_limits=True) as sandbox, client_of(sandbox) as api:
        assert [api.get("orders").status_code for _ in range(26)][-1] == 429
        time.sleep(1.05)
        assert api.get("orders").status_code == 200
        told = _budget(sandbox, "GET orders")
        assert (told["used"], told["highest"]) == (1, 26)


def test_the_minute_is_one_for_all_of_the_api_and_its_refusal_has_the_recorded_shape() -> None:
    with Sandbox(rate_limits=True) as sandbox, client_of(sandbox) as api:
        resources = ("orders", "order_copies", "recurring_order_copies", "order_factories")
        statuses = [api.get(resource).status_code for resource in resources for _ in range(25)]
        assert set(statuses) == {200}
        refused = api.get("webhooks")
        assert refused.status_code == 429
        assert refused.json()["errors"] == {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}
        told = {name: refused.headers[name] for name in ("Retry-After", "X-Ratelimit-Limit", "X-Ratelimit-Remaining")}
        assert told == {"Retry-After": "0", "X-Ratelimit-Limit": "100", "X-Ratelimit-Remaining": "0"}


def test_the_token_endpoint_has_thirty_a_minute() -> None:
    with Sandbox(rate_limits=True) as sandbox:
        statuses = [http.post(f"{sandbox.url}/oauth/token", json={}).status_code for _ in range(31)]
    assert statuses == [400] * 30 + [429]


def test_rows_change_after_each_list_call(sandbox: Sandbox, api: Api) -> None:
    sandbox.make_factories(count=40)
    page = {"sort": "updated_at", "page[size]": "25"}
    before = _moments(api, page)
    assert _moments(api, page) == before
    http.post(f"{sandbox.url}/sandbox/unrest", json={"rows": 10, "calls": 2, "seed": 3})
    assert _moments(api, page) == before
    once = _moments(api, page)
    twice = _moments(api, page)
    assert before != once != twice
    assert _moments(api, page) == twice
    assert api.get("order_factories").json()["meta"]["record_count"] == 40


def test_unrest_can_be_an_option_and_can_come_to_rest() -> None:
    with Sandbox(restless_rows=3) as sandbox, client_of(sandbox) as api:
        sandbox.make_factories(count=10)
        page = {"sort": "-updated_at"}
        first, second = _moments(api, page), _moments(api, page)
        assert len(set(second) - set(first)) == 3
        sandbox.unrest(rows=0)
        assert _moments(api, page) == _moments(api, page)


@pytest.mark.parametrize("wanted", [{"rows": -1}, {"rows": 1, "calls": -1}, {"columns": 1}])
def test_unrest_that_makes_no_sense_is_refused(sandbox: Sandbox, wanted: dict) -> None:
    assert http.post(f"{sandbox.url}/sandbox/unrest", json=wanted).status_code == 400


def _moments(api: Api, page: dict) -> list[tuple[str, str]]:
    data = api.get("order_factories", **page).json()["data"]
    return [(one["attributes"]["updated_at"], one["id"]) for one in data]
