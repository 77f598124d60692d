"""Everything the sandbox is made of, put together once and shared by its HTTP faces and its scenarios."""

from __future__ import annotations

import secrets
import threading
from collections import deque
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal
from urllib.parse import urlsplit

from service.errors import ConfigurationError
from service.sandbox.background import Background
from service.sandbox.copies import Copies
from service.sandbox.delivery import Deliveries
from service.sandbox.documents import Form
from service.sandbox.limits import Limits
from service.sandbox.runs import Runs
from service.sandbox.slack import Slack
from service.sandbox.state import State
from service.sandbox.tokens import Client, Tokens
from service.sandbox.trouble import Troubles
from service.sandbox.unrest import Disquiet, Unrest

LOOPBACK = frozenset({"127.0.0.1", "localhost", "::1"})
MOST_CALLS = 100_000
# The names of the relationships whose snapshots a factory's event is of use with.
_FACTORY_INCLUDES = ["source_order", "target_order", "order_subscription"]


@dataclass(frozen=True, kw_only=True)
class Options:
    """How a sandbox is set up.

    Attributes:
        organization: the organization's id.
        slug: its slug, for the token's claims.
        mode: test or live.
        client_id: of the integration application that may ask for tokens.
        client_secret: of the same.
        callback: where webhooks are posted, without the topic: http://127.0.0.1:8080/webhooks; empty: no webhooks.
        secrets: topic to the shared secret of its webhook, or to a list of which the first is used.
        host: where the server listens, an address of this machine only.
        port: its port; 0 takes a free one.
        step_seconds: how long a copy stays pending, and how long in progress.
        retry_seconds: the pause before a delivery's first retry; the n-th waits n times as long.
        workers: most deliveries under way together.
        token_seconds: how long an access token lives.
        rate_limits: whether requests beyond the provider's limits are answered 429.
        restless_rows: how many rows of a listed resource are touched after each list call.
    """

    organization: str = "xRRkjDFafe"
    slug: str = "sandbox"
    mode: Literal["test", "live"] = "test"
    client_id: str = "sandbox-client-id"
    client_secret: str = field(default="sandbox-client-secret", repr=False)
    callback: str = ""
    secrets: Mapping[str, str | Sequence[str]] = field(default_factory=dict, repr=False)
    host: str = "127.0.0.1"
    port: int = 0
    step_seconds: float = 0.05
    retry_seconds: float = 0.05
    workers: int = 16
    token_seconds: int = 7200
    rate_limits: bool = False
    restless_rows: int = 0

    def __post_init__(self) -> None:
        mistakes = []
        if self.host not in LOOPBACK:
            mistakes.append(f"the sandbox listens on this machine only, not on {self.host}")
        if self.callback and not is_loopback(self.callback):
            mistakes.append(f"the sandbox posts to http:// addresses of this machine only, not to {self.callback}")
        if self.secrets and not self.callback:
            mistakes.append("the sandbox has secrets for webhooks and no address to post to")
        if mistakes:
            raise ConfigurationError(mistakes)


class World:
    """The rooms of one sandbox.

    Attributes:
        options: how it was set up.
        url: the server's base URL, known once it listens.
        stopping: set when the sandbox closes; whoever waits, waits on it.
        calls: every request to the API and the token endpoint, oldest first.
    """

    def __init__(self, options: Options) -> None:
        self.options = options
        self.url = ""
        self.stopping = threading.Event()
        self.calls: deque[dict[str, Any]] = deque(maxlen=MOST_CALLS)
        self.state = State()
        self.background = Background(options.workers)
        form = Form(options.organization, options.mode)
        self.deliveries = Deliveries(self.state, self.background, form, options.workers, options.retry_seconds)
        self.state.listener = self.deliveries.fire
        self.copies = Copies(self.state, self.background, options.step_seconds)
        self.runs = Runs(self.state, self.background, self.copies)
        client = Client(options.organization, options.slug, options.mode, options.client_id, options.client_secret)
        self.tokens = Tokens(client, options.token_seconds)
        self.limits = Limits(options.mode, enforced=options.rate_limits)
        self.troubles = Troubles()
        self.slack = Slack()
        self.unrest = Unrest(self.state)
        self.unrest.order(Disquiet(rows=options.restless_rows))
        self._seed()

    def reset(self) -> None:
        """Forget everything that happened and make the webhooks anew; access tokens stay valid."""
        self.background.forget()
        self.troubles.end()
        with self.state.lock:
            self.state.clear()
            self.deliveries.forget()
            self.copies.forget()
            self.runs.forget()
            self._seed()
        self.calls.clear()
        self.limits.forget()
        self.slack.forget()
        self.unrest.order(Disquiet(rows=self.options.restless_rows))

    def close(self) -> None:
        """Stop what runs in the background; a delivery under way may take its time limit."""
        self.stopping.set()
        with self.state.changed:
            self.state.changed.notify_all()
        self.background.close()
        self.deliveries.close()

    def _seed(self) -> None:
        """Make one webhook per topic that has a secret."""
        for topic, given in self.options.secrets.items():
            copies = topic.startswith(("order_copies.", "recurring_order_copies."))
            made = self.state.add(
                "webhooks",
                {
                    "name": f"Copydesk {topic}",
                    "topic": topic,
                    "callback_url": f"{self.options.callback.rstrip('/')}/{topic}",
                    "include_resources": list(_FACTORY_INCLUDES) if copies else [],
                    "shared_secret": given if isinstance(given, str) else given[0],
                },
                {},
            )
            self.state.note("create", made, "platform")


def is_loopback(url: str) -> bool:
    """Tell whether `url` is an http address of this machine."""
    parts = urlsplit(url)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def new_secret() -> str:
    """A shared secret like the provider's: 32 hexadecimal characters."""
    return secrets.token_hex(16)
