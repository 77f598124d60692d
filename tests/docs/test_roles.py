"""The roles of docs/operations.md on a real PostgreSQL: what they need they have, and nothing else."""

from __future__ import annotations

import json
import re
import uuid
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
import pytest
import sqlalchemy as sa

from handlers import MODULES
from service.access import keeping
from service.audit import sequencer
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish, verify
from service.incidents import Occurrence
from service.router import Router
from service.settings import Settings
from service.store import Store, incidents, open_store
from service.store.schema import api_tokens, audit_entries, deliveries, refusals
from service.store.schema import incidents as incident_rows
from service.web import create_app
from service.web.services import Services
from tests import bodies
from tests.audit.record import KEY
from tests.docs.pages import ROOT, blocks
from tests.rows import rows

_NAME = re.compile(r"\bcopydesk(?=_web\b|_auditor\b|\b)")


@dataclass(frozen=True, slots=True)
class Roles:
    """An installation whose roles were made as the page says; its names have an ending of this test's."""

    owner: str
    web: str
    auditor: str


@pytest.fixture(scope="module")
def roles(postgres: str) -> Iterator[Roles]:
    """Roles and database by the first block, tables, then the grants of the second."""
    name = f"copydesk{uuid.uuid4().hex[:8]}"
    first, second = (_NAME.sub(name, block.text) for block in blocks(ROOT / "docs" / "operations.md", "sql"))
    url = sa.make_url(postgres).set(drivername="postgresql+psycopg", database=name)
    told = {role: url.set(username=role).render_as_string(hide_password=False) for role in _roles(name)}
    made = Roles(*told.values())
    with psycopg.connect(postgres, autocommit=True) as connection:
        for statement in first.strip().split(";\n"):
            connection.execute(statement)  # type: ignore[call-overload]
    open_store(made.owner).close()
    with psycopg.connect(_libpq(made.owner), autocommit=True) as connection:
        connection.execute(second)  # type: ignore[call-overload]
    yield made
    with psycopg.connect(postgres, autocommit=True) as connection:
        connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]
        for role in reversed(_roles(name)):
            connection.execute(f"DROP ROLE {role}")  # type: ignore[call-overload]


def _roles(name: str) -> tuple[str, str, str]:
    return name, f"{name}_web", f"{name}_auditor"


def _libpq(url: str) -> str:
    return sa.make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)


@pytest.fixture(scope="module")
def owner(roles: Roles) -> Iterator[Store]:
    """The database as the worker sees it."""
    with closing(open_store(roles.owner)) as opened:
        yield opened


def test_the_web_process_does_all_its_work_as_its_role(roles: Roles, owner: Store) -> None:
    """Deliveries of every kind, a cure, a refusal, a token's use, a look behind the mask: with no other rights."""
    cured = "order_subscriptions/nZvYhWxKqB"
    with owner.write() as connection:
        what = Occurrence("failure", "order_subscriptions", "the shop is closed", "it failed", affected=cured)
        incidents.note(connection, what, datetime.now(UTC), "worker")
        token = keeping.create(connection, "desk", ("act",), datetime.now(UTC), expires_at=None, by="operator test")
    settings = Settings(
        database_url=roles.web,
        organization=bodies.ORGANIZATION,
        mode=bodies.MODE,
        webhook_secrets=json.dumps(dict(bodies.SECRETS)),
    )
    app = create_app(settings, Router(list(MODULES)))
    http = app.test_client()
    related = {"source_order": "qAlMhokOGm", "target_order": "NgojhelVGm"}
    told = [
        ("order_copies.complete", bodies.copy(**related)),
        ("order_copies.complete", bodies.copy(**related)),
        ("order_copies.start", bodies.copy(status="in_progress", updated_at="2026-03-02T11:00:00.000Z")),
        ("order_copies.complete", b"no JSON"),
        ("order_copies.fail", bodies.copy("Large00001", "failed", metadata={"x": "y" * 300_000})),
        ("order_subscriptions.last_run_succeeded", bodies.subscription()),
    ]
    for topic, document in told:
        raw = document if isinstance(document, bytes) else bodies.wire(document)
        headers = {"X-CommerceLayer-Topic": topic, "X-CommerceLayer-Signature": bodies.sign(topic, raw)}
        assert http.post(f"/webhooks/{topic}", data=raw, headers=headers).status_code == 200
    assert (
        http.post("/webhooks/orders.place", data=b"{}", headers={"X-CommerceLayer-Signature": "x"}).status_code == 401
    )
    assert http.get("/readyz").status_code == 200
    asked = {"Authorization": f"Bearer {token}", "Accept": "application/vnd.api+json"}
    number = max(row["id"] for row in rows(owner, deliveries) if row["event_id"])
    shown = http.get(f"/api/deliveries/{number}?unmask=true&reason=why", headers=asked)
    assert shown.status_code == 200, shown.data
    with app.app_context():
        Services.of(app).close()
    assert [row["verdict"] for row in rows(owner, deliveries)] == [
        *("event", "redelivery", "event", "quarantine", "deferred", "event")
    ]
    assert {row["status"] for row in rows(owner, incident_rows)} == {"resolved"}
    assert rows(owner, refusals)
    assert rows(owner, api_tokens)[0]["last_used_at"] is not None
    assert "payload.unmasked" in {row["action"] for row in rows(owner, audit_entries)}
    sequencer.sequence(owner, KEY, datetime.now(UTC))
    report = verify(Wish(Place(None, _libpq(roles.auditor)), processes=2))
    assert (report.violations, report.counts["entries"] > 8) == ([], True)


