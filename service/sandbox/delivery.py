"""Webhooks: which of them hear of an event, how it is signed and posted, retried, and silenced.

Facts (Commerce Layer documentation, Real-time webhooks and Callbacks security): POST, 5 seconds to answer, only 2xx
is a success, up to 10 retries, the circuit opens after 30 failures in a row with retries included and stays open
until the webhook is reset; any success sets the count to 0. The signature is base64(HMAC-SHA256(secret as text, raw
body)). The retry schedule is not public: here it is a short, growing pause. A retry resends the same bytes.
"""

from __future__ import annotations

import base64
import hashlib
import hmac
import ssl
import time
from collections import deque
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import httpx

from service.sandbox.background import Background
from service.sandbox.callbacks import Callbacks, response
from service.sandbox.documents import Form, compact, destroyed, document, include_tree
from service.sandbox.state import Record, State

TIME_LIMIT = 5.0
RETRIES = 10
CIRCUIT_LIMIT = 30
MOST_ATTEMPTS_KEPT = 100_000


@dataclass(frozen=True)
class Delivery:
    """One signed request that is to be posted, the same for every attempt."""

    webhook: str
    topic: str
    resource: str
    url: str
    body: bytes
    headers: dict[str, str]
    event: str | None


@dataclass
class Manner:
    """How the events that one factory causes are delivered, for scenarios.

    Attributes:
        repeat: how often each delivery is posted.
        held: None to post at once; a list to gather deliveries until they are released.
    """

    repeat: int = 1
    held: list[Delivery] | None = field(default=None)


def signature(secret: str, body: bytes) -> str:
    """The value of X-CommerceLayer-Signature."""
    digest = hmac.new(secret.encode(), body, hashlib.sha256).digest()
    return base64.b64encode(digest).decode()


