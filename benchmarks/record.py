"""How quickly the record answers at a million events: `python -m benchmarks.record [PATH]`.

PATH is a database of `benchmarks.million`, which is made in a temporary directory where none is given. Every question
is asked several times with values by chance, through the query layer that all faces use, on one connection as a process
has it; p50 and p95 in milliseconds,
and what of it was the processor's, which other programs on the machine do not lengthen.
"""

from __future__ import annotations

import argparse
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from statistics import median, quantiles
from typing import Any

import sqlalchemy as sa

from benchmarks.million import make
from benchmarks.verify import measure as measure_verify
from service.csv_text import csv_lines
from service.store import connections
from service.store.listings import LISTINGS, Asked, Listing, count, facets, numbered, page, stream, timeline

_TOPICS = ("order_copies.complete", "order_copies.fail", "orders.place", "order_subscriptions.renewal", "orders.none")
# For each list, filters by their words: common, rare and of nothing.
QUESTIONS: dict[str, tuple[dict[str, str], ...]] = {
    "events": (
        *({"topic": topic} for topic in _TOPICS),
        {"result": "failed"},
        {"result": "ignored"},
        {"status": "failed"},
        {"status": "odd"},
        {"origin": "sweep"},
        {"mode": "live"},
        {"topic": "order_copies.complete", "result": "failed"},
        {"topic": "orders.place", "origin": "sweep"},
        {"since": "2026-02-01", "until": "2026-02-03T05:00"},
        {"topic": "order_copies.fail", "since": "2025-11-05T11:30", "until": "2026-06-01"},
    ),
    "deliveries": (
        *({"topic": topic} for topic in _TOPICS),
        {"verdict": "redelivery"},
        {"verdict": "quarantine"},
        {"verdict": "deferred"},
        {"since": "2026-01-01", "until": "2026-01-02"},
    ),
    "transitions": ({"status": "failed"}, {"status": "pending"}, {"status": "odd"}, {"until": "2025-12-01"}),
    "states": ({"status": "failed"}, {"status": "completed"}, {"kind": "recurring_order_copies"}),
    "follow_ups": ({"kind": "alert"}, {"status": "dead"}, {"kind": "alert", "status": "dead"}, {"status": "left"}),
    "attempts": ({"result": "unavailable"}, {"result": "died"}, {"since": "2026-03-01", "until": "2026-03-02"}),
    "audit_entries": (
        {"action": "received"},
        {"action": "replayed"},
        {"action": "attempt"},
        {"action": "incident"},
        {"actor": "operator"},
        {"actor": "operator maria"},
        {"actor": "worker"},
        {"actor": "worker", "action": "note"},
        {"since": "2026-02-01", "until": "2026-02-03T05:00"},
        {"action": "note", "until": "2025-12-01"},
    ),
    "incidents": ({"status": "resolved"}, {"kind": "failure"}),
}
SEARCHES = (
    "expired", "payment source", '"payment source"', "gateway timed out", "503", "answ*", "market 42", "maria",
    "ticket 42*", "status copied", "ca*", "target currency", "nothing at all", "valueerror", "no answer within 10",
)  # fmt: skip


class Figures:
    """Times of questions, by what was asked."""

    def __init__(self, rounds: int) -> None:
        self._rounds, self.times = rounds, dict[str, list[float]]()
        self.processor: dict[str, list[float]] = {}
        self.slowest: dict[str, tuple[float, str]] = {}

    def ask(self, name: str, about: object, question: Callable[[], Any]) -> Any:
        """Ask one question a few times."""
        found = None
        for _ in range(self._rounds):
            began, worked = time.perf_counter(), time.thread_time()
            found = question()
            took = (time.perf_counter() - began) * 1000
            self.processor.setdefault(name, []).append((time.thread_time() - worked) * 1000)
            self.times.setdefault(name, []).append(took)
            if took > self.slowest.get(name, (0.0, ""))[0]:
                self.slowest[name] = took, str(about)
        return found

    def show(self) -> None:
        """Print them."""
        print(f"{'':32}{'p50 ms':>9}{'p95 ms':>9}{'max ms':>9}{'p95 cpu':>9}  slowest")
        for name, times in self.times.items():
            p95_, cpu = p95(times), p95(self.processor[name])
            told = self.slowest[name][1][:60]
            print(f"{name:32}{median(times):9.1f}{p95_:9.1f}{max(times):9.1f}{cpu:9.1f}  {told}")


