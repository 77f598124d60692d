"""Lists of factories on both databases: sorted, filtered, paged and joined as the provider's are."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from service.store.keep import keep
from service.store.schema import deliveries
from tests.bodies import arrival, copy, order, subscription
from tests.web.api.conftest import Desk, opened

COPIES = "/api/order_copies"


def _at(second: int) -> str:
    return f"2026-03-02T09:00:{second:02d}.000Z"


TOLD: list[tuple[str, Any]] = [
    (
        "order_copies.complete",
        copy(
            "AAAAAAAAAA", "completed", updated_at=_at(5), created_at=_at(1), completed_at=_at(5), reference="Zebra_1",
            metadata={"region": "eu", "n": [1, 2]}, source_order="OrderOneee", target_order="OrderTwooo",
        ),
    ),
    (
        "order_copies.fail",
        copy(
            "BBBBBBBBBB", "failed", updated_at=_at(3), created_at=_at(2), failed_at=_at(3), errors_count=2,
            reference="zebra%2", errors_log={"status": ["cannot transition"]}, source_order="OrderOneee",
        ),
    ),
    ("order_copies.create", copy("CCCCCCCCCC", "pending", updated_at=_at(4), created_at=_at(3), reference="")),
    (
        "recurring_order_copies.complete",
        copy(
            "DDDDDDDDDD", "completed", recurring=True, updated_at=_at(6), source_order="OrderOneee",
            target_order="OrderThree", order_subscription="SubscrOnee",
        ),
    ),
    ("order_copies.complete", copy("EEEEEEEEEE", "completed", updated_at=_at(7))),
    ("order_copies.destroy", copy("EEEEEEEEEE", None, updated_at=None)),
    ("orders.place", order("OrderTwooo", "placed", updated_at=_at(8))),
    ("order_subscriptions.last_run_failed", subscription("SubscrOnee", updated_at=_at(9))),
]  # fmt: skip


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk to which all of these were told, in one transaction."""
    with desk.store.write() as connection:
        keep(connection, [arrival(topic, body) for topic, body in TOLD])
    return desk


A, B, C, D = "AAAAAAAAAA", "BBBBBBBBBB", "CCCCCCCCCC", "DDDDDDDDDD"
QUERIES: list[tuple[str, list[str]]] = [
    ("", [A, B, C]),
    ("sort=-id", [C, B, A]),
    ("sort=updated_at", [B, C, A]),
    ("sort=-updated_at,id", [A, C, B]),
    ("sort=failed_at,id", [B, A, C]),
    ("sort=-failed_at,id", [A, C, B]),
    ("sort=errors_count,-created_at", [C, A, B]),
    ("page[size]=2", [A, B]),
    ("page[size]=2&page[number]=2", [C]),
    ("page[size]=2&page[number]=3", []),
    ("filter[q][status_eq]=failed", [B]),
    ("filter[q][status_not_eq]=failed", [A, C]),
    ("filter[q][status_in]=failed,pending", [B, C]),
    ("filter[q][status_not_in]=failed,pending", [A]),
    ("filter[q][status_eq_any]=failed,pending", [B, C]),
    ("filter[q][status_not_eq_all]=failed,pending", [A]),
    ("filter[q][id_in]=AAAAAAAAAA,CCCCCCCCCC", [A, C]),
    (f"filter[q][updated_at_gteq]={_at(4)}", [A, C]),
    (f"filter[q][updated_at_gt]={_at(4)}", [A]),
    (f"filter[q][updated_at_lt]={_at(4)}", [B]),
    (f"filter[q][updated_at_lteq]={_at(4)}", [B, C]),
    ("filter[q][updated_at_lt]=2026-03-02", []),
    ("filter[q][updated_at_gt]=2026-03-02T09:00:03.999", [A, C]),
    ("filter[q][errors_count_gt]=0", [B]),
    ("filter[q][reference_cont]=ZEBRA", [A, B]),
    ("filter[q][reference_start]=zebra%25", [B]),
    ("filter[q][reference_end]=_1", [A]),
    ("filter[q][reference_end]=a_1", [A]),
    ("filter[q][reference_matches]=zebra_%25", [A, B]),
    ("filter[q][reference_matches]=zebra\\", []),
    ("filter[q][reference_cont_any]=%25,_1", [A, B]),
    ("filter[q][reference_present]=true", [A, B]),
    ("filter[q][reference_present]=false", [C]),
    ("filter[q][reference_blank]=1", [C]),
    ("filter[q][reference_null]=true", []),
    ("filter[q][failed_at_null]=true", [A, C]),
    ("filter[q][failed_at_not_null]=true", [B]),
    ("filter[q][failed_at_not_null]=false", [A, C]),
    ("filter[q][reference_or_status_cont]=pend", [C]),
    ("filter[q][status_eq]=failed&filter[q][errors_count_eq]=0", []),
    ("filter[q][source_order_id_eq]=OrderOneee", [A, B]),
    ("filter[q][target_order_id_null]=true", [B, C]),
    ("filter[q][target_order_status_eq]=placed", [A]),
    ("filter[q][source_order_id_or_target_order_id_eq]=OrderTwooo", [A]),
    ("filter[q][events_name_eq]=order_copies.create", [C]),
    ("filter[q][metadata_present]=true", [A]),
    ("filter[q][metadata_blank]=true", [B, C]),
    ('filter[q][metadata_jcont]={"region":"eu"}', [A]),
    ('filter[q][metadata_jcont]={"n":[2]}', [A]),
    ('filter[q][metadata_jcont]={"n":[true]}', []),
    ('filter[q][metadata_jcont]={"region":"us"}', []),
    ("filter[status]=failed", [B]),
    ("filter[since]=2026-03-02T09:00:04Z", [A, C]),
    ("filter[subject]=orders/OrderOneee", [A, B]),
]


