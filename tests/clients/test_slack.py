"""Slack: every text is harmless, every answer has one meaning, and the webhook's address is shown nowhere."""

from __future__ import annotations

import json
import re
import unicodedata
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import SecretStr

from service.clients.slack import HEADER_CHARACTERS, SECTION_CHARACTERS, Message, Slack, payload
from service.errors import OutcomeUnknown, OutsideError, Refused, Unavailable
from tests.clients import faulty_server as faulty
from tests.clients.conftest import CANARY, DEADLINES, Serve, failure_of
from tests.clients.faulty_server import Action, FaultyServer, answer, dripping, raw

MESSAGE = Message("A renewal failed", ("order 1001",), (("the order", "https://dashboard.commercelayer.io/x"),))
HIDDEN = re.compile(r"[\x00-\x09\x0b-\x1f\x7f-\x9f\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]")

Post = Callable[[FaultyServer], Slack]


@pytest.fixture
def slack() -> Iterator[Post]:
    with ExitStack() as stack:
        yield lambda server: stack.enter_context(Slack(SecretStr(f"{server.url}/services/{CANARY}"), DEADLINES))


def texts(rendered: dict[str, Any]) -> list[tuple[str, str]]:
    return [(b["text"]["type"], b["text"]["text"]) for b in rendered["blocks"]]


@pytest.mark.parametrize(
    ("hostile", "plain", "escaped"),
    [
        ("<!channel> look", "<!channel> look", "&lt;!channel&gt; look"),
        ("<@U123> & <http://x|your bank>", None, "&lt;@U123&gt; &amp; &lt;http://x|your bank&gt;"),
        ("&lt;!here&gt;", "&lt;!here&gt;", "&amp;lt;!here&amp;gt;"),
        ("```\n<!everyone>\n```", "``` <!everyone> ```", "``` &lt;!everyone&gt; ```"),
        ("paid\u202edias", "paiddias", "paiddias"),
        ("a\u2066b\u200bc\ufeffd\u061ce", "abcde", "abcde"),
        ("one\ntwo\r\nthree\u2028four\u0085five", "one two  three four five", "one two  three four five"),
        ("\x1b[31mred\x07\x00", "[31mred", "[31mred"),
        ("tag\U000e0041s", "tags", "tags"),
        ("half \ud800 pair", "half  pair", "half  pair"),
        ("family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧", "family 👨\u200d👩\u200d👧"),
        (" \n\t ", "(no headline)", "(no headline)"),
        ("x" * 10_000, "x" * (HEADER_CHARACTERS - 1) + "…", "x" * (HEADER_CHARACTERS - 1) + "…"),
        ("&" * 10_000, "&" * (HEADER_CHARACTERS - 1) + "…", "&amp;" * (HEADER_CHARACTERS - 1) + "…"),
    ],
)
def test_a_hostile_text_is_shown_as_text_and_is_escaped_once_where_slack_reads_markup(
    hostile: str, plain: str | None, escaped: str
) -> None:
    rendered = payload(Message(hostile, (hostile, "next")))
    assert rendered["text"] == escaped
    kinds, shown = zip(*texts(rendered), strict=True)
    assert kinds == ("plain_text", "plain_text")
    assert shown[0] == (hostile if plain is None else plain)
    # A line cannot forge another one.
    assert shown[1].count("\n") == (1 if hostile.strip() and len(hostile) < SECTION_CHARACTERS else 0)


@pytest.mark.parametrize(
    ("label", "url", "rendered"),
    [
        ("the order", "https://x.example/a?b=c&d=e#f", "<https://x.example/a?b=c&amp;d=e#f|the order>"),
        ("kept", "https://x.example/a%20b", "<https://x.example/a%20b|kept>"),
        ("a|b", "https://x.example", "<https://x.example|a/b>"),
        ("a>b<!channel>", "http://x.example", "<http://x.example|a&gt;b&lt;!channel&gt;>"),
        ("`code", "https://x.example", "<https://x.example|'code>"),
        ("", "https://x.example", "<https://x.example|link>"),
        ("l", "https://x.example/|evil> <!channel>", "<https://x.example/%7Cevil%3E%20%3C!channel%3E|l>"),
        ("l", "https://x.example/\n\u202eé", "<https://x.example/%20%C3%A9|l>"),
        ("l", "javascript:alert(1)", "l"),
        ("l", "slack://open", "l"),
        ("l", "https://user@evil.example", "l"),
        ("l", "https://", "l"),
        ("l", "https://[", "l"),
        ("l", "//x.example", "l"),
        ("<!here>", "", "&lt;!here&gt;"),
    ],
)
def test_a_link_leads_to_http_only_and_cannot_leave_its_brackets(label: str, url: str, rendered: str) -> None:
    assert texts(payload(Message("h", (), ((label, url),))))[-1] == ("mrkdwn", rendered)


