"""copydesk copies create and retry: asked once, recorded before and after, in doubt not repeated."""

from __future__ import annotations

import json
import os
import pty
import re
import subprocess
from collections.abc import Iterator
from typing import Any

import pytest
import sqlalchemy as sa

from service.cli.output import plain
from service.errors import StoreUnavailable
from service.sandbox import Sandbox
from service.store import Store
from service.store.schema import audit_entries
from tests.cli.conftest import command, environment
from tests.cli.desk import Desk, settings_of

WHY = ("--reason", "ticket 17", "--by", "Robin")
EVERYTHING: dict[str, Any] = {
    "place_target_order": True,
    "reuse_wallet": False,
    "reference": "ERP-17",
    "reference_origin": "erp",
    "metadata": {"ticket": [17]},
    "cancel_source_order": True,
    "apply_promotions": True,
    "skip_errors": True,
    "ignore_invalid_coupon": True,
}
OPTIONS = (
    *("--place-target", "--no-reuse-wallet", "--reference", "ERP-17", "--reference-origin", "erp"),
    *("--metadata", '{"ticket": [17]}', "--cancel-source", "--apply-promotions", "--skip-errors"),
    "--ignore-invalid-coupon",
)


@pytest.fixture
def source(desk: Desk) -> str:
    """An order that can be copied."""
    return desk.sandbox.make_order()


def _asked(desk: Desk) -> list[dict[str, Any]]:
    """The documents that the sandbox got."""
    return [json.loads(b) if isinstance(b := call["body"], str) else b for call in desk.posts]


def test_every_argument_of_the_reference_is_sent(desk: Desk, source: str) -> None:
    """One request with all arguments, and the new copy as one JSON object."""
    told = desk.told("copies", "create", "--source", source, *OPTIONS, *WHY)
    (asked,) = _asked(desk)
    assert asked["data"]["attributes"] == EVERYTHING
    assert asked["data"]["relationships"] == {"source_order": {"data": {"type": "orders", "id": source}}}
    assert {name: told["copy"][name] for name in EVERYTHING} == EVERYTHING
    assert (told["dry_run"], told["copy"]["source_order_id"]) == (False, source)


def test_what_is_not_given_is_left_to_the_provider(desk: Desk, source: str) -> None:
    """Without options the request holds the source order and nothing else."""
    assert desk.run("copies", "create", "--source", source, *WHY).exit_code == 0
    (asked,) = _asked(desk)
    assert asked["data"] == {
        "type": "order_copies",
        "relationships": {"source_order": {"data": {"type": "orders", "id": source}}},
    }


def test_the_trail_says_who_why_what_and_what_came_of_it(desk: Desk, source: str) -> None:
    """Under the order before and after the call, under the new copy after it, with the provider's request id."""
    told = desk.told("copies", "create", "--source", source, *OPTIONS, *WHY)
    attempting, created = desk.trail(f"orders/{source}")
    assert (attempting.action, created.action) == ("copy.attempting", "copy.created")
    assert {attempting.actor, created.actor} == {"operator Robin"}
    wanted = EVERYTHING | {"source_order": f"orders/{source}", "reason": "ticket 17", "metadata": '{"ticket": [17]}'}
    assert attempting.detail == wanted
    copy = f"order_copies/{told['copy']['id']}"
    assert created.detail == wanted | {"copy": copy, "request_id": told["request_id"]}
    assert [one.detail for one in desk.trail(copy)] == [created.detail]
    assert told["request_id"] == desk.posts[0]["request_id"]
    assert f"copied orders/{source} into {copy} (by operator Robin)" in desk.run("audit", copy).stdout


@pytest.mark.parametrize(
    ("trouble", "code", "action", "made"),
    [
        ({"status": 422}, 1, "copy.refused", 0),
        ({"status": 403}, 1, "copy.refused", 0),
        ({"status": 429}, 4, "copy.unavailable", 0),
        ({"status": 503, "when": "after"}, 1, "copy.unknown", 1),
        ({"drop": True, "when": "after"}, 1, "copy.unknown", 1),
        ({"drop": True}, 1, "copy.unknown", 0),
    ],
)
def test_an_end_that_is_none_is_told_and_recorded(
    desk: Desk, source: str, trouble: dict[str, Any], code: int, action: str, made: int
) -> None:
    """Refused, not made, or not known: one line, one request, one entry; in doubt the way to find out."""
    desk.sandbox.trouble(path="/api/order_copies", method="POST", **trouble)
    told = desk.run("copies", "create", "--source", source, *WHY, "--json")
    (error,) = [line for line in told.stderr.splitlines() if line.startswith("copydesk: ")]
    assert (told.exit_code, told.stdout, len(desk.posts)) == (code, "", 1)
    assert desk.actions(f"orders/{source}") == ["copy.attempting", action]
    assert desk.trail(f"orders/{source}")[-1].detail["error"] in error
    hint = re.search(r"before repeating it: copydesk (.+)$", error)
    assert bool(hint) == (action == "copy.unknown")
    if hint:
        assert len(desk.told(*hint[1].split())) == made