def p95(times: list[float]) -> float:
    """What 95 of 100 do not exceed."""
    return quantiles(times, n=20, method="inclusive")[-1] if len(times) > 1 else times[0]


def measure(connection: sa.Connection, figures: Figures, chance: random.Random) -> None:
    """Ask every list everything."""
    for name, listing in LISTINGS.items():
        for filters in ({}, *QUESTIONS.get(name, ())):
            about = f"{name} {filters}"
            _pages(connection, figures, chance, listing, filters, about)
            figures.ask(f"count of {name}", about, lambda of=listing, f=filters: count(connection, of, f))
            for facet in listing.facets:
                ask = lambda of=listing, f=filters, n=facet: facets(connection, of, f, (n,))  # noqa: E731
                figures.ask(f"facet of {name}", f"{about} {facet}", ask)
    for subject in _subjects(connection):
        figures.ask("timeline", subject, lambda s=subject: timeline(connection, s))
    entries = LISTINGS["audit_entries"]
    for text in SEARCHES:
        asked = Asked({"text": text})
        found = figures.ask("full-text search", text, lambda a=asked: page(connection, entries, a))
        if found.next:
            following = Asked({"text": text}, after=found.next)
            figures.ask("full-text search, next page", text, lambda a=following: page(connection, entries, a))


def measure_csv(connection: sa.Connection) -> None:
    """Write every event as CSV, counted and thrown away."""
    listing = LISTINGS["events"]
    began, worked = time.perf_counter(), time.process_time()
    size = sum(map(len, csv_lines(listing.columns, stream(connection, listing, {}))))
    took, cpu = time.perf_counter() - began, time.process_time() - worked
    number = count(connection, listing, {})
    rates = f"{number / took:,.0f} rows a second, {number / cpu:,.0f} a second of the processor's"
    print(f"CSV of events: {number:,} rows, {size / 1e6:,.0f} MB; {rates}")


def _subjects(connection: sa.Connection) -> list[str]:
    """Copies, their source orders, and subscriptions: one that renews seldom and one that does every hour."""
    rows = page(connection, LISTINGS["states"], Asked(limit=20)).rows
    orders = [f"orders/{row['source_order_id']}" for row in rows]
    return [
        *(row["subject"] for row in rows),
        *orders,
        "order_subscriptions/sub0012345",
        "order_subscriptions/sub0000003",
    ]


def _pages(
    connection: sa.Connection,
    figures: Figures,
    chance: random.Random,
    listing: Listing,
    filters: dict[str, str],
    about: str,
) -> None:
    first = figures.ask(f"page of {listing.name}", about, lambda: page(connection, listing, Asked(filters)))
    if first.next:
        following = Asked(filters, after=first.next)
        figures.ask(f"page of {listing.name}", about, lambda: page(connection, listing, following))
    total = count(connection, listing, filters)
    for _ in range(3):
        number = chance.randint(1, max(1, total // 25))
        asked = Asked(filters)
        ask = lambda a=asked, n=number: numbered(connection, listing, a, n, 25)  # noqa: E731
        figures.ask(f"deep page of {listing.name}", f"{about} {number}", ask)


@contextmanager
def database(given: Path | None) -> Iterator[Path]:
    """The given database, or one that is made for the length of a `with`."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "million.db"
        print("making a million events …", file=sys.stderr)
        make(path, 1_000_000)
        yield path


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--lists", action="store_true", help="then run benchmarks.lists too")
    given = parser.parse_args()
    with database(given.path) as path:
        engine = connections.connect(f"sqlite:///{path}")
        figures = Figures(given.rounds)
        with engine.connect().execution_options(**connections.READ_ONLY) as connection:
            measure(connection, figures, random.Random(1))
            figures.show()
            measure_csv(connection)
        engine.dispose()
        clock, processor = measure_verify(path)
        print(f"copydesk audit verify: {clock:.1f} s, {processor:.1f} s of the processors")
        if given.lists:
            subprocess.run([sys.executable, "-m", "benchmarks.lists", str(path)], check=False)


if __name__ == "__main__":
    main()
