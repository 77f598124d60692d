"""A client written for the provider reads factories from Copydesk by changing its base URL."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from service.access import keeping
from service.clients.commerce_layer import CommerceLayer
from service.errors import Refused
from service.settings import Settings
from service.store import open_store
from tests.bodies import copy, order, wire
from tests.web_process import running


class _Issuer(BaseHTTPRequestHandler):
    """Hands out a token of Copydesk where the client asks for one of the provider's."""

    token = ""

    def do_POST(self) -> None:
        """Answer as the provider's endpoint does."""
        self.rfile.read(int(self.headers["Content-Length"]))
        body = json.dumps({"access_token": self.token, "token_type": "Bearer", "expires_in": 7200}).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        """Keep quiet."""


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommerceLayer]:
    """The product's own client of Commerce Layer, whose base URL is a running Copydesk's."""
    url = f"sqlite:///{Path(tmp_path_factory.mktemp('client'))}/copydesk.db"
    store = open_store(url)
    with store.write() as connection:
        now = datetime.now(UTC)
        _Issuer.token = keeping.create(connection, "client", ("read",), now, expires_at=None, by="operator test")
    store.close()
    issuer = HTTPServer(("127.0.0.1", 0), _Issuer)
    thread = threading.Thread(target=issuer.serve_forever)
    thread.start()
    with running(url, web_workers="1") as web:
        for n in range(60):
            attributes = {"updated_at": _at(n), "created_at": _at(0), "errors_count": n % 2}
            related = {"source_order": f"Source{n:04d}", "target_order": f"Target{n:04d}"}
            body = copy(f"Factory{n:03d}", "failed" if n % 2 else "completed", **attributes, **related)
            assert web.deliver("order_copies.fail" if n % 2 else "order_copies.complete", wire(body)).status == 200
        run = copy("Renewal001", "failed", recurring=True, order_subscription="SubscrOnee", source_order="Source0000")
        web.deliver("recurring_order_copies.fail", wire(run))
        web.deliver("orders.place", wire(order("Target0000")))
        settings = Settings(
            api_url=f"http://127.0.0.1:{web.port}",
            auth_url=f"http://127.0.0.1:{issuer.server_port}",
            client_id="id",
            client_secret="secret",
            organization="xRRkjDFafe",
        )
        with CommerceLayer(settings) as made:
            yield made
    issuer.shutdown()
    thread.join()
    issuer.server_close()


def _at(second: int) -> str:
    return f"2026-03-02T09:00:{second:02d}.000Z"


def test_it_retrieves_a_factory_with_what_it_includes(client: CommerceLayer) -> None:
    factory = client.retrieve_factory("order_copies", "Factory000").value

    assert (factory.status, factory.updated_at) == ("completed", datetime(2026, 3, 2, 9, tzinfo=UTC))
    assert (factory.source_order_id, factory.target_order_id) == ("Source0000", "Target0000")
    assert factory.target_order is not None
    assert factory.target_order.status == "placed"
    assert factory.source_order is not None
    assert client.retrieve_factory("recurring_order_copies", "Renewal001").value.order_subscription_id == "SubscrOnee"
    assert client.retrieve_order("Source0000").value.id == "Source0000"
    assert client.retrieve_subscription("SubscrOnee").value.id == "SubscrOnee"


def test_it_lists_filters_and_sorts(client: CommerceLayer) -> None:
    listing = client.order_copies.list(
        sort="-updated_at,id",
        filters={"status_in": ["failed", "aborted"], "errors_count_gt": 0},
        include="target_order",
    )

    pages = [*listing]
    assert [len(page.items) for page in pages] == [25, 5]
    assert (pages[0].record_count, pages[0].page_count) == (30, 2)
    assert [factory.id for page in pages for factory in page.items] == [f"Factory{n:03d}" for n in range(59, 0, -2)]
    assert pages[0].items[0].target_order_id == "Target0059"
    umbrella = client.order_factories.list(filters={"type_eq": "recurring_order_copies"}, fields="status,updated_at")
    assert [factory.subject for factory in umbrella.items()] == ["recurring_order_copies/Renewal001"]


def test_it_follows_what_changed(client: CommerceLayer) -> None:
    """The way of a sweep: along updated_at, each page where the last one ended."""
    since = datetime(2026, 3, 2, 9, 0, 10, tzinfo=UTC)
    changes = client.order_factories.changes(since, since + timedelta(seconds=40), fields="status", page_size=7)

    assert [factory.id for factory in changes.items()] == [f"Factory{n:03d}" for n in range(10, 51)]


def test_it_lists_the_events_of_a_copy_and_learns_what_is_not_there(client: CommerceLayer) -> None:
    events = client.events.of("order_copies", "Factory001")

    assert [event.name for event in events.items()] == ["order_copies.fail"]
    with pytest.raises(Refused, match="RECORD_NOT_FOUND"):
        client.order_copies.retrieve("Nothing")
