"""The API and the intake share a process: whatever is asked, a delivery is answered at once."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import UTC, datetime
from pathlib import Path

import pytest
import sqlalchemy as sa

from service.access import keeping
from service.store import Store, open_store
from service.web.api.records import AT_ONCE, PATIENCE, QUERY_SECONDS
from tests.bodies import copy, wire
from tests.web_process import Answer, Web, running

# Rows enough for a question that takes many times the limit on any machine.
ROWS, AT_A_TIME = 120_000, 15_000
_FACTORIES = """
INSERT INTO factories (subject, type, id, mode, organization, reference, place)
WITH RECURSIVE n(i) AS (SELECT {first} UNION ALL SELECT i + 1 FROM n WHERE i < {first} + {rows} - 1)
SELECT 'order_copies/x' || i, 'order_copies', 'x' || i, 'test', 'xRRkjDFafe', {repeat}, {place} FROM n
"""
_SPELT = {
    "sqlite": {"place": "CAST('1' AS BLOB)", "repeat": "hex(zeroblob(200))"},
    "postgresql": {"place": "decode('31', 'hex')", "repeat": "repeat('0', 400)"},
}
SLOW = "/api/order_copies?" + "&".join(
    f"filter[q][reference_or_reference_origin_or_id_{end}_any]=" + ",".join(f"{n}n{m}" for m in range(95))
    for n, end in enumerate(("cont", "end", "matches"))
)


@pytest.fixture(scope="module", params=["sqlite", "postgresql"])
def process(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Web, str]]:
    """A web process with one worker on a large database, and a token."""
    with ExitStack() as stack:
        url = f"sqlite:///{tmp_path_factory.mktemp('slow')}/copydesk.db"
        if request.param == "postgresql":
            make: Callable[[], AbstractContextManager[str]] = request.getfixturevalue("new_postgres")
            url = stack.enter_context(make())
        store = open_store(url)
        token = _filled(store, request.param)
        store.close()
        web = stack.enter_context(running(url, web_workers="1"))
        yield web, token


def _filled(store: Store, dialect: str) -> str:
    with store.write() as connection:
        for first in range(0, ROWS, AT_A_TIME):
            connection.execute(sa.text(_FACTORIES.format(first=first, rows=AT_A_TIME, **_SPELT[dialect])))
        now = datetime.now(UTC)
        return keeping.create(connection, "test", ("act",), now, expires_at=None, by="operator test")


def _ask(process: tuple[Web, str], path: str) -> Answer:
    web, token = process
    head = f"GET {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n"
    return web.exchange(head.encode(), 30)


def test_a_slow_question_holds_up_no_delivery_and_comes_to_an_end(process: tuple[Web, str]) -> None:
    """While a question runs into its limit, deliveries are answered; it gets 503 and is told to come again."""
    web, _ = process
    answers: list[tuple[Answer, float]] = []

    def ask() -> None:
        began = time.monotonic()
        answers.append((_ask(process, SLOW), time.monotonic() - began))

    asking = threading.Thread(target=ask)
    asking.start()
    time.sleep(0.3)
    took = []
    while asking.is_alive():
        began = time.monotonic()
        assert web.deliver("order_copies.create", wire(copy(f"Beside{len(took)}", "pending"))).status == 200
        took.append(time.monotonic() - began)
    asking.join()

    (answer, seconds), took = answers[0], sorted(took)
    assert (answer.status, answer.headers["retry-after"]) == (503, "5"), answer.body
    assert "takes too long" in json.loads(answer.body)["errors"][0]["detail"]
    assert QUERY_SECONDS * 0.8 < seconds < QUERY_SECONDS * 3
    assert len(took) > 10
    assert took[len(took) // 2] < 0.2
    assert took[-1] < QUERY_SECONDS / 2, "one of them waited for the question"


def test_many_slow_questions_take_turns(process: tuple[Web, str]) -> None:
    """Beyond so many at once the others wait a while and get 503 too; a delivery meanwhile gets 200."""
    web, _ = process
    answers: list[int] = []
    asking = [threading.Thread(target=lambda: answers.append(_ask(process, SLOW).status)) for _ in range(AT_ONCE + 3)]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    began = time.monotonic()
    assert web.deliver("order_copies.start", wire(copy("Meanwhilee", "in_progress"))).status == 200
    took = time.monotonic() - began
    for thread in asking:
        thread.join()

    assert took < PATIENCE
    assert answers == [503] * (AT_ONCE + 3)
    assert _ask(process, "/api/events?page[size]=1").status == 200


def test_a_long_line_is_still_a_question(process: tuple[Web, str]) -> None:
    """A filter with a hundred ids, as a client of the provider may send, fits."""
    ids = ",".join(f"AAAAAAA{n:03d}" for n in range(100))
    assert _ask(process, f"/api/order_copies?filter[q][id_in]={ids}&filter[q][source_order_id_in]={ids}").status == 200


def test_the_process_reads_with_connections_that_cannot_write(tmp_path: Path) -> None:
    from service.errors import StoreUnavailable  # noqa: PLC0415 - for this alone
    from service.store.beside import reader  # noqa: PLC0415

    store = open_store(f"sqlite:///{tmp_path}/copydesk.db")
    reading = reader(store, 1.0)
    with pytest.raises(StoreUnavailable, match="readonly"), reading.read() as connection:
        connection.execute(sa.text("DELETE FROM events"))
    reading.close()
    store.close()
