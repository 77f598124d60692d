"""The processes of a first look, run by honcho: started together, stopped together."""

from __future__ import annotations

import contextlib
import signal
import sys
import time
from typing import Any

from honcho.manager import Manager
from honcho.printer import Message, Printer

TOUR = "tour"
# Longer than the web process and a worker may take to finish what is under way.
_PATIENCE = 20.0


class _Screen(Printer):  # type: ignore[misc]
    """Lines with the name of their process before them; the tour's as they are, for it speaks to people."""

    def write(self, message: Message) -> None:
        """Print the lines of one message."""
        if message.name != TOUR:
            super().write(message)
            return
        data = message.data.decode("utf-8", "replace") if isinstance(message.data, bytes) else message.data
        print(data, end="", flush=True)


class Processes(Manager):  # type: ignore[misc]
    """Runs processes until one of them ends or a signal comes, then stops them all and leaves none behind.

    honcho itself cannot stop a process of which it has not heard yet that it started: a signal in the first
    moments would raise in the middle of starting, and leave processes behind. Here it is remembered.
    """

    def __init__(self) -> None:
        super().__init__(_Screen(sys.stdout))
        self._asked_at: float | None = None

    def run(self) -> int:
        """Run until the end.

        Returns:
            0 after a signal, otherwise the code of the process that ended first.
        """
        signal.signal(signal.SIGHUP, self._hung_up)
        try:
            self.loop()
        except BaseException:
            # What is known by its number is ended; a child that honcho has not heard of ends with its pipe.
            with contextlib.suppress(KeyError):
                self.kill()
            raise
        stopped_by_signal = self.returncode in (128 + s for s in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP))
        return 0 if stopped_by_signal else int(self.returncode or 0)

    def terminate(self) -> None:
        """Stop every process, as soon as all of them are known."""
        self._asked_at = self._asked_at or time.monotonic()
        self._all_started()

    def _all_started(self) -> bool:
        """Tell whether every process is known by its number; honcho asks several times a second."""
        started = bool(super()._all_started())
        if started and self._asked_at is not None:
            super().terminate()
            if time.monotonic() - self._asked_at > _PATIENCE:
                self.kill()
        return started

    def _hung_up(self, number: int, _frame: Any) -> None:
        self.returncode = 128 + number
        self.terminate()
