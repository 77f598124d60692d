"""What is our own is listed, counted, joined and paged by the same conventions."""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from service.incidents import Occurrence
from service.store import incidents
from service.store.audit import entry, write_audit
from service.store.keep import keep
from service.store.listings.cursors import Place, sealed
from service.store.schema import attempts, follow_ups, incident_subjects, metadata
from service.web.api.catalogue import OFFERS
from tests.bodies import NOON, NOW, arrival, copy, order
from tests.web.api.conftest import Desk

LISTED = sorted(type_ for type_, offer in OFFERS.items() if offer.listed)
ID = "XAyRWNUzyN"


@pytest.fixture
def told(desk: Desk) -> Desk:
    """A desk with a row of everything: a failed copy, its alert and its try, an incident."""
    told = [
        ("order_copies.create", copy(ID, "pending", updated_at="2026-03-02T09:00:00.000Z")),
        (
            "order_copies.fail",
            copy(ID, "failed", errors_count=1, errors_log={"status": ["no"]}, source_order="OrdrOneeee"),
        ),
        ("order_copies.fail", copy(ID, "failed", errors_count=1, updated_at=NOON)),
    ]
    with desk.store.write() as connection:
        keep(connection, [arrival(topic, body, NOW + timedelta(seconds=n)) for n, (topic, body) in enumerate(told)])
        follow_up = connection.execute(sa.select(sa.func.min(follow_ups.c.id))).scalar_one()
        row: dict[str, Any] = {"follow_up_id": follow_up, "number": 1, "start": 1, "worker": "w", "started_at": NOW}
        connection.execute(sa.insert(attempts).values(row))
        incidents.align(
            connection, Occurrence("stuck", "order_factories", "stuck", ""), {f"order_copies/{ID}": "since"}, NOW, "w"
        )
    return desk


def test_every_list_and_everything_on_it_has_its_address_and_its_relations(told: Desk) -> None:
    """Each resource is the same by itself as in its list, and every link of it leads somewhere."""
    for type_ in LISTED:
        document = told.read(f"/api/{type_}?page[size]=25")
        if type_ == "recurring_order_copies":
            assert document["data"] == []
            continue
        assert document["meta"]["record_count"] == len(document["data"]) > 0, type_
        one = document["data"][0]
        alone = told.read(one["links"]["self"].removeprefix("http://localhost"))["data"]
        alone["attributes"].pop("payload", None)
        assert {**alone, "meta": None} == {**one, "meta": None}
        for relation in one["relationships"].values():
            for link in relation["links"].values():
                told.read(link.removeprefix("http://localhost"))


def test_the_relations_of_an_event_are_those_that_name_it(told: Desk) -> None:
    (event,) = told.read("/api/events?filter[q][name_eq]=order_copies.fail&include=deliveries,transitions,follow_ups")[
        "data"
    ]
    assert event["attributes"]["deliveries_count"] == 2
    linked = {name: one["data"] for name, one in event["relationships"].items() if "data" in one}
    assert [len(linked[name]) for name in ("deliveries", "transitions", "follow_ups")] == [2, 1, 1]
    at = f"/api/events/{event['id']}"
    assert told.ids(f"{at}/deliveries?sort=id") == [one["id"] for one in linked["deliveries"]]
    assert told.ids(f"/api/deliveries?filter[q][event_id_eq]={event['id']}&filter[q][verdict_eq]=redelivery") == [
        linked["deliveries"][1]["id"]
    ]
    (follow_up,) = told.read(f"{at}/follow_ups?include=attempts,event")["included"][:1]
    assert follow_up["type"] == "attempts"
    assert told.ids(f"/api/follow_ups/{linked['follow_ups'][0]['id']}/audit_entries") != []


def test_a_payload_is_masked_unless_somebody_says_why(told: Desk) -> None:
    body = copy("Personalll", metadata={"name": "Somebody"}, customer_email="somebody@example.org")
    told.tell("order_copies.complete", body)
    (id_,) = told.ids("/api/deliveries?page[size]=1")

    masked = told.ask(f"/api/deliveries/{id_}").data
    assert b"omebody" not in masked
    assert b"Personalll" in masked
    assert "payload" not in told.read("/api/deliveries")["data"][0]["attributes"]
    listed = told.read("/api/deliveries?page[size]=1&fields[deliveries]=payload")["data"][0]["attributes"]
    assert listed["payload"]["data"]["id"] == "Personalll"
    shown = told.read(f"/api/deliveries/{id_}?unmask=true&reason=why", "act")["data"]["attributes"]["payload"]
    assert shown["data"]["attributes"]["customer_email"] == "somebody@example.org"


