"""What there should be, and how what there is compares with it: tables."""

from __future__ import annotations

from typing import Any

import pytest

from handlers import MODULES
from service.errors import ConfigurationError
from service.resources import Webhook
from service.resources import webhook as read
from service.router import Router
from service.settings import Settings
from service.webhooks.desired import desired, one, topics
from service.webhooks.plan import Known, State, Step, plan

URL = "https://copydesk.example.com"
TOPIC = "order_copies.fail"
WANTED = one(URL, TOPIC)
NOW = "2026-03-02T09:00:00.000Z"
STORED = Known(frozenset({"A"}), frozenset({"A"}))


def webhook(**changes: Any) -> Webhook:
    """A webhook as it should be, with changes, as the API tells it."""
    given = {
        "id": "A",
        "topic": TOPIC,
        "callback_url": WANTED.callback_url,
        "include_resources": [*WANTED.include_resources],
        "circuit_state": "closed",
        "reference": URL,
        "reference_origin": "copydesk",
        "created_at": NOW,
    } | changes
    return read({"type": "webhooks", "id": given.pop("id"), "attributes": given})


@pytest.mark.parametrize(
    ("found", "known", "states", "steps"),
    [
        ([], STORED, [("missing",)], [("create",)]),
        ([webhook()], STORED, [("ok",)], [()]),
        ([webhook(include_resources=[*WANTED.include_resources[::-1]])], STORED, [("ok",)], [()]),
        ([webhook(callback_url="https://else.where/")], STORED, [("drifted",)], [("mend",)]),
        ([webhook(include_resources=[])], STORED, [("drifted",)], [("mend",)]),
        ([webhook(reference="https://old.example.com")], STORED, [("drifted",)], [("mend",)]),
        ([webhook(disabled_at=NOW)], STORED, [("disabled",)], [("enable",)]),
        ([webhook(circuit_state="open")], STORED, [("open",)], [()]),
        ([webhook()], Known(), [("no secret",)], [("store secret",)]),
        (
            [webhook(callback_url="https://x/", disabled_at=NOW, circuit_state="open")],
            Known(),
            [("drifted", "no secret", "disabled", "open")],
            [("mend", "store secret", "enable")],
        ),
        ([webhook(), webhook(id="B", created_at=None)], STORED, [("ok",), ("extra",)], [(), ("delete",)]),
        ([webhook(topic="orders.place")], STORED, [("missing",), ("extra",)], [("create",), ("delete",)]),
        ([webhook(reference_origin=None)], STORED, [("missing",), ("foreign",)], [("create",), ()]),
        (
            [webhook(id="C", reference="https://else.where")],
            STORED,
            [("missing",), ("foreign",)],
            [("create",), ()],
        ),
        ([webhook(topic="orders.place", reference_origin=None)], STORED, [("missing",)], [("create",)]),
        (
            [webhook(), webhook(id="B", disabled_at=NOW)],
            Known(frozenset({"A"}), frozenset({"A"}), frozenset({TOPIC})),
            [("rotating",), ("rotating",)],
            [(), ()],
        ),
    ],
)
def test_how_webhooks_stand(
    found: list[Webhook], known: Known, states: list[tuple[State, ...]], steps: list[tuple[Step, ...]]
) -> None:
    """Missing, drifted, disabled, open, without a secret, extra, foreign, rotating: each with what apply would do."""
    standings = plan([WANTED], found, known)
    assert [one.states for one in standings] == states
    assert [one.steps(prune=True) for one in standings] == steps
    assert "delete" not in [step for one in standings for step in one.steps()]


def test_the_topics_are_those_of_the_handlers() -> None:
    """Whole resources become their published topics; what is chosen in the settings stands instead."""
    router = Router(MODULES)
    assert {"order_copies.fail", "recurring_order_copies.complete", "orders.place"} <= set(topics(router))
    assert topics(router) == router.wanted()
    chosen = topics(router, ["order_copies.*", "orders.place"])
    assert chosen == sorted(
        [*(f"order_copies.{e}" for e in ("complete", "create", "destroy", "fail", "start")), "orders.place"]
    )


def test_one_webhook_a_topic_with_its_includes() -> None:
    """Copies include the orders that they are about; the others need nothing."""
    settings = Settings.model_validate({"public_url": f"{URL}/", "webhook_topics": "order_copies.fail, orders.place"})
    assert [(d.topic, d.callback_url, d.include_resources) for d in desired(settings, Router(MODULES))] == [
        (
            "order_copies.fail",
            f"{URL}/webhooks/order_copies.fail",
            ("source_order", "target_order", "order_subscription"),
        ),
        ("orders.place", f"{URL}/webhooks/orders.place", ()),
    ]


def test_without_a_public_address_there_is_no_plan() -> None:
    """The setting is named."""
    with pytest.raises(ConfigurationError, match="COPYDESK_PUBLIC_URL"):
        desired(Settings(), Router(MODULES))


@pytest.mark.parametrize(
    "given",
    [
        {"public_url": "http://copydesk.example.com"},
        {"public_url": "https://copydesk.example.com/webhooks"},
        {"public_url": "https://copydesk.example.com/?a=b"},
        {"webhook_topics": "orders"},
        {"webhook_topics": "*"},
        {"encryption_keys": "CANARY-short"},
        {"encryption_keys": "CANARY=" * 8},
    ],
)
def test_settings_that_would_not_work_are_refused(given: dict[str, str]) -> None:
    """At the start, and without repeating a key."""
    with pytest.raises(ValueError, match=r"must be|look like|keys generate") as caught:
        Settings.model_validate(given)
    assert "CANARY" not in str(caught.value.errors(include_input=False))  # type: ignore[attr-defined]
