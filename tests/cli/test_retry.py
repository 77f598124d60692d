"""copydesk retry."""

from __future__ import annotations

import json
from datetime import UTC, datetime

import sqlalchemy as sa

from service.store import open_store
from service.store.schema import follow_ups
from tests.cli.conftest import Deliver, Run


def _end(url: str, status: str) -> None:
    store = open_store(url)
    with store.write() as connection:
        connection.execute(sa.update(follow_ups).values(status=status, changed_at=datetime.now(UTC)))
    store.close()


def test_what_ended_is_planned_again_and_the_trail_says_who_and_why(
    installation: str, deliver: Deliver, run: Run
) -> None:
    """One that ended is planned again, as its next attempt, and the audit trail names the person and the reason."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    _end(installation, "dead")

    told = run("retry", 1, "--reason", "the secret was mended", "--by", "Robin")

    assert (told.exit_code, told.stderr) == (0, "copydesk: planned again: 1\n")
    assert json.loads(run("follow-ups", 1, "--json").stdout)["status"] == "planned"
    entry = json.loads(run("audit", "order_copies/XAyRWNUzyN", "--json").stdout)[-1]
    assert (entry["actor"], entry["detail"]["why"]) == ("operator Robin", "the secret was mended")


def test_all_of_the_named_are_planned_or_none(installation: str, deliver: Deliver, run: Run) -> None:
    """A number that is not kept, or not at its end, leaves the others as they were."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    _end(installation, "refused")

    told = run("retry", 1, 99, "--reason", "a typo")

    assert told.exit_code == 1
    assert told.stderr == "copydesk: follow-up 99 is not kept, or not at its end; nothing was planned\n"
    assert json.loads(run("follow-ups", 1, "--json").stdout)["status"] == "refused"


def test_what_was_planned_is_told_as_json(installation: str, deliver: Deliver, run: Run) -> None:
    """--json: the follow-ups as they stand now, and nothing else."""
    deliver("order_copies.complete", "XAyRWNUzyN")
    _end(installation, "dead")
    told = run("retry", 1, "--reason", "mended", "--json")
    assert (told.exit_code, told.stderr) == (0, "")
    (planned,) = json.loads(told.stdout)
    assert (planned["id"], planned["status"], planned["attempt"]) == (1, "planned", 2)


def test_a_reason_is_asked_for(installation: str, run: Run) -> None:
    """Nobody has anything tried again without saying why."""
    assert run("retry", 1).exit_code == 2
