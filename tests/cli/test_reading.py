"""Looking into what is kept: events, follow-ups, the audit trail."""

from __future__ import annotations

import json
import os
import pty
import subprocess
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from service.cli import output
from service.cli.sentences import sentence
from service.store import Store
from service.store.schema import attempts, events, follow_ups
from tests.cli.conftest import Deliver, Run, command, environment

COPY = "XAyRWNUzyN"
NASTY = "bad\x1b[31m \u202egnp.exe\x9b0m [red]x[/red]\nnext"


def test_events_lists_the_newest_first(run: Run, deliver: Deliver) -> None:
    """The list is for people: id, time, topic, resource, status and how often it was told."""
    deliver("order_copies.start", COPY)
    deliver("order_copies.complete", COPY)
    deliver("order_copies.complete", COPY)
    head, first, second = run("events").stdout.splitlines()
    assert head.split()[:2] == ["id", "last"]
    assert first.split()[-5:] == ["order_copies.complete", COPY, "completed", "handled", "2"]
    assert "order_copies.start" in second


def test_json_is_pure_and_whole(run: Run, deliver: Deliver) -> None:
    """--json: one array for a list, one object for a thing, times in UTC, and nothing else on stdout."""
    deliver("order_copies.complete", COPY)
    (event,) = json.loads(run("events", "--json", "--limit", "1").stdout)
    assert event["subject"] == f"order_copies/{COPY}"
    assert datetime.fromisoformat(event["first_seen_at"]).tzinfo == UTC
    one = json.loads(run("events", event["id"], "--json").stdout)
    assert [d["verdict"] for d in one["delivered"]] == ["event"]
    assert one["transitions"][0]["to_status"] == "completed"
    (follow_up,) = one["follow_ups"]
    assert json.loads(run("follow-ups", follow_up["id"], "--json").stdout)["attempts"] == []
    assert json.loads(run("follow-ups", "--json").stdout) == [follow_up]
    assert json.loads(run("audit", COPY, "--json").stdout)[0]["action"] == "received"


@pytest.mark.parametrize("command", ["events", "follow-ups", "incidents", "retry", "replay"])
def test_a_number_that_no_row_can_have_is_wrong_usage(run: Run, deliver: Deliver, command: str) -> None:
    """And not a traceback."""
    deliver("order_copies.start", COPY)
    assert run(command, 2**63).exit_code == 2
    assert "not in the range" in run(command, 2**63).stderr
    assert "not in the range" not in run(command, 2**63 - 1).stderr


