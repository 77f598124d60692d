"""One database of each kind, one sandbox and one pair of clients for the whole folder, emptied for each test.

Making them costs more than most tests here.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack

import pytest

from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.store import Store, open_store
from tests.follow_ups.desk import Desk, clients_for, settings_for
from tests.rows import empty


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


@pytest.fixture(scope="session", params=["sqlite", "postgresql"])
def shared_store(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    """An open store of each kind in turn."""
    with ExitStack() as stack:
        if request.param == "sqlite":
            url = f"sqlite:///{tmp_path_factory.mktemp('follow_ups')}/copydesk.db"
        else:
            url = stack.enter_context(request.getfixturevalue("new_postgres")())
        store = open_store(url)
        stack.callback(store.close)
        yield store


@pytest.fixture
def store(shared_store: Store) -> Store:
    """An empty store of each kind in turn."""
    empty(shared_store)
    return shared_store


@pytest.fixture
def sandbox(shared_sandbox: Sandbox) -> Sandbox:
    """The sandbox, with nothing in it and without trouble."""
    shared_sandbox.reset()
    return shared_sandbox


@pytest.fixture
def desk(store: Store, sandbox: Sandbox, shared_clients: tuple[CommerceLayer, Slack]) -> Desk:
    """A desk on each database in turn."""
    return Desk(Tools(settings_for(sandbox), store, *shared_clients), sandbox)