def test_looking_behind_one_mask_lifts_no_other(told: Desk) -> None:
    """What is included beside it stays masked, since the trail names one event."""
    for moment in ("2026-03-02T10:00:00.000Z", "2026-03-02T11:00:00.000Z"):
        body = copy("Personalll", customer_email="somebody@example.org", metadata={"who": "Somebody"})
        body["data"]["attributes"]["updated_at"] = moment
        told.tell("order_copies.complete", body)
    path = "/api/order_copies/Personalll?include=events.deliveries&fields[deliveries]=payload&unmask=true&reason=why"
    answer = told.read(path, "act")
    assert answer["data"]["attributes"]["metadata"] == {"who": "Somebody"}
    assert sum("payload" in one["attributes"] for one in answer["included"]) == 2
    assert "omebody" not in json.dumps(answer["included"])


def test_what_people_wrote_is_scrubbed_wherever_it_is_shown(told: Desk) -> None:
    """Whatever the table and the column; what is found by it is another matter."""
    mail, type_of = "somebody@example.org", {table.name: table for table in metadata.tables.values()}
    told.tell("order_copies.complete", copy("Personalll", reference=mail, reference_origin=mail))
    with told.store.write() as connection:
        for type_ in ("events", "deliveries", "follow_ups", "attempts", "incidents"):
            texts = dict.fromkeys(OFFERS[type_].free_texts, f"call {mail}")
            connection.execute(sa.update(type_of[type_]).values(texts))
        write_audit(connection, [entry(NOW, "orders/Personalll", f"operator {mail}", "note", {"text": mail})])
        connection.execute(sa.update(incident_subjects).values(detail=mail))
    for type_ in LISTED:
        answer = told.read(f"/api/{type_}?page[size]=25")
        assert "omebody" not in json.dumps(answer["data"]), type_
        for one in answer["data"]:
            assert b"omebody" not in told.ask(one["links"]["self"].removeprefix("http://localhost")).data
    assert told.read("/api/events?include=follow_ups.attempts")["included"][0]["attributes"]["cause"] == (
        "call masked@example.com"
    )
    facets = told.read("/api/audit_entries?facets=actor")["meta"]["facets"]["actor"]
    assert "operator masked@example.com" in [one["value"] for one in facets]
    assert mail not in json.dumps(facets)


def test_what_a_follow_up_needs_is_masked_in_the_trail_as_it_is_in_its_row(told: Desk) -> None:
    params = {"customer_name": "Somebody", "attempts": 3}
    with told.store.write() as connection:
        connection.execute(sa.update(follow_ups).values(params=json.dumps(params)))
        facts = {"kind": "tell", "params": json.dumps(params)}
        write_audit(connection, [entry(NOW, f"order_copies/{ID}", "worker", "follow_up.planned", facts)])
    (row,) = told.read("/api/follow_ups?page[size]=1")["data"]
    (line,) = told.read("/api/audit_entries?page[size]=1")["data"]
    assert row["attributes"]["params"] == {"customer_name": "masked", "attempts": 3}
    assert json.loads(line["attributes"]["detail"]["params"]) == row["attributes"]["params"]


def test_every_text_without_a_fixed_form_is_known_as_one(told: Desk) -> None:
    """Or a new column would come out as it was written."""
    told_by_form = {
        "name", "topic", "subject", "mode", "organization", "told_status", "result", "fingerprint", "origin", "verdict",
        "key_fingerprint", "from_status", "to_status", "kind", "status", "action", "leaf_hash", "type",
    }  # fmt: skip
    for offer in OFFERS.values():
        texts = {name for name, one in offer.attributes.items() if one.kind == "string"}
        if offer.type in LISTED:
            nulls = {"reference", "reference_origin"} if offer.type == "events" else set()
            assert texts - set(offer.free_texts) - nulls <= told_by_form, offer.type


def test_pages_behind_an_id_do_not_jump_when_rows_are_added(told: Desk) -> None:
    """New rows come at the beginning, and move none to a page that was not read yet."""
    everything = told.ids("/api/audit_entries?page[size]=25")
    found = told.ids("/api/audit_entries?page[size]=2")
    path: str | None = f"/api/audit_entries?page[after]={found[-1]}&page[size]=2"
    while path:
        told.tell("orders.place", order(f"Order{len(found)}"))
        document = told.read(path)
        found += [one["id"] for one in document["data"]]
        path = document["links"].get("next", "").removeprefix("http://localhost")

    assert found == everything


def test_words_and_facets_are_those_of_the_commands(told: Desk) -> None:
    assert told.ids("/api/events?filter[topic]=order_copies.fail") == ["2"]
    assert len(told.ids("/api/audit_entries?filter[subject]=orders/OrdrOneeee")) > 2
    assert told.ids("/api/audit_entries?filter[action]=follow_up") == told.ids(
        "/api/audit_entries?filter[q][action_start]=follow_up."
    )
    assert told.ids("/api/audit_entries?filter[text]=nowhere") == []
    facets = told.read("/api/events?facets=topic,result&page[size]=1")["meta"]["facets"]
    assert facets["topic"] == [{"value": "order_copies.create", "count": 1}, {"value": "order_copies.fail", "count": 1}]
    assert facets["result"] == [{"value": "handled", "count": 2}]


