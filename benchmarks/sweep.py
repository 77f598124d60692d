"""A sweep of many factories without waiting for the provider's limits, and its memory: `python -m benchmarks.sweep`.

The sandbox is a process of its own. First every factory is let in through the door, as after an outage; then all of
them are listed again and again, as a proof does, and nothing is news. Beside the time that took stands the time that
the provider's published limits would allow for the same requests at the least.
"""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from threading import Event

import handlers
from benchmarks import servers
from service import logs
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.intake import Door
from service.router import Router
from service.sandbox import Options
from service.settings import Settings
from service.store import open_store
from service.sweep.feeding import Site
from service.sweep.passing import Swept, sweep

# Requests a minute: https://docs.commercelayer.io/core/rate-limits
PUBLISHED = {"live": 200, "test": 100}
_DAYS = 4
_SANDBOX = f"""
import sys
from service.sandbox import Sandbox, serve
sandbox = Sandbox(port=int(sys.argv[1]))
sandbox.make_factories(count=int(sys.argv[2]), kinds="both", hours={(_DAYS - 1) * 24})
serve(sandbox)
"""


class Unlimited(SharedBudget):
    """A budget that has always room."""

    def wait_for(self, endpoint: str, stop: Event | None = None) -> None:
        """Go on at once."""


@dataclass(frozen=True)
class Pass:
    """One pass: what it came to, its seconds, and those in which this process had the processor."""

    swept: Swept
    seconds: float
    own_seconds: float


@contextmanager
def site(factories: int) -> Iterator[Site]:
    """An empty installation before a sandbox that has so many factories."""
    port = servers.free_port()
    with ExitStack() as stack:
        url = stack.enter_context(servers.sqlite_url())
        stack.enter_context(servers.process(_SANDBOX, [str(port), str(factories)], {}))
        servers.wait_for(("127.0.0.1", port), 120)
        options, address = Options(), f"http://127.0.0.1:{port}"
        settings = Settings(
            database_url=url,
            organization=options.organization,
            api_url=address,
            auth_url=address,
            client_id=options.client_id,
            client_secret=options.client_secret,
        )
        store = open_store(url)
        stack.callback(store.close)
        client = stack.enter_context(CommerceLayer(settings))
        door = Door.of(settings, Router(handlers.MODULES))
        yield Site(settings, store, door, client, Unlimited(settings, store))


def measure(one: Site) -> Pass:
    """Sweep everything there is."""
    wall, own = time.perf_counter(), time.process_time()
    swept = sweep(one, datetime.now(UTC) - timedelta(days=_DAYS), actor="benchmark")
    return Pass(swept, time.perf_counter() - wall, time.process_time() - own)


def resident_mib() -> float:
    """Memory that this process holds now."""
    status = Path("/proc/self/status").read_text("ascii")
    return next(int(line.split()[1]) for line in status.splitlines() if line.startswith("VmRSS:")) / 1024


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--factories", type=int, default=5000)
    parser.add_argument("--passes", type=int, default=20)
    given = parser.parse_args()
    logs.configure("error")
    with site(given.factories) as one:
        memory = [resident_mib()]
        first = measure(one)
        assert (first.swept.listed, first.swept.events) == (given.factories, given.factories), first
        memory.append(resident_mib())
        again = [measure(one) for _ in range(given.passes - 1)]
        assert not any(each.swept.events for each in again), "known factories were news"
        memory.append(resident_mib())
    print(f"first pass    {given.factories / first.seconds:6.0f} factories a second, all of them news")
    for each, name in ((first, "first pass"), *((last, "known ones") for last in again[-1:])):
        print(f"{name}    {each.seconds:6.1f} s in all, {each.own_seconds:.1f} s of them at work here")
    for mode, minute in PUBLISHED.items():
        print(f"{mode} limits   {first.swept.pages * 60 / minute:6.1f} s for the same {first.swept.pages} requests")
    listed = sum(each.swept.listed for each in (first, *again))
    print("memory        " + ", ".join(f"{one:.0f} MiB" for one in memory) + f": start, first pass, {listed} listed")


if __name__ == "__main__":
    main()
