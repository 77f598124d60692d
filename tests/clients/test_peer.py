"""What answers mean, as tables; no socket is opened."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clients.peer import LONGEST_WAIT, SHORTEST_WAIT, Peer, Request, Response, wait_seconds
from service.errors import OutcomeUnknown, OutsideError, Refused, Unavailable

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PEER = Peer("The peer", throttled_wait=10.0)


def failure(status: int, *, repeatable: bool, retry_after: str | None = None) -> OutsideError:
    request = Request("trying it", "GET", "", {}, repeatable=repeatable)
    headers = {"x-request-id": "req-1"} | ({"retry-after": retry_after} if retry_after is not None else {})
    return PEER.failure(request, Response(status, headers), code="A_CODE")


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120.0),
        (" 120 ", 120.0),
        ("0", SHORTEST_WAIT),
        ("-5", SHORTEST_WAIT),
        ("1000000000", LONGEST_WAIT),
        ("9" * 5000, LONGEST_WAIT),
        (format_datetime(NOW + timedelta(seconds=90), usegmt=True), 90.0),
        (format_datetime(NOW - timedelta(days=1), usegmt=True), SHORTEST_WAIT),
        (format_datetime(NOW + timedelta(days=1), usegmt=True), LONGEST_WAIT),
        ("Mon, 02 Mar 2026 09:01:30 -0000", 90.0),
        (None, None),
        ("", None),
        ("soon", None),
        ("1.5", None),
        ("nan", None),
        ("١٢", None),
        ("Mon, 99 Foo 2026 99:99:99 GMT", None),
    ],
)
def test_retry_after_is_read_in_both_forms_and_kept_between_one_second_and_fifteen_minutes(
    header: str | None, seconds: float | None
) -> None:
    assert wait_seconds(header, NOW) == seconds


@given(st.text() | st.datetimes().map(str) | st.integers().map(str))
def test_no_retry_after_whatsoever_breaks_the_bounds(header: str) -> None:
    seconds = wait_seconds(header, NOW)
    assert seconds is None or SHORTEST_WAIT <= seconds <= LONGEST_WAIT


@pytest.mark.parametrize(
    ("header", "seconds"), [(None, 10.0), ("0", 10.0), ("-1", 10.0), ("soon", 10.0), ("30", 30.0), ("9999", 900.0)]
)
def test_a_429_is_given_at_least_the_burst_window(header: str | None, seconds: float) -> None:
    error = failure(429, repeatable=False, retry_after=header)
    assert isinstance(error, Unavailable)
    assert error.retry_after == seconds


@pytest.mark.parametrize(
    ("statuses", "read", "write"),
    [
        ((100, 101, 200, 204, 206), Unavailable, OutcomeUnknown),
        ((300, 301, 302, 303, 304, 307, 308), Refused, Refused),
        ((400, 401, 403, 404, 405, 406, 409, 410, 413, 415, 418, 422, 423, 451, 499), Refused, Refused),
        ((408, 425, 429), Unavailable, Unavailable),
        ((500, 501, 502, 503, 504, 520, 599, 999), Unavailable, OutcomeUnknown),
    ],
)
def test_every_status_has_one_meaning_for_reads_and_one_for_writes(
    statuses: tuple[int, ...], read: type[OutsideError], write: type[OutsideError]
) -> None:
    for status in statuses:
        for repeatable, kind in ((True, read), (False, write)):
            error = failure(status, repeatable=repeatable)
            assert type(error) is kind, status
            assert (error.status, error.request_id) == (status, "req-1")


@pytest.mark.parametrize("request_id", ["", "a b", "x" * 65, "eyJ.eyJ.sig", "line\r\nbreak"])
def test_a_request_id_that_does_not_look_like_one_is_none(request_id: str) -> None:
    assert Response(200, {"x-request-id": request_id}).request_id is None


def test_the_repr_of_a_request_and_of_a_response_shows_no_address_header_or_body() -> None:
    request = Request("trying it", "POST", "https://secret", {"a": "secret"}, b"secret")
    assert repr(request) == "Request(what='trying it', repeatable=False)"
    assert repr(Response(200, {"a": "secret"}, b"secret")) == "Response(status=200)"
