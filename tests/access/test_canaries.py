"""Nothing of a customer's comes out anywhere unless somebody asks for it by name, and then the trail says who."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa
from click.testing import CliRunner

from service.cli import copydesk
from service.masking import MASKED_EMAIL
from service.merkle import leaves
from service.sandbox import Sandbox
from service.store import Store, open_store, queries
from service.store.schema import audit_entries, events, follow_ups, spell
from tests.access import canaries
from tests.bodies import MODE, ORGANIZATION, SECRETS, order, wire
from tests.rows import rows
from tests.web_process import running
from tests.worker_process import eventually, workers

Run = Callable[..., str]
SUBJECTS = ("order_copies/Copy1", "recurring_order_copies/Run1", "order_subscriptions/nZvYhWxKqB", "orders/qAlMhokOGm")


@dataclass
class Played:
    """What came of the canaries."""

    store: Store
    logs: str
    answers: bytes
    slack: str


@pytest.fixture(scope="module")
def played(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Played]:
    """Deliveries with canaries through a real web process and a real worker, until nothing is left to do."""
    url = f"sqlite:///{tmp_path_factory.mktemp('canaries')}/copydesk.db"
    with Sandbox(step_seconds=0.0) as sandbox, running(url, web_workers="1") as web:
        answers = [
            web.deliver("order_copies.fail", wire(canaries.failed("Copy1"))),
            web.deliver("recurring_order_copies.fail", wire(canaries.failed("Run1", recurring=True))),
            web.deliver("order_subscriptions.last_run_failed", wire(canaries.run_failed())),
            web.deliver("orders.place", wire(order("qAlMhokOGm", **canaries.PERSONAL))),
            web.deliver("order_copies.complete", f'{{"email": "{canaries.EMAIL}"'.encode()),
            web.deliver("customers.create", wire({"data": {"attributes": canaries.PERSONAL}})),
            web.get(f"/{canaries.WORD}?email={canaries.EMAIL}"),
            *(
                web.exchange(f"{method} HTTP/1.1\r\nHost: h\r\nConnection: close\r\n{header}\r\n\r\n".encode())
                for method, header in (
                    ("GET /api/token", f"Authorization: Bearer {canaries.WORD}"),
                    (f"POST /webhooks/{canaries.WORD}", f"X-CommerceLayer-Topic: {canaries.WORD}"),
                    (f"BREW /{canaries.WORD}", f"X: {canaries.EMAIL}"),
                )
            ),
        ]
        store = open_store(url)
        with store.write() as connection:
            # The run's alert gives the copy's the first word, for twenty seconds that prove nothing here.
            connection.execute(sa.update(follow_ups).values(due_at=datetime.now(UTC)))
        with workers(url, sandbox.url) as made:
            made.start()
            done = ("done", "left", "refused", "dead")
            assert eventually(lambda: all(row["status"] in done for row in rows(store, follow_ups)), 60), made.logs()
            assert made.started[0].stop() == 0
            slack = json.dumps(sandbox.slack, ensure_ascii=False)
            logs = made.logs()
        assert web.stop() == 0
        head = "".join(str(answer.headers) for answer in answers).encode()
        yield Played(store, logs + web.log, b"".join(answer.body for answer in answers) + head, slack)
        store.close()


@pytest.fixture
def run(played: Played, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Run:
    """Calls a command on what came of it, and gives all that it prints."""
    settings = {
        "DATABASE_URL": played.store.engine.url.render_as_string(hide_password=False),
        "ORGANIZATION": ORGANIZATION,
        "MODE": MODE,
        "WEBHOOK_SECRETS": json.dumps(dict(SECRETS)),
    }
    for name, value in settings.items():
        monkeypatch.setenv(f"COPYDESK_{name}", value)
    monkeypatch.chdir(tmp_path)

    def call(*arguments: object) -> str:
        result = CliRunner().invoke(copydesk, [str(one) for one in arguments], prog_name="copydesk")
        assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
        return result.output

    return call


def test_everything_was_really_done(played: Played) -> None:
    """Or the silence of the others would prove nothing: events kept, people told, incidents begun."""
    assert len(rows(played.store, events)) >= 4
    assert "Order copy failed" in played.slack
    assert "declined for" in played.slack
    with played.store.read() as connection:
        assert queries.incidents(connection, limit=10)
        assert len(queries.apart(connection)) == 2


def test_no_canary_is_logged_answered_or_told(played: Played) -> None:
    assert canaries.found(played.logs) == []
    assert canaries.found(played.answers.decode("latin-1")) == []
    assert canaries.found(played.slack) == []


def test_no_canary_is_in_a_leaf(played: Played) -> None:
    """What the log commits to, and what leaves the machine with its proofs, is nobody's."""
    told = rows(played.store, audit_entries)
    written = b"".join(leaves.leaf(spell(row["at"]), row) for row in told)
    assert len(told) > 20
    assert canaries.found(written.decode("latin-1")) == []


