"""A desk that publishes: a file, and the sandbox's Slack, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from service.clients.slack import Slack
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.store import Store, open_store
from tests.follow_ups.desk import Desk, settings_for


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox for its Slack."""
    with Sandbox(step_seconds=0.0) as running:
        yield running


@pytest.fixture
def elsewhere(tmp_path: Path) -> Path:
    """The file to which heads are published."""
    (tmp_path / "elsewhere").mkdir()
    return tmp_path / "elsewhere" / "heads"


@pytest.fixture
def desk(store: Store, sandbox: Sandbox, elsewhere: Path) -> Iterator[Desk]:
    """A desk on each database in turn, whose settings name a file and Slack."""
    sandbox.reset()
    settings = settings_for(sandbox, checkpoints_file=str(elsewhere))
    with Slack(settings.slack_webhook_url) as slack:
        yield Desk(Tools(settings, store, None, slack), sandbox)


@pytest.fixture
def sqlite_store(sqlite_url: str) -> Iterator[Store]:
    """A store where the kind of database does not matter."""
    opened = open_store(sqlite_url)
    yield opened
    opened.close()
