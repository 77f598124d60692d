"""One Slack incoming webhook that keeps what it is told.

Facts (Slack documentation, Sending messages using incoming webhooks): POST JSON, 200 with the text `ok`; a body that
is no JSON object is answered 400 invalid_payload, one with nothing to show 400 no_text; a webhook that was removed
404 no_service; too many messages 429 with Retry-After in seconds.
"""

from __future__ import annotations

import threading
from collections import deque
from typing import Any

from service.sandbox.marks import now

MOST_MESSAGES = 10_000
REFUSALS = {403: "action_prohibited", 404: "no_service", 410: "channel_is_archived", 429: "rate_limited"}


class Slack:
    """Keeps the newest messages."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._messages: deque[dict[str, Any]] = deque(maxlen=MOST_MESSAGES)

    def take(self, payload: object) -> tuple[str, int]:
        """Keep one message; the text and the status to answer."""
        if not isinstance(payload, dict):
            return "invalid_payload", 400
        if not any(payload.get(key) for key in ("text", "blocks", "attachments")):
            return "no_text", 400
        with self._lock:
            self._messages.append({"at": now(), "payload": payload})
        return "ok", 200

    def messages(self) -> list[dict[str, Any]]:
        """{at, payload}, oldest first."""
        with self._lock:
            return list(self._messages)

    def forget(self) -> None:
        """Forget every message."""
        with self._lock:
            self._messages.clear()
