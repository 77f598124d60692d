"""What a delivery tells: the identity of its event, its stage, and what cannot be an event."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest

from service import documents, events
from service.errors import BodyUnreadable
from tests.bodies import DATA, MODE, NOON, ORGANIZATION, copy, event, order, resource, sample, subscription, wire

LATER = "2026-03-03T12:00:00.000Z"


def changed(document: dict[str, Any], **attributes: Any) -> dict[str, Any]:
    """The same body with other attributes."""
    data = document["data"]
    return {"data": data | {"attributes": data["attributes"] | attributes}}


def bare(type_: str, attributes: dict[str, Any]) -> dict[str, Any]:
    """A body of any resource."""
    return {"data": resource(type_, "aaaaaaaaaa", attributes)}


RUN = {"last_run_at": NOON, "occurrencies": 3, "updated_at": NOON, "next_run_at": NOON}
ONCE = [
    *(f"{t}.{e}" for t in ("order_copies", "recurring_order_copies") for e in ("create", "start", "complete", "fail")),
    "order_copies.destroy",
    "recurring_order_copies.destroy",
    *(f"orders.{e}" for e in ("create", "place", "approve", "cancel", "destroy")),
    *(f"order_subscriptions.{e}" for e in ("create", "cancel", "destroy")),
    "customers.create",
    "customers.destroy",
]
# Topic, what tells two occurrences apart, what else may change meanwhile without being another event.
REPEATS = [
    ("order_subscriptions.last_run_failed", "last_run_at", {"occurrencies": 4, "updated_at": LATER}),
    ("order_subscriptions.last_run_succeeded", "last_run_at", {"occurrencies": 4, "updated_at": LATER}),
    ("order_subscriptions.renewal", "next_run_at", {"last_run_at": LATER, "updated_at": LATER}),
    ("order_subscriptions.activate", "updated_at", {"last_run_at": LATER}),
    ("order_subscriptions.deactivate", "updated_at", {"last_run_at": LATER}),
    ("orders.pending", "updated_at", {"last_run_at": LATER}),
    ("orders.draft", "updated_at", {}),
    ("orders.refund", "updated_at", {}),
    ("captures.succeeded", "updated_at", {}),
    ("no_such_resource.no_such_event", "updated_at", {}),
]


@pytest.mark.parametrize("topic", ONCE)
def test_an_action_that_happens_once_is_one_event(topic: str) -> None:
    """For these topics, topic and resource are the whole identity, whatever else the body says by then."""
    early, late = (bare(topic.partition(".")[0], {"updated_at": at, "status": None}) for at in (NOON, LATER))
    assert event(topic, early).key == event(topic, late).key


@pytest.mark.parametrize(("topic", "marker", "other"), REPEATS)
def test_an_action_that_repeats_has_a_marker(topic: str, marker: str, other: dict[str, Any]) -> None:
    """For these topics the marker tells occurrences apart, and only the marker."""
    type_ = topic.partition(".")[0]
    one = event(topic, bare(type_, RUN)).key
    assert event(topic, bare(type_, RUN | other)).key == one
    assert event(topic, bare(type_, RUN | {marker: LATER})).key != one


@pytest.mark.parametrize(
    ("topic", "attributes", "other"),
    [
        ("order_subscriptions.last_run_failed", {"last_run_at": None, "occurrencies": 3}, {"occurrencies": 4}),
        ("order_subscriptions.last_run_failed", {"last_run_at": "", "occurrencies": 3}, {"occurrencies": 4}),
        ("order_subscriptions.last_run_failed", {"occurrencies": True, "updated_at": NOON}, {"updated_at": LATER}),
        ("order_subscriptions.last_run_failed", {"occurrencies": 0, "updated_at": NOON}, {"occurrencies": 1}),
        ("order_subscriptions.renewal", {"next_run_at": [], "updated_at": NOON}, {"updated_at": LATER}),
        ("orders.pending", {"updated_at": None, "number": "1"}, {"number": "2"}),
    ],
)
def test_the_first_marker_that_is_set_counts(topic: str, attributes: dict[str, Any], other: dict[str, Any]) -> None:
    """Where a marker is missing the next one is taken, and at last all that the resource says."""
    type_ = topic.partition(".")[0]
    assert event(topic, bare(type_, attributes)).key != event(topic, bare(type_, attributes | other)).key


def test_whatever_makes_it_another_event() -> None:
    """Topic, type, id (by case), organization and mode are each part of the identity."""
    body = copy("aBc", meta={})["data"] | {"meta": {}}
    keys = {
        events.read(topic, {"data": body | {"id": id_}}, organization=organization, mode=mode).key
        for topic in ("order_copies.complete", "order_copies.fail")
        for id_ in ("aBc", "AbC")
        for organization in ("one", "two")
        for mode in ("test", "live")
    }
    assert len(keys) == 16
    assert {len(key) for key in keys} == {32}


@pytest.mark.parametrize("topic", ["order_copies.complete", "orders.pending", "customers.tagged"])
@pytest.mark.parametrize("attributes", [{"updated_at": NOON}, {}])
def test_trace_id_never_matters(topic: str, attributes: dict[str, Any]) -> None:
    """The trace of a request differs between two readings of one resource and is never part of an identity."""
    document = bare(topic.partition(".")[0], attributes)
    keys = set()
    for trace in ("one", "two"):
        document["data"]["meta"]["trace_id"] = trace
        document["meta"] = {"trace_id": trace}
        keys.add(event(topic, document).key)
    assert len(keys) == 1


@pytest.mark.parametrize("name", sorted(path.stem for path in DATA.glob("*.json")))
def test_a_body_rendered_again_is_the_same_event(name: str) -> None:
    """Other spacing, escapes and order of names are the same event; `source` and `target` end a file's topic."""
    topic = name.removesuffix(".source").removesuffix(".target")
    raw = sample(name)
    document = json.loads(raw)
    again = json.dumps(dict(reversed(document.items())), indent=2, sort_keys=True, ensure_ascii=True).encode()
    assert again != raw
    assert event(topic, again) == event(topic, raw)
    assert event(topic, raw).organization == ORGANIZATION


