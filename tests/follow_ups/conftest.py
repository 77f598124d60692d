"""One sandbox and one pair of clients for the whole folder: making the clients costs more than most tests here."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.store import Store
from tests.follow_ups.desk import Desk, clients_for, settings_for


@pytest.fixture(scope="session")
def shared_sandbox() -> Iterator[Sandbox]:
    """A sandbox without webhooks, whose copies run at once."""
    with Sandbox(step_seconds=0.0) as running:
        yield running


@pytest.fixture(scope="session")
def shared_clients(shared_sandbox: Sandbox) -> Iterator[tuple[CommerceLayer, Slack]]:
    """Clients of that sandbox."""
    with clients_for(settings_for(shared_sandbox)) as clients:
        yield clients


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """The sandbox, with nothing in it and without trouble."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def desk(store: Store, sandbox: Sandbox, shared_clients: tuple[CommerceLayer, Slack]) -> Desk:
    """A desk on each database in turn."""
    return Desk(Tools(settings_for(sandbox), store, *shared_clients), sandbox)