def _entry(**more: object) -> str:
    """A statement that writes an entry, with other columns too."""
    told = {"at": "now()", "subject": "'s'", "actor": "'intake'", "action": "'note'", "detail": "'{}'"}
    told |= {"commitment": "'x'", "leaf_hash": "'x'"} | {name: str(value) for name, value in more.items()}
    return f"INSERT INTO audit_entries ({', '.join(told)}) VALUES ({', '.join(told.values())})"  # noqa: S608 - ours


@pytest.mark.parametrize(
    "statement",
    [
        _entry(epoch=1, leaf_index=999),
        _entry(epoch=1),
        _entry(leaf_index=1),
        _entry(id=1_000_000),
        "UPDATE audit_entries SET salt = NULL",
        "UPDATE audit_entries SET leaf_index = 1 WHERE leaf_index IS NULL",
        "DELETE FROM audit_entries",
        "TRUNCATE audit_entries",
        "DROP TRIGGER audit_entries_unchanged ON audit_entries",
        "ALTER TABLE audit_entries DISABLE TRIGGER ALL",
        "SET session_replication_role = replica",
        "INSERT INTO audit_logs (epoch, origin, size, frontier) VALUES (9, 'x', 0, '')",
        "UPDATE audit_logs SET head = NULL",
        "DELETE FROM checkpoints",
        "UPDATE audit_keys SET verifier = 'x'",
        "DELETE FROM events",
        "UPDATE events SET subject = 'x'",
        "UPDATE events SET key = 'x'",
        "UPDATE deliveries SET body = NULL",
        "DELETE FROM deliveries",
        "UPDATE transitions SET to_status = 'x'",
        "DELETE FROM states",
        "UPDATE follow_ups SET status = 'done'",
        "INSERT INTO attempts (follow_up_id, number, start, worker, started_at) VALUES (1, 1, 1, 'w', now())",
        "UPDATE incidents SET cause = 'x'",
        "INSERT INTO tombstones (mark, basis, erased_at) VALUES ('x', 'x', now())",
        "DELETE FROM holds",
        "INSERT INTO api_tokens (name, hash, scopes, created_at, created_by) VALUES ('x', 'x', 'act', now(), 'x')",
        "UPDATE api_tokens SET scopes = 'admin'",
        "UPDATE webhook_secrets SET ciphertext = 'x'",
        "CREATE TABLE mine (a int)",
    ],
)
def test_the_web_role_may_do_nothing_else(roles: Roles, owner: Store, statement: str) -> None:
    """Whoever takes the web process over changes no history and gives no entry a place."""
    del owner
    with (
        psycopg.connect(_libpq(roles.web)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[call-overload]


def test_the_web_role_may_write_an_entry(roles: Roles) -> None:
    """So what is forbidden above is forbidden for its columns' sake."""
    with psycopg.connect(_libpq(roles.web)) as connection:
        connection.execute(_entry())  # type: ignore[call-overload]
        connection.rollback()


@pytest.mark.parametrize(
    "statement",
    [
        "SELECT * FROM webhook_secrets",
        "SELECT * FROM tombstone_keys",
        "DELETE FROM events",
        _entry(),
        "SELECT nextval('events_id_seq')",
    ],
)
def test_the_auditor_only_reads(roles: Roles, statement: str) -> None:
    with (
        psycopg.connect(_libpq(roles.auditor)) as connection,
        pytest.raises(psycopg.errors.InsufficientPrivilege),
    ):
        connection.execute(statement)  # type: ignore[call-overload]