def test_filters_sorts_and_pages_choose_what_they_say(told: Desk) -> None:
    found = {query: told.ids(f"{COPIES}?{query}", "act") for query, _ in QUERIES}

    assert found == dict(QUERIES)


def test_the_umbrella_lists_both_kinds(told: Desk) -> None:
    factories = "/api/order_factories"

    assert sorted(told.ids(factories)) == [A, B, C, D]
    assert told.ids(f"{factories}?filter[q][type_eq]=recurring_order_copies") == [D]
    assert told.ids("/api/recurring_order_copies?filter[q][order_subscription_id_eq]=SubscrOnee") == [D]
    assert told.ids("/api/recurring_order_copies?filter[q][order_subscription_status_eq]=active") == [D]
    kinds = {one["id"]: one["attributes"]["type"] for one in told.read(factories)["data"]}
    assert (kinds[A], kinds[D]) == ("order_copies", "recurring_order_copies")


def test_a_deleted_factory_is_not_there(told: Desk) -> None:
    assert told.refused("/api/order_copies/EEEEEEEEEE", 404)["code"] == "RECORD_NOT_FOUND"
    assert told.refused("/api/order_factories/EEEEEEEEEE", 404)
    assert told.refused("/api/order_copies/EEEEEEEEEE/events", 404)
    assert told.refused(f"/api/order_copies/{D}", 404)


def test_facets_count_the_filtered_list(told: Desk) -> None:
    meta = told.read(f"/api/order_factories?facets=status,type&filter[q][updated_at_gt]={_at(3)}")["meta"]

    assert meta["facets"] == {
        "status": [{"value": "completed", "count": 2}, {"value": "pending", "count": 1}],
        "type": [{"value": "order_copies", "count": 2}, {"value": "recurring_order_copies", "count": 1}],
    }


def test_links_lead_through_the_pages_with_the_same_parameters(told: Desk) -> None:
    path = "/api/order_factories?sort=-updated_at,id&filter[q][status_in]=completed,failed,pending&page[size]=1"
    found, links = [], []
    document = told.read(path)
    assert "prev" not in document["links"]
    while True:
        found += [one["id"] for one in document["data"]]
        links.append(document["links"])
        if "next" not in document["links"]:
            break
        document = told.read(document["links"]["next"].removeprefix("http://localhost"))

    assert found == [D, A, C, B]
    assert links[-1]["prev"] == links[1]["next"]
    assert "sort=-updated_at,id" in links[0]["last"]