def test_nothing_is_asked_where_it_cannot_be_recorded(desk: Desk, source: str) -> None:
    """A store that cannot be written is exit 4 before anything is sent."""
    with desk.store.write() as connection:
        connection.execute(
            sa.text("CREATE TRIGGER full BEFORE INSERT ON audit_entries BEGIN SELECT RAISE(FAIL, 'x'); END")
        )
    assert desk.run("copies", "create", "--source", source, *WHY).exit_code != 0
    assert desk.posts == []


@pytest.mark.parametrize(
    ("writes", "code", "sent", "said"),
    [
        (0, 4, 0, "copydesk: disk full"),
        # The entry before the call is written, and the budget cannot be asked.
        (1, 4, 0, "copydesk: disk full"),
        (2, 1, 1, r"copydesk: order_copies/\w+ was created; the audit trail could not be told: disk full"),
    ],
)
def test_a_database_that_is_lost_is_told_as_what_was_done(
    desk: Desk, source: str, monkeypatch: pytest.MonkeyPatch, writes: int, code: int, sent: int, said: str
) -> None:
    """Before the call "again later", with nothing sent; after it exit 1, and the line names the copy."""
    write, left = Store.write, iter(range(writes))

    def failing(store: Store) -> Any:
        if next(left, None) is None:
            raise StoreUnavailable("disk full")
        return write(store)

    monkeypatch.setattr(Store, "write", failing)
    told = desk.run("copies", "create", "--source", source, *WHY)
    assert (told.exit_code, len(desk.posts)) == (code, sent)
    assert re.fullmatch(said, told.stderr.splitlines()[-1])


def test_a_dry_run_records_and_asks_for_nothing(desk: Desk, source: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With COPYDESK_DRY_RUN the request stands in the trail and nowhere else."""
    monkeypatch.setenv("COPYDESK_DRY_RUN", "true")
    told = desk.told("copies", "create", "--source", source, *WHY)
    assert (told["dry_run"], told["copy"], desk.posts) == (True, None, [])
    assert desk.actions(f"orders/{source}") == ["copy.rehearsed"]


def test_wrong_usage_asks_for_nothing(desk: Desk) -> None:
    """No source, no reason, no JSON object: exit 2, nothing sent, nothing recorded."""
    for wrong in (
        ("--source", "NgojhelVGm"),
        ("--source", "NgojhelVGm", "--reason", " "),
        ("--source", "../orders", *WHY),
        ("--source", "NgojhelVGm", "--metadata", "[1]", *WHY),
        ("--source", "NgojhelVGm", "--metadata", "{", *WHY),
        WHY,
    ):
        assert desk.run("copies", "create", *wrong).exit_code == 2, wrong
    assert (desk.sandbox.calls, desk.trail("orders/NgojhelVGm")) == ([], [])


@pytest.fixture
def live(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The same installation, on a sandbox that says it is live."""
    with Sandbox(step_seconds=0.0, mode="live") as sandbox:
        for name, value in settings_of(sandbox).items():
            monkeypatch.setenv(name, value)
        yield Desk(sandbox, desk.store)


def test_live_without_a_terminal_wants_a_yes(live: Desk) -> None:
    """A script on live says --yes, or nothing is sent and nothing recorded."""
    source = live.sandbox.make_order()
    told = live.run("copies", "create", "--source", source, *WHY)
    assert (told.exit_code, live.posts, live.trail(f"orders/{source}")) == (2, [], [])
    assert "--yes" in told.stderr
    assert live.run("copies", "create", "--source", source, *WHY, "--yes").exit_code == 0
    assert len(live.posts) == 1


@pytest.mark.parametrize(("answer", "code", "made"), [(b"n\n", 1, 0), (b"y\n", 0, 1)])
def test_live_on_a_terminal_asks(live: Desk, answer: bytes, code: int, made: int) -> None:
    """What will be made is shown, and only a yes makes it; the question does not spoil the JSON."""
    source = live.sandbox.make_order()
    ours, theirs = pty.openpty()
    arguments = command("copies", "create", "--source", source, *WHY, "--json")
    running = subprocess.Popen(
        arguments, env=environment(), stdin=theirs, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    )
    os.close(theirs)
    os.write(ours, answer)
    stdout, stderr = running.communicate(timeout=20)
    os.close(ours)
    assert (running.returncode, len(live.posts)) == (code, made)
    assert b"Copy this order on live?" in stderr
    assert source.encode() in stderr
    assert bool(stdout) == bool(made and json.loads(stdout)["copy"]["id"])


def test_hostile_text_of_the_operator_is_inert(desk: Desk, source: str) -> None:
    """A reason or a name with escape sequences neither acts on the terminal nor in the trail."""
    nasty = "bad\x1b[31m \u202e[red]x[/red]"
    told = desk.run("copies", "create", "--source", source, "--reason", nasty, "--by", nasty, "--reference", nasty)
    shown = told.output + desk.run("audit", f"orders/{source}").output
    assert (told.exit_code, {"\x1b", "\u202e"} & set(shown)) == (0, set())
    assert "[red]x[/red]" in shown
    with desk.store.read() as connection:
        assert "\x1b" not in str(plain(connection.execute(sa.select(audit_entries.c.detail)).all()))
