"""Any process may be killed at any moment: nothing acknowledged is lost, nothing happens twice, everything ends.

Two web processes and two workers run on one database beside a sandbox. Signed events of many copies are posted again
and again in random order, while processes are killed and the API has trouble. What must be true afterwards is
counted in the database and in the sandbox's own log of effects.
"""

from __future__ import annotations

import hashlib
import os
import random
import signal
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, field
from typing import Any

import pytest

from service.merkle.leaves import commit_to_payload
from service.sandbox import Sandbox
from service.store import Store, open_store
from service.store.schema import deliveries, events, follow_ups, states
from tests import bodies
from tests.rows import rows
from tests.web_process import Web, running
from tests.worker_process import Workers, eventually, workers

ENDS = ("done", "left", "refused", "dead")
# What each story allows Copydesk to do to the source order, by its own effect.
STORIES = {
    "forgotten-source": 1,
    "good-copy": 0,
    "metadata-copy": 0,
    "unplaced-target": 0,
    "skip-errors": 0,
    "failing-copy": 0,
    "good-renewal": 0,
    "failing-renewal": 0,
}
# After these it is tried again within seconds; after the others, for good reason, within ten to twenty.
SHORT_TROUBLES: list[dict[str, Any]] = [
    {"status": 503, "path": "/api", "method": "GET", "calls": 1},
    {"drop": True, "path": "/api", "method": "GET", "calls": 1},
    {"latency": 0.5, "calls": 3},
]
TROUBLES: list[dict[str, Any]] = [
    *SHORT_TROUBLES,
    {"status": 429, "calls": 1},
    {"status": 500, "method": "PATCH", "calls": 1},
    {"drop": True, "when": "after", "method": "PATCH", "calls": 1},
    {"drop": True, "when": "before", "method": "PATCH", "calls": 1},
    {"status": 503, "path": "/sandbox/slack", "method": "POST", "calls": 1},
]


@dataclass
class Chaos:
    """An installation under fire."""

    store: Store
    sandbox: Sandbox
    web: Web
    workers: Workers
    luck: random.Random
    made: list[tuple[str, dict[str, Any]]] = field(default_factory=list)
    acknowledged: Counter[str] = field(default_factory=Counter)
    refused: int = 0
    stop: threading.Event = field(default_factory=threading.Event)

    def requests(self) -> list[tuple[str, bytes]]:
        """Every story's events as signed bodies, each twice, in random order."""
        found: list[tuple[str, bytes]] = []
        for story, made in self.made:
            found += 2 * [(topic, bodies.wire(body)) for topic, body in _told(story, made)]
        self.luck.shuffle(found)
        return found

    def post(self, requests: list[tuple[str, bytes]], pause: float) -> None:
        """Post each until it is acknowledged, as the provider does, and note what was acknowledged."""
        for topic, body in requests:
            while not self.stop.is_set():
                if self._posted(topic, body):
                    break
                self.refused += 1
                time.sleep(0.05)
            time.sleep(pause)

    def _posted(self, topic: str, body: bytes) -> bool:
        try:
            answered = self.web.deliver(topic, body).status == 200
        except OSError:
            return False
        if answered:
            self.acknowledged[hashlib.sha256(body).hexdigest()] += 1
        return answered

    def kill_something(self) -> None:
        """SIGKILL a random web worker process or a random worker, which is started again at once."""
        if self.luck.random() < 0.5:
            with suppress(ProcessLookupError, IndexError):
                os.kill(self.luck.choice(self.web.workers[-2:]), signal.SIGKILL)
            return
        alive = [worker for worker in self.workers.started if worker.process.poll() is None]
        self.luck.choice(alive).kill()
        self.workers.start(wait=False)

    def open_follow_ups(self) -> list[dict[str, Any]]:
        """What is not at an end."""
        return [row for row in rows(self.store, follow_ups) if row["status"] not in ENDS]


