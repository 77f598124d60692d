"""Make a SQLite database with a million events, quickly: `python -m benchmarks.million PATH`.

What is in it is what a year of copies leaves behind: 250 stories after another, again and again, of copies and
renewals that complete, fail, come twice or are too odd to be read, with all that follows from each. Every row is one
that the product could have written, commitments and leaf hashes included; the entries stand in the log.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks.stories import EVENTS_IN_A_CHAPTER, Chapter, write_chapter
from service.store import open_store
from service.store.connections import SQLITE_PRAGMAS, sqlite3
from service.store.schema import metadata

# Of the first epoch of a log; nobody signs it.
ORIGIN = "benchmark.invalid/copydesk/million/1"
_KEPT_OUT_OF_IT = ("journal_mode", "synchronous", "foreign_keys", "secure_delete")


def make(path: Path, events: int, *, processes: int = 2) -> dict[str, int]:
    """Make the database; the file must not be there yet.

    Args:
        path: where.
        events: how many, rounded up to whole chapters.
        processes: that invent rows beside the one that writes them.

    Returns:
        How many rows each table has.
    """
    open_store(f"sqlite:///{path}").close()
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        return _fill(connection, -(-events // EVENTS_IN_A_CHAPTER), processes)
    finally:
        connection.close()


def _fill(connection: Any, chapters: int, processes: int) -> dict[str, int]:
    # Nothing of it is lost that could not be made again: no journal, no waiting for the disk.
    for pragma in ("journal_mode = off", "synchronous = 0", "foreign_keys = 0", "secure_delete = 0"):
        connection.execute(f"PRAGMA {pragma}")
    connection.execute("PRAGMA cache_size = -400000")
    counts: dict[str, int] = defaultdict(int)
    log = Frontier()
    connection.execute("BEGIN EXCLUSIVE")
    with _without_indexes(connection), multiprocessing.Pool(processes) as pool:
        statements: dict[str, str] = {}
        for chapter in pool.imap(write_chapter, range(chapters), chunksize=1):
            _write(connection, chapter, statements, counts, log)
    opened, changed = connection.execute("SELECT min(at), max(at) FROM audit_entries").fetchone()
    connection.execute(
        "INSERT INTO audit_logs (epoch, origin, size, frontier, opened_at, changed_at) VALUES (1, ?, ?, ?, ?, ?)",
        (ORIGIN, log.size, log.packed, opened, changed),
    )
    connection.execute("COMMIT")
    for name in _KEPT_OUT_OF_IT:
        connection.execute(f"PRAGMA {name} = {SQLITE_PRAGMAS[name]}")
    return dict(counts)


def _write(
    connection: Any, chapter: Chapter, statements: dict[str, str], counts: dict[str, int], log: Frontier
) -> None:
    for table, (columns, rows) in chapter.tables.items():
        if table not in statements:
            marks = ", ".join("?" * len(columns))
            statements[table] = f"INSERT INTO {table} ({', '.join(columns)}) VALUES ({marks})"  # noqa: S608 - the schema's names
        connection.executemany(statements[table], rows)
        counts[table] += len(rows)
    for leaf_hash in chapter.leaf_hashes:
        log.append(leaf_hash)


@contextmanager
def _without_indexes(connection: Any) -> Iterator[None]:
    """Drop indexes and triggers for the length of a `with`: made at the end, an index is sorted once."""
    query = "SELECT type, name, sql FROM sqlite_master WHERE type IN ('index', 'trigger') AND sql IS NOT NULL"
    found = connection.execute(f"{query} AND tbl_name IN ({', '.join('?' * len(metadata.tables))})", [*metadata.tables])
    made = found.fetchall()
    for type_, name, _ in made:
        connection.execute(f"DROP {type_} {name}")
    yield
    for _, _, sql in made:
        connection.execute(sql)


class Frontier:
    """The roots of the full subtrees of a growing tree: https://www.rfc-editor.org/rfc/rfc6962#section-2.1."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf_hash: bytes) -> None:
        """Take in one leaf."""
        from hashlib import sha256  # noqa: PLC0415 - a local name is found faster, three million times

        root, size = leaf_hash, self.size
        while size & 1:
            root = sha256(b"\x01" + self._roots.pop() + root).digest()
            size >>= 1
        self._roots.append(root)
        self.size += 1

    @property
    def packed(self) -> bytes:
        """The roots, greatest first, 32 bytes each."""
        return b"".join(self._roots)


def main() -> None:
    """Make it and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, help="the file to make; outside of the repository")
    parser.add_argument("--events", type=int, default=1_000_000)
    parser.add_argument("--entries", type=int, help="so many audit entries instead, about")
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.path.exists():
        sys.exit(f"{given.path} is there already")
    events = given.events
    if given.entries:
        events = given.entries * EVENTS_IN_A_CHAPTER // len(write_chapter(0).leaf_hashes)
    began = time.monotonic()
    counts = make(given.path, events, processes=given.processes)
    took = time.monotonic() - began
    for table, count in counts.items():
        print(f"{table:20}{count:12,}")
    size = given.path.stat().st_size / 1e6
    print(f"{size:,.0f} MB in {took:.0f} s, at {datetime.now(UTC):%Y-%m-%d %H:%M} UTC")


if __name__ == "__main__":
    main()
