"""The API in this process, on a database of either kind, fed through its own webhooks."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from handlers import MODULES
from service.access import keeping
from service.router import Router
from service.settings import Settings
from service.store import Store
from service.web import create_app
from service.web.api.media import MEDIA_TYPE
from service.web.services import Services
from tests.bodies import MODE, ORGANIZATION, SECRETS, sign, wire
from tests.listings.conftest import fill

Json = dict[str, Any]


@dataclass
class Desk:
    """Tells and asks.

    Attributes:
        tokens: a good token by its scope.
    """

    http: FlaskClient
    store: Store
    tokens: dict[str, str]

    def tell(self, topic: str, document: Any) -> None:
        """Post a delivery, signed as the provider does."""
        body = document if isinstance(document, bytes) else wire(document)
        headers = {"X-CommerceLayer-Topic": topic, "X-CommerceLayer-Signature": sign(topic, body)}
        assert self.http.post(f"/webhooks/{topic}", data=body, headers=headers).status_code == 200

    def ask(self, path: str, scope: str = "read", method: str = "GET", **headers: str) -> TestResponse:
        """Ask the API, as a client of the provider does."""
        told = {"Authorization": f"Bearer {self.tokens[scope]}", "Accept": MEDIA_TYPE}
        told |= {name.replace("_", "-"): value for name, value in headers.items()}
        return self.http.open(path, method=method, headers=told)

    def read(self, path: str, scope: str = "read") -> Json:
        """Ask for something that there is."""
        answer = self.ask(path, scope)
        assert answer.status_code == 200, answer.data
        assert answer.content_type == MEDIA_TYPE
        found: Json = json.loads(answer.data)
        return found

    def ids(self, path: str, scope: str = "read") -> list[str]:
        """The ids of a list."""
        return [one["id"] for one in self.read(path, scope)["data"]]

    def refused(self, path: str, status: int = 400, scope: str = "read") -> Json:
        """Ask for something that is refused; the first error."""
        answer = self.ask(path, scope)
        assert (answer.status_code, answer.content_type) == (status, MEDIA_TYPE), answer.data
        found: Json = json.loads(answer.data)["errors"][0]
        assert found["status"] == str(status)
        return found


def opened(url: str, **settings: Any) -> Iterator[Desk]:
    """A desk at an installation of its own."""
    given = {"organization": ORGANIZATION, "mode": MODE, "webhook_secrets": json.dumps(dict(SECRETS))} | settings
    app = create_app(Settings(database_url=url, **given), Router(MODULES))
    store = Services.of(app).store
    tokens = {}
    for scope in ("read", "act"):
        with store.write() as connection:
            now = datetime.now(UTC)
            tokens[scope] = keeping.create(connection, scope, (scope,), now, expires_at=None, by="operator test")
    yield Desk(app.test_client(), store, tokens)
    Services.of(app).close()


@pytest.fixture
def desk(database_url: str) -> Iterator[Desk]:
    """A desk on each database in turn."""
    yield from opened(database_url)


@pytest.fixture(scope="module")
def quick(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk on SQLite for all tests of a file that change nothing."""
    yield from opened(f"sqlite:///{tmp_path_factory.mktemp('api')}/copydesk.db")


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def full(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Desk]:
    """A desk on each database, at which something of everything happened."""
    if request.param == "sqlite":
        for desk in opened(f"sqlite:///{tmp_path_factory.mktemp('large')}/copydesk.db"):
            fill(desk.store)
            yield desk
    else:
        with request.getfixturevalue("new_postgres")() as url:
            for desk in opened(url):
                fill(desk.store)
                yield desk
