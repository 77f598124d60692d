"""copydesk factories, copies and recurring: what the reference offers, asked of a sandbox over HTTP."""

from __future__ import annotations

import json
import os
import pty
import subprocess
import time

import pytest
import structlog

from service.cli import listing, output
from service.clients import drift
from tests.cli.conftest import command, environment
from tests.cli.desk import Desk

NASTY = "bad\x1b[31m \u202egnp.exe\x9b0m [red]x[/red]\nnext"
GROUPS = ("factories", "copies", "recurring")


def test_each_list_has_its_own_and_both_the_umbrella(desk: Desk) -> None:
    """Copies, renewals, and both together, with the ids of their orders and of the subscription."""
    copy, renewal = desk.sandbox.play("good-copy"), desk.sandbox.play("failing-renewal")
    assert [one["id"] for one in desk.told("copies", "list")] == [copy["order_copy"]]
    (told,) = desk.told("recurring", "list")
    names = ("id", "source_order_id", "target_order_id", "order_subscription_id")
    made = ("recurring_order_copy", "source_order", "target_order", "order_subscription")
    assert [told[name] for name in names] == [renewal[name] for name in made]
    both = desk.told("factories", "list")
    # The two may be of one millisecond: which of them is first is not said.
    assert sorted((one["type"], one["id"]) for one in both) == [
        ("order_copies", copy["order_copy"]),
        ("recurring_order_copies", renewal["recurring_order_copy"]),
    ]


def test_filters_and_sorts_are_the_provider_s(desk: Desk) -> None:
    """Several filters hold together; a sort is followed as it is written."""
    made = desk.sandbox.play("storm", count=6, failing=2)["order_copies"]
    assert len(desk.told("copies", "list", "--filter", "status_eq=failed")) == 2
    assert desk.told("copies", "list", "--filter", "status_eq=failed", "--filter", "errors_count_eq=0") == []
    assert len(desk.told("copies", "list", "--filter", "status_in=failed,completed")) == 6
    ids = [one["id"] for one in desk.told("copies", "list", "--sort", "-id")]
    assert ids == sorted(made, reverse=True)
    assert len(desk.told("copies", "list", "--since", "1h")) == 6
    assert desk.told("copies", "list", "--since", "2100-01-01") == []


@pytest.mark.parametrize(
    ("arguments", "offered"),
    [
        (("--filter", "mood_eq=x"), "'mood'; it is offered for: id, "),
        (("--filter", "status=failed"), "there are: eq, not_eq"),
        (("--filter", "errors_count_gt=many"), "it takes: integer"),
        (("--sort", "errors_log"), "it is offered for: id, "),
        (("--include", "market"), "it is offered for: source_order, "),
    ],
)
def test_what_is_not_offered_names_what_is(desk: Desk, arguments: tuple[str, ...], offered: str) -> None:
    """A refused argument is wrong usage in one line, and nothing is asked of the provider."""
    for group in GROUPS:
        told = desk.run(group, "list", *arguments)
        assert (told.exit_code, told.stdout, told.stderr.count("\n")) == (2, "", 1)
        assert offered in told.stderr
    assert desk.sandbox.calls == []


def test_one_filter_is_given_once(desk: Desk) -> None:
    """The second of two filters of one name would win in silence: wrong usage, as one without a value is."""
    assert desk.run("copies", "list", "--filter", "status_eq=failed", "--filter", "status_eq=pending").exit_code == 2
    assert desk.run("copies", "list", "--since", "1h", "--filter", "updated_at_gteq=2026-01-01").exit_code == 2
    assert desk.run("copies", "list", "--filter", "status_eq").exit_code == 2


def test_a_page_says_how_many_more_there_are(desk: Desk) -> None:
    """Without --all the first 25, and on stderr how many there are; with --all every one, once, oldest first."""
    made = set(desk.sandbox.play("storm", count=60)["order_copies"])
    told = desk.run("copies", "list", "--json")
    assert (len(json.loads(told.stdout)), told.stderr) == (25, "copydesk: the first 25 of 60; --all lists them\n")
    whole = desk.run("copies", "list", "--all", "--json")
    found = json.loads(whole.stdout)
    assert ({one["id"] for one in found}, len(found), whole.stderr) == (made, 60, "")
    assert [one["created_at"] for one in found] == sorted(one["created_at"] for one in found)
    assert len(desk.told("copies", "list", "--all", "--sort", "id", "--filter", "status_eq=completed")) == 60
    assert len(desk.run("copies", "list", "--all").stdout.splitlines()) == 61


