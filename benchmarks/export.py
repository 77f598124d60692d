"""How quickly whole commands take the record away, and in how much memory: `python -m benchmarks.export [PATH …]`.

Each PATH is a database of `benchmarks.million`; where none is given, one of a hundred thousand events and one of a
million are made in a temporary directory, so that what grows is seen. Each is copied first, since exports and backups
leave a line in the trail. A row is one `copydesk` command in a process of its own, from its start to its end: leaves,
digests, manifest and interpreter included. Beside it stands a process that reads the same events with SQLite's driver
and does nothing with them.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import servers
from benchmarks.million import make
from service.store.connections import sqlite3

_READ = """
import sys
from sqlite_utils.utils import sqlite3
cursor = sqlite3.connect(sys.argv[1]).execute("SELECT * FROM events ORDER BY id")
while cursor.fetchmany(2000):
    pass
"""
# Of `copydesk audit verify`: there is no signed head.
_INCOMPLETE = 3
_FORMATS = ("csv", "ndjson", "sqlite")


@dataclass(frozen=True, slots=True)
class Cost:
    """What a process took.

    Attributes:
        wall: seconds of the clock.
        processor: seconds of processors, those of its own processes too.
        memory: the most of it that it or one of its own had, in MiB.
    """

    wall: float
    processor: float
    memory: float


def run(words: Sequence[str], url: str = "", *, may_be_incomplete: bool = False) -> Cost:
    """Run a program to its end.

    Args:
        words: what Python runs.
        url: the database of the settings.
        may_be_incomplete: whether exit code 3 is right too.
    """
    kept = {name: value for name, value in os.environ.items() if not name.startswith("COPYDESK_")}
    settings = {"COPYDESK_DATABASE_URL": url} if url else {}
    began = time.perf_counter()
    with subprocess.Popen([sys.executable, *words], env=kept | settings, stdout=subprocess.DEVNULL) as running:
        _, status, used = os.wait4(running.pid, 0)
        running.returncode = os.waitstatus_to_exitcode(status)
    if running.returncode and not (may_be_incomplete and running.returncode == _INCOMPLETE):
        sys.exit(f"{' '.join(words)}: exit {running.returncode}")
    return Cost(time.perf_counter() - began, used.ru_utime + used.ru_stime, used.ru_maxrss / 1024)


def copydesk(url: str, *words: object, may_be_incomplete: bool = False) -> Cost:
    """Run a command of ours."""
    return run(["-m", "service", *map(str, words)], url, may_be_incomplete=may_be_incomplete)


def show(name: str, cost: Cost, rows: int | None = None, alone: Cost | None = None) -> None:
    """Print one row."""
    rates = f"{rows / cost.wall:11,.0f}{rows / cost.processor:14,.0f}" if rows else " " * 25
    share = f"{alone.processor / cost.processor:9.2f}" if alone else " " * 9
    print(f"{name:44}{cost.wall:8.1f}{cost.processor:8.1f}{rates}{share}{cost.memory:8.0f}", flush=True)


def measure(url: str, events: int, scratch: Path, alone: Cost | None, *, everything: bool) -> None:
    """Export the events in each format, and everything if that is wanted; what was written goes again."""
    for format_ in _FORMATS:
        place = scratch / "out"
        cost = copydesk(url, "export", place, "--of", "events", "--format", format_)
        show(f"export of events, {format_}", cost, events, alone)
        shutil.rmtree(place)
        if everything:
            show(f"export of everything, {format_}", copydesk(url, "export", place, "--format", format_))
            show("  audit verify of it", copydesk("", "audit", "verify", place, may_be_incomplete=True))
            shutil.rmtree(place)


def measure_file(given: Path, scratch: Path, *, everything: bool, postgresql: bool) -> None:
    """Measure one database, and the same in PostgreSQL."""
    path = scratch / "copy.db"
    shutil.copyfile(given, path)
    url = f"sqlite:///{path}"
    with closing(sqlite3.connect(path)) as connection:
        (events,) = connection.execute("SELECT count(*) FROM events").fetchone()
    print(f"\n{events:,} events\n{'':44}{'s':>8}{'cpu s':>8}{'rows/s':>11}{'rows/cpu s':>14}{'of read':>9}{'MiB':>8}")
    alone = run(["-c", _READ, str(path)])
    show("reading the events, and nothing else", alone, events, alone)
    measure(url, events, scratch, alone, everything=everything)
    if everything or postgresql:
        _move(url, events, scratch, everything=everything, postgresql=postgresql)
    path.unlink()


def _move(url: str, events: int, scratch: Path, *, everything: bool, postgresql: bool) -> None:
    backup = scratch / "backup.db"
    show("backup", copydesk(url, "backup", backup))
    if everything:
        show("restore", copydesk(f"sqlite:///{scratch}/restored.db", "restore", backup, "--yes"))
        (scratch / "restored.db").unlink()
    if postgresql:
        with servers.postgresql_url() as server:
            show("restore into PostgreSQL", copydesk(server, "restore", backup, "--yes"))
            print("from PostgreSQL, whose own processes are not counted:")
            measure(server, events, scratch, None, everything=everything)
            show("backup", copydesk(server, "backup", scratch / "back.db"))
    for left in scratch.glob("back*"):
        left.unlink()


@contextmanager
def databases(given: Sequence[Path]) -> Iterator[Sequence[Path]]:
    """The given databases, or two that are made for the length of a `with`."""
    if given:
        yield given
        return
    with tempfile.TemporaryDirectory() as directory:
        made = {Path(directory) / f"{events}.db": events for events in (100_000, 1_000_000)}
        for path, events in made.items():
            print(f"making {events:,} events …", file=sys.stderr)
            make(path, events)
        yield list(made)


def main() -> None:
    """Measure and print a table for each database."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="*")
    parser.add_argument("--everything", action="store_true", help="all tables too, their verification, and backups")
    parser.add_argument("--postgresql", action="store_true", help="the same rows from PostgreSQL too")
    given = parser.parse_args()
    with databases(given.path) as paths, tempfile.TemporaryDirectory() as scratch:
        for path in paths:
            measure_file(path, Path(scratch), everything=given.everything, postgresql=given.postgresql)


if __name__ == "__main__":
    main()
