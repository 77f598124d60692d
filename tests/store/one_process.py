"""What a process of its own does in these tests: `python one_process.py WHAT DATABASE_URL [ARGUMENTS]`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import sqlalchemy as sa

from service.store import open_store
from service.store.keep import keep
from tests.bodies import arrival, copy


def open_it(url: str) -> None:
    """Open, and so migrate."""
    open_store(url).close()


def die_migrating(url: str, statement: str) -> None:
    """Be killed just before the given statement of the migration."""
    left = int(statement)

    def kill(_c: Any, _cursor: Any, sql: str, *_: Any) -> None:
        nonlocal left
        if sql.lstrip().startswith(("CREATE", "INSERT")):
            left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(sa.Engine, "before_cursor_execute", kill)
    open_store(url).close()


def deliver(url: str, number: str) -> None:
    """Keep the same deliveries as every other process, in an order of its own."""
    store = open_store(url, busy_seconds=20)
    arrivals = [arrival("order_copies.complete", copy(f"copy{n}", source_order="aaaaaaaaaa")) for n in range(10)]
    if int(number) % 2:
        arrivals.reverse()
    for start in range(0, 10, 5):
        with store.write() as connection:
            keep(connection, arrivals[start : start + 5])
    store.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