def test_what_is_included_is_as_far_as_the_record_knows_it(told: Desk) -> None:
    path = (
        f"{COPIES}?filter[q][id_eq]={A}&include=source_order.order_subscriptions,target_order,events,order_subscription"
    )
    document = told.read(path)

    (data,) = document["data"]
    assert data["relationships"]["source_order"]["data"] == {"type": "orders", "id": "OrderOneee"}
    assert data["relationships"]["order_subscription"]["data"] is None
    by_key = {(one["type"], one["id"]): one for one in document["included"]}
    assert set(by_key) == {
        ("orders", "OrderOneee"),
        ("orders", "OrderTwooo"),
        ("order_subscriptions", "SubscrOnee"),
        ("events", data["relationships"]["events"]["data"][0]["id"]),
    }
    assert by_key["orders", "OrderOneee"]["attributes"] == {"status": None, "updated_at": None}
    assert by_key["orders", "OrderTwooo"]["attributes"] == {"status": "placed", "updated_at": _at(8)}
    began = by_key["orders", "OrderOneee"]["relationships"]["order_subscriptions"]["data"]
    assert began == [{"type": "order_subscriptions", "id": "SubscrOnee"}]


def test_related_resources_and_linkage(told: Desk) -> None:
    at = f"/api/order_copies/{A}"

    assert told.read(f"{at}/source_order")["data"]["id"] == "OrderOneee"
    assert told.read(f"{at}/order_subscription") == {"data": None}
    linkage = told.read(f"{at}/relationships/target_order")
    assert linkage["data"] == {"type": "orders", "id": "OrderTwooo"}
    assert [*linkage["links"]] == ["self", "related"]
    assert [one["attributes"]["name"] for one in told.read(f"{at}/events")["data"]] == ["order_copies.complete"]
    events = told.read(f"{at}/relationships/events")
    assert (events["meta"]["record_count"], events["data"][0]["type"]) == (1, "events")
    (change,) = told.read(f"{at}/event_stores")["data"]
    assert change["attributes"]["payload"] == {"status": [None, "completed"]}
    assert told.read(f"/api/event_stores/{change['id']}")["data"] == change
    time, _, number = change["id"].partition("-")
    assert told.read(f"/api/event_stores/{number}")["data"] == change
    assert told.refused(f"/api/event_stores/{int(time) + 1}-{number}", 404)["code"] == "RECORD_NOT_FOUND"
    assert told.ids("/api/orders/OrderOneee/order_copies") == [A, B]
    assert told.ids("/api/orders/OrderOneee/order_factories?sort=-id") == [D, B, A]
    assert told.read("/api/orders/OrderThree/order_subscription")["data"]["id"] == "SubscrOnee"
    assert told.ids("/api/orders/OrderOneee/order_subscriptions") == ["SubscrOnee"]
    assert told.ids("/api/order_subscriptions/SubscrOnee/recurring_order_copies") == [D]


def test_fields_are_as_few_as_asked_for(told: Desk) -> None:
    (data,) = told.read(f"{COPIES}?filter[q][id_eq]={B}&fields[order_copies]=status,events")["data"]

    assert data["attributes"] == {"status": "failed"}
    assert [*data["relationships"]] == ["events"]
    assert [*data] == ["id", "type", "links", "attributes", "relationships", "meta"]


def test_without_its_body_a_factory_has_neither_errors_nor_metadata(told: Desk) -> None:
    before = told.read(f"{COPIES}/{B}")["data"]["attributes"]
    with told.store.write() as connection:
        gone = {"body": None, "headers": None, "salt": None, "data_key": None}
        connection.execute(sa.update(deliveries).values(gone))

    after = told.read(f"{COPIES}/{B}")["data"]["attributes"]
    assert before["errors_log"] == {"status": ["cannot transition"]}
    assert after == before | {"errors_log": None, "metadata": {}}


def test_metadata_is_masked_unless_somebody_says_why(told: Desk) -> None:
    path = f"{COPIES}/{A}"

    assert told.read(path)["data"]["attributes"]["metadata"]["region"] == "masked"
    shown = told.read(f"{path}?unmask=true&reason=a+complaint", "act")["data"]["attributes"]["metadata"]
    assert shown == {"region": "eu", "n": [1, 2]}
    entries = told.read("/api/audit_entries?filter[q][action_eq]=payload.unmasked")["data"]
    assert [(e["attributes"]["subject"], e["attributes"]["actor"]) for e in entries] == [
        (f"order_copies/{A}", "token act")
    ]


