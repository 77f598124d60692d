"""When tokens were used last: noted in memory, written beside the requests, at most once a minute each."""

from __future__ import annotations

import threading
import time
from datetime import datetime

import structlog

from service.store import Store, api_tokens

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
CLOSING_SECONDS = 2.0


class Uses:
    """Notes uses and writes them every few seconds; trouble with that is never a request's."""

    def __init__(self, store: Store, *, every: float = FLUSH_SECONDS) -> None:
        """Start the thread that writes.

        Args:
            store: through connections that do not wait for locks.
            every: seconds between two writes.
        """
        self._store, self._every = store, every
        self._noted: dict[int, datetime] = {}
        self._written: dict[int, datetime] = {}
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copydesk-token-uses", daemon=True)
        self._thread.start()

    def note(self, token_id: int, now: datetime) -> None:
        """Note that a token was used now."""
        written = self._written.get(token_id)
        if written is None or now - written >= api_tokens.USE_STEP:
            self._noted[token_id] = now

    def flush(self) -> None:
        """Write what is noted; where the store cannot, it waits for the next time."""
        noted, self._noted = self._noted, {}
        if not noted:
            return
        try:
            with self._store.write() as connection:
                api_tokens.mark_used(connection, noted)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round must find this thread alive
            self._noted = noted | self._noted
            log.warning("uses of tokens not written", error=type(error).__name__)
        else:
            self._written |= noted

    def close(self) -> None:
        """Write what is noted, then stop."""
        self._stop.set()
        self._thread.join(self._every)
        deadline = time.monotonic() + CLOSING_SECONDS
        self.flush()
        while self._noted and time.monotonic() < deadline:
            time.sleep(0.05)
            self.flush()

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.flush()
