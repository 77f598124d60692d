"""Jobs of loops that must go on, whatever becomes of one round."""

from __future__ import annotations

import threading
from collections.abc import Callable

import structlog

from service.errors import StoreError

log = structlog.get_logger(__name__)

_PAUSE = 0.5


class Rounds:
    """The rounds of one worker, which end when it is told to stop."""

    def __init__(self, stop: threading.Event) -> None:
        """Take what ends them."""
        self.stop = stop

    def every(self, seconds: float, *jobs: Callable[[], object]) -> None:
        """Do jobs again and again, with so many seconds between two rounds, until the worker stops."""
        while not self.stop.wait(seconds):
            for job in jobs:
                self.guarded(job)

    def guarded(self, job: Callable[[], object]) -> None:
        """Do a job once: trouble is logged, and the next round tries again."""
        try:
            job()
        except StoreError as error:
            log.warning("store trouble", job=getattr(job, "__name__", ""), error=str(error))
            self.stop.wait(_PAUSE)
        except Exception:
            log.exception("worker trouble", job=getattr(job, "__name__", ""))
            self.stop.wait(_PAUSE)
