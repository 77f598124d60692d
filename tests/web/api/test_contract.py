"""The examples of the provider's reference are what our API answers: the same keys, kinds and layout of links."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.store.keep import keep
from tests.bodies import ROOT, arrival, copy
from tests.web.api.conftest import Desk, Json

# Newer editions of the pages have these too: they may be there where an older one does not show them.
NEWER = {"type", "event_stores", "organization_id", "trace_id"}
ID = "XAyRWNUzyN"


def _page(name: str) -> Path | None:
    found = (parent / "shared" / "reference" / name for parent in ROOT.parents)
    return next((path for path in found if path.exists()), None)


def _examples(name: str) -> Iterator[Json]:
    """The JSON:API documents that a page shows as answers."""
    path = _page(name)
    if path is None:
        pytest.skip("the reference pages are not there")
    text, decoder = path.read_text("utf-8"), json.JSONDecoder()
    at = 0
    while start := re.compile(r"^\{$", re.MULTILINE).search(text, at):
        document, at = decoder.raw_decode(text, start.start())
        yield document


def _kind(value: Any) -> str:
    return "number" if isinstance(value, int | float) and not isinstance(value, bool) else type(value).__name__


def _compare(theirs: Any, ours: Any, at: str) -> None:
    """Every key and kind of theirs is ours, in their order, and ours has no others."""
    assert _kind(theirs) == _kind(ours), at
    if isinstance(theirs, list):
        for one in theirs[:1]:
            _compare(one, ours[0], f"{at}[0]")
    if not isinstance(theirs, dict) or at.endswith(("errors_log", "metadata")):
        return
    assert [name for name in ours if name in theirs] == [*theirs], at
    assert set(ours) - set(theirs) <= NEWER, at
    for name in theirs:
        _compare(theirs[name], ours[name], f"{at}.{name}")


def _spelt(link: str, of: str) -> str:
    """A link with what differs between two resources and installations left out."""
    return re.sub(r"https?://[^/]+", "", link).replace(of, "ID")


def _links(document: Any) -> Iterator[str]:
    """Every link of a document, by where it stands."""
    if isinstance(document, list):
        for one in document:
            yield from _links(one)
    if isinstance(document, dict):
        for name, value in document.items():
            if name == "links":
                yield from (f"{key}: {link}" for key, link in value.items())
            else:
                yield from _links(value)


def _told(desk: Desk, id_: str, *, recurring: bool = False) -> None:
    """Deliver a factory in which everything is set, as in the examples."""
    noon = "2018-01-01T12:00:00.000Z"
    attributes: Json = {
        "started_at": noon,
        "completed_at": noon,
        "failed_at": noon,
        "errors_log": {"status": ["cannot transition from draft to placed"]},
        "errors_count": 2,
        "place_target_order": True,
        "reuse_wallet": True,
        "created_at": noon,
        "updated_at": noon,
        "reference": "ANY-EXTERNAL-REFEFERNCE",
        "reference_origin": "ANY-EXTERNAL-REFEFERNCE-ORIGIN",
        "metadata": {"foo": "bar"},
    }
    if not recurring:
        attributes |= dict.fromkeys(
            ("cancel_source_order", "apply_promotions", "skip_errors", "ignore_invalid_coupon"), True
        )
    type_ = "recurring_order_copies" if recurring else "order_copies"
    body = copy(id_, "in_progress", recurring=recurring, source_order="ABCRtyUpBa", **attributes)
    desk.tell(f"{type_}.start", body)


@pytest.mark.parametrize(
    ("page", "type_"),
    [("retrieve-an-order-factory.txt", "order_factories"), ("create-an-order-copy.txt", "order_copies")],
)
def test_one_is_as_on_its_page(desk: Desk, page: str, type_: str) -> None:
    (theirs,) = (one for one in _examples(page) if "attributes" in one.get("data", {}))
    _told(desk, ID)

    ours = desk.read(f"/api/{type_}/{ID}")

    _compare(theirs, ours, "$")
    assert json.dumps(_keys(theirs)) == json.dumps(_keys(ours))
    assert [_spelt(link, ID) for link in _links(ours)] == [_spelt(link, ID) for link in _links(theirs)]
    # The page's type is one example's for all, and what stands in metadata is masked.
    told = {"type": theirs["data"]["attributes"]["type"], "metadata": {"foo": "bar"}}
    assert ours["data"]["attributes"] | told == theirs["data"]["attributes"]


def _keys(value: Any) -> Any:
    """All keys, in their order, without what is free."""
    if not isinstance(value, dict):
        return None
    return {name: None if name in ("errors_log", "metadata") else _keys(one) for name, one in value.items()}


def test_a_list_is_as_on_its_page(desk: Desk) -> None:
    (theirs,) = _examples("list-all-recurring-order-copies.txt")
    theirs["data"] = theirs["data"][:1]
    _told(desk, "Recurring0", recurring=True)
    others = [copy(f"Recurring{n}", "in_progress", recurring=True) for n in range(1, 140)]
    with desk.store.write() as connection:
        keep(connection, [arrival("recurring_order_copies.start", body) for body in others])

    ours = desk.read("/api/recurring_order_copies/")

    _compare(theirs, ours, "$")
    assert ours["meta"] == theirs["meta"]
    assert len(ours["data"]) == 10
    pages = {name: _spelt(link, ID) for name, link in ours["links"].items()}
    assert pages == {name: _spelt(link, ID) for name, link in theirs["links"].items()}
    shown = {_spelt(link, theirs["data"][0]["id"]) for link in _links(theirs["data"])}
    assert shown <= {_spelt(link, ours["data"][0]["id"]) for link in _links(ours["data"])}


def test_the_list_offers_what_its_page_lists(desk: Desk) -> None:
    path = _page("list-all-recurring-order-copies.txt")
    if path is None:
        pytest.skip("the reference pages are not there")
    text = path.read_text("utf-8")
    sortable, filterable = text.split("Sortable fields")[1].split("Filterable fields")
    attributes, relations = filterable.split("Relationships")
    _told(desk, "Recurring1", recurring=True)

    for name in re.findall(r"• (\w+)", sortable):
        assert desk.ids(f"/api/recurring_order_copies?sort=-{name}") == ["Recurring1"]
    for name in re.findall(r"• (\w+)", attributes):
        assert desk.ids(f"/api/recurring_order_copies?filter[q][{name}_not_null]=true") == ["Recurring1"]
    assert re.findall(r"• (\w+)", relations) == ["source_order", "target_order", "events", "order_subscription"]
    assert desk.ids("/api/recurring_order_copies?filter[q][source_order_id_eq]=ABCRtyUpBa") == ["Recurring1"]
    assert desk.ids("/api/recurring_order_copies?filter[q][target_order_id_null]=true") == ["Recurring1"]
    assert desk.ids("/api/recurring_order_copies?filter[q][events_name_eq]=recurring_order_copies.start") != []
    assert desk.ids("/api/recurring_order_copies?filter[q][order_subscription_id_null]=true") == ["Recurring1"]


@pytest.mark.parametrize("page", ["the-order-factory-object.md", "the-order-factory-object-2024.txt"])
def test_the_object_has_every_field_of_its_page_and_its_kind(desk: Desk, page: str) -> None:
    path = _page(page)
    if path is None:
        pytest.skip("the reference pages are not there")
    text = path.read_text("utf-8").replace("\\", "").replace("*", "").replace("|", "\n").replace("`", "")
    fields = re.findall(r"^\s*(attributes|relationships|meta|links)\.(\w+)\s+(\w+)\s*$", text, re.MULTILINE)
    assert len(fields) > 15
    _told(desk, ID)
    data = desk.read(f"/api/order_factories/{ID}")["data"]

    for part, name, kind in fields:
        value = data[part][name]
        if part == "attributes":
            assert isinstance(value, _PYTHON[kind]), name
        elif part == "relationships":
            assert set(value["links"]) == {"self", "related"}
            both = desk.read(f"/api/order_factories/{ID}/relationships/{name}")["data"]
            assert isinstance(both, list) == (kind == "array"), name
    assert data["meta"]["mode"] == "test"


_PYTHON: dict[str, Any] = {
    "string": str,
    "datetime": str,
    "integer": int,
    "boolean": bool,
    "object": dict,
    "array": list,
}
