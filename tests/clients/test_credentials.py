"""The token: asked for seldom, shared, renewed once, and checked against the settings."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.clients.credentials import read_identity
from service.errors import ConfigurationError, CredentialsRefused, Refused, Unavailable
from tests.clients import faulty_server as faulty
from tests.clients.conftest import CANARY, Ask, Serve, failure_of, jwt, token_answer
from tests.clients.faulty_server import Action, answer, raw

ORDER = "NgojhelVGm"
FOUND = answer(200, {"data": {"type": "orders", "id": ORDER}})
EXPIRED = answer(401, {"errors": [{"code": "INVALID_TOKEN", "status": "401"}]})


class Clock:
    """A clock that tests set by hand."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now


def bearer(request: bytes) -> str:
    line = next(h for h in request.decode().split("\r\n") if h.lower().startswith("authorization:"))
    return line.split()[-1]


def in_threads(count: int, call: Callable[[], object]) -> None:
    threads = [threading.Thread(target=call) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


def test_many_threads_ask_for_one_token(serve: Serve, ask: Ask) -> None:
    auth = serve(token_answer(delay=0.1))
    client = ask(serve(FOUND), auth)
    in_threads(25, lambda: client.retrieve_order(ORDER))
    assert len(auth.requests) == 1


def test_a_token_lives_as_long_as_expires_in_says_and_not_two_hours_from_created_at(serve: Serve, ask: Ask) -> None:
    clock = Clock()
    # Recorded: handed out when 4732 s old, so 2468 of its 7200 s were left.
    auth = serve(token_answer(expires_in=2468, created_at=1729781184), token_answer(jwt(n=2)))
    client = ask(serve(FOUND), auth, clock=clock)
    for elapsed, asked in ((0, 1), (2468 - 601, 1), (2468 - 599, 2)):
        clock.now = 1000.0 + elapsed
        client.retrieve_order(ORDER)
        assert len(auth.requests) == asked


def test_a_short_lived_token_is_used_for_half_its_life(serve: Serve, ask: Ask) -> None:
    clock, auth = Clock(), serve(token_answer(expires_in=60))
    client = ask(serve(FOUND), auth, clock=clock)
    for elapsed, asked in ((0, 1), (29, 1), (31, 2)):
        clock.now = 1000.0 + elapsed
        client.retrieve_order(ORDER)
        assert len(auth.requests) == asked


def test_an_old_token_is_used_to_its_end_while_no_new_one_can_be_had(serve: Serve, ask: Ask) -> None:
    clock, auth = Clock(), serve(token_answer(), answer(503))
    client = ask(serve(FOUND), auth, clock=clock)
    client.retrieve_order(ORDER)
    clock.now += 7200 - 300
    client.retrieve_order(ORDER)
    assert len(auth.requests) == 2
    clock.now += 301
    assert failure_of(lambda: client.retrieve_order(ORDER)).status == 503


@pytest.mark.parametrize("call", [CommerceLayer.retrieve_order, CommerceLayer.cancel_order])
def test_an_expired_token_is_replaced_and_the_call_made_again(
    serve: Serve, ask: Ask, call: Callable[[CommerceLayer, str], Any]
) -> None:
    first, second = jwt(n=1), jwt(n=2)
    auth, api = serve(token_answer(first), token_answer(second)), serve(EXPIRED, FOUND)
    assert call(ask(api, auth), ORDER).value.id == ORDER
    assert [bearer(r) for r in api.requests] == [first, second]


def test_a_token_that_is_rejected_again_is_replaced_once_and_only_once(serve: Serve, ask: Ask) -> None:
    auth, api = serve(token_answer(jwt(n=1)), token_answer(jwt(n=2)), token_answer(jwt(n=3))), serve(EXPIRED)
    error = failure_of(lambda: ask(api, auth).retrieve_order(ORDER))
    assert (type(error), error.code) == (Refused, "INVALID_TOKEN")
    assert (len(auth.requests), len(api.requests)) == (2, 2)


def test_a_missing_permission_renews_nothing(serve: Serve, ask: Ask) -> None:
    auth, api = serve(token_answer()), serve(answer(401, {"errors": [{"code": "UNAUTHORIZED"}]}))
    failure_of(lambda: ask(api, auth).retrieve_order(ORDER))
    assert (len(auth.requests), len(api.requests)) == (1, 1)


def test_threads_whose_token_expires_together_renew_it_together(serve: Serve, ask: Ask) -> None:
    first = jwt(n=1)

    def judge(visit: faulty.Visit) -> bool:
        expired = bearer(visit.read()) == first
        body = b'{"errors":[{"code":"INVALID_TOKEN"}]}' if expired else b'{"data":{"type":"orders","id":"NgojhelVGm"}}'
        head = f"HTTP/1.1 {401 if expired else 200} X\r\nContent-Length: {len(body)}\r\n\r\n"
        visit.sock.sendall(head.encode() + body)
        return True

    auth = serve(token_answer(first), token_answer(jwt(n=2)))
    client = ask(serve(judge), auth)
    in_threads(15, lambda: client.retrieve_order(ORDER))
    assert len(auth.requests) == 2


def test_a_failing_endpoint_is_asked_once_by_many_threads_and_left_alone_for_a_while(serve: Serve, ask: Ask) -> None:
    clock, auth, api = Clock(), serve(answer(503, b"", "Retry-After: 30")), serve(FOUND)
    client = ask(api, auth, clock=clock)
    seen: Counter[str] = Counter()
    in_threads(20, lambda: seen.update([str(failure_of(lambda: client.retrieve_order(ORDER)))]))
    assert seen == {"asking for a token: Commerce Layer answered 503": 20}
    for elapsed, asked in ((29, 1), (31, 2)):
        clock.now = 1000.0 + elapsed
        failure_of(lambda: client.retrieve_order(ORDER))
        assert len(auth.requests) == asked
    assert api.requests == []


def test_no_storm_of_rejected_tokens_asks_more_than_ten_times_a_minute(serve: Serve, ask: Ask) -> None:
    clock, auth = Clock(), serve(token_answer())
    client = ask(serve(EXPIRED), auth, clock=clock)
    for _ in range(60):
        failure_of(lambda: client.retrieve_order(ORDER))
        clock.now += 1
    assert len(auth.requests) <= 10
    error = failure_of(lambda: client.retrieve_order(ORDER))
    assert isinstance(error, Unavailable | Refused)


def test_a_thread_does_not_wait_for_another_ones_token_past_its_deadline(serve: Serve, ask: Ask) -> None:
    client = ask(serve(FOUND), serve(faulty.silent))
    failures: list[type] = []
    in_threads(5, lambda: failures.append(type(failure_of(lambda: client.retrieve_order(ORDER)))))
    assert failures == [Unavailable] * 5


@pytest.mark.parametrize(
    ("act", "kind", "words"),
    [
        (
            answer(401, {"error": "invalid_client", "error_description": CANARY}),
            CredentialsRefused,
            "401 invalid_client; check",
        ),
        (answer(429, {"errors": {"code": "THROTTLED", "status": 429}}), Unavailable, "429 THROTTLED"),
        (answer(500, b"<html>"), Unavailable, "answered 500"),
        (answer(302, b"", "Location: /x"), CredentialsRefused, "redirects are not followed"),
        (faulty.reset_read, Unavailable, "no whole answer"),
        (faulty.silent, Unavailable, "too long"),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\n{"), Unavailable, "no whole answer"),
        (answer(200, b"<html>"), Unavailable, "something else"),
        (answer(200, {"access_token": jwt(), "token_type": "mac", "expires_in": 9}), Unavailable, "something else"),
        (token_answer(expires_in="7200"), Unavailable, "something else"),
        (token_answer(expires_in=-1), Unavailable, "something else"),
        (token_answer(expires_in=True), Unavailable, "something else"),
        (token_answer(token="a\r\nX-Evil: 1"), Unavailable, "something else"),
        (token_answer(token_type="bearer", access_token=7), Unavailable, "something else"),
    ],
)
def test_no_token_no_call_and_the_reason_in_plain_words(
    serve: Serve, ask: Ask, act: Action, kind: type, words: str
) -> None:
    api = serve(FOUND)
    error = failure_of(lambda: ask(api, serve(act)).cancel_order(ORDER))
    assert type(error) is kind
    assert words in str(error)
    assert api.requests == []


def test_the_request_for_a_token_is_the_documented_one(serve: Serve, ask: Ask) -> None:
    auth = serve(token_answer(token_type="bearer"))
    ask(serve(FOUND), auth).identity()
    head, _, body = auth.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(b"POST /oauth/token HTTP/1.1")
    assert (
        body == b'{"grant_type": "client_credentials", "client_id": "public", "client_secret": "%b"}' % CANARY.encode()
    )


def test_the_token_says_whom_it_speaks_for() -> None:
    identity = read_identity(jwt())
    assert (identity.organization_id, identity.slug, identity.mode) == ("xRRkjDFafe", "acme", "test")
    assert (identity.kind, identity.scope) == ("integration", "market:all")
    assert identity.expires_at == datetime(2024, 10, 24, 16, 46, 24, tzinfo=UTC)
    assert read_identity(jwt(test=False)).mode == "live"


@pytest.mark.parametrize(
    "token",
    [
        CANARY,
        f"a.{CANARY}.c",
        "a.é.c",
        "a.W10.c",
        "a..c",
        jwt(organization=None),
        jwt(test="yes"),
        jwt(test=[]),
        jwt(exp="soon"),
        jwt(exp=1e300),
        jwt(application={}),
    ],
)
def test_a_token_that_does_not_say_so_is_unavailable(token: str) -> None:
    assert type(failure_of(lambda: read_identity(token))) is Unavailable


@pytest.mark.parametrize(
    ("claims", "settings", "mistakes"),
    [
        ({}, {}, []),
        ({}, {"organization": "other"}, ["COPYDESK_ORGANIZATION: is other; "]),
        ({}, {"organization": ""}, ["COPYDESK_ORGANIZATION: is not set; "]),
        ({"test": False}, {}, ["COPYDESK_MODE: is test; "]),
        ({}, {"api_url": "https://acme.commercelayer.io"}, []),
        ({}, {"api_url": "https://rival.commercelayer.io"}, ["COPYDESK_API_URL: leads to rival; "]),
        ({"application": {"kind": "sales_channel"}}, {}, ["COPYDESK_CLIENT_ID: is a sales_channel application; "]),
        ({"test": False}, {"organization": "x"}, ["COPYDESK_ORGANIZATION: is x; ", "COPYDESK_MODE: is test; "]),
    ],
)
def test_every_setting_that_contradicts_the_credentials_is_named(
    serve: Serve, ask: Ask, claims: dict[str, Any], settings: dict[str, Any], mistakes: list[str]
) -> None:
    client = ask(serve(FOUND), serve(token_answer(jwt(**claims))), settings=settings)
    found: list[str] = []
    try:
        client.check_identity()
    except ConfigurationError as error:
        found = error.mistakes
    assert len(found) == len(mistakes)
    assert all(sentence.startswith(begin) for sentence, begin in zip(found, mistakes, strict=True))
