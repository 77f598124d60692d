"""A long backlog of audit entries put into the log, and deliveries beside it: `python -m benchmarks.sequencer`.

As after days without a worker. Deliveries are written by the web process's own writer, one after another, first alone
and then while the backlog is sequenced: how long each takes is what a sender waits for beyond the request itself.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime

import handlers
from benchmarks import servers
from service.audit.sequencer import sequence
from service.cli.specimens import specimen
from service.intake import Door
from service.intake.writer import Writer
from service.merkle.notes import Signer
from service.router import Router
from service.settings import Settings
from service.signature import Key
from service.store import Store, log, open_store
from service.store.audit import entry, write_audit

_AT_ONCE = 5000
_TOPIC, _ORGANIZATION = "order_copies.complete", "xRRkjDFafe"
_PAUSE = 0.005


def fill(store: Store, entries: int) -> None:
    """Write so many entries that wait for their place."""
    now = datetime.now(UTC)
    for begin in range(0, entries, _AT_ONCE):
        some = range(begin, min(entries, begin + _AT_ONCE))
        with store.write() as connection:
            write_audit(connection, [entry(now, f"order_copies/copy{n}", "intake", "note", {}) for n in some])


def deliver(url: str, goes_on: Callable[[], bool]) -> list[float]:
    """Keep deliveries one after another; the milliseconds of each."""
    own = open_store(url)
    writer = Writer(own.impatient() if own.dialect == "sqlite" else own)
    secrets = {_TOPIC: "0f1e2d3c4b5a69788796a5b4c3d2e1f0"}
    settings = Settings(organization=_ORGANIZATION, webhook_secrets=json.dumps(secrets))
    door, key, found = Door.of(settings, Router(handlers.MODULES)), Key.from_text(secrets[_TOPIC]), []
    while goes_on():
        at = datetime.now(UTC)
        id_ = f"copy{len(found)}x{time.monotonic_ns()}"
        body = specimen(_TOPIC, id_, organization=_ORGANIZATION, mode="test", at=at, chance=random.Random(id_))
        arrival = door.admit(_TOPIC, body, "{}", key, at)
        began = time.perf_counter()
        writer.keep(arrival)
        found.append((time.perf_counter() - began) * 1000)
        time.sleep(_PAUSE)
    writer.close()
    own.close()
    return found


def measure(name: str, url: str, entries: int) -> None:
    """Fill, sequence, and print."""
    store = open_store(url, busy_seconds=30, autocheckpoint=1000)
    fill(store, entries)
    until = time.monotonic() + 5
    alone = deliver(url, lambda: time.monotonic() < until)
    with ThreadPoolExecutor(1) as threads:
        began = time.perf_counter()
        running = threads.submit(sequence, store, Signer("example.com/benchmark", bytes(32)), datetime.now(UTC))
        beside = deliver(url, lambda: not running.done())
        seconds = time.perf_counter() - began
        placed = running.result()
    with store.read() as connection:
        found = log.newest(connection)
        assert found, "no log"
        assert log.frontier_at(connection, 1, found.size) == found.frontier, "the root is not that of the leaves"
    print(f"{name:11}{placed / seconds:8.0f} entries a second, {placed} in {seconds:.1f} s")
    for what, times in (("alone", alone), ("beside", beside)):
        ninety_nine = statistics.quantiles(times, n=100)[98]
        told = f"p50 {statistics.median(times):.1f}, p99 {ninety_nine:.1f}, most {max(times):.1f} ms"
        print(f"{name:11}{what:7} {len(times)} deliveries: {told}")
    store.close()


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--entries", type=int, default=200_000)
    given = parser.parse_args()
    with servers.sqlite_url() as url:
        measure("SQLite", url, given.entries)
    with servers.postgresql_url() as url:
        measure("PostgreSQL", url, given.entries)


if __name__ == "__main__":
    main()
