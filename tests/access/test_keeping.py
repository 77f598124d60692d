"""Tokens are kept as digests, leave their entries, and are made and revoked at the command line."""

from __future__ import annotations

import hashlib
import json
import re
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from click.testing import CliRunner, Result

from service.access import Caller, keeping, unmask
from service.cli import copydesk
from service.errors import AccessRefused, NotFound, StoreError, TokenRefused
from service.store import Store, open_store
from service.store.schema import api_tokens, audit_entries
from service.store.tombstones import bury, lock_for_erasing
from tests.access.conftest import Gate
from tests.bodies import arrival, copy
from tests.rows import actions, rows

Run = Callable[..., Result]


@pytest.fixture
def run(store: Store, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Calls a command on the store."""
    monkeypatch.setenv("COPYDESK_DATABASE_URL", store.engine.url.render_as_string(hide_password=False))
    return lambda *arguments: CliRunner().invoke(copydesk, [str(one) for one in arguments], prog_name="copydesk")


def test_the_token_is_printed_alone_and_kept_as_a_digest(run: Run, store: Store) -> None:
    made = run("tokens", "create", "dashboard", "--scope", "read", "--scope", "act", "--by", "ops", "--reason", "BI")
    assert re.fullmatch(r"cpd_[0-9a-f]{40}\n", made.stdout)
    assert "not shown again" in made.stderr
    token = made.stdout.strip()
    (row,) = rows(store, api_tokens)
    assert bytes(row["hash"]) == hashlib.sha256(token.encode()).digest()
    assert (row["name"], row["scopes"], row["created_by"]) == ("dashboard", "read act", "operator ops")
    assert row["expires_at"] - row["created_at"] == timedelta(days=90)
    kept = repr(rows(store, audit_entries)) + repr(row)
    assert token not in kept.replace(repr(row["hash"]), "")
    assert token[4:] not in kept


def test_every_step_is_on_the_trail_without_the_token(run: Run, store: Store) -> None:
    token = run("tokens", "create", "dashboard", "--expires", "never", "--by", "ops", "--reason", "BI").stdout.strip()
    run("tokens", "revoke", "dashboard", "--by", "ops", "--reason", "lost")
    assert actions(store) == [
        ("token.created", {"token_id": 1, "scopes": "read", "reason": "BI"}),
        ("token.revoked", {"token_id": 1, "reason": "lost"}),
    ]
    assert {(row["subject"], row["actor"]) for row in rows(store, audit_entries)} == {
        ("tokens/dashboard", "operator ops")
    }
    shown = run("audit", "tokens/dashboard").stdout
    assert "token 1 made for read" in shown
    for digest in (token, hashlib.sha256(token.encode()).hexdigest()):
        assert digest not in shown + run("tokens", "list", "--json").stdout + run("tokens", "list").stdout


def test_the_list_tells_how_each_stands(run: Run, store: Store) -> None:
    for name in ("good", "gone", "over"):
        run("tokens", "create", name)
    run("tokens", "revoke", 2)
    with store.write() as connection:
        past = datetime.now(UTC) - timedelta(seconds=1)
        connection.execute(api_tokens.update().where(api_tokens.c.name == "over").values(expires_at=past))
    told = json.loads(run("tokens", "list", "--json").stdout)
    assert [(one["name"], one["is"]) for one in told] == [("good", "good"), ("gone", "revoked"), ("over", "expired")]
    assert all("hash" not in one for one in told)
    assert max(map(len, run("tokens", "list").stdout.splitlines())) <= 80


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("create", "taken"), 2),
        (("create", "7"), 2),
        (("create", "a b"), 2),
        (("create", "x", "--scope", "root"), 2),
        (("create", "x", "--expires", "0d"), 2),
        (("create", "x", "--expires", "soon"), 2),
        (("create", "x", "--expires", "999999w"), 2),
        (("revoke", "nobody"), 1),
        (("revoke", "99"), 1),
        (("revoke", "9" * 40), 1),
        (("revoke", "\N{ARABIC-INDIC DIGIT ONE}"), 1),
    ],
)
def test_what_cannot_be_is_one_line_and_changes_nothing(
    run: Run, store: Store, arguments: tuple[str, ...], code: int
) -> None:
    run("tokens", "create", "taken")
    before = rows(store, api_tokens), len(rows(store, audit_entries))
    result = run("tokens", *arguments)
    assert (result.exit_code, result.stdout) == (code, "")
    assert (rows(store, api_tokens), len(rows(store, audit_entries))) == before


def test_revoking_twice_says_so(run: Run) -> None:
    run("tokens", "create", "dashboard")
    assert [run("tokens", "revoke", 1).exit_code for _ in range(2)] == [0, 1]


def test_names_are_unique_among_the_living_in_the_database_itself(gate: Gate) -> None:
    gate.make("dashboard")
    with pytest.raises(TokenRefused, match="revoke it first"):
        gate.make("dashboard")
    with gate.store.write() as connection:
        keeping.revoke(connection, "1", datetime.now(UTC), by="operator test")
    gate.make("dashboard")


def keep_one(store: Store) -> int:
    """An event's id."""
    from service.store.keep import keep  # noqa: PLC0415 - beside its only use

    with store.write() as connection:
        return keep(connection, [arrival("order_copies.start", copy(status="in_progress"))])[0].event_id or 0


def test_whoever_may_act_may_unmask_and_it_is_on_the_trail_first(store: Store) -> None:
    event_id = keep_one(store)
    unmask(Caller("desk", frozenset(("read", "act"))), store, "order_copies/XAyRWNUzyN", event_id, "ticket 7")
    entry = rows(store, audit_entries)[-1]
    assert (entry["action"], entry["actor"], entry["event_id"]) == ("payload.unmasked", "token desk", event_id)
    assert (entry["subject"], json.loads(entry["detail"])) == ("order_copies/XAyRWNUzyN", {"reason": "ticket 7"})


@pytest.mark.parametrize(("scopes", "reason", "status"), [(("read",), "why", 403), (("read", "act"), " ", 400)])
def test_nobody_unmasks_without_the_scope_or_a_reason(
    store: Store, scopes: tuple[str, ...], reason: str, status: int
) -> None:
    event_id = keep_one(store)
    before = len(rows(store, audit_entries))
    with pytest.raises(AccessRefused) as refused:
        unmask(Caller("desk", frozenset(scopes)), store, "order_copies/XAyRWNUzyN", event_id, reason)
    assert refused.value.status == status
    assert len(rows(store, audit_entries)) == before


def test_nothing_may_be_shown_that_could_not_be_written_down(sqlite_url: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """With the write lock held by another process, it waits a moment and then fails."""
    monkeypatch.setattr("service.access.unmasking.LOCK_SECONDS", 0.1)
    store = open_store(sqlite_url)
    event_id = keep_one(store)
    quick = store.impatient()
    with store.write(), pytest.raises(StoreError):
        unmask(Caller("desk", frozenset(("act",))), quick, "order_copies/XAyRWNUzyN", event_id, "why")
    assert all(row["action"] != "payload.unmasked" for row in rows(store, audit_entries))
    quick.close()
    store.close()


def test_what_was_erased_meanwhile_is_not_shown_and_not_named_again(store: Store) -> None:
    """Somebody looked, an erasure came, and then they say that they look."""
    event_id = keep_one(store)
    with store.write() as connection:
        bury(connection, ["order_copies/XAyRWNUzyN"], "request", datetime.now(UTC))
    with pytest.raises(NotFound, match="was erased"):
        unmask(Caller("desk", frozenset(("act",))), store, "order_copies/XAyRWNUzyN", event_id, "why")
    assert all(row["action"] != "payload.unmasked" for row in rows(store, audit_entries))


def test_an_erasure_under_way_is_waited_for(database_url: str) -> None:
    """It begins before the entry and ends after it was asked for: the entry is not written."""
    store = open_store(database_url)
    event_id, caller = keep_one(store), Caller("desk", frozenset(("act",)))
    with ThreadPoolExecutor(1) as threads:
        with store.write() as connection:
            lock_for_erasing(connection)
            asked = threads.submit(unmask, caller, store, "order_copies/XAyRWNUzyN", event_id, "why")
            time.sleep(0.3)
            assert not asked.done()
            bury(connection, ["order_copies/XAyRWNUzyN"], "request", datetime.now(UTC))
        with pytest.raises(NotFound, match="was erased"):
            asked.result()
    assert all(row["action"] != "payload.unmasked" for row in rows(store, audit_entries))
    store.close()