def test_an_incident_says_whom_it_affects(told: Desk) -> None:
    (incident,) = told.read("/api/incidents?filter[q][status_eq]=open")["data"]

    affected = incident["attributes"]["affected"]
    assert [(one["subject"], one["count"], one["cured_at"]) for one in affected] == [(f"order_copies/{ID}", 1, None)]
    assert affected[0]["first_seen_at"].endswith("Z")


def test_a_timeline_tells_everything_about_a_subject_page_by_page(told: Desk) -> None:
    path: str | None = f"/api/timeline/order_copies/{ID}?page[size]=3"
    found: list[Any] = []
    while path:
        document = told.read(path)
        assert len(document["data"]) <= 3
        found += document["data"]
        path = document["links"].get("next", "").removeprefix("http://localhost")

    kinds = {one["attributes"]["kind"] for one in found}
    assert {"delivery", "transition", "follow_up", "attempt", "incident"} <= kinds
    times = [one["attributes"]["at"] for one in found]
    assert times == sorted(times, reverse=True)
    assert len({one["id"] for one in found}) == len(found)
    for one in found:
        told.read(one["relationships"]["row"]["links"]["related"].removeprefix("http://localhost"))
    happened = told.read(f"/api/timeline/order_copies/{ID}?page[size]=25")["data"]
    kinds = [one["attributes"]["what"]["name"] for one in happened if one["attributes"]["kind"] == "attempt"]
    assert kinds == ["alert"]
    of_order = told.read("/api/timeline/orders/OrdrOneeee?page[size]=25")["data"]
    assert len(of_order) == len(found)
    assert told.refused("/api/timeline/orders/Nobody", 404)
    assert told.refused("/api/timeline/skus_/x")["code"] == "INVALID_ID"
    assert told.refused(f"/api/timeline/order_copies/{ID}?page[after]=x")["source"] == {"parameter": "page[after]"}


@pytest.mark.parametrize("predicate", ["eq", "not_eq", "lt", "gteq", "in", "not_in", "gt_any"])
def test_a_number_beyond_a_column_is_compared_and_not_refused(told: Desk, predicate: str) -> None:
    """Small columns of PostgreSQL take no such value, and whoever asks cannot know them."""
    for type_ in LISTED:
        for name, kind in OFFERS[type_].filterable.items():
            if kind == "integer":
                for value in (999_999_999_999_999_999, -999_999_999_999_999_999):
                    told.read(f"/api/{type_}?filter[q][{name}_{predicate}]={value}")


def test_links_of_a_request_that_names_no_host_are_addresses_all_the_same(told: Desk) -> None:
    for host in ("", 'evil.example"><x'):
        document = json.loads(told.ask(f"/api/order_copies/{ID}", Host=host).data)
        assert document["data"]["links"]["self"] == f"/api/order_copies/{ID}"


@pytest.mark.parametrize(
    ("value", "key"),
    [
        *(
            (NOON, f"{kind} {number}")
            for kind in ("entry", "delivery")
            for number in ("9" * 40, "-" + "9" * 40, "x", "")
        ),
        (NOON, "\x00"),
        (NOON, "\ud800 1"),
        (2**63, "entry 1"),
        ("9999-12-31T23:59:59-23:59", "entry 1"),
    ],
)
def test_a_cursor_that_somebody_made_is_a_page_or_wrong_usage(told: Desk, value: str | int, key: str) -> None:
    """The checksum of a cursor is no secret, and what is in it may be anything."""
    subject = f"order_copies/{ID}"
    made = sealed(Place(value, key), "timeline", "-at", {"subject": subject})
    assert told.ask(f"/api/timeline/{subject}?page[after]={made}").status_code in (200, 400)


def test_a_token_says_what_it_lets_do_and_takes_no_parameter(quick: Desk) -> None:
    told = {"type": "tokens", "id": "act", "attributes": {"scopes": ["read", "act"]}}

    assert quick.read("/api/token", "act") == {"data": told}
    assert quick.refused("/api/token?colour=red")["code"] == "PARAM_NOT_ALLOWED"


def test_the_number_of_a_token_is_no_secret(quick: Desk) -> None:
    found = quick.read("/api/audit_entries?filter[action]=token.created")["data"]

    assert [entry["attributes"]["detail"]["token_id"] for entry in found] == [2, 1]


def test_what_no_subject_can_look_like_is_refused_and_an_unknown_one_finds_nothing(quick: Desk) -> None:
    path = "/api/audit_entries?filter[subject]="

    assert quick.ids(f"{path}zzz") == quick.ids(f"{path}orders/zzz") == []
    for impossible in ("zz-z", "/zzz", "orders/", "Orders/zzz"):
        error = quick.refused(f"{path}{impossible}")
        assert (error["code"], error["source"]) == ("INVALID_FILTER_VALUE", {"parameter": "filter[subject]"})
        assert "type/id" in error["detail"]
