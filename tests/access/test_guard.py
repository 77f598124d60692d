"""The guard: who is let in, who is not, and what either costs."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from service.access import guard as guarding
from service.access.failures import LIMIT
from service.access.tokens import new_token
from service.errors import AccessRefused, StoreUnavailable
from service.store import Store, api_tokens
from tests.access.conftest import ADDRESS, Gate
from tests.rows import rows


def refusal(gate: Gate, token: str | None, address: str = ADDRESS) -> AccessRefused:
    """How a token is refused."""
    with pytest.raises(AccessRefused) as refused:
        gate.shows(token, address)
    return refused.value


@contextmanager
def asked(store: Store) -> Iterator[list[str]]:
    """Every statement that reaches the database meanwhile."""
    statements: list[str] = []

    def note(_c: object, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)

    sa.event.listen(store.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        sa.event.remove(store.engine, "before_cursor_execute", note)


def test_a_good_token_lets_its_holder_in(gate: Gate) -> None:
    caller = gate.shows(gate.make("dashboard", "act", life=timedelta(days=1)))
    assert (caller.name, caller.scopes) == ("dashboard", {"read", "act"})
    assert not gate.counted


def test_every_bad_token_gets_the_same_answer_and_its_own_count(gate: Gate) -> None:
    """Nobody learns from the answer whether a token ever was one; the operator does from the counts."""
    spent, over = gate.make("over", life=timedelta(microseconds=1)), gate.make("gone")
    gate.revoke("gone")
    shown = {"expired token": spent, "revoked token": over, "unknown token": new_token(), "malformed token": "é" * 40}
    answers = {(r.status, r.title, r.detail, *r.headers.items()) for r in (refusal(gate, t) for t in shown.values())}
    assert len(answers) == 1
    assert answers.pop()[0::3] == (401, ("WWW-Authenticate", "Bearer"))
    assert gate.counted == dict.fromkeys(shown, 1)
    assert refusal(gate, None).headers == {"WWW-Authenticate": "Bearer"}
    assert gate.counted["no token"] == 1


def test_a_revoked_token_is_refused_at_once_and_its_name_is_free(gate: Gate) -> None:
    first = gate.make("dashboard")
    assert gate.shows(first).name == "dashboard"
    gate.revoke("dashboard")
    assert refusal(gate, first).status == 401
    assert gate.shows(gate.make("dashboard")).name == "dashboard"


def test_after_too_many_failures_nothing_is_asked_of_the_database(gate: Gate) -> None:
    """429 with the seconds to wait, however many come; another address is not concerned."""
    assert [refusal(gate, new_token()).status for _ in range(LIMIT)] == [401] * LIMIT
    assert refusal(gate, new_token()).status == 429
    with asked(gate.store) as statements:
        refused = [refusal(gate, new_token()) for _ in range(200)]
    assert {r.status for r in refused} == {429}
    assert all(1 <= int(r.headers["Retry-After"]) <= 60 for r in refused)
    assert statements == []
    assert refusal(gate, new_token(), "192.0.2.7").status == 401
    assert gate.counted["too many failures"] == 201


def test_a_good_token_gets_in_from_an_address_that_failed(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """Behind a proxy all have one address: whoever tries keys there locks nobody out, and a revoked one stays out."""
    good, gone = gate.make("dashboard"), gate.make("gone")
    for _ in range(LIMIT + 1):
        refusal(gate, new_token())
    assert gate.shows(good).name == "dashboard"
    gate.revoke("gone")
    assert refusal(gate, gone).status == 401
    late = gate.make("late")
    assert refusal(gate, late).status == 429
    monkeypatch.setattr(guarding, "KNOWN_SECONDS", 0.0)
    assert gate.shows(late).name == "late"


def test_without_any_token_the_log_says_once_how_to_make_one(gate: Gate) -> None:
    with capture_logs() as logs:
        for _ in range(30):
            refusal(gate, None)
            refusal(gate, "x")
    (told,) = logs
    assert (told["event"], told["mend"]) == ("no token lets anybody in", "copydesk tokens create NAME --scope read")


def test_with_a_token_the_log_says_nothing_of_failures(gate: Gate) -> None:
    gate.make("dashboard")
    with capture_logs() as logs:
        for _ in range(30):
            refusal(gate, new_token())
    assert logs == []


def test_a_database_that_cannot_be_read_is_no_refusal(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    """503 with Retry-After, counted as nobody's failure, so that an outage locks nobody out."""
    token = gate.make("dashboard")

    def fails(*_: object) -> None:
        raise StoreUnavailable("disk I/O error")

    with monkeypatch.context() as broken:
        broken.setattr(api_tokens, "by_hash", fails)
        for _ in range(LIMIT + 1):
            error = refusal(gate, token)
            assert (error.status, error.headers) == (503, {"Retry-After": "5"})
    assert gate.shows(token).name == "dashboard"


def test_the_last_use_is_written_once_a_minute_and_beside_the_request(gate: Gate) -> None:
    """Neither a use nor trouble with writing it is ever a request's: the request itself only reads."""
    token = gate.make("dashboard")
    with asked(gate.store) as statements:
        for _ in range(50):
            gate.shows(token)
    assert not [s for s in statements if "UPDATE" in s]
    with asked(gate.store) as statements:
        gate.guard.uses.flush()
        gate.shows(token)
        gate.guard.uses.flush()
    assert len([s for s in statements if "UPDATE" in s]) == 1
    (row,) = rows(gate.store, api_tokens.api_tokens)
    assert datetime.now(UTC) - row["last_used_at"] < timedelta(seconds=20)


def test_two_processes_write_one_use_a_minute(gate: Gate) -> None:
    gate.make("dashboard")
    first = datetime.now(UTC)
    for later in (0, 20, 59, 60, 90):
        with gate.store.write() as connection:
            api_tokens.mark_used(connection, {1: first + timedelta(seconds=later)})
    (row,) = rows(gate.store, api_tokens.api_tokens)
    assert row["last_used_at"] == first + timedelta(seconds=60)


def test_a_use_that_cannot_be_written_waits(gate: Gate, monkeypatch: pytest.MonkeyPatch) -> None:
    token = gate.make("dashboard")
    gate.shows(token)

    def fails(*_: object) -> None:
        raise StoreUnavailable("locked")

    with monkeypatch.context() as broken, capture_logs() as logs:
        broken.setattr(api_tokens, "mark_used", fails)
        gate.guard.uses.flush()
    assert [one["event"] for one in logs] == ["uses of tokens not written"]
    gate.guard.uses.flush()
    assert rows(gate.store, api_tokens.api_tokens)[0]["last_used_at"] is not None
