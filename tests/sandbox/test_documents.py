"""Resources are written as the reference pages show them."""

import pytest

from service.sandbox import Sandbox

from .conftest import Api


def test_order_factories_list_both_kinds_and_tell_them_apart_by_an_attribute(sandbox: Sandbox, api: Api) -> None:
    copy = sandbox.play("good-copy")["order_copy"]
    renewal = sandbox.play("good-renewal")["recurring_order_copy"]
    data = api.get("order_factories").json()["data"]
    assert {one["type"] for one in data} == {"order_factories"}
    kinds = {one["id"]: one["attributes"]["type"] for one in data}
    assert kinds == {copy: "order_copies", renewal: "recurring_order_copies"}
    only = api.get("order_factories", **{"filter[q][type_eq]": "order_copies"})
    assert [one["id"] for one in only.json()["data"]] == [copy]
    assert api.get(f"order_factories/{renewal}").json()["data"]["attributes"]["type"] == "recurring_order_copies"


def test_include_gives_linkage_and_documents_and_fields_leaves_the_rest_out(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("good-copy")
    whole = api.get(f"order_copies/{made['order_copy']}").json()
    assert all("data" not in link for link in whole["data"]["relationships"].values())
    answer = api.get(
        f"order_copies/{made['order_copy']}",
        include="source_order,target_order,order_subscription",
        **{"fields[order_copies]": "status,source_order,order_subscription", "fields[orders]": "status"},
    ).json()
    assert answer["data"]["attributes"] == {"status": "completed"}
    assert set(answer["data"]["relationships"]) == {"source_order", "order_subscription"}
    assert answer["data"]["relationships"]["source_order"]["data"] == {"type": "orders", "id": made["source_order"]}
    assert answer["data"]["relationships"]["order_subscription"]["data"] is None
    assert {one["id"]: one["attributes"] for one in answer["included"]} == {
        made["source_order"]: {"status": "cancelled"},
        made["target_order"]: {"status": "placed"},
    }


def test_related_links_lead_somewhere(sandbox: Sandbox, api: Api) -> None:
    made = sandbox.play("good-renewal")
    links = api.get(f"recurring_order_copies/{made['recurring_order_copy']}").json()["data"]["relationships"]
    order = api.client.get(links["target_order"]["links"]["related"]).json()["data"]
    assert order["id"] == made["target_order"]
    events = api.client.get(links["events"]["links"]["related"]).json()["data"]
    assert [event["attributes"]["name"] for event in events] == [
        f"recurring_order_copies.{name}" for name in ("create", "start", "complete")
    ]


def test_every_argument_of_the_page_makes_an_order_copy(sandbox: Sandbox, api: Api) -> None:
    source = sandbox.make_order()
    given = {
        "place_target_order": True,
        "reuse_wallet": False,
        "reference": "R-1",
        "reference_origin": "ERP",
        "metadata": {"foo": "bar"},
        "cancel_source_order": True,
        "apply_promotions": True,
        "skip_errors": True,
        "ignore_invalid_coupon": True,
    }
    answer = api.create("order_copies", given, source_order=("orders", source))
    assert answer.status_code == 201
    data = answer.json()["data"]
    assert list(data) == ["id", "type", "links", "attributes", "relationships", "meta"]
    assert data["links"]["self"] == f"{sandbox.url}/api/order_copies/{data['id']}"
    assert data["attributes"].items() >= given.items()
    assert data["attributes"]["status"] == "pending"
    assert data["attributes"]["type"] == "order_copies"
    assert set(data["relationships"]) == {
        "source_order", "target_order", "events", "event_stores", "order_subscription",
    }  # fmt: skip
    assert data["meta"].items() >= {"mode": "test", "organization_id": "xRRkjDFafe"}.items()
    assert len(data["meta"]["trace_id"]) == 64
    ended = api.ended("order_copies", data["id"])
    assert ended["status"] == "completed"
    assert ended["created_at"] < ended["started_at"] < ended["completed_at"]
    assert api.attributes("orders", source)["status"] == "cancelled"


def test_an_order_copy_takes_the_documented_defaults(sandbox: Sandbox, api: Api) -> None:
    source = sandbox.make_order()
    made = api.create("order_copies", source_order=("orders", source)).json()["data"]
    expected = {
        "place_target_order": None,
        "cancel_source_order": None,
        "reuse_wallet": True,
        "apply_promotions": False,
        "skip_errors": False,
        "ignore_invalid_coupon": False,
        "errors_count": 0,
        "metadata": {},
    }
    assert made["attributes"].items() >= expected.items()
    api.ended("order_copies", made["id"])
    whole = api.get(f"order_copies/{made['id']}", include="target_order").json()
    assert whole["included"][0]["attributes"].items() >= {"status": "pending", "payment_status": "unpaid"}.items()
    assert api.attributes("orders", source)["status"] == "placed"


@pytest.mark.parametrize(
    ("attributes", "relations", "status", "pointer"),
    [
        ({}, {}, 422, "/data/relationships/source_order"),
        ({}, {"source_order": ("orders", "nowhere")}, 422, "/data/relationships/source_order"),
        ({"skip_errors": "yes"}, {"source_order": ("orders", "")}, 422, "/data/attributes/skip_errors"),
        ({"status": "completed"}, {"source_order": ("orders", "")}, 400, None),
        ({"nothing": 1}, {"source_order": ("orders", "")}, 400, None),
        ({}, {"source_order": ("orders", ""), "target_order": ("orders", "")}, 400, None),
        ({}, {"source_order": ("orders", ""), "order_subscription": ("order_subscriptions", "")}, 400, None),
    ],
)
def test_what_a_copy_cannot_be_made_of_is_refused(
    sandbox: Sandbox, api: Api, attributes: dict, relations: dict, status: int, pointer: str | None
) -> None:
    source = sandbox.make_order()
    filled = {name: (type_, id_ or source) for name, (type_, id_) in relations.items()}
    answer = api.create("order_copies", attributes, **filled)
    assert answer.status_code == status, answer.text
    (error,) = answer.json()["errors"]
    assert error["status"] == str(status)
    if pointer:
        assert error["code"] == "VALIDATION_ERROR"
        assert error["source"] == {"pointer": pointer}
        assert error["meta"]["error"]


def test_a_recurring_copy_needs_a_subscription_and_takes_its_wish_to_place(sandbox: Sandbox, api: Api) -> None:
    source = sandbox.make_order()
    alone = api.create("recurring_order_copies", source_order=("orders", source))
    assert alone.status_code == 422
    assert alone.json()["errors"][0]["source"]["pointer"] == "/data/relationships/order_subscription"
    subscription = api.create("order_subscriptions", {"frequency": "monthly"}, source_order=("orders", source)).json()[
        "data"
    ]
    assert subscription["attributes"].items() >= {"status": "active", "occurrencies": 0}.items()
    made = api.create(
        "recurring_order_copies",
        source_order=("orders", source),
        order_subscription=("order_subscriptions", subscription["id"]),
    ).json()["data"]
    assert "cancel_source_order" not in made["attributes"]
    assert "type" not in made["attributes"]
    assert api.ended("recurring_order_copies", made["id"])["place_target_order"] is True
    counted = api.attributes("order_subscriptions", subscription["id"])
    assert counted.items() >= {"occurrencies": 1, "errors_count": 0, "succeeded_on_last_run": True}.items()


def test_only_the_marks_of_a_copy_can_be_changed(sandbox: Sandbox, api: Api) -> None:
    id_ = sandbox.play("good-copy")["order_copy"]
    before = api.attributes("order_copies", id_)
    changed = api.update("order_copies", id_, reference="R", reference_origin="O", metadata={"a": 1})
    after = changed.json()["data"]["attributes"]
    assert after.items() >= {"reference": "R", "reference_origin": "O", "metadata": {"a": 1}}.items()
    assert after["updated_at"] > before["updated_at"]
    assert api.update("order_copies", id_, skip_errors=True).status_code == 400
    assert api.update("order_copies", id_, status="failed").status_code == 400


def test_a_body_that_speaks_of_another_id_is_refused(sandbox: Sandbox, api: Api) -> None:
    order = sandbox.make_order()
    body = {"data": {"type": "orders", "id": "10272", "attributes": {"_cancel": True}}}
    answer = api.client.patch(f"/api/orders/{order}", json=body)
    assert answer.status_code == 400
    assert answer.json() == {
        "errors": [
            {
                "title": "Key is not included in URL",
                "detail": "The URL does not support the key 10272",
                "code": "KEY_NOT_INCLUDED_IN_URL",
                "status": "400",
            }
        ]
    }
    assert api.attributes("orders", order)["status"] == "placed"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status", "code"),
    [
        ("GET", "orders/nowhere", {}, 404, "RECORD_NOT_FOUND"),
        ("GET", "skus", {}, 404, "RECORD_NOT_FOUND"),
        ("PUT", "orders/nowhere", {}, 405, "METHOD_NOT_ALLOWED"),
        ("POST", "order_factories", {}, 405, "METHOD_NOT_ALLOWED"),
        ("GET", "orders", {"Accept": "application/json"}, 406, "NOT_ACCEPTABLE"),
        ("POST", "orders", {"Content-Type": "application/json"}, 415, "UNSUPPORTED_MEDIA_TYPE"),
        ("POST", "orders", {}, 400, "KEY_NOT_INCLUDED_IN_URL"),
        ("GET", "orders", {"Authorization": "Bearer nothing"}, 401, "INVALID_TOKEN"),
    ],
)
def test_errors_have_the_documented_shape(
    api: Api, method: str, path: str, headers: dict, status: int, code: str
) -> None:
    answer = api.client.request(method, f"/api/{path}", headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/vnd.api+json"
    (error,) = answer.json()["errors"]
    assert (error["status"], error["code"]) == (str(status), code)
    assert error["title"]
    assert error["detail"]
    assert len(answer.headers["x-request-id"]) == 36


def test_every_answer_tells_the_rate_limit_of_the_minute(api: Api) -> None:
    first, second = (api.get("orders").headers for _ in range(2))
    assert (first["X-Ratelimit-Limit"], first["X-Ratelimit-Interval"]) == ("100", "60")
    assert int(first["X-Ratelimit-Remaining"]) - int(second["X-Ratelimit-Remaining"]) == 1
    assert first["x-request-id"] != second["x-request-id"]
