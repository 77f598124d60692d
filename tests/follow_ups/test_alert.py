"""What people are told: when, in which words, and never with a customer's data in it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from json import dumps
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.clients.slack import payload
from service.follow_ups.alert import Facts, blank, decide, message
from service.follow_ups.causes import CAUSES
from service.follow_ups.moves import Act, Leave, Started, Wait
from service.resources import Order, OrderFactory, Subscription
from service.settings import Settings
from service.states import State

NOW = datetime(2026, 3, 2, 9, 0, 5, tzinfo=UTC)
SUBJECT = "recurring_order_copies/XAyRWNUzyN"
SUBSCRIPTION = Subscription("nZvYhWxKqB", number="77", status="active", next_run_at=datetime(2026, 4, 2, 9, tzinfo=UTC))
FAILED = OrderFactory(
    "recurring_order_copies",
    "XAyRWNUzyN",
    "failed",
    errors_log={"payment_source": ["card expired", "really"]},
    source_order_id="SourceOrdr",
    target_order_id="TargetOrdr",
    order_subscription_id=SUBSCRIPTION.id,
    target_order=Order("TargetOrdr", status="pending", payment_status="unpaid"),
    order_subscription=SUBSCRIPTION,
)


def settings(**changes: Any) -> Settings:
    given = {
        "organization": "xRRkjDFafe",
        "mode": "live",
        "api_url": "https://acme.commercelayer.io",
        "slack_webhook_url": "https://hooks.slack.com/services/T0/B0/x",
    }
    return Settings(**given | changes)


def started(cause: str = "copy failed", number: int = 1, **changes: Any) -> Started:
    base = Started(3, "alert", SUBJECT, cause, {}, 7, NOW, NOW, number, 1, repeats_unknown=False)
    return replace(base, **changes)


def state(status: str, **ids: str) -> State:
    return State(SUBJECT, status, NOW, **ids)


def words(started_: Started, facts: Facts, **changes: Any) -> str:
    """The whole message as people read it."""
    told = message(started_, facts, settings(**changes))
    return "\n".join((told.headline, *told.lines, *(f"{label}: {url}" for label, url in told.links)))


DECISIONS = [
    ("it failed and is failed", started(), Facts(FAILED, state=state("failed")), {}, "tell Slack"),
    ("nothing is known of it", started(), Facts(), {}, "tell Slack"),
    ("it was mended meanwhile", started(), Facts(FAILED, state=state("completed")), {}, "is completed now"),
    ("it was deleted meanwhile", started(), Facts(FAILED, state=state("destroyed")), {}, "is destroyed now"),
    ("another cause outlives a status", started("target not placed"), Facts(state=state("failed")), {}, "tell Slack"),
    ("a run is not the copy's status", started("run failed x"), Facts(state=state("active")), {}, "tell Slack"),
    ("its orders are being looked up", started(), Facts(FAILED, hydrating=True), {}, 5.0),
    ("they were looked up for long enough", started(number=2), Facts(FAILED, hydrating=True), {}, "tell Slack"),
    ("nobody listens", started(), Facts(FAILED), {"slack_webhook_url": ""}, "COPYDESK_SLACK_WEBHOOK_URL"),
]


@pytest.mark.parametrize(
    ("told", "facts", "changes", "expected"), [c[1:] for c in DECISIONS], ids=[c[0] for c in DECISIONS]
)
def test_every_row_of_the_table_is_decided_as_it_says(
    told: Started, facts: Facts, changes: dict[str, Any], expected: str | float
) -> None:
    decision = decide(told, facts, settings(**changes), NOW)

    said = {Act: "what", Leave: "why", Wait: "seconds"}[type(decision)]
    assert expected == getattr(decision, said) or expected in str(getattr(decision, said))


def test_a_failed_renewal_is_told_whole_and_in_plain_words() -> None:
    assert words(started(), Facts(FAILED)).splitlines() == [
        "Subscription renewal failed",
        "About: recurring_order_copies/XAyRWNUzyN",
        "Subscription: nZvYhWxKqB, number 77, next run 2026-04-02 09:00 UTC",
        "Step: the target order TargetOrdr was made and is pending, unpaid.",
        "First error: payment_source: card expired",
        f"What to do: {CAUSES['copy failed'].of_a_renewal}",
        "Others like it are counted, not told: copydesk incidents --open",
        "Record: copydesk audit recurring_order_copies/XAyRWNUzyN",
        "Source order: https://dashboard.commercelayer.io/live/acme/apps/orders/list/SourceOrdr",
        "Target order: https://dashboard.commercelayer.io/live/acme/apps/orders/list/TargetOrdr",
        "Subscription: https://dashboard.commercelayer.io/live/acme/apps/subscriptions/list/nZvYhWxKqB",
    ]


@pytest.mark.parametrize("cause", ["copy failed", "copy aborted"])
def test_nobody_is_told_to_copy_a_renewal_again(cause: str) -> None:
    """Only the platform renews: a renewal's alert says when it will, and a copy's how to copy again."""
    assert "copy the order again" not in words(started(cause), Facts())
    assert "before the next run" in words(started(cause), Facts())
    assert "copy the order again" in words(started(cause, subject="order_copies/XAyRWNUzyN"), Facts())


@pytest.mark.parametrize("cause", CAUSES)
def test_every_cause_has_its_headline_its_advice_and_a_way_to_the_record(cause: str) -> None:
    told = words(started(f"{cause} 2026-03-02", subject="order_copies/XAyRWNUzyN"), Facts())

    assert told.startswith(CAUSES[cause].headline)
    assert f"What to do: {CAUSES[cause].advice}" in told
    assert "copydesk audit order_copies/XAyRWNUzyN" in told


PIECES = [
    ("a cause of a handler's own", started("stock is low"), Facts(), {}, "Stock is low\n"),
    ("test mode is said", started(), Facts(), {"mode": "test"}, "Subscription renewal failed (test mode)\n"),
    ("no target", started(), Facts(replace(FAILED, target_order=None, target_order_id=None)), {}, "no target order"),
    ("a target by its id", started(), Facts(replace(FAILED, target_order=None)), {}, "order TargetOrdr was made."),
    (
        "a target that was looked up",
        started(),
        Facts(replace(FAILED, target_order=None, target_order_id=None), state=state("failed", target_order_id="Later")),
        {},
        "the target order Later was made.",
    ),
    (
        "orders that were looked up",
        started(),
        Facts(OrderFactory("order_copies", "X", "failed"), state=state("failed", source_order_id="Found")),
        {},
        "Source order: https://dashboard.commercelayer.io/live/acme/apps/orders/list/Found",
    ),
    (
        "a subscription that was looked up",
        started(),
        Facts(OrderFactory("order_copies", "X", "failed"), state=state("failed", order_subscription_id="Found")),
        {},
        "Subscription: Found\n",
    ),
    (
        "a reason",
        started(params={"reason": "the source order is paid"}),
        Facts(),
        {},
        "Why: the source order is paid\n",
    ),
    ("a repetition", started(repeats_unknown=True), Facts(), {}, "This may be a repetition"),
    (
        "links of the sandbox",
        started(),
        Facts(FAILED),
        {"api_url": "http://127.0.0.1:9", "slack_webhook_url": "http://127.0.0.1:9/slack"},
        "http://127.0.0.1:9/api/orders/SourceOrdr",
    ),
]


@pytest.mark.parametrize(("told", "facts", "changes", "piece"), [c[1:] for c in PIECES], ids=[c[0] for c in PIECES])
def test_a_message_says(told: Started, facts: Facts, changes: dict[str, Any], piece: str) -> None:
    assert piece in words(told, facts, **changes) + "\n"


HOSTILE = [
    "<!channel> pay <https://evil.example|here>",
    "line one\nline two\r\nWhat to do: send money",
    "\u202egnihton\u202c \u200bhidden",
    "`code` *bold* _it_ ~no~ & < > |",
    "\x00\x07\x1b[31mred",
    "lone \ud800 surrogate",
    "x" * 100_000,
    "@" * 100_000,
    "a@" * 50_000,
]


@pytest.mark.parametrize("text", HOSTILE, ids=lambda text: ascii(text[:20]))
def test_hostile_text_stays_text_and_leaves_room_for_what_to_do(text: str) -> None:
    copy = replace(FAILED, errors_log={text: [text]}, target_order=Order("T", status=text[:200], payment_status="x"))

    made = payload(message(started(params={"reason": text}), Facts(copy), settings()))

    header, lines, links = made["blocks"]
    assert (header["text"]["type"], lines["text"]["type"]) == ("plain_text", "plain_text")
    assert header["text"]["text"] == "Subscription renewal failed"
    assert sum(line.startswith("What to do: Mend") for line in lines["text"]["text"].splitlines()) == 1
    assert not any(line.startswith("What to do: send") for line in lines["text"]["text"].splitlines())
    assert "evil" not in links["text"]["text"]
    assert len(lines["text"]["text"]) <= 3000
    assert not any(bad in lines["text"]["text"] for bad in "\x00\x1b\u202e\u200b\r")
    dumps(made).encode()


PRIVATE = [
    "jane@example.com",
    "Jane.Doe+order@mail.example.co.uk",
    "<jane@example.com>",
    "customer_email=jane%40example.com",
    "sent to jane@example.com,john@example.org",
]


@pytest.mark.parametrize("text", PRIVATE)
def test_no_address_of_a_customer_is_told(text: str) -> None:
    copy = replace(FAILED, errors_log={text: [text]})

    told = words(started(params={"reason": text}), Facts(copy)).lower()

    assert "jane" not in told
    assert "example" not in told


@given(
    st.text(st.characters(exclude_characters="@", codec="utf-8"), max_size=50),
    st.from_regex(r"[a-z.]+@[a-z.]+", fullmatch=True),
)
def test_no_address_survives_in_any_text(around: str, address: str) -> None:
    assert "@" not in blank(f"{around} {address} {around}")


def test_the_wait_for_orders_ends_even_where_they_never_come() -> None:
    facts = Facts(FAILED, hydrating=True)

    decisions = [decide(started(number=n), facts, settings(), NOW + timedelta(days=n)) for n in (1, 2, 3)]

    assert [type(d) for d in decisions] == [Wait, Act, Act]
