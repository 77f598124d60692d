"""Tokens over real HTTP: two processes, revocation while they run, limits, and what hostile headers get."""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from service.access import keeping
from service.access.failures import LIMIT
from service.access.tokens import new_token
from service.store import Store, open_store
from service.store.schema import api_tokens, refusals
from tests.bodies import copy, wire
from tests.rows import rows
from tests.web.requests import TOPIC
from tests.web_process import Answer, Web, running

HOSTILE = (
    b"Bearer cpd_\xff\xfe\xe9",
    "Bearer cpd_é\N{SNOWMAN}".encode(),
    b"Bearer",
    b"Bearer ",
    b"Basic Zm9vOmJhcg==",
    b"Negotiate x",
    b"Bearer " + b"a" * 3000,
    b"Bearer cpd_" + b"0" * 40 + b", Bearer cpd_" + b"0" * 40,
    b"\xe2\x80\xae",
    b"Bearer %00",
)


def shows(web: Web, value: bytes | str | None, path: str = "/api/token", method: str = "GET") -> Answer:
    """Ask with an Authorization header."""
    shown = f"Bearer {value}".encode() if isinstance(value, str) else value
    header = b"" if shown is None else b"Authorization: " + shown + b"\r\n"
    return web.exchange(f"{method} {path} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n".encode() + header + b"\r\n")


def make(store: Store, name: str, *scopes: str) -> str:
    """A token that is good for ever."""
    with store.write() as connection:
        return keeping.create(
            connection, name, scopes or ("read",), datetime.now(UTC), expires_at=None, by="operator test"
        )


@pytest.fixture
def kept(database_url: str) -> Iterator[Store]:
    """The store of each kind, beside a web process of its own."""
    store = open_store(database_url)
    yield store
    store.close()


def test_a_token_from_its_making_to_its_end(kept: Store, database_url: str) -> None:
    """Made and revoked while two processes run: good in both at once, refused by both at once, its use written."""
    with running(database_url) as web:
        assert shows(web, None).headers["www-authenticate"] == "Bearer"
        token = make(kept, "dashboard", "act")
        answers = [shows(web, token) for _ in range(10)]
        assert {a.status for a in answers} == {200}
        assert json.loads(answers[0].body)["data"] == {
            "type": "tokens",
            "id": "dashboard",
            "attributes": {"scopes": ["read", "act"]},
        }
        assert answers[0].headers["cache-control"] == "no-store"
        with kept.write() as connection:
            keeping.revoke(connection, "dashboard", datetime.now(UTC), by="operator test")
        assert {shows(web, token).status for _ in range(6)} == {401}
        assert web.stop() == 0
        log = web.log
    (row,) = rows(kept, api_tokens)
    assert row["last_used_at"] is not None
    assert token not in log
    counted = {(r["topic"], r["reason"]): r["count"] for r in rows(kept, refusals)}
    assert counted == {("api", "no token"): 1, ("api", "revoked token"): 6}
    # Once in each process that refused somebody while there was none.
    assert 1 <= log.count("no token lets anybody in") <= 2
    assert '"mend": "copydesk tokens create NAME --scope read"' in log


def test_too_many_bad_tokens_stop_nobody_else(kept: Store, database_url: str) -> None:
    """429 with Retry-After for those; 200 for a good token and for deliveries from the very same address."""
    good = make(kept, "dashboard")
    with running(database_url, web_workers="1") as web:
        answers = [shows(web, new_token()) for _ in range(LIMIT + 5)]
        assert Counter(a.status for a in answers) == {401: LIMIT, 429: 5}
        assert 1 <= int(answers[-1].headers["retry-after"]) <= 60
        assert json.loads(answers[-1].body)["errors"][0]["status"] == "429"
        assert answers[-1].headers["content-type"] == "application/vnd.api+json"
        assert shows(web, good).status == 200
        assert web.deliver(TOPIC, wire(copy("meanwhile"))).status == 200
        assert web.get("/healthz").status == 200
        assert shows(web, None).status == 401


def test_the_limit_is_one_for_each_process(kept: Store, database_url: str) -> None:
    """Two processes let at most twice as many through."""
    with running(database_url, web_workers="2") as web:
        statuses = Counter(shows(web, new_token()).status for _ in range(4 * LIMIT))
    assert LIMIT <= statuses[401] <= 2 * LIMIT
    assert statuses[429] == 4 * LIMIT - statuses[401]


@pytest.mark.parametrize("value", HOSTILE)
def test_a_hostile_header_is_401_and_never_a_500(web: Web, value: bytes) -> None:
    """Whatever bytes stand in the header: text beyond ASCII, other schemes, two tokens, nothing."""
    answer = shows(web, value)
    assert answer.status in (401, 429)
    told = json.loads(answer.body)["errors"][0]
    assert (told["title"], told["detail"]) in {
        ("Unauthorized", "send a token that is good: Authorization: Bearer TOKEN"),
        ("Too many requests", "too many bad tokens from this address"),
    }


def test_a_forwarded_address_is_nobodys_word(kept: Store, database_url: str) -> None:
    """Whoever names other addresses in headers is counted under the one that the connection has."""
    with running(database_url, web_workers="1") as web:
        statuses = []
        for number in range(LIMIT + 2):
            request = (
                f"GET /api/token HTTP/1.1\r\nHost: h\r\nConnection: close\r\nX-Forwarded-For: 192.0.2.{number}\r\n"
                f"Forwarded: for=192.0.2.{number}\r\nAuthorization: Bearer {new_token()}\r\n\r\n"
            )
            statuses.append(web.exchange(request.encode()).status)
    assert statuses == [401] * LIMIT + [429] * 2


def test_a_locked_database_lets_readers_in_and_costs_them_no_time(tmp_path: object) -> None:
    """Another process that holds the write lock delays neither the check nor, for the last use, the answer."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    store = open_store(url)
    token = make(store, "dashboard")
    with running(url, web_workers="1") as web, store.engine.begin():
        began = time.monotonic()
        assert {shows(web, token).status for _ in range(5)} == {200}
        assert time.monotonic() - began < 1
    store.close()
