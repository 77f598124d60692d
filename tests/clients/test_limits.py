"""Rate limits: what answers say is read and shown, and a shared budget is asked before every request."""

from __future__ import annotations

import pytest

from service.clients.limits import RateLimit, Spend, rate_limit
from service.errors import Unavailable
from tests.clients.conftest import DEADLINES, Ask, Serve, failure_of, token_answer
from tests.clients.faulty_server import answer

ORDER = "NgojhelVGm"
BODY = {"data": {"type": "orders", "id": ORDER}}


def told(remaining: object) -> list[str]:
    return ["X-Ratelimit-Limit: 100", "X-Ratelimit-Interval: 60", f"X-Ratelimit-Remaining: {remaining}"]


@pytest.mark.parametrize("value", ["", "-1", "many", "1e3", "9" * 10, "1 "])
def test_headers_that_are_no_numbers_say_nothing(value: str) -> None:
    headers = {"x-ratelimit-limit": "100", "x-ratelimit-interval": "60", "x-ratelimit-remaining": value}
    assert rate_limit(headers) is None
    assert rate_limit({"x-ratelimit-limit": "100"}) is None


def test_what_is_left_is_told_with_the_answer_and_kept_for_reads_and_writes_apart(serve: Serve, ask: Ask) -> None:
    client = ask(serve(answer(200, BODY, *told(98)), answer(200, BODY, *told(41)), answer(200, BODY)))
    assert client.rate_limits == {}
    assert client.retrieve_order(ORDER).rate_limit == RateLimit(100, 60, 98)
    assert client.cancel_order(ORDER).rate_limit == RateLimit(100, 60, 41)
    assert client.retrieve_order(ORDER).rate_limit is None
    assert client.rate_limits == {"read": RateLimit(100, 60, 98), "write": RateLimit(100, 60, 41)}


def test_what_is_left_is_kept_of_a_refusal_too(serve: Serve, ask: Ask) -> None:
    throttled = {"errors": {"title": "Too Many Requests", "code": "THROTTLED", "status": 429}}
    client = ask(serve(answer(429, throttled, "Retry-After: 0", *told(0))))
    error = failure_of(lambda: client.retrieve_order(ORDER))
    assert isinstance(error, Unavailable)
    assert error.retry_after == 10.0
    assert client.rate_limits["read"].remaining == 0


def test_the_budget_is_asked_before_every_request_with_its_kind_endpoint_and_time(serve: Serve, ask: Ask) -> None:
    asked: list[Spend] = []
    expired = answer(401, {"errors": [{"code": "INVALID_TOKEN"}]})
    server = serve(expired, answer(200, BODY), answer(200, BODY), answer(200, {"data": []}))
    client = ask(server, budget=asked.append)
    client.retrieve_order(ORDER)
    client.cancel_order(ORDER)
    list(client.events.of("order_copies", ORDER))
    # The first one twice, because it was asked again with a new token.
    assert [(spend.kind, spend.endpoint) for spend in asked] == [
        ("read", "GET orders"),
        ("read", "GET orders"),
        ("write", "PATCH orders"),
        ("read", "GET order_copies"),
    ]
    assert all(0 < spend.seconds <= DEADLINES.total for spend in asked)
    assert len(server.requests) == 4


def test_nothing_is_sent_where_the_budget_says_later(serve: Serve, ask: Ask) -> None:
    def later(_spend: Spend) -> None:
        raise Unavailable("waiting for the shared budget", retry_after=12.0)

    server = serve(answer(200, BODY))
    error = failure_of(lambda: ask(server, serve(token_answer()), budget=later).cancel_order(ORDER))
    assert isinstance(error, Unavailable)
    assert (type(error), error.retry_after) == (Unavailable, 12.0)
    assert server.requests == []
