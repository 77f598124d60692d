"""Group commit: concurrent deliveries share one transaction, and each is answered only after its commit.

One thread writes for the whole process (a greenlet under gevent). While it writes, arrivals gather; when the
database is locked it gives the others the processor and lets its batch grow, instead of holding everybody up.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from concurrent.futures import Future, InvalidStateError
from contextlib import suppress
from dataclasses import dataclass, field, replace

import structlog

from service.arrivals import Arrival, Receipt
from service.errors import StoreLocked, StoreUnavailable
from service.store import Store
from service.store.keep import keep

log = structlog.get_logger(__name__)

# The sender gives up after five seconds and counts a failure: https://docs.commercelayer.io/core/real-time-webhooks
PATIENCE = 2.2
MAX_BATCH = 128
# A lock is held for a few milliseconds by another writer like this one; other trouble is not over that soon.
_LOCKED_PAUSE = 0.001
_TROUBLE_PAUSE = 0.05


@dataclass(slots=True)
class _Waiting:
    arrival: Arrival
    deadline: float
    receipt: Future[Receipt] = field(default_factory=Future)


class Writer:
    """Writes arrivals in batches. Make one in each process, after the fork."""

    def __init__(self, store: Store, *, patience: float = PATIENCE, max_batch: int = MAX_BATCH) -> None:
        """Start the writing thread.

        Args:
            store: the open store; the writer takes a connection of its own that never waits for a lock.
            patience: seconds after which an arrival that could not be written is given up.
            max_batch: arrivals in one transaction; 1 for one commit a request.
        """
        self._store = store.impatient()
        self._patience = patience
        self._max_batch = max_batch
        self._queue: deque[_Waiting] = deque()
        self._wake = threading.Condition()
        self._closing = False
        self._thread = threading.Thread(target=self._run, name="copydesk-writer", daemon=True)
        self._thread.start()

    def keep(self, arrival: Arrival) -> Receipt:
        """Put an arrival on disk; returns once it is there.

        Raises:
            StoreUnavailable: it could not be written in time. It may have been all the same; the sender comes
                again and is then counted as a redelivery.
        """
        waiting = _Waiting(arrival, time.monotonic() + self._patience)
        with self._wake:
            self._queue.append(waiting)
            self._wake.notify()
        try:
            return waiting.receipt.result(self._patience + 0.1)
        except TimeoutError:
            waiting.receipt.cancel()
            raise StoreUnavailable("no commit in time") from None

    def close(self) -> None:
        """Write what waits, then stop."""
        with self._wake:
            self._closing = True
            self._wake.notify()
        self._thread.join(self._patience + 1)
        self._store.close()

    def _run(self) -> None:
        batch: list[_Waiting] = []
        while self._gather(batch):
            try:
                self._write(batch)
                batch = []
            except StoreUnavailable as error:
                batch = self._give_up_late(batch, error)
                # Gives the processor to the other requests, whose arrivals join the batch.
                time.sleep(_LOCKED_PAUSE if isinstance(error, StoreLocked) else _TROUBLE_PAUSE)

    def _gather(self, batch: list[_Waiting]) -> bool:
        """Fill the batch with what waits; wait for something where there is nothing. False at the end."""
        with self._wake:
            while True:
                while self._queue and len(batch) < self._max_batch:
                    waiting = self._queue.popleft()
                    # Nobody waits any more for one that was given up while another batch was written.
                    if not waiting.receipt.cancelled():
                        batch.append(waiting)
                if batch or self._closing:
                    return bool(batch)
                self._wake.wait()

    def _write(self, batch: list[_Waiting]) -> None:
        try:
            with self._store.write() as connection:
                receipts = keep(connection, [waiting.arrival for waiting in batch])
        except StoreUnavailable:
            raise
        except Exception as error:  # noqa: BLE001 - whatever one arrival does to a transaction, the others must go on
            self._write_apart(batch, error)
            return
        for waiting, receipt in zip(batch, receipts, strict=True):
            _answer(waiting, receipt)

    def _write_apart(self, batch: list[_Waiting], error: Exception) -> None:
        """Find the arrival that spoils the batch: each one alone, and the spoiler as bare bytes."""
        if len(batch) > 1:
            for waiting in batch:
                self._write([waiting])
            return
        (waiting,) = batch
        log.error("arrival could not be recorded", topic=waiting.arrival.topic, error=type(error).__name__)
        bare = replace(
            waiting.arrival, event=None, apart="quarantine", reason=f"could not be recorded: {type(error).__name__}"
        )
        try:
            with self._store.write() as connection:
                (receipt,) = keep(connection, [bare])
        except StoreUnavailable:
            raise
        except Exception as second:  # noqa: BLE001 - the sender must get its answer
            # Not the error's text: SQLAlchemy's holds the values, and so the body.
            _fail(waiting, StoreUnavailable(f"could not be kept: {type(second).__name__}"))
        else:
            _answer(waiting, receipt)

    def _give_up_late(self, batch: list[_Waiting], error: StoreUnavailable) -> list[_Waiting]:
        now = time.monotonic()
        for waiting in batch:
            if waiting.deadline <= now or self._closing:
                _fail(waiting, error)
        return [waiting for waiting in batch if not waiting.receipt.done()]


def _answer(waiting: _Waiting, receipt: Receipt) -> None:
    # It may be given up between a look and the answer, so there is no look.
    with suppress(InvalidStateError):
        waiting.receipt.set_result(receipt)


def _fail(waiting: _Waiting, error: Exception) -> None:
    with suppress(InvalidStateError):
        waiting.receipt.set_exception(error)
