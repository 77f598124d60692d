"""The provider's rate limits, kept by all processes of one installation together.

Published, per address and in windows that slide: 200 requests a minute and 50 in ten seconds per endpoint for live
data, half of it for test data. https://docs.commercelayer.io/core/rate-limits
"""

from __future__ import annotations

import threading
import time
from datetime import UTC, datetime
from math import ceil

from service.clients.limits import Spend
from service.errors import Unavailable
from service.settings import Settings
from service.store import Store
from service.store.spends import Window, reserve, room

# A tenth stays unspent: clocks and networks differ, and a request is counted when it arrives, not when it leaves.
_A_MINUTE = {"live": 180, "test": 90}
# The published burst of an endpoint is a quarter of the minute's requests.
_BURSTS = 4
# A request may arrive later than it was reserved, and so the provider's window is a little longer than its own.
_MINUTE_SECONDS, _BURST_SECONDS = 61.0, 10.5


class SharedBudget:
    """Waits until a request may be made; counts in the store, so that every process counts the same."""

    def __init__(self, settings: Settings, store: Store) -> None:
        """Take the limits of the mode; `attempts_per_minute` narrows or widens the minute's."""
        self._store = store
        self._minute = settings.attempts_per_minute or _A_MINUTE[settings.mode]
        self._burst = max(1, self._minute // _BURSTS)

    def __call__(self, spend: Spend) -> None:
        """Return when the request may be made.

        Raises:
            Unavailable: that is further off than the request may wait.
            StoreUnavailable: nobody can tell, since the store cannot be written.
        """
        windows = self._windows(spend.endpoint)
        until = time.monotonic() + spend.seconds
        while True:
            with self._store.write() as connection:
                wait = reserve(connection, spend.endpoint, windows, datetime.now(UTC))
            if wait <= 0:
                return
            if time.monotonic() + wait > until:
                told = f"{spend.endpoint}: the rate limit is spent for now; try again in {ceil(wait)} s"
                raise Unavailable(told, retry_after=wait)
            time.sleep(wait)

    def wait_for(self, endpoint: str, stop: threading.Event | None = None) -> None:
        """Wait, however long, until a request could be made, or until `stop` is set; nothing is reserved.

        For whoever has many requests to make, and no sender who waits.

        Raises:
            StoreUnavailable: nobody can tell.
        """
        stop = stop or threading.Event()
        while not stop.is_set():
            with self._store.read() as connection:
                wait = room(connection, self._windows(endpoint), datetime.now(UTC))
            if wait <= 0:
                return
            stop.wait(wait)

    def _windows(self, endpoint: str) -> tuple[Window, ...]:
        return Window(self._minute, _MINUTE_SECONDS), Window(self._burst, _BURST_SECONDS, endpoint)
