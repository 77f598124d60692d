"""Trouble on demand: answers that a test or an operator wants the sandbox to give instead of the right one."""

from __future__ import annotations

import threading
import time
from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass
class Trouble:
    """One order to make trouble; the oldest that fits a request is taken.

    Attributes:
        path: requests whose path begins so; the API and the token endpoint by default, "/sandbox/slack" for Slack.
        method: only this method; empty for all.
        status: answer this instead; None to leave the answer alone.
        code: the error's code instead of the usual one of the status, such as UNAUTHORIZED for a 401.
        retry_after: seconds for a Retry-After header; None for none (a 429 of the API always says 0).
        latency: seconds to wait before the request is looked at.
        drop: close the connection without an answer.
        when: "before" the request takes effect, or "after".
        calls: how many requests it meets; None for any number.
        seconds: how long it lasts from when it was ordered; None for as long as there are calls left.
    """

    path: str = ""
    method: str = ""
    status: int | None = None
    code: str | None = None
    retry_after: int | None = None
    latency: float = 0.0
    drop: bool = False
    when: Literal["before", "after"] = "before"
    calls: int | None = None
    seconds: float | None = None
    ordered: float = field(default_factory=time.monotonic, init=False)

    def fits(self, method: str, path: str) -> bool:
        """Tell whether a request is meant."""
        meant = path.startswith(self.path) if self.path else path.startswith(("/api", "/oauth"))
        return meant and self.method.upper() in ("", method)

    def over(self) -> bool:
        """Tell whether its calls are used up or its time has passed."""
        late = self.seconds is not None and time.monotonic() > self.ordered + self.seconds
        return self.calls == 0 or late

    def described(self) -> dict[str, Any]:
        """What was ordered, and how many calls are left."""
        told = asdict(self)
        del told["ordered"]
        return told


class Troubles:
    """The orders that are still standing."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._standing: list[Trouble] = []

    def order(self, trouble: Trouble) -> None:
        """Make trouble from now on.

        Raises:
            ValueError: it says neither status, latency nor drop, another `when`, or a status that is no error.
        """
        if trouble.status is None and not trouble.latency and not trouble.drop:
            raise ValueError("trouble is a status, a latency in seconds or a drop")
        if trouble.status is not None and trouble.status not in range(400, 600):
            raise ValueError("status is an HTTP status from 400 to 599")
        if trouble.when not in ("before", "after"):
            raise ValueError('when is "before" or "after"')
        with self._lock:
            self._standing.append(trouble)

    def meet(self, method: str, path: str) -> Trouble | None:
        """The trouble of one request, or None; it counts as one of its calls."""
        with self._lock:
            self._standing = [trouble for trouble in self._standing if not trouble.over()]
            for trouble in self._standing:
                if trouble.fits(method, path):
                    if trouble.calls is not None:
                        trouble.calls -= 1
                    return trouble
        return None

    def standing(self) -> list[dict[str, Any]]:
        """Every order that has not come to its end."""
        with self._lock:
            return [trouble.described() for trouble in self._standing if not trouble.over()]

    def end(self) -> None:
        """No more trouble."""
        with self._lock:
            self._standing.clear()
