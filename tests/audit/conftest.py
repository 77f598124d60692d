"""A desk that publishes: a file, and the sandbox's Slack, emptied for each test."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from service.audit.bundle import TABLES as BUNDLED
from service.clients.slack import Slack
from service.follow_ups.moves import Tools
from service.sandbox import Sandbox
from service.store import Store, open_store
from service.store.connections import sqlite3
from service.store.schema import metadata
from tests.audit import record
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


@pytest.fixture(scope="session")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite record, and beside it the file to which its heads were published."""
    directory = tmp_path_factory.mktemp("record")
    store = open_store(f"sqlite:///{directory}/copydesk.db")
    record.build(store, directory / "heads")
    store.checkpoint()
    store.close()
    return directory


@pytest.fixture(scope="module")
def lax(built: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A record whose columns hold values of any kind, and compare text without regard to capitals."""
    directory = tmp_path_factory.mktemp("lax")
    with closing(sqlite3.connect(directory / "lax.db")) as connection:
        connection.execute("ATTACH ? AS strict", (f"{built}/copydesk.db",))
        for table in BUNDLED:
            columns = ", ".join(
                f"{c.name} INTEGER PRIMARY KEY" if c.name == "id" else f'"{c.name}" COLLATE NOCASE'
                for c in metadata.tables[table].c
            )
            connection.execute(f"CREATE TABLE {table} ({columns})")
            names = ", ".join(f'"{c.name}"' for c in metadata.tables[table].c)
            connection.execute(f"INSERT INTO {table} SELECT {names} FROM strict.{table}")  # noqa: S608 - our own
        connection.commit()
    return directory / "lax.db"
