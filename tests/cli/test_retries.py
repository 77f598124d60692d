"""copydesk copies retry: which failed copies may be retried, with what, and what the trail says."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from service import settings
from service.clients.commerce_layer import CommerceLayer
from service.copying import Wish, arguments_of, carry_out, impossible, inadvisable
from service.intake.replay import Operator
from service.resources import OrderFactory
from service.sandbox import Sandbox
from service.store.audit import entry, write_audit
from tests.cli.desk import Desk, settings_of

WHY = ("--reason", "back in stock", "--by", "Robin")


@pytest.mark.parametrize(
    ("status", "source", "why"),
    [
        ("failed", "SourceOrdr", None),
        ("aborted", "SourceOrdr", None),
        ("completed", "SourceOrdr", "is completed"),
        ("in_progress", "SourceOrdr", "is in_progress"),
        ("pending", "SourceOrdr", "is pending"),
        ("paused", "SourceOrdr", "is paused"),
        (None, "SourceOrdr", "is None"),
        ("failed", None, "does not say"),
    ],
)
def test_only_a_failed_or_aborted_copy_can_be_retried(status: str | None, source: str | None, why: str | None) -> None:
    """Any other status, one we do not know among them, is refused, --force or not."""
    said = impossible(OrderFactory("order_copies", "FailedCopy", status, source_order_id=source))
    assert (said is None) if why is None else why in (said or "")


@pytest.mark.parametrize(
    ("others", "subscription", "why"),
    [
        ((), None, None),
        (("failed", "aborted"), None, None),
        (("failed", "completed"), None, "is completed"),
        (("pending",), None, "is pending"),
        (("in_progress",), None, "is in_progress"),
        (("paused",), None, "is paused"),
        ((), "KXBqmhVLgz", "order_subscriptions/KXBqmhVLgz"),
    ],
)
def test_a_retry_is_inadvisable_where_the_order_was_copied_since(
    others: tuple[str, ...], subscription: str | None, why: str | None
) -> None:
    """A newer copy that has not failed, or a subscription behind it, speaks against a retry."""
    newer = [OrderFactory("order_copies", f"Other{n}", status) for n, status in enumerate(others)]
    copy = OrderFactory("order_copies", "X", "failed", source_order_id="S", order_subscription_id=subscription)
    said = inadvisable(copy, [copy, *newer])
    assert (said is None) if why is None else why in (said or "")


def test_arguments_are_the_copy_s_own() -> None:
    """What it was created with is taken over, false among it; what it does not have is left out."""
    copy = OrderFactory("order_copies", "X", "failed", place_target_order=False, reference="ERP-17", metadata={"a": 1})
    assert arguments_of(copy) == {"place_target_order": False, "reference": "ERP-17", "metadata": {"a": 1}}


def _failed(desk: Desk, **arguments: Any) -> dict[str, Any]:
    return desk.sandbox.play("failing-copy", **arguments)


def test_a_retry_asks_again_as_the_failed_copy_did(desk: Desk) -> None:
    """The failed copy's arguments, read anew; the trail of both copies leads to the other."""
    source = desk.sandbox.make_order(errors={"line_items": ["out of stock"]})
    given = (
        "--place-target",
        "--no-reuse-wallet",
        "--reference",
        "ERP-17",
        "--metadata",
        '{"a": 1}',
        "--cancel-source",
    )
    failed = desk.told("copies", "create", "--source", source, *given, *WHY)["copy"]["id"]
    assert desk.sandbox.settle()
    told = desk.told("copies", "retry", failed, *WHY)
    first, second = (json.loads(b) if isinstance(b := call["body"], str) else b for call in desk.posts)
    defaults = {"apply_promotions": False, "skip_errors": False, "ignore_invalid_coupon": False}
    assert second["data"]["attributes"] == first["data"]["attributes"] | defaults
    assert second["data"]["relationships"] == first["data"]["relationships"]
    made = f"order_copies/{told['copy']['id']}"
    assert desk.actions(f"order_copies/{failed}") == ["copy.created", "copy.attempting", "copy.created"]
    for subject in (made, f"order_copies/{failed}"):
        detail = desk.trail(subject)[-1].detail
        assert (detail["copy"], detail["retry_of"]) == (made, f"order_copies/{failed}")
        assert detail["reason"] == "back in stock"


