"""An installation with a store of each kind, a sandbox without webhooks, and a canary that must never be seen."""

from __future__ import annotations

import base64
import logging
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import pytest

from handlers import MODULES
from service.clients.commerce_layer import CommerceLayer
from service.router import Router
from service.sandbox import Sandbox
from service.settings import Settings
from service.store import Store
from service.webhooks import apply
from service.webhooks.installation import Installation
from tests.cli.conftest import free_port, process, wait_for

ORGANIZATION = "xRRkjDFafe"
TOPICS = ("order_copies.complete", "order_copies.create", "order_copies.start")
KEY = base64.urlsafe_b64encode(b"CANARY-key-of-thirty-two-bytes!!").decode()
OTHER_KEY = base64.urlsafe_b64encode(b"CANARY-key-of-another-instal-on!").decode()
# Well over the web process' two seconds.
PICKED_UP = timedelta(seconds=3)
# The secrets that the sandbox of this test made.
_MADE = set[str]()


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """A provider without any webhook."""
    with Sandbox(step_seconds=0.01, retry_seconds=0.05) as running:
        yield running
        _MADE.update(secrets_of(running))


Make = Callable[..., Installation]


@pytest.fixture
def site_of(sandbox: Sandbox, store: Store, database_url: str) -> Iterator[Make]:
    """Makes installations on the one store; settings are changed by name."""
    with ExitStack() as stack:

        def make(picked_up: timedelta = timedelta(0), **changes: Any) -> Installation:
            settings = Settings.model_validate(settings_of(sandbox, database_url) | changes)
            client = stack.enter_context(CommerceLayer(settings))
            return Installation(settings, Router(MODULES), store, client, "operator test", "a test", picked_up)

        yield make


@pytest.fixture
def site(site_of: Make) -> Installation:
    """An installation for which every web process has every secret at once."""
    return site_of()


def settings_of(sandbox: Sandbox, url: str, bind: str = "127.0.0.1:9") -> dict[str, Any]:
    """The settings of an installation at a sandbox, by their names."""
    return {
        "database_url": url,
        "organization": ORGANIZATION,
        "client_id": sandbox.options.client_id,
        "client_secret": sandbox.options.client_secret,
        "api_url": sandbox.url,
        "auth_url": sandbox.url,
        "public_url": f"http://{bind}",
        "webhook_topics": ",".join(TOPICS),
        "encryption_keys": KEY,
    }


def apply_all(site: Installation, *, prune: bool = False) -> list[tuple[str, str]]:
    """Apply as the command does, without looking whether anybody answers; the steps taken."""
    taken = [(one.topic, one.step) for one in apply.prepare(site, site.survey(), prune=prune)]
    for topic, id_ in apply.to_enable(site.survey()):
        taken.append((topic, apply.enable(site, topic, id_).step))
    return taken


def webhooks_of(sandbox: Sandbox) -> list[dict[str, Any]]:
    """Every webhook as the provider has it, the secret too."""
    state = sandbox._world.state  # noqa: SLF001 - the API does not show what nobody asked for
    with state.lock:
        return [{"id": one.id, **one.attributes} for one in state.all("webhooks")]


def secrets_of(sandbox: Sandbox) -> list[str]:
    """What must never be seen anywhere."""
    return [one["shared_secret"] for one in webhooks_of(sandbox)]


@dataclass
class Web:
    """A real web process."""

    settings: dict[str, Any]
    log: list[str]

    @property
    def url(self) -> str:
        """Its address."""
        return str(self.settings["public_url"])


@contextmanager
def web(settings: dict[str, Any], **changes: str) -> Iterator[Web]:
    """Copydesk's web process under gunicorn, for the length of a `with`."""
    bind = str(settings["public_url"]).removeprefix("http://")
    environment = variables(settings) | {"COPYDESK_BIND": bind, "COPYDESK_WEB_WORKERS": "2"} | changes
    with process("serve", **environment) as running:
        log = list[str]()
        reader = threading.Thread(target=lambda: log.extend(line.decode() for line in running.stdout or ()))
        wait_for(f"http://{bind}/readyz")
        reader.start()
        yield Web(settings, log)
        running.terminate()
        reader.join(20)


def variables(settings: dict[str, Any]) -> dict[str, str]:
    """Settings as environment variables."""
    return {f"COPYDESK_{name.upper()}": str(value) for name, value in settings.items() if value}


def address() -> str:
    """An address of this machine where nobody listens yet."""
    return f"127.0.0.1:{free_port()}"


def until(done: Callable[[], object], seconds: float = 15) -> None:
    """Wait for something."""
    end = time.monotonic() + seconds
    while not done():
        assert time.monotonic() < end, "waited in vain"
        time.sleep(0.05)


def drift(sandbox: Sandbox, topic: str, **changes: Any) -> None:
    """Change a webhook behind our back, or as the circuit does."""
    state = sandbox._world.state  # noqa: SLF001 - there is no API for what happens by itself
    with state.lock:
        webhook = next(one for one in state.all("webhooks") if one["topic"] == topic)
        webhook.attributes |= changes


@pytest.fixture(autouse=True)
def _nothing_secret_is_logged(caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]) -> Iterator[None]:
    """Fail any test of this folder that logs or prints a webhook's secret or an encryption key."""
    caplog.set_level(logging.DEBUG)
    yield
    printed = capsys.readouterr()
    seen = caplog.text + printed.out + printed.err
    hidden = [KEY, OTHER_KEY, "CANARY", *_MADE]
    _MADE.clear()
    assert not [one for one in hidden if one in seen]