def _told(story: str, made: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """The events of one copy as its webhooks would tell them."""
    recurring = "recurring_order_copy" in made
    type_ = "recurring_order_copies" if recurring else "order_copies"
    id_ = made["recurring_order_copy" if recurring else "order_copy"]
    end = "fail" if made["status"] == "failed" else "complete"
    related = {name: made[name] for name in ("source_order", "target_order", "order_subscription") if made.get(name)}
    asked = story in ("good-copy", "forgotten-source", "failing-copy")
    for second, stage in enumerate(("create", "start", end)):
        at = f"2026-03-02T09:00:0{second}.000Z"
        told = {"updated_at": at, "started_at": at, "place_target_order": True} | related
        told |= {} if recurring else {"cancel_source_order": asked}
        yield f"{type_}.{stage}", bodies.copy(id_, bodies.STAGES[stage], recurring=recurring, **told)
    if made["status"] == "failed" and recurring:
        run = bodies.subscription(made["order_subscription"], last_run_at="2026-03-02T09:00:02.000Z")
        yield "order_subscriptions.last_run_failed", run


@contextmanager
def under_fire(url: str, seed: int) -> Iterator[Chaos]:
    """Everything, started; the seed is told where a test fails."""
    with ExitStack() as stack:
        store = open_store(url)
        stack.callback(store.close)
        sandbox = stack.enter_context(Sandbox(step_seconds=0.0))
        web = stack.enter_context(running(url, web_workers="2"))
        made = stack.enter_context(workers(url, sandbox.url))
        for _ in range(2):
            made.start(wait=False)
        for worker in made.started:
            worker.wait_until_started()
        chaos = Chaos(store, sandbox, web, made, random.Random(seed))
        try:
            yield chaos
        except BaseException as error:
            error.add_note(f"seed {seed}")
            error.add_note("\n".join(line for line in made.logs().splitlines() if '"info"' not in line)[-4000:])
            raise
        finally:
            chaos.stop.set()


def rage(chaos: Chaos, troubles: list[dict[str, Any]], *, copies: int, kills: int, every: float) -> None:
    """Post while killing, with trouble at the API, and then wait for quiet."""
    names, posters = list(STORIES), 3
    for number in range(copies):
        story = names[number % len(names)]
        chaos.made.append((story, chaos.sandbox.play(story)))
    requests = chaos.requests()
    pause = kills * every * posters / len(requests)
    threads = [
        threading.Thread(target=chaos.post, args=(requests[number::posters], pause)) for number in range(posters)
    ]
    for thread in threads:
        thread.start()
    for _ in range(kills):
        time.sleep(chaos.luck.uniform(0.3, 1.7) * every)
        chaos.sandbox.trouble(**chaos.luck.choice(troubles))
        chaos.kill_something()
    for thread in threads:
        thread.join(60)
    assert not any(thread.is_alive() for thread in threads), "the web process did not come back"


def check(chaos: Chaos, quiet: float) -> None:
    """Everything that must be true after the fire."""
    assert eventually(lambda: not chaos.open_follow_ups(), quiet, 0.2), chaos.open_follow_ups()

    kept = Counter[str]()
    for row in rows(chaos.store, deliveries):
        assert commit_to_payload(row["salt"], row["headers"], row["body"]) == row["commitment"]
        kept[hashlib.sha256(row["body"]).hexdigest()] += 1
    assert sum(chaos.acknowledged.values()) == 2 * sum(len(list(_told(*made))) for made in chaos.made)
    assert {digest: count for digest, count in chaos.acknowledged.items() if kept[digest] < count} == {}

    told = {(topic, body["data"]["id"]) for made in chaos.made for topic, body in _told(*made)}
    known = rows(chaos.store, events)
    assert sorted((row["topic"], row["subject"].partition("/")[2]) for row in known) == sorted(told)
    assert sum(row["deliveries"] for row in known) == sum(kept.values())

    cancelled = Counter(e["id"] for e in chaos.sandbox.effects if e["effect"] == "cancel" and e["by"] == "api")
    allowed = {made["source_order"] for story, made in chaos.made if STORIES[story]}
    assert cancelled == Counter(allowed)

    found = {row["subject"]: row["status"] for row in rows(chaos.store, states)}
    for _, made in chaos.made:
        copy = f"order_copies/{made['order_copy']}" if "order_copy" in made else None
        assert found[copy or f"recurring_order_copies/{made['recurring_order_copy']}"] == made["status"]

    ended = rows(chaos.store, follow_ups)
    settled = [row for row in ended if row["kind"] == "settle_source_order"]
    assert len(settled) == sum("order_copy" in made and made["status"] == "completed" for _, made in chaos.made)
    assert {row["status"] for row in settled} <= {"done", "left"}
    assert len({row["identity"] for row in ended}) == len(ended)


def seed_of_the_day() -> int:
    """CHAOS_SEED, or another one each time; a failure tells it."""
    return int(os.environ.get("CHAOS_SEED", "") or random.SystemRandom().randrange(10**6))


def test_a_few_kills_lose_nothing_and_repeat_nothing(database_url: str) -> None:
    with under_fire(database_url, seed_of_the_day()) as chaos:
        # Without the last story: a subscription's own alert waits twenty seconds for the copy's.
        rage(chaos, SHORT_TROUBLES, copies=len(STORIES) - 1, kills=3, every=0.7)
        check(chaos, 60)


@pytest.mark.long
def test_many_kills_lose_nothing_and_repeat_nothing(database_url: str) -> None:
    with under_fire(database_url, seed_of_the_day()) as chaos:
        rage(chaos, TROUBLES, copies=80, kills=30, every=2.5)
        check(chaos, 180)
