"""Publication: every head that leaves this machine does so once, in order, and with a leaf that tells when."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.audit import publication, published
from service.audit.publication import publish
from service.audit.published import append, heads_in
from service.audit.sequencer import sequence
from service.errors import Unavailable
from service.merkle.notes import Head, open_head, sign
from service.store import Store
from service.store.log_heads import Checkpoint
from service.store.schema import checkpoints, follow_ups
from tests.audit.book import KEY, NEXT, NOW, check, write
from tests.follow_ups.desk import Desk
from tests.rows import actions, rows

BOTH = ["file", "slack"]


def note(size: int, root: bytes = b"\x07" * 32, *signers: Any) -> str:
    """A signed head."""
    return sign(Head(KEY.verifier.name, size, root).text, signers or [KEY])


def published_now(store: Store, number: int = 1) -> Checkpoint:
    """Write something, sequence it, and plan the publication of the head."""
    write(store, number)
    sequence(store, KEY, NOW)
    made = publish(store, BOTH, NOW, "worker")
    assert made is not None
    return made


def attempts(desk: Desk, target: str) -> list[str]:
    """Make one attempt of each open publication to a target; how they stand then."""
    of = [row for row in rows(desk.store, follow_ups) if row["cause"].startswith(f"{target} ")]
    return [desk.attempt(row["id"])["status"] if row["status"] == "planned" else row["status"] for row in of]


def test_a_head_goes_to_the_file_and_to_slack(desk: Desk, elsewhere: Path) -> None:
    """The note that was signed; in Slack origin, size and root are one plain line, and the signature is beside it."""
    made = published_now(desk.store, 3)
    head = check(desk.store, KEY)
    assert (attempts(desk, "file"), attempts(desk, "slack")) == (["done"], ["done"])
    assert elsewhere.read_text() == made.note == head.head
    assert open_head(elsewhere.read_text(), [KEY.verifier]).size == 4
    (told,) = desk.sandbox.slack
    text = told["payload"]["blocks"][1]["text"]["text"].splitlines()
    origin, size, root = made.note.splitlines()[:3]
    assert text[:2] == [f"Origin {origin}, size {size}, root {root}", made.note.splitlines()[-1]]


def test_when_it_was_published_is_a_leaf_behind_it(store: Store) -> None:
    made = published_now(store)
    ((_action, detail),) = [one for one in actions(store) if one[0] == "checkpoint.time"]
    assert detail == {"origin": KEY.verifier.name, "size": made.size, "root": made.root.hex()}
    (row,) = rows(store, checkpoints)
    assert (row["size"], row["at"], row["note"]) == (made.size, NOW, made.note)
    sequence(store, KEY, NOW)
    assert check(store, KEY).size > made.size


def test_nothing_new_nothing_published(desk: Desk) -> None:
    """What publication itself writes is not new; neither is an unsigned head, nor is there one without a place."""
    write(desk.store, 1)
    sequence(desk.store, None, NOW)
    assert publish(desk.store, BOTH, NOW, "worker") is None
    published_now(desk.store)
    attempts(desk, "file")
    sequence(desk.store, KEY, NOW)
    assert publish(desk.store, BOTH, NOW, "worker") is None
    write(desk.store, 1)
    sequence(desk.store, KEY, NOW)
    assert publish(desk.store, [], NOW, "worker") is None
    assert publish(desk.store, BOTH, NOW, "worker") is not None


def test_another_key_is_new(store: Store) -> None:
    published_now(store)
    sequence(store, NEXT, NOW, [KEY])
    made = publish(store, BOTH, NOW, "worker")
    assert made is not None
    assert made.note.count("— ") == 2


@pytest.mark.parametrize(("minutes", "is_due"), [(59, False), (60, True), (600, True)])
def test_it_is_due_each_hour(sqlite_store: Store, minutes: int, is_due: bool) -> None:
    published_now(sqlite_store)
    write(sqlite_store, 1)
    sequence(sqlite_store, KEY, NOW)
    then, hour = NOW + timedelta(minutes=minutes), timedelta(hours=1)
    assert publication.is_due(sqlite_store, BOTH, then, hour) is is_due
    assert (publish(sqlite_store, BOTH, then, "worker", hour) is not None) is is_due
    assert not publication.is_due(sqlite_store, BOTH, then, hour)


def test_slack_in_trouble_waits_and_then_goes_in_order(desk: Desk, elsewhere: Path) -> None:
    """A later head does not overtake an earlier one; the file does not wait for Slack."""
    sizes = [published_now(desk.store).size for _ in range(3)]
    desk.sandbox.trouble(path="/sandbox/slack", method="POST", status=503, calls=1)
    assert attempts(desk, "slack") == ["planned"] * 3
    assert attempts(desk, "file") == ["done"] * 3
    assert [one.head.size for one in published.read(elsewhere)] == sizes
    assert desk.sandbox.slack == []
    results = [row["result"] for row in rows(desk.store, follow_ups) if row["cause"].startswith("slack ")]
    assert results[1:] == ["an earlier head goes first"] * 2
    assert attempts(desk, "slack") == ["done"] * 3
    told = [one["payload"]["blocks"][1]["text"]["text"].split("size ")[1] for one in desk.sandbox.slack]
    assert [int(text.split(",")[0]) for text in told] == sizes


def test_the_file_gets_an_attempt_only_once(desk: Desk, elsewhere: Path) -> None:
    """Made again after a crash, it finds what it did."""
    made = published_now(desk.store)
    append(elsewhere, made.note)
    (row,) = (row for row in rows(desk.store, follow_ups) if row["cause"].startswith("file "))
    assert desk.attempt(row["id"])["result"] == "it was there already"
    assert elsewhere.read_text() == made.note


def test_a_file_that_cannot_be_written_is_tried_again(desk: Desk, elsewhere: Path) -> None:
    elsewhere.parent.rmdir()
    published_now(desk.store)
    assert attempts(desk, "file") == ["planned"]
    elsewhere.parent.mkdir()
    assert attempts(desk, "file") == ["done"]


def test_a_dry_run_publishes_all_the_same(desk: Desk) -> None:
    published_now(desk.store)
    assert attempts(desk.under(dry_run=True), "file") == ["done"]


def test_a_place_that_is_not_set_any_more_is_left(desk: Desk) -> None:
    published_now(desk.store)
    assert attempts(desk.under(checkpoints_file=""), "file") == ["left"]


def test_notes_stand_in_the_file_with_an_empty_line_between_them(elsewhere: Path) -> None:
    assert [append(elsewhere, note(size)) for size in (1, 2, 2, 1, 3)] == [True, True, False, False, True]
    assert elsewhere.read_text() == f"{note(1)}\n{note(2)}\n{note(3)}"
    assert [one.head.size for one in published.read(elsewhere)] == [1, 2, 3]


@given(st.data())
def test_a_note_that_was_cut_off_is_completed(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """By a full disk or a killed process: wherever it ended, the file holds the whole note afterwards."""
    file = tmp_path_factory.mktemp("cut") / "heads"
    append(file, note(1))
    whole = f"\n{note(2)}".encode()
    cut = data.draw(st.integers(0, len(whole) - 1))
    with file.open("ab") as opened:
        opened.write(whole[:cut])
    later = data.draw(st.booleans())
    for size in (2, 3) if not later else (3, 2):
        append(file, note(size))
    assert sorted(one.head.size for one in heads_in(file.read_text("utf-8", "replace"))) == [1, 2, 3]


def test_what_else_is_in_the_file_is_passed_over(elsewhere: Path) -> None:
    elsewhere.write_text(f"Heads of our log.\n\n{note(1)}\n\n\nnonsense\n1\nAAAA\n\n— a b\n\n{note(2)}rest")
    assert [one.head.size for one in published.read(elsewhere)] == [1, 2]


def test_two_at_once_write_one_after_the_other(elsewhere: Path) -> None:
    """In processes: a lock of the file is a process's own."""
    children = []
    for size in range(1, 9):
        if not (child := os.fork()):
            append(elsewhere, note(size % 4 + 1))
            os._exit(0)
        children.append(child)
    assert [os.waitpid(child, 0)[1] for child in children] == [0] * 8
    assert sorted(one.head.size for one in published.read(elsewhere)) == [1, 2, 3, 4]


def test_a_directory_that_is_gone_is_trouble_that_passes(elsewhere: Path) -> None:
    with pytest.raises(Unavailable, match="No such file"):
        append(elsewhere.parent / "gone" / "heads", note(1))