class Deliveries:
    """Posts events to the webhooks that are kept in the state.

    Attributes:
        attempts: {at, webhook, topic, resource, url, attempt, status, error, seconds}, oldest first; `status` is
            None where there was no answer in time, and `attempt` counts from 1.
        callbacks: what the platform remembers of them.
    """

    def __init__(self, state: State, background: Background, form: Form, workers: int, pause: float) -> None:
        """Prepare a keep-alive client.

        Args:
            state: where webhooks and included resources are.
            background: what runs attempts and waits between them.
            form: organization and mode of the bodies.
            workers: most connections.
            pause: seconds before the first retry; the n-th waits n times as long.
        """
        self.attempts: deque[dict[str, Any]] = deque(maxlen=MOST_ATTEMPTS_KEPT)
        self.callbacks = Callbacks(state)
        self._state = state
        self._background = background
        self._form = form
        self._pause = pause
        self._manners: dict[str, Manner] = {}
        self._client = httpx.Client(
            timeout=TIME_LIMIT,
            limits=httpx.Limits(max_connections=workers, max_keepalive_connections=workers),
            trust_env=False,
            # Only http:// addresses are posted to: a context without authorities, which trusts nobody.
            verify=ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT),
        )

    def fire(self, topic: str, record: Record, cause: str) -> None:
        """Send an event to every webhook of its topic; the state's lock is held."""
        manner = self._manners.get(cause, Manner())
        for webhook in self._hearing(topic):
            delivery = self._compose(webhook, topic, record)
            if manner.held is not None:
                manner.held.append(delivery)
                continue
            for _ in range(manner.repeat):
                self._send([delivery])

    def fire_at_nobody(self, topic: str, record: Record, _cause: str) -> None:
        """Let every attempt to deliver an event fail at once, without a request; the state's lock is held."""
        for webhook in self._hearing(topic):
            delivery = self._compose(webhook, topic, record)
            for attempt in range(1, RETRIES + 2):
                if self._hears(webhook):
                    self._note(webhook, delivery, attempt, (None, "ConnectError", 0.0))

    def deliver_differently(self, cause: str, manner: Manner) -> None:
        """From now on deliver what this factory causes in another manner."""
        self._manners[cause] = manner

    def deliver_usually(self, cause: str) -> None:
        """Post what was held for this factory, the newest first and one after another; then go on as usual."""
        with self._state.lock:
            manner = self._manners.pop(cause, Manner())
        if manner.held:
            self._send(manner.held[::-1])

    def forget(self) -> None:
        """Forget all attempts and manners."""
        with self._state.lock:
            self.attempts.clear()
            self._manners.clear()

    def close(self) -> None:
        """Close the connections; no attempt may be under way."""
        self._client.close()

    def _hearing(self, topic: str) -> list[Record]:
        webhooks = self._state.all("webhooks")
        return [webhook for webhook in webhooks if webhook["topic"] == topic and self._hears(webhook)]

    @staticmethod
    def _hears(webhook: Record) -> bool:
        return webhook["disabled_at"] is None and webhook["circuit_state"] == "closed"

    def _compose(self, webhook: Record, topic: str, record: Record) -> Delivery:
        if topic.endswith(".destroy"):
            written = destroyed(self._form, record)
        else:
            tree = include_tree(record.type, webhook["include_resources"] or [])
            written = document(self._state, self._form, record, record.type, tree)
        body = compact(written)
        headers = {
            "Content-Type": "application/vnd.api+json",
            "X-CommerceLayer-Topic": topic,
            "X-CommerceLayer-Signature": signature(webhook["shared_secret"], body),
        }
        event = self._state.event_of(record, topic)
        return Delivery(webhook.id, topic, record.id, webhook["callback_url"], body, headers, event)

    def _send(self, deliveries: list[Delivery]) -> None:
        """Make the first attempt of each, in turn."""

        def job() -> None:
            for delivery in deliveries:
                self._attempt(delivery, 1)

        self._background.in_pool(job)

    def _attempt(self, delivery: Delivery, attempt: int) -> None:
        with self._state.lock:
            webhook = self._state.find("webhooks", delivery.webhook)
            if webhook is None or not self._hears(webhook):
                return
        outcome = self._post(delivery)
        with self._state.lock:
            success = self._note(webhook, delivery, attempt, outcome)
        if not success and attempt <= RETRIES:
            self._background.later(
                self._pause * attempt,
                lambda: self._background.in_pool(lambda: self._attempt(delivery, attempt + 1)),
            )

    def _note(self, webhook: Record, delivery: Delivery, attempt: int, outcome: tuple[int | None, str, float]) -> bool:
        """Enter one attempt in the logs and on the webhook's circuit; whether it was a success."""
        status, error, seconds = outcome
        self.attempts.append(
            {
                "at": self._state.now(),
                "webhook": delivery.webhook,
                "topic": delivery.topic,
                "resource": delivery.resource,
                "url": delivery.url,
                "attempt": attempt,
                "status": status,
                "error": error,
                "seconds": round(seconds, 3),
            }
        )
        self.callbacks.keep(delivery.url, delivery.body, response(status, error), delivery.webhook, delivery.event)
        success = status is not None and HTTPStatus.OK <= status < HTTPStatus.MULTIPLE_CHOICES
        # Transient: neither changes `updated_at`.
        webhook.attributes["circuit_failure_count"] = 0 if success else webhook["circuit_failure_count"] + 1
        if webhook["circuit_failure_count"] >= CIRCUIT_LIMIT:
            webhook.attributes["circuit_state"] = "open"
        return success

    def _post(self, delivery: Delivery) -> tuple[int | None, str, float]:
        """Post once: the status or None, what went wrong, and the seconds it took."""
        began = time.monotonic()
        status, error = None, ""
        try:
            status = self._client.post(delivery.url, content=delivery.body, headers=delivery.headers).status_code
        except (httpx.HTTPError, httpx.InvalidURL) as problem:
            error = type(problem).__name__
        seconds = time.monotonic() - began
        # httpx limits each read, not the whole answer: one that trickles in too late is too late all the same.
        return (None, "ReadTimeout", seconds) if seconds > TIME_LIMIT else (status, error, seconds)
