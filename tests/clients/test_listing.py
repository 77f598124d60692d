"""Lists: every page once, totals for a progress bar, and an end whatever the other side does."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest
import structlog

from service.clients import drift
from service.clients.commerce_layer import CommerceLayer
from service.errors import NotOffered, Unavailable
from tests.clients.conftest import Ask, Serve, failure_of, token_answer
from tests.clients.faulty_server import Action, answer, computed

SINCE = datetime(2026, 3, 2, 9, tzinfo=UTC)


def row(number: int, at: datetime = SINCE, **attributes: Any) -> dict[str, Any]:
    stamp = at.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    return {"id": f"cOpy{number}", "type": "order_copies", "attributes": {"updated_at": stamp} | attributes}


def page(rows: list[dict[str, Any]], pages: int | None = None, **more: Any) -> Action:
    meta = {} if pages is None else {"record_count": pages * 2, "page_count": pages}
    return answer(200, {"data": rows, "meta": meta} | more, "X-Ratelimit-Limit: 100", "X-Ratelimit-Interval: 60",
                  "X-Ratelimit-Remaining: 97")  # fmt: skip


def asked(server: Any) -> list[dict[str, list[str]]]:
    return [parse_qs(urlsplit(request.split()[1].decode()).query) for request in server.requests]


def ids(listing: Any) -> list[str]:
    return [copy.id for copy in listing.items()]


def test_pages_are_followed_by_number_and_tell_the_totals(serve: Serve, ask: Ask) -> None:
    links = {"next": "http://127.0.0.1:9/api/order_copies?page[number]=7", "last": "http://127.0.0.1:9/"}
    server = serve(page([row(1), row(2)], 2, links=links), page([row(3)], 2))
    pages = list(ask(server).order_copies.list(page_size=2, sort="-updated_at", filters={"status_eq": "failed"}))
    assert [[copy.id for copy in p.items] for p in pages] == [["cOpy1", "cOpy2"], ["cOpy3"]]
    assert [(p.number, p.record_count, p.page_count, p.request_id) for p in pages] == [
        (1, 4, 2, "req-1"),
        (2, 4, 2, "req-1"),
    ]
    assert asked(server) == [
        {"sort": ["-updated_at"], "filter[q][status_eq]": ["failed"], "page[number]": [n], "page[size]": ["2"]}
        for n in ("1", "2")
    ]


def test_nothing_is_asked_until_the_list_is_iterated_nor_for_pages_that_nobody_wants(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 9), page([row(3), row(4)], 9))
    listing = ask(server).order_copies.list(page_size=2)
    assert server.requests == []
    assert next(listing.items()).id == "cOpy1"
    assert len(server.requests) == 1


def test_an_argument_that_is_not_offered_is_refused_before_any_request(serve: Serve, ask: Ask) -> None:
    server, auth = serve(page([], 1)), serve(token_answer())
    client = ask(server, auth)
    calls: list[Callable[[], object]] = [
        lambda: client.order_copies.list(sort="mood"),
        lambda: client.order_copies.list(filters={"mood_eq": "x"}),
        lambda: client.order_copies.list(include=["event_stores"]),
        lambda: client.order_copies.retrieve("cOpy1", fields="mood"),
        lambda: client.order_copies.changes(SINCE, time="mood"),
        lambda: client.order_copies.changes(datetime(2026, 3, 2)),  # noqa: DTZ001 - which is the point
        lambda: client.order_copies.create("NgojhelVGm", mood=True),  # type: ignore[call-arg]
        lambda: client.order_copies.create("NgojhelVGm", skip_errors="yes"),  # type: ignore[typeddict-item]
        lambda: client.order_copies.update("cOpy1", status="failed"),  # type: ignore[call-arg]
        lambda: client.order_copies.update("cOpy1"),
        lambda: client.events.of("customers", "cOpy1"),
    ]
    for call in calls:
        with pytest.raises(NotOffered):
            call()
    assert server.requests == auth.requests == []


def test_a_page_that_comes_twice_ends_the_list_with_an_error(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 99))
    error = failure_of(lambda: list(ask(server).order_copies.list(page_size=2)))
    assert type(error) is Unavailable
    assert "listing order_copies, page 2: Commerce Layer answered 200 with the same page again" in str(error)
    assert len(server.requests) == 2


def test_a_row_that_moved_to_the_next_page_is_listed_once(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 2), page([row(2), row(3)], 2))
    assert ids(ask(server).order_copies.list(page_size=2)) == ["cOpy1", "cOpy2", "cOpy3"]


def test_a_list_that_shrinks_while_it_is_read_ends(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 3), page([], 1))
    assert ids(ask(server).order_copies.list(page_size=2)) == ["cOpy1", "cOpy2"]


def test_a_list_that_grows_while_it_is_read_is_read_to_its_new_end(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 2), page([row(3), row(4)], 3), page([row(5)], 3))
    assert len(ids(ask(server).order_copies.list(page_size=2))) == 5


def test_without_totals_a_list_ends_with_a_page_that_is_not_full(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)]), page([row(3)]))
    assert len(ids(ask(server).order_copies.list(page_size=2))) == 3


@pytest.mark.parametrize(
    "body",
    [
        {"data": row(1)},
        {"data": [row(1) | {"type": "orders"}]},
        {"data": [row(1) | {"id": "../x"}]},
        {"data": [None]},
        {"data": None},
        {},
        {"data": [], "errors": []},
    ],
)
def test_what_is_not_a_list_of_the_resource_is_no_answer(serve: Serve, ask: Ask, body: Any) -> None:
    assert type(failure_of(lambda: list(ask(serve(answer(200, body))).order_copies.list()))) is Unavailable


def test_a_page_may_be_larger_than_what_another_answer_may_be(serve: Serve, ask: Ask) -> None:
    rows = [row(n, metadata={"note": "x" * 100_000}) for n in range(25)]
    assert len(ids(ask(serve(page(rows, 1))).order_copies.list())) == 25


def test_what_the_newest_versions_say_on_the_document_is_said_of_each_resource(serve: Serve, ask: Ask) -> None:
    meta = {"record_count": 1, "page_count": 1, "mode": "test", "organization_id": "xRRkjDFafe"}
    (copy,) = ask(serve(page([row(1)], meta=meta))).order_copies.list().items()
    assert (copy.meta.mode, copy.meta.organization_id) == ("test", "xRRkjDFafe")


class Moving:
    """A list whose every read is followed by a change: a row that was read moves to the end."""

    def __init__(self, count: int, changes: int) -> None:
        self.rows = {n: SINCE + timedelta(seconds=n // 3) for n in range(count)}
        self.changes = changes
        self.now = SINCE + timedelta(hours=1)

    def body(self, request: bytes) -> dict[str, Any]:
        query = parse_qs(urlsplit(request.split()[1].decode()).query)
        since = datetime.fromisoformat(query["filter[q][updated_at_gteq]"][0])
        until = datetime.fromisoformat(query.get("filter[q][updated_at_lteq]", ["2100-01-01T00:00:00Z"])[0])
        size, number = int(query["page[size]"][0]), int(query["page[number]"][0])
        chosen = sorted((at, n) for n, at in self.rows.items() if since <= at <= until)
        rows = [row(n, at) for at, n in chosen[(number - 1) * size : number * size]]
        if self.changes:
            self.changes -= 1
            self.now += timedelta(seconds=1)
            self.rows[min(self.rows, key=lambda n: (self.rows[n], n))] = self.now
        meta = {"record_count": len(chosen), "page_count": -(-len(chosen) // size)}
        return {"data": rows, "meta": meta}


@pytest.mark.parametrize("size", [2, 5, 25])
def test_changes_are_listed_whole_while_rows_move(serve: Serve, ask: Ask, size: int) -> None:
    world = Moving(30, changes=20)
    found = ids(ask(serve(computed(world.body))).order_copies.changes(SINCE, page_size=size))
    assert set(found) == {f"cOpy{n}" for n in range(30)}


def test_a_row_that_changes_after_it_was_read_comes_again_with_what_is_new(serve: Serve, ask: Ask) -> None:
    later, latest = SINCE + timedelta(seconds=1), SINCE + timedelta(seconds=9)
    first = page([row(1), row(2, later, status="pending")], 2)
    server = serve(first, page([row(2, latest, status="failed")], 1))
    found = ask(server).order_copies.changes(SINCE, page_size=2).items()
    assert [(copy.id, copy.status) for copy in found] == [("cOpy1", None), ("cOpy2", "pending"), ("cOpy2", "failed")]


def test_a_beginning_finer_than_the_provider_shows_loses_nothing(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1), row(2)], 2), page([row(3)], 2))
    found = ids(ask(server).order_copies.changes(SINCE + timedelta(microseconds=999), page_size=2))
    assert found == ["cOpy1", "cOpy2", "cOpy3"]
    assert asked(server)[0]["filter[q][updated_at_gteq]"] == ["2026-03-02T09:00:00.000Z"]


def test_changes_end_with_a_moment_however_much_changes_afterwards(serve: Serve, ask: Ask) -> None:
    world = Moving(30, changes=10_000)
    listing = ask(serve(computed(world.body))).order_copies.changes(SINCE, SINCE + timedelta(minutes=1), page_size=5)
    found = ids(listing)
    assert len(found) == len(set(found)) <= 30


def test_more_rows_of_one_moment_than_a_page_holds_are_all_listed(serve: Serve, ask: Ask) -> None:
    world = Moving(11, changes=0)
    world.rows = dict.fromkeys(world.rows, SINCE + timedelta(seconds=5))
    found = ids(ask(serve(computed(world.body))).order_copies.changes(SINCE, page_size=3))
    assert sorted(found) == sorted(f"cOpy{n}" for n in range(11))


@pytest.mark.parametrize(
    "pages",
    [
        [page([row(1), row(2)], 9), page([row(3), row(4)], 9), page([row(3), row(4)], 9)],
        [page([row(1), row(2, SINCE - timedelta(1))], 9)],
        [page([row(1), row(2, updated_at=None)], 9)],
    ],
)
def test_changes_out_of_order_or_without_end_are_an_error(serve: Serve, ask: Ask, pages: list[Action]) -> None:
    listing = ask(serve(*pages)).order_copies.changes(SINCE, page_size=2)
    assert type(failure_of(lambda: list(listing))) is Unavailable


def test_changes_ask_for_the_time_that_they_follow(serve: Serve, ask: Ask) -> None:
    server = serve(page([row(1)], 1))
    list(ask(server).order_copies.changes(SINCE, fields="status", filters={"status_in": ["failed"]}))
    (query,) = asked(server)
    assert query["fields[order_copies]"] == ["status,updated_at"]
    assert query["sort"] == ["updated_at,id"]
    assert query["filter[q][status_in]"] == ["failed"]


def test_an_attribute_that_nobody_documented_is_reported_once(serve: Serve, ask: Ask) -> None:
    drift.forget()
    client: CommerceLayer = ask(serve(page([row(1, mood="CANARY"), row(2, mood="x", **{"odd name!": 1})], 1)))
    with structlog.testing.capture_logs() as logged:
        assert [copy.unknown_attributes.get("mood") for copy in client.order_copies.list().items()] == ["CANARY", "x"]
        list(client.order_copies.list())
    assert [(entry["type"], entry["attribute"]) for entry in logged] == [("order_copies", "mood")]
    assert "CANARY" not in str(logged)