def test_a_long_list_leaves_the_workers_their_share(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """A list of many pages is read with pauses; a short one at once."""
    desk.sandbox.play("storm", count=60)
    waited: list[float] = []
    monkeypatch.setattr(time, "sleep", waited.append)
    desk.told("copies", "list", "--all")
    assert max(waited) == 0
    monkeypatch.setattr(listing, "_AT_ONCE", 2)
    desk.told("copies", "list", "--all")
    assert max(waited) > 0.5


def test_a_list_that_breaks_off_is_no_json(desk: Desk) -> None:
    """The provider fails on the second page: exit 4, and what was printed cannot be taken for the whole."""
    desk.sandbox.play("storm", count=30)
    desk.sandbox.trouble(path="/api/order_copies", latency=0.001, calls=1)
    desk.sandbox.trouble(path="/api/order_copies", status=503, calls=2)
    told = desk.run("copies", "list", "--all", "--json")
    assert (told.exit_code, told.stderr.count("\n"), told.stdout.count('"id"')) == (4, 1, 25)
    with pytest.raises(ValueError, match="delimiter"):
        json.loads(told.stdout)
    told = desk.run("copies", "list", "--json")
    assert (told.exit_code, told.stderr.count("\n"), told.stdout) == (4, 1, "")


def test_progress_goes_to_a_terminal_s_stderr_only(desk: Desk) -> None:
    """--all shows how far it is where somebody looks; stdout stays pure JSON."""
    desk.sandbox.play("storm", count=30)
    ours, theirs = pty.openpty()
    told = subprocess.run(
        command("copies", "list", "--all", "--json"),
        env=environment(),
        stdout=subprocess.PIPE,
        stderr=theirs,
        check=True,
    )
    os.close(theirs)
    assert len(json.loads(told.stdout)) == 30
    assert b"order copies" in os.read(ours, 65536)
    os.close(ours)


def test_what_the_reference_does_not_document_is_told_beside_the_json(
    desk: Desk, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The provider's API has grown: a line on stderr, once, and stdout stays pure JSON."""
    desk.sandbox.play("good-copy")
    structlog.reset_defaults()
    drift.forget()
    monkeypatch.setattr(drift, "unknown_attributes", lambda _resource: {"mood"})
    told = desk.run("copies", "list", "--json")
    assert len(json.loads(told.stdout)) == 1
    assert "does not document  type=order_copies  attribute=mood" in told.stderr
    assert all(line.startswith("copydesk: ") for line in told.stderr.splitlines())


def test_one_is_shown_with_its_orders(desk: Desk) -> None:
    """All attributes, errors and the orders' statuses; as JSON one object, in full where it is asked for."""
    made = desk.sandbox.play("failing-copy")
    shown = desk.run("copies", "show", made["order_copy"]).stdout
    assert f"{made['source_order']} (placed, authorized, unfulfilled)" in shown
    assert "error of line_items" in shown
    told = desk.told("factories", "show", made["order_copy"])
    assert (told["type"], told["status"], told["mode"]) == ("order_copies", "failed", "test")
    assert "source_order" not in told
    full = desk.told("copies", "show", made["order_copy"], "--include", "source_order,events")
    assert (full["source_order"]["status"], len(full["events"])) == ("placed", 3)


@pytest.mark.parametrize("group", GROUPS)
def test_what_is_not_there_is_not_found(desk: Desk, group: str) -> None:
    """An unknown id is exit 1; what has not the form of an id is wrong usage and never sent."""
    told = desk.run(group, "show", "NotThereXX")
    assert (told.exit_code, told.stderr.count("\n")) == (1, 1)
    assert "does not exist at Commerce Layer" in told.stderr
    assert desk.run(group, "show", "../orders").exit_code == 2


@pytest.mark.parametrize("group", GROUPS)
def test_hostile_text_of_the_provider_is_inert(desk: Desk, group: str) -> None:
    """Escape sequences, bidi marks and markup in errors and their names neither act nor disappear."""
    desk.sandbox.play("failing-copy", errors={NASTY: [NASTY]})
    made = desk.sandbox.play("failing-renewal", errors={NASTY: [NASTY]})
    id_ = made["recurring_order_copy"] if group != "copies" else desk.told("copies", "list")[0]["id"]
    for arguments in (("list",), ("list", "--json"), ("show", id_), ("show", id_, "--json")):
        told = desk.run(group, *arguments).stdout
        assert not {"\x1b", "\x9b", "\u202e"} & set(told)
        assert "[red]x[/red]" in told


@pytest.mark.parametrize("group", GROUPS)
def test_a_terminal_of_80_columns_is_enough(desk: Desk, monkeypatch: pytest.MonkeyPatch, group: str) -> None:
    """On a narrow terminal no line is longer than the screen, and ids stay whole."""
    monkeypatch.setattr(output, "_NO_SCREEN", 80)
    made = [*desk.sandbox.play("good-copy").values(), *desk.sandbox.play("failing-renewal").values()]
    told = desk.run(group, "list").stdout
    assert max(len(line) for line in told.splitlines()) <= 80
    assert "…" not in told
    shown = [id_ for one in desk.told(group, "list") for id_ in (one["id"], one["source_order_id"])]
    assert all(id_ in told and id_ in made for id_ in shown)
    assert "expired" in told or group == "copies"


def test_without_credentials_the_setting_is_named(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """No credentials, or those of another mode: exit 3, one line that names the setting."""
    monkeypatch.setenv("COPYDESK_MODE", "live")
    told = desk.run("copies", "list")
    assert (told.exit_code, told.stderr.startswith("copydesk: COPYDESK_MODE: is live")) == (3, True)
    for name in ("COPYDESK_CLIENT_ID", "COPYDESK_CLIENT_SECRET"):
        monkeypatch.delenv(name)
    told = desk.run("copies", "list")
    assert (told.exit_code, told.stderr.startswith("copydesk: COPYDESK_CLIENT_ID: is not set")) == (3, True)
