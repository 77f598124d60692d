"""Signed deliveries a second, and how long their answers take: `python -m benchmarks.intake`.

Four servers in one run, round after round: a no-op Flask route under the same gunicorn settings (the ceiling),
Copydesk on SQLite, Copydesk with one commit a request, Copydesk on PostgreSQL. Rows are counted afterwards.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from statistics import median
from typing import NamedTuple

import sqlalchemy as sa

from benchmarks import load, servers
from service.store.connections import connect
from service.store.schema import deliveries, events

CONNECTIONS = 64
STEADY_RATE = 100.0


class Measured(NamedTuple):
    """One server in one round: answers a second flat out, and p50 and p99 in ms at a steady rate."""

    rate: float
    p99_flat_out: float
    p50: float
    p99: float


@contextmanager
def _counted(url: AbstractContextManager[str], batch: int, expected: int) -> Iterator[tuple[str, int]]:
    """Serve from a database, and count afterwards that everything acknowledged is there."""
    with url as database_url:
        with servers.copydesk(database_url, batch=batch) as address:
            yield address
        engine = connect(database_url)
        with engine.connect() as connection:
            for table in (events, deliveries):
                found = connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()
                assert found == expected, f"{found} rows in {table.name}, {expected} acknowledged"
        engine.dispose()


def _measure(address: tuple[str, int], run: str, number: int, steady: int) -> Measured:
    load.drive(address, load.requests(200, f"w{run}"), connections=CONNECTIONS)
    flat_out = load.drive(address, load.requests(number, f"f{run}"), connections=CONNECTIONS)
    paced = load.drive(address, load.requests(steady, f"p{run}"), connections=CONNECTIONS, rate=STEADY_RATE)
    for result in (flat_out, paced):
        assert set(result.statuses) == {200}, result.statuses
    return Measured(flat_out.rate, flat_out.p99, paced.p50, paced.p99)


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--deliveries", type=int, default=6000, help="in each round, flat out")
    arguments = parser.parse_args()
    number, steady = arguments.deliveries, 500
    kept = 200 + number + steady
    contenders: dict[str, Callable[[], AbstractContextManager[tuple[str, int]]]] = {
        "no-op Flask route": servers.noop,
        "Copydesk, SQLite": lambda: _counted(servers.sqlite_url(), 128, kept),
        "Copydesk, one commit each": lambda: _counted(servers.sqlite_url(), 1, kept),
        "Copydesk, PostgreSQL": lambda: _counted(servers.postgresql_url(), 128, kept),
    }
    found: dict[str, list[Measured]] = {name: [] for name in contenders}
    for turn in range(arguments.rounds):
        for name, serve in contenders.items():
            with serve() as address:
                found[name].append(_measure(address, str(turn), number, steady))
    ceiling = median(m.rate for m in found["no-op Flask route"])
    print(f"{CONNECTIONS} connections, {number} deliveries, {arguments.rounds} rounds, medians")
    print(
        f"{'':28}{'a second':>10}{'of ceiling':>12}{'p99 ms':>9}   at {STEADY_RATE:.0f}/s: {'p50 ms':>7}{'p99 ms':>9}"
    )
    for name, rounds in found.items():
        m = Measured(*(median(values) for values in zip(*rounds, strict=True)))
        share = m.rate / ceiling
        print(f"{name:28}{m.rate:10.0f}{share:12.2f}{m.p99_flat_out:9.1f}{m.p50:18.1f}{m.p99:9.1f}")


if __name__ == "__main__":
    main()
