"""Rate limits: counted always, enforced only where asked for.

Facts (Commerce Layer documentation, Rate limits, and recorded answers): a window that slides; 200 requests a minute
and 50 in ten seconds per endpoint in live mode, half of it in test mode; 30 a minute on the token endpoint. The
X-Ratelimit headers speak of the minute only.
"""

from __future__ import annotations

import threading
import time
from collections import defaultdict, deque

MINUTE = 60
BURST_SECONDS = 10
TOKENS_A_MINUTE = 30
A_MINUTE = {"live": 200, "test": 100}
IN_A_BURST = {"live": 50, "test": 25}


class Limits:
    """Counts the requests of one caller."""

    def __init__(self, mode: str, *, enforced: bool) -> None:
        self._mode = mode
        self._enforced = enforced
        self._lock = threading.Lock()
        self._seen: dict[str, deque[float]] = defaultdict(deque)

    def count(self, endpoint: str) -> tuple[bool, dict[str, str]]:
        """Count one request.

        Args:
            endpoint: "token", or the method and the resource.

        Returns:
            Whether the request is within the limits, and the X-Ratelimit headers of its answer.
        """
        total, group = (TOKENS_A_MINUTE, "token") if endpoint == "token" else (A_MINUTE[self._mode], "api")
        with self._lock:
            minute = self._count(group, MINUTE)
            burst = self._count(endpoint, BURST_SECONDS) if group == "api" else 0
        within = minute <= total and burst <= IN_A_BURST[self._mode]
        headers = {
            "X-Ratelimit-Limit": str(total),
            "X-Ratelimit-Interval": str(MINUTE),
            "X-Ratelimit-Remaining": str(max(0, total - minute)),
        }
        return within or not self._enforced, headers

    def forget(self) -> None:
        """Forget every request."""
        with self._lock:
            self._seen.clear()

    def _count(self, key: str, seconds: float) -> int:
        present, seen = time.monotonic(), self._seen[key]
        while seen and seen[0] < present - seconds:
            seen.popleft()
        seen.append(present)
        return len(seen)
