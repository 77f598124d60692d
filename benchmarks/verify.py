"""How long `copydesk audit verify` takes for a million entries: `python -m benchmarks.verify [PATH]`.

PATH is a database of `benchmarks.million`; where none is given, one is made in a temporary directory. The command is
run as an operator runs it, a few times; seconds of the clock, those of the processors, which other programs on the
machine lengthen less, and the memory of the greatest process.
"""

from __future__ import annotations

import argparse
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from benchmarks.million import make
from benchmarks.stories import EVENTS_IN_A_CHAPTER, write_chapter
from service.audit.verification.findings import INCOMPLETE


def measure(path: Path, processes: int = 2) -> tuple[float, float]:
    """Verify a database once; its head is not signed, so the proof is not whole.

    Returns:
        Seconds of the clock, and of the processors.
    """
    began, before = time.perf_counter(), _processor()
    command = [sys.executable, "-m", "service", "audit", "verify", str(path), "--processes", str(processes)]
    done = subprocess.run(command, check=False, stdout=subprocess.PIPE, text=True)
    took = time.perf_counter() - began, _processor() - before
    if done.returncode != INCOMPLETE:
        sys.exit(f"copydesk audit verify: exit {done.returncode}\n{done.stdout}")
    return took


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _measured(path: Path, rounds: int, processes: int) -> None:
    for _ in range(rounds):
        clock, processor = measure(path, processes)
        print(f"{path.name}: {clock:.1f} s, {processor:.1f} s of the processors, {processes} processes")
    memory = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(f"{memory:.0f} MiB in the greatest process")


def main() -> None:
    """Measure and print it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("path", type=Path, nargs="?")
    parser.add_argument("--entries", type=int, default=1_000_000, help="of the database that is made, about")
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    if given.path:
        _measured(given.path, given.rounds, given.processes)
        return
    with tempfile.TemporaryDirectory() as directory:
        path = Path(directory) / "entries.db"
        make(path, given.entries * EVENTS_IN_A_CHAPTER // len(write_chapter(0).leaf_hashes))
        _measured(path, given.rounds, given.processes)


if __name__ == "__main__":
    main()
