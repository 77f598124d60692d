"""Rate limits: counted always, enforced only where asked for.

Facts (Commerce Layer documentation, Rate limits, and recorded answers): a window that slides; 200 requests a minute
and 50 in ten seconds per endpoint in live mode, half of it in test mode; 30 a minute on the token endpoint. The
X-Ratelimit headers speak of the minute only.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from dataclasses import dataclass, field
from typing import Any

from service.sandbox.marks import now

MINUTE = 60
BURST_SECONDS = 10
TOKENS_A_MINUTE = 30
A_MINUTE = {"live": 200, "test": 100}
IN_A_BURST = {"live": 50, "test": 25}


@dataclass
class _Window:
    """The requests of the last seconds, and the most that were ever among them."""

    endpoint: str
    seconds: int
    limit: int
    seen: deque[float] = field(default_factory=deque)
    highest: int = 0
    highest_at: str | None = None

    def count(self, present: float) -> int:
        """Count one request; how many there are now, with it."""
        self.slide(present)
        self.seen.append(present)
        if len(self.seen) > self.highest:
            self.highest, self.highest_at = len(self.seen), now()
        return len(self.seen)

    def slide(self, present: float) -> None:
        """Forget the requests that left the window."""
        while self.seen and self.seen[0] <= present - self.seconds:
            self.seen.popleft()


class Limits:
    """Counts the requests of one caller.

    A request that is refused counts as well, so whoever goes on asking is not let in again.
    """

    def __init__(self, mode: str, *, enforced: bool) -> None:
        self._mode = mode
        self._enforced = enforced
        self._lock = threading.Lock()
        self._windows: dict[str, _Window] = {}

    def count(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count one request.

        Args:
            endpoint: "token", or the method and the resource.

        Returns:
            Whether the request is within the limits, and the X-Ratelimit headers of its answer.
        """
        token = endpoint == "token"
        total = TOKENS_A_MINUTE if token else A_MINUTE[self._mode]
        with self._lock:
            present = time.monotonic()
            minute = self._window("token" if token else "api", MINUTE, total).count(present)
            most = IN_A_BURST[self._mode]
            burst = 0 if token else self._window(endpoint, BURST_SECONDS, most).count(present)
        within = minute <= total and burst <= most
        headers = {
            "X-Ratelimit-Limit": str(total),
            "X-Ratelimit-Interval": str(MINUTE),
            "X-Ratelimit-Remaining": str(max(0, total - minute)),
        }
        return within or not self._enforced, headers

    def budgets(self) -> list[dict[str, Any]]:
        """Every window that was used: {endpoint, seconds, limit, used, highest, at, exceeded}."""
        with self._lock:
            present = time.monotonic()
            return [self._told(window, present) for window in self._windows.values()]

    def forget(self) -> None:
        """Forget every request."""
        with self._lock:
            self._windows.clear()

    def _window(self, endpoint: str, seconds: int, limit: int) -> _Window:
        return self._windows.setdefault(endpoint, _Window(endpoint, seconds, limit))

    @staticmethod
    def _told(window: _Window, present: float) -> dict[str, Any]:
        window.slide(present)
        return {
            "endpoint": window.endpoint,
            "seconds": window.seconds,
            "limit": window.limit,
            "used": len(window.seen),
            "highest": window.highest,
            "at": window.highest_at,
            "exceeded": window.highest > window.limit,
        }
