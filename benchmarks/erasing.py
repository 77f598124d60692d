"""A subscription with all its copies and orders erased, and deliveries beside it: `python -m benchmarks.erasing`.

Everything that belongs to it goes in many transactions. How long each holds the lock that deliveries need is the
figure that matters.
"""

from __future__ import annotations

import argparse
import json
import statistics
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import sqlalchemy as sa

import handlers
from benchmarks import servers
from benchmarks.sequencer import deliver
from service.audit.sequencer import sequence
from service.intake import Door
from service.merkle.notes import Signer
from service.privacy import erasure, plan
from service.router import Router
from service.settings import Settings
from service.signature import Key
from service.store import Store, open_store
from service.store.keep import keep
from service.store.schema import follow_ups
from service.vault import Vault

_ORGANIZATION, _SECRET = "xRRkjDFafe", "f1e2d3c4b5a69788796a5b4c3d2e1f0"
_NAMED = "order_subscriptions/Renewing01"
_ADDRESS = "jean.dupont@example.com"


def fill(store: Store, subjects: int) -> None:
    """Tell of a subscription, and of a copy and its order for each run; nothing is left to be done."""
    secrets = {"recurring_order_copies.complete": "a" + _SECRET, "orders.place": "b" + _SECRET}
    settings = Settings(organization=_ORGANIZATION, webhook_secrets=json.dumps(secrets))
    door = Door.of(settings, Router(handlers.MODULES))
    began = datetime(2026, 3, 2, 12, tzinfo=UTC)
    for run in range(subjects // 2):
        at = began + timedelta(hours=run)
        related = {"order_subscription": _NAMED, "target_order": f"orders/Renewed{run:05d}"}
        bodies = (
            _body("recurring_order_copies", f"Renewal{run:05d}", "completed", at, related),
            _body("orders", f"Renewed{run:05d}", "placed", at, {}),
        )
        given = zip(secrets.items(), bodies, strict=True)
        told = [door.admit(topic, body, "{}", Key.from_text(secret), at) for (topic, secret), body in given]
        with store.write() as connection:
            keep(connection, told)
    with store.write() as connection:
        connection.execute(sa.update(follow_ups).values(status="done"))


def _body(type_: str, id_: str, status: str, at: datetime, related: dict[str, str]) -> bytes:
    meta = {"mode": "test", "organization_id": _ORGANIZATION}
    links = {name: {"data": dict(zip(("type", "id"), to.split("/"), strict=True))} for name, to in related.items()}
    told = {"status": status, "updated_at": at.isoformat(), "customer_email": _ADDRESS, "metadata": {"x": "y" * 2000}}
    document = {"id": id_, "type": type_, "attributes": told, "relationships": links, "meta": meta}
    return json.dumps({"data": document}).encode()


def measured(store: Store) -> list[float]:
    """The milliseconds of each write transaction from now on, from its lock to its commit."""
    found: list[float] = []

    @sa.event.listens_for(store.engine, "begin")
    def _begin(connection: sa.Connection) -> None:
        connection.info["began"] = time.perf_counter()

    @sa.event.listens_for(store.engine, "commit")
    def _commit(connection: sa.Connection) -> None:
        found.append((time.perf_counter() - connection.info["began"]) * 1000)

    return found


def measure(name: str, url: str, subjects: int) -> None:
    """Fill, erase, and print."""
    store = open_store(url, busy_seconds=30, autocheckpoint=1000)
    fill(store, subjects)
    sequence(store, Signer("example.com/benchmark", bytes(32)), datetime.now(UTC))
    times = measured(store)

    def erase() -> Any:
        return erasure.erase(store, plan.plan(store, Vault(), [_NAMED]), erasure.Why("operator", "request"))

    with ThreadPoolExecutor(1) as threads:
        began, spent = time.perf_counter(), time.process_time()
        running = threads.submit(erase)
        beside = deliver(url, lambda: not running.done())
        done, seconds, spent = running.result(), time.perf_counter() - began, time.process_time() - spent
    told = f"{len(done.places)} subjects, {done.deliveries} bodies, {done.entries} entries in {seconds:.1f} s"
    print(f"{name:11}{told}, with the deliveries {spent:.1f} s of the processor")
    print(f"{name:11}{len(times)} transactions: p50 {statistics.median(times):.1f}, most {max(times):.1f} ms")
    ninety_nine = statistics.quantiles(beside, n=100)[98]
    print(f"{name:11}{len(beside)} deliveries beside: p99 {ninety_nine:.1f}, most {max(beside):.1f} ms")
    store.close()


def main() -> None:
    """Measure both databases."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--subjects", type=int, default=2_000)
    given = parser.parse_args()
    with servers.sqlite_url() as url:
        measure("SQLite", url, given.subjects)
    with servers.postgresql_url() as url:
        measure("PostgreSQL", url, given.subjects)


if __name__ == "__main__":
    main()