def test_events_are_filtered(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """By topic, by subject, by time, by failure; filters join."""
    deliver("order_copies.start", COPY)
    deliver("order_copies.fail", "other")
    with sqlite_store.write() as connection:
        long_ago = datetime.now(UTC) - timedelta(days=3)
        changed = {"result": "failed", "error": "boom", "last_seen_at": long_ago}
        connection.execute(sa.update(events).where(events.c.topic == "order_copies.fail").values(**changed))

    def found(*arguments: str) -> list[str]:
        return [event["topic"] for event in json.loads(run("events", "--json", *arguments).stdout)]

    assert found("--topic", "order_copies.start") == ["order_copies.start"]
    assert found("--subject", "order_copies/other") == found("--failed") == ["order_copies.fail"]
    assert found("--since", "2h") == ["order_copies.start"]
    assert found("--since", long_ago.date().isoformat(), "--failed") == ["order_copies.fail"]
    assert found("--since", "1m", "--failed") == []


def test_one_event_shows_all_that_came_of_it(run: Run, deliver: Deliver) -> None:
    """An event, its deliveries with their key, its transitions and follow-ups, on one page."""
    deliver("order_copies.complete", COPY)
    told = run("events", 1).stdout
    for word in ("Deliveries", "Transitions", "Follow-ups", "settle_source_order", "completed"):
        assert word in told


def test_the_body_comes_as_it_was(run: Run, deliver: Deliver) -> None:
    """--unmask prints the kept bytes of the newest delivery, no more and no less."""
    deliver("order_copies.complete", COPY)
    told = run("events", 1, "--body", "--unmask", "--reason", "a test").stdout_bytes
    assert json.loads(told)["data"]["id"] == COPY
    assert not told.endswith(b"\n")


def test_quarantine_is_listed(run: Run, deliver: Deliver) -> None:
    """What became no event is found, with the reason."""
    deliver("order_copies.complete", COPY, body=b"{}")
    (apart,) = json.loads(run("events", "--quarantine", "--json").stdout)
    assert (apart["verdict"], apart["size"]) == ("quarantine", 2)
    assert "JSON:API" in apart["reason"]


def test_follow_ups_are_filtered(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """Open ones and those given up are told apart; attempts show their time, result and request id."""
    deliver("order_copies.complete", COPY)
    deliver("order_copies.fail", "other")
    now = datetime.now(UTC)
    with sqlite_store.write() as connection:
        connection.execute(sa.update(follow_ups).where(follow_ups.c.kind == "alert").values(status="dead"))
        tried = {"follow_up_id": 1, "number": 1, "start": 1, "worker": "w", "started_at": now, "request_id": "req-7"}
        connection.execute(sa.insert(attempts).values(**tried, finished_at=now, result="unavailable", detail="503"))

    def found(*arguments: str) -> list[str]:
        return [one["kind"] for one in json.loads(run("follow-ups", "--json", *arguments).stdout)]

    assert found("--open") == found("--kind", "settle_source_order") == ["settle_source_order"]
    assert found("--dead") == ["alert"]
    assert found("--subject", f"order_copies/{COPY}") == ["settle_source_order"]
    told = run("follow-ups", 1).stdout
    assert "req-7" in told
    assert "unavailable" in told


def test_an_open_follow_up_says_since_when_it_waits(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """Every attempt counts, and the time is that of the first; whoever waits out a grace waits until then."""
    deliver("order_copies.complete", COPY)
    now = datetime.now(UTC)
    began = {"follow_up_id": 1, "start": 1, "worker": "w", "started_at": now, "finished_at": now}
    with sqlite_store.write() as connection:
        for number in (1, 2, 3):
            connection.execute(sa.insert(attempts).values(number=number, result="unavailable", **began))
        first = datetime(2026, 3, 2, 9, 30, tzinfo=UTC)
        values = {"attempt": 4, "starts": 0, "result": "no answer", "give_up_at": first + timedelta(hours=24)}
        connection.execute(sa.update(follow_ups).values(**values))
    row = run("follow-ups").stdout.splitlines()[1]
    assert row.split("planned")[1].strip() == "3  waits since 2026-03-02 09:30:00: no answer"
    assert "waiting_since  2026-03-02 09:30:00" in run("follow-ups", 1).stdout
    (told,) = json.loads(run("follow-ups", "--json").stdout)
    assert (told["tries"], told["waiting_since"]) == (3, "2026-03-02T09:30:00Z")
    with sqlite_store.write() as connection:
        connection.execute(sa.update(follow_ups).values(give_up_at=now + timedelta(hours=25)))
    assert "waits until" in run("follow-ups").stdout
    with sqlite_store.write() as connection:
        connection.execute(sa.update(follow_ups).values(status="dead", starts=1))
    (told,) = json.loads(run("follow-ups", "--json").stdout)
    assert (told["tries"], told["waiting_since"]) == (3, None)


def test_audit_follows_an_order_to_its_copies(run: Run, deliver: Deliver) -> None:
    """An order's trail holds that of the copies whose source or target it is."""
    deliver("order_copies.complete", COPY)
    relationships = json.loads(run("events", 1, "--body").stdout)["data"]["relationships"]
    source, target = (relationships[name]["data"]["id"] for name in ("source_order", "target_order"))
    for subject in (f"orders/{source}", f"orders/{target}", source):
        entries = json.loads(run("audit", subject, "--json").stdout)
        assert {entry["subject"] for entry in entries} == {f"order_copies/{COPY}"}
    assert len(json.loads(run("audit", COPY, "--json", "--limit", 1).stdout)) == 1


@pytest.mark.parametrize("arguments", [("audit", "nope"), ("audit", "orders/nope"), ("events", 9), ("follow-ups", 9)])
def test_what_is_not_kept_is_one_line(run: Run, sqlite_store: Store, arguments: tuple[object, ...]) -> None:
    """An unknown subject or id: exit 1, one line on stderr, nothing on stdout."""
    told = run(*arguments)
    assert (told.exit_code, told.stdout, len(told.stderr.splitlines())) == (1, "", 1)


def test_an_id_of_several_things_is_not_guessed(run: Run, deliver: Deliver) -> None:
    """A bare id that two resources have names both and chooses none."""
    deliver("order_copies.complete", COPY)
    deliver("orders.place", COPY)
    told = run("audit", COPY)
    assert told.exit_code == 1
    assert f"orders/{COPY}" in told.stderr


def test_hostile_text_comes_out_inert(run: Run, deliver: Deliver, sqlite_store: Store) -> None:
    """Escape sequences, bidi marks, line ends and markup in data neither act nor disappear."""
    deliver("order_copies.complete", COPY)
    with sqlite_store.write() as connection:
        connection.execute(sa.update(events).values(told_status=NASTY, error=NASTY))
        connection.execute(sa.update(follow_ups).values(result=NASTY))
    for arguments in (("events",), ("events", 1), ("follow-ups",), ("follow-ups", 1), ("events", "--json")):
        told = run(*arguments).stdout
        assert not {"\x1b", "\x9b", "\u202e"} & set(told)
        assert "[red]x[/red]" in told
    assert run("audit", "\x1b[31mx").stderr == "copydesk: nothing is kept about \ufffd[31mx\n"


@pytest.mark.parametrize(
    "arguments",
    [
        ("events",),
        ("events", 2),
        ("events", "--quarantine"),
        ("follow-ups",),
        ("follow-ups", 1),
        ("audit", COPY),
        ("settings",),
        ("doctor", "--offline"),
    ],
)
def test_a_terminal_of_80_columns_is_enough(
    run: Run, deliver: Deliver, monkeypatch: pytest.MonkeyPatch, arguments: tuple[object, ...]
) -> None:
    """On a narrow terminal no line is longer than the screen, and nothing is cut off."""
    monkeypatch.setattr(output, "_NO_SCREEN", 80)
    for topic in ("order_copies.start", "order_copies.complete", "order_copies.fail"):
        deliver(topic, COPY)
    deliver("order_copies.complete", "x", body=b"{}")
    told = run(*arguments)
    assert told.exit_code in (0, 1)
    assert max(len(line) for line in told.stdout.splitlines()) <= 80
    assert "…" not in told.stdout


def test_a_real_terminal_is_as_wide_as_it_says(deliver: Deliver) -> None:
    """On a terminal the table keeps to the screen, and ids stay whole."""
    deliver("order_copies.complete", COPY)
    told = _on_a_terminal("events")
    assert max(len(line.rstrip()) for line in told.splitlines()) <= 80
    assert COPY in told


def _on_a_terminal(*arguments: str) -> str:
    ours, theirs = pty.openpty()
    os.set_blocking(ours, True)
    size = {"COLUMNS": "80", "LINES": "24", "NO_COLOR": "1", "TERM": "dumb"}
    running = subprocess.Popen(command(*arguments), env=environment(**size), stdout=theirs, stderr=subprocess.DEVNULL)
    os.close(theirs)
    told = b""
    while True:
        try:
            part = os.read(ours, 65536)
        except OSError:  # how Linux says that the other side is closed
            break
        if not part:
            break
        told += part
    running.wait(20)
    os.close(ours)
    return told.decode()


@pytest.mark.parametrize(
    ("action", "detail", "told"),
    [
        ("incident.opened", {"about": "order_copies", "cause": "no stock"}, "incident of order_copies began: no stock"),
        ("incident.resolved", {"lasted": "2 h", "why": "cured", "count": 3}, "incident ended after 2 h: cured"),
    ],
)
def test_the_trail_tells_of_incidents_in_words(action: str, detail: dict[str, object], told: str) -> None:
    assert sentence(action, "worker", detail) == told
