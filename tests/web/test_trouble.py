"""The web process in trouble: a locked database, duplicates at once, kills and stops."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import AbstractContextManager, contextmanager
from pathlib import Path

from service.store import Store, open_store
from service.store.schema import audit_entries, deliveries, events, follow_ups, refusals, states
from tests.bodies import SECRETS, copy, sample, wire
from tests.rows import rows, verdicts
from tests.web.requests import TOPIC, Case
from tests.web_process import Answer, Web, delivery, running

CANARY = "canary@example.com"


@contextmanager
def locked(kept: Store) -> Iterator[None]:
    """Hold the write lock of the file, as a process that hangs would."""
    with kept.engine.begin():
        yield


def several(web: Web, bodies: list[bytes], threads: int = 8) -> list[Answer]:
    """Post deliveries at once."""
    with ThreadPoolExecutor(threads) as pool:
        return list(pool.map(lambda body: web.deliver(TOPIC, body), bodies))


def test_alive_and_ready(web: Web) -> None:
    """/healthz says that the process lives, /readyz that deliveries can be kept and what else is worth knowing."""
    assert (web.get("/healthz").status, json.loads(web.get("/healthz").body)) == (200, {"alive": True})
    web.deliver(TOPIC, wire(copy("ready")))
    ready = web.get("/readyz")
    told = json.loads(ready.body)
    assert ready.status == 200
    assert (told["ready"], told["store"], told["worker"]) == (True, "writable", "none")
    assert told["follow_ups_open"] >= 1
    assert told["oldest_follow_up"]["waits_seconds"] >= 0


def test_locked_it_says_come_again_and_recovers(web: Web, kept: Store) -> None:
    """With the write lock held by another process, deliveries are 503 in time, and 200 as soon as it is gone."""
    bodies = [wire(copy(f"locked{n}")) for n in range(8)]
    before = verdicts(kept)
    with locked(kept):
        began = time.monotonic()
        answers = several(web, bodies)
        assert time.monotonic() - began < 4
        assert {(a.status, a.headers.get("retry-after"), a.body) for a in answers} == {(503, "5", b"busy\n")}
        assert web.get("/healthz").status == 200
        ready = web.get("/readyz")
        assert (ready.status, json.loads(ready.body)["ready"]) == (503, False)
    assert {a.status for a in several(web, bodies)} == {200}
    assert web.get("/readyz").status == 200
    assert verdicts(kept)["event"] - before["event"] == len(bodies)


def test_a_lock_that_ends_delays_and_refuses_nobody(web: Web, kept: Store) -> None:
    """A lock of half a second costs half a second, also while somebody asks for readiness all the time."""
    asking = threading.Event()

    def ask() -> list[int]:
        found = []
        while not asking.is_set():
            found.append(web.get("/readyz").status)
        return found

    with ThreadPoolExecutor(5) as pool:
        asked = [pool.submit(ask) for _ in range(2)]
        slowest = 0.0
        try:
            with locked(kept):
                waiting = [pool.submit(web.deliver, TOPIC, wire(copy(f"delayed{n}"))) for n in range(3)]
                began = time.monotonic()
                while (asked_at := time.monotonic()) - began < 0.5:
                    assert web.get("/healthz").status == 200
                    slowest = max(slowest, time.monotonic() - asked_at)
        finally:
            asking.set()
        # The process answers others meanwhile: nothing in it waits inside SQLite.
        assert slowest < 0.4
        assert {future.result(3).status for future in waiting} == {200}
        assert {status for future in asked for status in future.result(3)} == {200}


def test_duplicates_through_both_workers(web: Web, kept: Store) -> None:
    """Fifty concurrent deliveries of one event through both workers are one event, and all are 200."""
    body = wire(copy("fifty"))
    assert {a.status for a in several(web, [body] * 50)} == {200}
    (event,) = (row for row in rows(kept, events) if row["subject"] == "order_copies/fifty")
    assert event["deliveries"] == 50
    found = [row["verdict"] for row in rows(kept, deliveries) if row["event_id"] == event["id"]]
    assert sorted(found) == ["event"] + ["redelivery"] * 49
    assert sum(row["subject"] == "order_copies/fifty" for row in rows(kept, states)) == 1


def test_refusals_are_counted_and_told_once(tmp_path: Path) -> None:
    """Refused requests leave counts and no rows of their own, bad signatures one alert; a stop writes them."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    wrong = Case("", 401, signature=lambda s: s[::-1])
    unknown = Case("", 401, topic="nobody.knows")
    with running(url, web_workers="1") as web:
        for number in range(3):
            assert web.exchange(wrong.request(f"x{number}")).status == 401
            assert web.exchange(unknown.request("x")).status == 401
        assert web.stop() == 0
    store = open_store(url)
    found = {(row["topic"], row["reason"]): row["count"] for row in rows(store, refusals)}
    assert found == {(TOPIC, "bad signature"): 3, ("", "unknown topic"): 3}
    assert [row["identity"].partition(" 20")[0] for row in rows(store, follow_ups)] == [
        f"alert:topics/{TOPIC}:bad signatures"
    ]
    assert rows(store, deliveries) == []
    store.close()


