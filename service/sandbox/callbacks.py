"""Event callbacks: what the platform remembers of every attempt to deliver, for one month.

Facts (Commerce Layer documentation, Event callbacks; public examples of stored payloads): one per attempt; the
response code is a text, which is no number where nobody answered; the payload is kept as jsonb, so its keys come back
in another order and it cannot be verified again. The words for a missing answer are not public.
"""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Any

from service.sandbox.marks import iso
from service.sandbox.state import Record, State

KEPT = timedelta(days=30)
# A body is a few thousand bytes, shared by all attempts to deliver it.
MOST_KEPT = 50_000
_TIMEOUTS = frozenset({"ReadTimeout", "WriteTimeout", "ConnectTimeout", "PoolTimeout"})


def response(status: int | None, error: str) -> tuple[str, str]:
    """The response code and message of one attempt.

    Args:
        status: what was answered; None for nothing.
        error: what went wrong instead.
    """
    if status is None:
        return ("error", "timeout: execution expired") if error in _TIMEOUTS else ("", "connection failed")
    try:
        return str(status), HTTPStatus(status).phrase
    except ValueError:
        return str(status), ""


def as_jsonb(body: bytes) -> Any:
    """A body as the database gives it back: the keys of every object by their length, then by their bytes."""
    return _ordered(json.loads(body))


def _ordered(value: Any) -> Any:
    if isinstance(value, dict):
        names = sorted(value, key=lambda name: (len(name.encode()), name.encode()))
        return {name: _ordered(value[name]) for name in names}
    return [_ordered(one) for one in value] if isinstance(value, list) else value


class Callbacks:
    """The event callbacks of one sandbox."""

    def __init__(self, state: State) -> None:
        self._state = state

    def keep(self, url: str, body: bytes, answer: tuple[str, str], webhook: str, event: str | None) -> None:
        """Remember one attempt, and forget the oldest of too many; the state's lock is held.

        Args:
            url: where it was posted.
            body: the bytes that were signed, shared by all attempts; read only when somebody asks for them.
            answer: from `response`.
            webhook: the webhook's id.
            event: the event's id.
        """
        attributes = {"callback_url": url, "payload": body, "response_code": answer[0], "response_message": answer[1]}
        self._state.add("event_callbacks", attributes, {"webhook": webhook, "event": event})
        if self._state.count("event_callbacks") > MOST_KEPT:
            self._state.remove(next(self._state.all("event_callbacks")))

    def purge(self) -> None:
        """Forget what is older than a month; the state's lock is held."""
        oldest = iso(datetime.now(UTC) - KEPT)
        for callback in [*self._state.all("event_callbacks")]:
            if callback["created_at"] < oldest:
                self._state.remove(callback)

    def age(self, days: float) -> int:
        """Let time pass for event callbacks only; how many are left."""
        with self._state.lock:
            for callback in self._state.all("event_callbacks"):
                _shift(callback, timedelta(days=days))
            self.purge()
            return self._state.count("event_callbacks")


def _shift(callback: Record, by: timedelta) -> None:
    for name in ("created_at", "updated_at"):
        callback.attributes[name] = iso(datetime.fromisoformat(callback[name]) - by)