def _calls(store: Store) -> Iterator[tuple[object, ...]]:
    with store.read() as connection:
        ids = [row.id for row in connection.execute(sa.select(events.c.id))]
        planned = [row.id for row in connection.execute(sa.select(follow_ups.c.id))]
        found = [one.id for one in queries.incidents(connection, limit=10)]
        stands_apart = [one.id for one in queries.apart(connection)]
    lists: list[tuple[object, ...]] = [("events",), ("events", "--failed"), ("events", "--quarantine"), ("follow-ups",)]
    lists += [("follow-ups", "--open"), ("follow-ups", "--dead"), ("incidents",), ("doctor", "--offline")]
    lists += [("settings",), ("tokens", "list"), *(("audit", subject) for subject in SUBJECTS)]
    lists += [("events", id_) for id_ in ids] + [("follow-ups", id_) for id_ in planned]
    lists += [("incidents", id_) for id_ in found] + [("replay", "--dry-run", id_) for id_ in ids]
    lists += [("replay", "--dry-run", "--delivery", id_) for id_ in stands_apart]
    lists += [("retry", id_, "--reason", "try") for id_ in planned[:1]] + [("replay", id_) for id_ in ids[:2]]
    for one in lists:
        yield one
        yield (*one, "--json")
    yield from (("events", id_, "--body") for id_ in ids)


def test_no_command_shows_a_canary(played: Played, run: Run) -> None:
    """Every command that shows what is kept, as tables and as JSON; what an operator wrote in a reason, likewise."""
    reason = f"asked for by {canaries.EMAIL}, {canaries.PHONE}"
    assert canaries.found(run("replay", 1, "--reason", reason)) == []
    assert reason in rows(played.store, audit_entries)[-1]["detail"]
    calls = [*_calls(played.store)]
    assert len(calls) > 40
    shown = {call: canaries.found(run(*call)) for call in calls}
    assert {call: found for call, found in shown.items() if found} == {}


def test_what_is_masked_is_still_worth_reading(run: Run) -> None:
    """Errors stay readable, structure, ids, statuses and the switches of rules stay as they are."""
    told = json.loads(run("events", 1, "--body"))
    attributes = told["data"]["attributes"]
    assert attributes["errors_log"]["payment_method"] == [
        f"declined for {MASKED_EMAIL} (masked), masked",
        "call masked",
    ]
    assert attributes["metadata"]["cancel_source_order"] is True
    assert (told["data"]["id"], attributes["status"], attributes["errors_count"]) == ("Copy1", "failed", 2)
    assert told["data"]["relationships"]["source_order"]["data"] == {"type": "orders", "id": "qAlMhokOGm"}
    assert told["data"]["meta"] == {"mode": MODE, "organization_id": ORGANIZATION}


def test_a_key_of_metadata_that_may_be_shown_is(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the setting, and even then without what looks like an address."""
    monkeypatch.setenv("COPYDESK_SHOWN_METADATA", "who, other")
    metadata = json.loads(run("events", 1, "--body"))["data"]["attributes"]["metadata"]
    assert metadata["who"] == canaries.WORD
    assert canaries.WORD not in json.dumps({name: one for name, one in metadata.items() if name != "who"})


def test_unmasked_it_is_all_there_and_the_trail_says_who_and_why(played: Played, run: Run) -> None:
    """Byte by byte, once there is a reason; without one, nothing is shown and nothing is written."""
    before = len(rows(played.store, audit_entries))
    refused = run("events", 1, "--body", "--unmask")
    assert canaries.found(refused) == []
    assert "--reason" in refused
    assert len(rows(played.store, audit_entries)) == before
    shown = run("events", 1, "--body", "--unmask", "--reason", "ticket 7", "--by", "ops")
    assert shown.encode() == wire(canaries.failed("Copy1"))
    entry = rows(played.store, audit_entries)[-1]
    assert (entry["action"], entry["actor"], entry["event_id"]) == ("payload.unmasked", "operator ops", 1)
    assert (entry["subject"], json.loads(entry["detail"])) == ("order_copies/Copy1", {"reason": "ticket 7"})
    assert "looked at unmasked: ticket 7 (by operator ops)" in run("audit", "order_copies/Copy1")
