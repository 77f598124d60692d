"""What a process of its own does in these tests: `python one_process.py WHAT DATABASE_URL [ARGUMENTS]`."""

from __future__ import annotations

import os
import signal
import sys
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parent.parent.parent))

import sqlalchemy as sa

from service.audit import sequencer
from service.store import open_store
from tests.audit.book import KEY, NOW


def die_sequencing(url: str, statement: str) -> None:
    """Sequence in small batches, and be killed just before the given statement or commit."""
    sequencer.BATCH = 7
    left = int(statement)
    store = open_store(url, busy_seconds=20)

    def count(*_: Any) -> None:
        nonlocal left
        left -= 1
        if left < 0:
            os.kill(os.getpid(), signal.SIGKILL)

    sa.event.listen(store.engine, "before_cursor_execute", count)
    sa.event.listen(store.engine, "commit", count)
    sequencer.sequence(store, KEY, NOW)
    store.close()


if __name__ == "__main__":
    globals()[sys.argv[1]](*sys.argv[2:])