def test_killed_while_it_answers(tmp_path: Path) -> None:
    """Whatever was answered 200 before a SIGKILL is on disk byte for byte; what is sent again is counted once."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    answered: list[bytes] = []
    bodies = [wire(copy(f"killed{n}")) for n in range(2_000)]
    with running(url) as web, ThreadPoolExecutor(8) as pool:
        enough = threading.Event()

        def post(body: bytes) -> None:
            try:
                if web.deliver(TOPIC, body).status == 200:
                    answered.append(body)
            except OSError:
                return
            if len(answered) > 150:
                enough.set()

        futures = [pool.submit(post, body) for body in bodies]
        assert enough.wait(20)
        web.kill()
        for future in futures:
            future.cancel()
    assert len(answered) < len(bodies)
    with running(url) as web:
        store = open_store(url)
        stored = {bytes(row["body"]) for row in rows(store, deliveries)}
        assert set(answered) <= stored
        assert {a.status for a in several(web, answered[:20])} == {200}
        assert len(rows(store, events)) == len(stored)
        store.close()


def test_stopped_while_it_answers(tmp_path: Path) -> None:
    """SIGTERM lets what has arrived be kept and answered, and the process ends in peace."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    with running(url) as web:
        with web.connect() as connection:
            raw = delivery(TOPIC, wire(copy("slowly")))
            connection.send(raw[:-10])
            time.sleep(0.2)
            web.process.terminate()
            time.sleep(0.2)
            connection.send(raw[-10:])
            assert connection.answer().status == 200
        assert web.process.wait(20) == 0
        assert "Traceback" not in web.log
    store = open_store(url)
    assert verdicts(store) == {"event": 1}
    store.close()


def test_nothing_of_a_body_is_logged(web: Web) -> None:
    """Neither a genuine nor a broken delivery leaves a secret, a signature or personal data in the log."""
    genuine = wire(copy("canary", metadata={"email": CANARY}))
    broken = b'{"data":{"email":"' + CANARY.encode() + b'"}}'
    forged = Case("", 401, body=broken, signature=lambda _: "C" * 43 + "=")
    assert [web.deliver(TOPIC, genuine).status, web.deliver(TOPIC, broken).status] == [200, 200]
    assert web.exchange(forged.request("x")).status == 401
    for secret in (CANARY, "C" * 43, *SECRETS.values()):
        assert secret not in web.log


def test_slow_clients_hold_up_nobody(web: Web) -> None:
    """With 200 idle connections and 40 that drip, a genuine delivery is answered at once."""
    held = [web.connect() for _ in range(240)]
    for connection in held[:40]:
        connection.send(delivery(TOPIC, wire(copy("drip")))[:-50])
    began = time.monotonic()
    assert web.deliver(TOPIC, wire(copy("quick"))).status == 200
    assert time.monotonic() - began < 1
    for connection in held:
        connection.socket.close()


def test_on_postgresql(new_postgres: Callable[[], AbstractContextManager[str]]) -> None:
    """The same process on PostgreSQL keeps, counts, waits for a lock and recovers."""
    with new_postgres() as url, running(url) as web:
        store = open_store(url)
        body = sample("order_copies.complete")
        assert {a.status for a in several(web, [body] * 20)} == {200}
        assert verdicts(store) == {"event": 1, "redelivery": 19}
        with store.engine.begin() as connection:
            connection.exec_driver_sql("LOCK TABLE events IN ACCESS EXCLUSIVE MODE")
            began = time.monotonic()
            answer = web.deliver(TOPIC, wire(copy("locked")))
            assert (answer.status, answer.headers["retry-after"]) == (503, "5")
            assert time.monotonic() - began < 4
        assert web.deliver(TOPIC, wire(copy("locked"))).status == 200
        assert web.get("/readyz").status == 200
        assert len(rows(store, audit_entries)) > 20
        store.close()


def test_long_bodies_without_a_key_take_turns(web: Web, kept: Store) -> None:
    """A crowd that sends megabytes and no sound signature delays no delivery of the usual size, and fills no memory."""
    forged = [b"x" * 4_000_000 for _ in range(24)]
    with ThreadPoolExecutor(25) as pool:
        crowd = [pool.submit(web.exchange, _unfinished(body), 8.0) for body in forged]
        genuine = [web.deliver(TOPIC, wire(copy(f"crowd{n}"))) for n in range(10)]
        statuses = {one.result().status for one in crowd}
    assert {answer.status for answer in genuine} == {200}
    assert statuses <= {400, 503}
    assert 503 in statuses


def _unfinished(body: bytes) -> bytes:
    """A request that announces more than it sends, so that it is being read until its time is up."""
    whole = delivery(TOPIC, body)
    return whole.replace(f"Content-Length: {len(body)}".encode(), f"Content-Length: {len(body) + 1}".encode(), 1)
