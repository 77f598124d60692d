"""A sandbox, a client of its API, and somebody who receives its webhooks: all over HTTP on this machine."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx
import pytest

from service.sandbox import Sandbox

TOPICS = (
    *(f"order_copies.{event}" for event in ("create", "start", "complete", "fail", "destroy")),
    *(f"recurring_order_copies.{event}" for event in ("create", "start", "complete", "fail", "destroy")),
    "order_subscriptions.last_run_failed",
    "order_subscriptions.last_run_succeeded",
    "orders.place",
    "orders.cancel",
)
SECRETS = {topic: f"{number:032x}" for number, topic in enumerate(TOPICS, 1)}
# Loading the authorities of the web takes longer than most tests here, and none of them speaks TLS.
NO_AUTHORITIES = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
# One client for the requests that need no token.
http = httpx.Client(verify=NO_AUTHORITIES)
MEDIA_TYPE = "application/vnd.api+json"


@dataclass
class Received:
    """One webhook request as it arrived."""

    path: str
    headers: dict[str, str]
    body: bytes

    @property
    def topic(self) -> str:
        """The topic it names."""
        return self.headers["x-commercelayer-topic"]

    @property
    def data(self) -> dict[str, Any]:
        """Its resource."""
        return json.loads(self.body)["data"]


@dataclass
class Receiver:
    """Keeps what it receives and answers what `answer` says, a status or seconds to be late."""

    url: str = ""
    received: list[Received] = field(default_factory=list)
    answer: Callable[[Received], int] = lambda _request: 200

    @property
    def topics(self) -> list[str]:
        """The topics received, in the order of arrival."""
        return [request.topic for request in self.received]

    def of(self, topic: str) -> list[Received]:
        """What was received of one topic."""
        return [request for request in self.received if request.topic == topic]


@pytest.fixture
def receiver() -> Iterator[Receiver]:
    """Somebody who receives webhooks."""
    kept = Receiver()

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"]))
            request = Received(self.path, {name.lower(): value for name, value in self.headers.items()}, body)
            kept.received.append(request)
            self.send_response(kept.answer(request))
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, *_arguments: object) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    kept.url = f"http://127.0.0.1:{server.server_port}/webhooks"
    yield kept
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def sandbox(receiver: Receiver) -> Iterator[Sandbox]:
    """A fast sandbox with a webhook per topic; it delivers one request at a time, so in order."""
    with Sandbox(callback=receiver.url, secrets=SECRETS, step_seconds=0.0, retry_seconds=0.0, workers=1) as running:
        yield running


def token_of(url: str) -> dict[str, Any]:
    """Ask for an access token with the sandbox's usual credentials."""
    answer = http.post(
        f"{url}/oauth/token",
        json={
            "grant_type": "client_credentials",
            "client_id": "sandbox-client-id",
            "client_secret": "sandbox-client-secret",
        },
    )
    assert answer.status_code == 200
    return answer.json()


class Api:
    """A thin client of the sandbox's API."""

    def __init__(self, client: httpx.Client) -> None:
        self.client = client

    def get(self, path: str, **parameters: str) -> httpx.Response:
        """Read a resource or a list."""
        return self.client.get(f"/api/{path}", params=parameters or None)

    def create(
        self, type_: str, attributes: dict[str, Any] | None = None, **relations: tuple[str, str]
    ) -> httpx.Response:
        """Create a resource; relations are (type, id)."""
        linkages = {name: {"data": {"type": to, "id": id_}} for name, (to, id_) in relations.items()}
        data = {"type": type_, "attributes": attributes or {}, "relationships": linkages}
        return self.client.post(f"/api/{type_}", json={"data": data})

    def update(self, type_: str, id_: str, **attributes: Any) -> httpx.Response:
        """Change attributes or pull triggers."""
        data = {"type": type_, "id": id_, "attributes": attributes}
        return self.client.patch(f"/api/{type_}/{id_}", json={"data": data})

    def attributes(self, type_: str, id_: str) -> dict[str, Any]:
        """The attributes of one resource as they are now."""
        return self.get(f"{type_}/{id_}").json()["data"]["attributes"]

    def ended(self, type_: str, id_: str) -> dict[str, Any]:
        """The attributes of a factory once it has come to its end."""
        limit = time.monotonic() + 5
        while time.monotonic() < limit:
            attributes = self.attributes(type_, id_)
            if attributes["status"] in ("completed", "failed"):
                return attributes
            time.sleep(0.005)
        pytest.fail(f"{type_} {id_} did not come to its end")


@contextmanager
def client_of(sandbox: Sandbox) -> Iterator[Api]:
    """A client with a token."""
    headers = {
        "Authorization": f"Bearer {token_of(sandbox.url)['access_token']}",
        "Accept": MEDIA_TYPE,
        "Content-Type": MEDIA_TYPE,
    }
    with httpx.Client(base_url=sandbox.url, headers=headers, verify=NO_AUTHORITIES) as client:
        yield Api(client)


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[Api]:
    """A client of the fixture `sandbox`, with a token."""
    with client_of(sandbox) as client:
        yield client
