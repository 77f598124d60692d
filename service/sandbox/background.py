"""What happens later: one thread for what is timed, a bounded pool for what waits on the network.

Everything still to do is counted in one place, so that "has it all settled?" has one answer.
"""

from __future__ import annotations

import heapq
import itertools
import logging
import threading
import time
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

_log = logging.getLogger(__name__)

Job = Callable[[], None]


@dataclass(order=True)
class _Timed:
    due: float
    turn: int
    job: Job = field(compare=False)
    counted: bool = field(compare=False, default=True)


class Background:
    """Runs jobs after a delay or in a pool until it is closed; an error in a job is logged."""

    def __init__(self, workers: int) -> None:
        """Start the timer thread.

        Args:
            workers: threads of the pool, at most this many deliveries are under way together.
        """
        self._wake = threading.Condition()
        self._timed: list[_Timed] = []
        self._turns = itertools.count()
        self._outstanding = 0
        self._closed = False
        self._pool = ThreadPoolExecutor(workers, thread_name_prefix="sandbox-delivery")
        self._timer = threading.Thread(target=self._keep_time, name="sandbox-timer", daemon=True)
        self._timer.start()

    def later(self, seconds: float, job: Job) -> None:
        """Run a short job on the timer thread, `seconds` from now; jobs of one moment run in their order."""
        self._time(seconds, job, counted=True)

    def someday(self, seconds: float, job: Job) -> None:
        """The same for a job that nobody waits for: until it runs, it is not among what is left to do."""
        self._time(seconds, job, counted=False)

    def in_pool(self, job: Job) -> None:
        """Run a job that may wait, in the pool."""
        with self._wake:
            if self._closed:
                return
            self._outstanding += 1
            self._pool.submit(self._run, job).add_done_callback(self._done)

    def settled(self, timeout: float) -> bool:
        """Wait until nothing is left to do, at most `timeout` seconds; tell whether that was reached."""
        with self._wake:
            return self._wake.wait_for(lambda: self._outstanding == 0 or self._closed, timeout)

    def forget(self) -> None:
        """Drop what is timed; what already runs comes to its end."""
        with self._wake:
            self._outstanding -= sum(timed.counted for timed in self._timed)
            self._timed.clear()
            self._wake.notify_all()

    def close(self) -> None:
        """Drop what is still to do, and wait for the job and the deliveries under way."""
        with self._wake:
            self._closed = True
            self._wake.notify_all()
        self._timer.join()
        self._pool.shutdown(wait=True, cancel_futures=True)

    def _time(self, seconds: float, job: Job, *, counted: bool) -> None:
        with self._wake:
            if self._closed:
                return
            self._outstanding += counted
            heapq.heappush(self._timed, _Timed(time.monotonic() + seconds, next(self._turns), job, counted))
            self._wake.notify_all()

    @staticmethod
    def _run(job: Job) -> None:
        """Run one job; an error in it must neither end the thread nor pass unseen."""
        try:
            job()
        except Exception:  # noqa: BLE001 (whatever a job raises)
            _log.exception("A job of the sandbox failed")

    def _done(self, _future: Future[None] | None = None) -> None:
        with self._wake:
            self._outstanding -= 1
            if self._outstanding == 0:
                self._wake.notify_all()

    def _keep_time(self) -> None:
        while True:
            with self._wake:
                while not self._closed and not (self._timed and self._timed[0].due <= time.monotonic()):
                    self._wake.wait(self._timed[0].due - time.monotonic() if self._timed else None)
                if self._closed:
                    return
                timed = heapq.heappop(self._timed)
                self._outstanding += not timed.counted
            self._run(timed.job)
            self._done()