META = {"mode": MODE, "organization_id": ORGANIZATION}


@pytest.mark.parametrize(
    ("of_data", "of_document", "why"),
    [
        (META, None, None),
        ({}, META, None),
        (None, None, None),
        ([], 1, None),
        ({"mode": MODE}, {"organization_id": ORGANIZATION}, None),
        ({"mode": None}, META, None),
        (META, {"mode": "live"}, None),
        (META | {"mode": "live"}, None, "another mode"),
        ({"organization_id": ORGANIZATION}, {"mode": "live"}, "another mode"),
        (META | {"mode": 1}, None, "another mode"),
        (META | {"organization_id": "aaaaaaaaaa"}, None, "another organization"),
        ({}, META | {"organization_id": ["x"]}, "another organization"),
        (META | {"organization_id": ORGANIZATION.lower()}, None, "another organization"),
    ],
)
def test_mode_and_organization(of_data: Any, of_document: Any, why: str | None) -> None:
    """Both are read from `data.meta`, then from the document's; those of another installation are quarantined."""
    document = {"data": copy()["data"] | {"meta": of_data}, "meta": of_document}
    if why is None:
        found = event("order_copies.complete", document)
        assert (found.mode, found.organization) == (MODE, ORGANIZATION)
        assert found.key == event("order_copies.complete", copy()).key
    else:
        with pytest.raises(BodyUnreadable, match=why):
            event("order_copies.complete", document)


@pytest.mark.parametrize(
    "document",
    [None, [], "text", 1, {}, {"data": None}, {"data": []}, {"data": [copy()["data"]]}, {"data": {}}, {"errors": []}],
)
def test_what_is_not_one_resource_is_quarantined(document: Any) -> None:
    """A document of no resource, or of several, is no event."""
    with pytest.raises(BodyUnreadable):
        event("order_copies.complete", document)