def test_a_filter_by_metadata_over_too_many_says_so(told: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("service.web.api.reading.MOST_SCANNED", 2)

    error = told.refused(f"{COPIES}?filter[q][metadata_present]=true")
    assert (error["code"], "3 are left" in error["detail"]) == ("TOO_MANY_TO_SCAN", True)
    assert told.ids(f"{COPIES}?filter[q][metadata_present]=true&filter[q][status_eq]=completed") == [A]


def test_shown_metadata_needs_no_mask_and_no_scope(sqlite_url: str) -> None:
    for desk in opened(sqlite_url, shown_metadata=("region",)):
        desk.tell(*TOLD[0])

        assert desk.read(f"{COPIES}/{A}")["data"]["attributes"]["metadata"]["region"] == "eu"
        assert desk.ids(f"{COPIES}?filter[q][metadata_jcont]=" + '{"region":"eu"}') == [A]
        assert desk.refused(f"{COPIES}?filter[q][metadata_jcont]=" + '{"n":[1]}', 403)


def test_the_same_answer_has_the_same_tag(told: Desk) -> None:
    first, head = told.ask(f"{COPIES}/{A}"), told.ask(f"{COPIES}/{A}", method="HEAD")
    tag = first.headers["ETag"]

    assert tag.startswith('"')
    assert (head.status_code, head.data, head.headers["ETag"]) == (200, b"", tag)
    assert first.headers["Cache-Control"] == "no-store"
    again = told.ask(f"{COPIES}/{A}", If_None_Match=tag)
    assert (again.status_code, again.data) == (304, b"")
    told.tell("order_copies.fail", copy(A, "failed", updated_at=_at(50)))
    assert told.ask(f"{COPIES}/{A}", If_None_Match=tag).status_code == 200


def test_links_begin_with_the_public_url_where_it_is_set(sqlite_url: str) -> None:
    for desk in opened(sqlite_url, public_url="https://desk.example.com"):
        desk.tell(*TOLD[0])

        document = desk.read(f"{COPIES}?page[size]=5")
        assert document["links"]["first"] == f"https://desk.example.com{COPIES}?page[number]=1&page[size]=5"
        assert document["data"][0]["links"]["self"] == f"https://desk.example.com{COPIES}/{A}"


HOSTILE = "a\0b\r\n\x1b[2J\u202e'; DROP TABLE events; --</script><img src=x>=cmd|' /C calc'!A0"


def test_hostile_text_stays_inert(desk: Desk) -> None:
    body = copy(
        A, f"comp{HOSTILE}", reference=HOSTILE, errors_log={HOSTILE: [HOSTILE]}, metadata={HOSTILE: {HOSTILE: HOSTILE}}
    )
    desk.tell("order_copies.create", body)

    for path in (
        f"{COPIES}/{A}",
        f"{COPIES}/{A}/events",
        "/api/deliveries/1",
        "/api/transitions",
        "/api/audit_entries",
    ):
        raw = desk.ask(path).data
        assert raw.isascii()
        assert not any(byte < 0x20 or byte in b"<>" for byte in raw), path
        json.loads(raw)


def test_a_status_that_is_none_is_scrubbed_wherever_it_stands(desk: Desk) -> None:
    desk.tell("order_copies.create", copy(A, "call bob@example.org", source_order="OrderOneee"))
    desk.tell("orders.place", order("OrderOneee", "call bob@example.org"))

    (change,) = desk.read(f"{COPIES}/{A}/event_stores")["data"]
    paths = ("/api/events?facets=told_status", "/api/transitions?facets=to_status", "/api/orders/OrderOneee")
    paths += (f"/api/event_stores/{change['id']}", "/api/order_factories?facets=status", f"{COPIES}/{A}")
    for path in (*paths, f"/api/timeline/order_copies/{A}"):
        raw = desk.ask(path).data
        assert b"call masked@example.com" in raw, path
        assert b"bob@example.org" not in raw, path


@pytest.mark.parametrize("asked", ["reference_start", "reference_cont", "reference_gt", "status_or_reference_end"])
def test_parts_of_what_is_masked_are_asked_for_with_more_than_read(told: Desk, asked: str) -> None:
    """Question by question, whoever may ask for parts puts the whole together."""
    assert told.refused(f"{COPIES}?filter[q][{asked}]=a", 403)
    told.ids(f"{COPIES}?filter[q][{asked}]=a", "act")
    assert told.ids(f"{COPIES}?filter[q][reference_eq]=nobody") == []