def test_links_that_do_not_fit_are_left_out_whole() -> None:
    rendered = texts(payload(Message("h", (), (("l", "https://x.example/" + "y" * 900),) * 9)))[-1][1]
    assert rendered.count("<") == rendered.count("|l>") == 3


@given(st.text(max_size=400), st.lists(st.text(), max_size=5), st.lists(st.tuples(st.text(), st.text()), max_size=3))
def test_whatever_is_told_slacks_limits_hold_and_nothing_hidden_gets_through(
    headline: str, lines: list[str], links: list[tuple[str, str]]
) -> None:
    rendered = payload(Message(headline, tuple(lines), tuple((a, f"https://x.example/{b}") for a, b in links)))
    json.dumps(rendered, ensure_ascii=False).encode()
    assert (rendered["unfurl_links"], rendered["unfurl_media"]) == (False, False)
    for (kind, text), limit in zip(texts(rendered), (HEADER_CHARACTERS, *[SECTION_CHARACTERS] * 2), strict=False):
        assert 0 < len(text) <= limit
        assert not HIDDEN.search(text)
        assert not any(unicodedata.category(c) == "Cs" for c in text)
        if kind == "mrkdwn":
            assert not re.search(r"<[!@#]", text)
            assert text.count("<") == text.count(">") == text.count("|") == len(links)


def test_a_message_is_posted_as_json_to_the_webhook(serve: Serve, slack: Post) -> None:
    server = serve(answer(200, b"ok"))
    slack(server).post(MESSAGE)
    head, _, body = server.requests[0].partition(b"\r\n\r\n")
    assert head.startswith(f"POST /services/{CANARY} HTTP/1.1".encode())
    assert json.loads(body) == payload(MESSAGE)


@pytest.mark.parametrize(
    ("act", "kind", "status", "code", "retry_after"),
    [
        (answer(429, b"rate_limited", "Retry-After: 30"), Unavailable, 429, "rate_limited", 30.0),
        (answer(429, b"", "Retry-After: 0"), Unavailable, 429, None, 1.0),
        (answer(400, b"invalid_payload"), Refused, 400, "invalid_payload", None),
        (answer(403, b"invalid_token"), Refused, 403, "invalid_token", None),
        (answer(403, CANARY.encode()), Refused, 403, None, None),
        (answer(404, b"no_service"), Refused, 404, "no_service", None),
        (answer(410, b"channel_is_archived\n"), Refused, 410, "channel_is_archived", None),
        (answer(302, b"", "Location: https://slack.com/"), Refused, 302, None, None),
        (answer(500, b"rollup_error"), OutcomeUnknown, 500, "rollup_error", None),
        (answer(503, b"<html>", "Retry-After: 5"), OutcomeUnknown, 503, None, 5.0),
        (answer(200, b"no_text"), Refused, 200, "no_text", None),
        (answer(200, b"<html>" + CANARY.encode()), Refused, 200, None, None),
        (answer(200, b"\xff"), Refused, 200, None, None),
        (faulty.silent, OutcomeUnknown, None, None, None),
        (faulty.reset_unread, OutcomeUnknown, None, None, None),
        (faulty.reset_read, OutcomeUnknown, None, None, None),
        (raw(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\no"), OutcomeUnknown, None, None, None),
        (dripping(b"HTTP/1.1 200 OK\r\nX: " + b"y" * 999), OutcomeUnknown, None, None, None),
        (faulty.endless, OutcomeUnknown, 200, None, None),
    ],
)
def test_every_answer_of_slack_has_one_meaning(
    serve: Serve,
    slack: Post,
    act: Action,
    kind: type[OutsideError],
    status: int | None,
    code: str | None,
    retry_after: float | None,
) -> None:
    client = slack(serve(act))
    error = failure_of(lambda: client.post(MESSAGE))
    assert type(error) is kind
    assert (error.status, error.code, getattr(error, "retry_after", None)) == (status, code, retry_after)
    assert "/services/" not in str(error)


def test_an_unreachable_slack_was_certainly_not_told(slack: Post) -> None:
    gone: Any = type("Gone", (), {"url": "http://127.0.0.1:9"})()
    assert type(failure_of(lambda: slack(gone).post(MESSAGE))) is Unavailable


def test_the_webhooks_address_is_in_no_repr() -> None:
    with Slack(SecretStr(f"https://hooks.slack.com/services/{CANARY}")) as client:
        assert CANARY not in repr(client) + repr(vars(client))