@pytest.mark.parametrize(
    "id_",
    [
        None,
        1,
        "",
        " ",
        "a" * 33,
        "../../orders/x",
        "a/b",
        "a?b",
        "a\n",
        "a\0",
        "\uff41\uff42",
        "a-b",
        "%2e",
        "'; DROP TABLE events; --",
        ["a"],
        {"id": "a"},
        True,
    ],
)
def test_hostile_ids_are_quarantined(id_: Any) -> None:
    """An id that could steer a path, a query or a line is no id."""
    with pytest.raises(BodyUnreadable, match="id"):
        event("order_copies.complete", {"data": copy()["data"] | {"id": id_}})


@pytest.mark.parametrize("type_", [None, "orders", "order_copies ", "Order_copies", ["order_copies"], ""])
def test_another_type_than_the_topics_is_quarantined(type_: Any) -> None:
    """The topic is not signed, so a body speaks only for topics of its own type."""
    with pytest.raises(BodyUnreadable, match="type"):
        event("order_copies.complete", {"data": copy()["data"] | {"type": type_}})


STAGES = ["pending", "in_progress", "aborted", "failed", "completed", "paused", None]


@pytest.mark.parametrize("type_", ["order_copies", "recurring_order_copies"])
@pytest.mark.parametrize(
    ("action", "refused"),
    [
        ("create", []),
        ("start", ["pending"]),
        ("complete", ["pending", "in_progress"]),
        ("fail", ["pending", "in_progress"]),
        ("destroy", []),
        ("some_new_action", []),
    ],
)
def test_a_status_behind_its_topic_is_a_contradiction(type_: str, action: str, refused: list[str]) -> None:
    """A body may be ahead of its topic, since it is a snapshot; behind it, somebody swapped the topic."""
    found = []
    for status in STAGES:
        try:
            event(f"{type_}.{action}", bare(type_, {"status": status}))
        except BodyUnreadable as error:
            assert "earlier" in str(error)  # noqa: PT017 - the others of the row must be accepted
            found.append(status)
    assert found == refused


def test_what_an_event_says() -> None:
    """Type, id, subject, status and time are read once, tolerantly."""
    found = event("order_copies.complete", sample("order_copies.complete"))
    assert (found.type, found.id, found.subject) == ("order_copies", "XAyRWNUzyN", "order_copies/XAyRWNUzyN")
    assert found.status == "completed"
    assert found.updated_at == datetime(2026, 3, 2, 9, 0, 2, 905_000, UTC)
    assert [r["id"] for r in found.included] == ["NgojhelVGm", "qAlMhokOGm"]
    assert found.factory.source_order_id == "NgojhelVGm"


def test_destroyed_is_a_status() -> None:
    """A destroy event's attributes are all null; its status is `destroyed` all the same."""
    found = event("order_copies.destroy", sample("order_copies.destroy"))
    assert (found.status, found.updated_at) == ("destroyed", None)


@pytest.mark.parametrize("included", [None, {}, "x", [None, 1, "x", []]])
def test_included_of_any_shape(included: Any) -> None:
    """What is not a list of resource objects is nothing."""
    assert event("order_copies.complete", copy() | {"included": included}).included == ()


def test_an_event_is_read_as_what_it_is_about() -> None:
    """Asking an event about another kind of resource is a mistake of the handler's author, told as such."""
    an_order = event("orders.place", order())
    assert an_order.order.status == "placed"
    assert event("order_subscriptions.renewal", subscription()).subscription.occurrencies == 3
    for name in ("factory", "subscription"):
        with pytest.raises(TypeError, match=r"orders\.place is not about"):
            getattr(an_order, name)
    with pytest.raises(TypeError):
        event("order_copies.fail", copy(status="failed")).order  # noqa: B018


def test_a_change_of_attributes_is_not_another_resource() -> None:
    """Attributes of any JSON type read as what they are or as nothing, and never raise."""
    for attributes in (None, [], "x", {"status": 1, "updated_at": 2}, {"status": ["x"], "updated_at": "yesterday"}):
        found = event("orders.place", {"data": order()["data"] | {"attributes": attributes}})
        assert (found.status, found.updated_at) == (None, None)
    assert wire(changed(order(), status="x")) != wire(order())
    assert documents.parse(wire(order())) == order()
