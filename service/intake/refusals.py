"""Refused requests, counted: nobody without a key makes a row of his own, and a wrong secret is noticed at once."""

from __future__ import annotations

import threading
import time
from collections import Counter
from collections.abc import Collection
from datetime import UTC, datetime

import structlog

from service.outcomes import alert
from service.store import Store
from service.store.record import INTAKE, plan
from service.store.refusals import add_refusals

log = structlog.get_logger(__name__)

FLUSH_SECONDS = 5.0
CLOSING_SECONDS = 2.0
API = "api"


class Refusals:
    """Counts in memory and writes the counts every few seconds.

    The first bad signature of a day on a topic that we serve plans an alert: with a wrong secret the provider
    silences the webhook after 30 failures. https://docs.commercelayer.io/core/real-time-webhooks
    """

    def __init__(self, store: Store, topics: Collection[str], *, every: float = FLUSH_SECONDS) -> None:
        """Start the thread that writes.

        Args:
            store: the open store.
            topics: the topics served; others are counted together under an empty name.
            every: seconds between two writes.
        """
        # Waiting for SQLite's lock would hold up the whole process under gevent; these counts can wait for next time.
        self._store, self._topics, self._every = store.impatient(), frozenset(topics), every
        self._counts: Counter[tuple[str, str]] = Counter()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copydesk-refusals", daemon=True)
        self._thread.start()

    def serve(self, topics: Collection[str]) -> None:
        """Count these topics by their names from now on."""
        self._topics = frozenset(topics)

    def count(self, topic: str, reason: str) -> None:
        """Count one refused request; `reason` is one of our own constant words."""
        self._counts[topic if topic in self._topics else "", reason] += 1

    def count_access(self, reason: str) -> None:
        """Count one refused request of the API, likewise, beside the topics: none of them is spelt so."""
        self._counts[API, reason] += 1

    def close(self) -> None:
        """Write what is counted, then stop."""
        self._stop.set()
        self._thread.join(self._every)
        deadline = time.monotonic() + CLOSING_SECONDS
        self.flush()
        # There is no next time now, and the other web processes write theirs at this very moment.
        while self._counts and time.monotonic() < deadline:
            time.sleep(0.05)
            self.flush()
        self._store.close()

    def flush(self) -> None:
        """Write the counts now; where the store cannot, they wait for the next time."""
        counts, self._counts = self._counts, Counter()
        if not counts:
            return
        now = datetime.now(UTC)
        try:
            with self._store.write() as connection:
                add_refusals(connection, counts, now)
                for topic, reason in sorted(counts):
                    if topic not in ("", API) and reason == "bad signature":
                        plan(connection, alert(f"topics/{topic}", f"bad signatures {now:%Y-%m-%d}"), now, INTAKE)
        except Exception as error:  # noqa: BLE001 - whatever it was, the next round must find this thread alive
            self._counts.update(counts)
            log.warning("refusals not written", error=type(error).__name__)
        for (topic, reason), times in sorted(counts.items()):
            log.warning("refused", topic=topic, reason=reason, times=times)

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            self.flush()