def test_a_retry_of_what_completed_since_wants_force(desk: Desk) -> None:
    """A newer copy of the same order stands in the way: exit 1, nothing recorded; --force goes on."""
    made = _failed(desk)
    assert desk.run("copies", "create", "--source", made["source_order"], "--skip-errors", *WHY).exit_code == 0
    assert desk.sandbox.settle()
    told = desk.run("copies", "retry", made["order_copy"], *WHY)
    assert (told.exit_code, told.stderr.count("\n"), len(desk.posts)) == (1, 1, 1)
    assert "was copied again since" in told.stderr
    assert desk.trail(f"order_copies/{made['order_copy']}") == []
    assert desk.run("copies", "retry", made["order_copy"], "--force", *WHY).exit_code == 0


def test_copies_of_other_orders_and_older_ones_do_not_count(desk: Desk) -> None:
    """Only what was made of the same order since speaks against a retry."""
    desk.sandbox.play("good-copy")
    made = _failed(desk)
    desk.sandbox.play("good-copy")
    assert desk.run("copies", "retry", made["order_copy"], *WHY).exit_code == 0


def test_a_retry_whose_outcome_is_unknown_is_not_repeated(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """The request had its effect and no answer came: the next retry finds the copy under way, and refuses."""
    with Sandbox(step_seconds=0.3) as slow:
        for name, value in settings_of(slow).items():
            monkeypatch.setenv(name, value)
        there = Desk(slow, desk.store)
        failed = _failed(there)["order_copy"]
        slow.trouble(path="/api/order_copies", method="POST", drop=True, when="after", calls=1)
        assert there.run("copies", "retry", failed, *WHY).exit_code == 1
        assert desk.actions(f"order_copies/{failed}") == ["copy.attempting", "copy.unknown"]
        again = there.run("copies", "retry", failed, *WHY)
        assert (again.exit_code, "was copied again since" in again.stderr, len(there.posts)) == (1, True, 1)


@pytest.mark.parametrize(
    ("action", "age", "refused"),
    [
        ("copy.attempting", 10, True),
        ("copy.attempting", 600, False),
        ("copy.created", -5, True),
        ("copy.unavailable", 10, False),
        ("copy.rehearsed", -5, False),
    ],
)
def test_two_retries_at_one_moment_are_one(desk: Desk, action: str, age: int, refused: bool) -> None:
    """Who retries what another one is retrying, or has retried since it was looked at, is refused, --force or not."""
    failed, now = _failed(desk), datetime.now(UTC)
    subject = f"order_copies/{failed['order_copy']}"
    with desk.store.write() as connection:
        earlier = entry(now - timedelta(seconds=age), subject, "operator Kim", action, {"retry_of": subject})
        write_audit(connection, [earlier])
    told = desk.run("copies", "retry", failed["order_copy"], "--force", *WHY)
    assert (told.exit_code, len(desk.posts)) == ((1, 0) if refused else (0, 1))
    assert ("being retried by operator Kim" in told.stderr) == refused


def test_what_is_not_there_or_no_order_copy_is_not_found(desk: Desk) -> None:
    """A recurring copy's id, or an unknown one, is exit 1; nothing is asked for."""
    renewal = desk.sandbox.play("failing-renewal")["recurring_order_copy"]
    for id_ in (renewal, "NotThereXX"):
        assert desk.run("copies", "retry", id_, *WHY).exit_code == 1
    assert desk.posts == []


def test_a_run_of_a_subscription_wants_force(desk: Desk) -> None:
    """A manual run that failed is retried by the subscription; a copy of its own only with --force."""
    run = desk.sandbox.play("failing-renewal", manual=True)["order_copy"]
    told = desk.run("copies", "retry", run, *WHY)
    assert (told.exit_code, desk.posts) == (1, [])
    assert "is a run of order_subscriptions/" in told.stderr
    assert desk.run("copies", "retry", run, "--force", *WHY).exit_code == 0


def test_of_many_retries_at_once_one_is_sent(desk: Desk) -> None:
    """People who look at the same failed copy at the same time make one copy of it, and one request."""
    failed = _failed(desk)
    wish = Wish(failed["source_order"], {}, Operator("Robin", "why"), failed["order_copy"], datetime.now(UTC))
    with CommerceLayer(settings.load()) as client, ThreadPoolExecutor(6) as people:
        asked = [people.submit(carry_out, desk.store, client, wish, dry_run=False) for _ in range(6)]
        ends = sorted(type(one.exception()).__name__ for one in asked)
    assert ends == ["NoneType", *["Refused"] * 5]
    assert len(desk.posts) == 1
