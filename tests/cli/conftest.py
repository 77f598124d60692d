"""What the tests of the command line share: a store with something in it, and a way to call commands."""

from __future__ import annotations

import json
import os
import random
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
import structlog
from click.testing import CliRunner, Result

import handlers
from service.arrivals import Receipt
from service.cli import copydesk
from service.cli.specimens import specimen
from service.intake.door import Door
from service.router import Router
from service.sandbox import Sandbox
from service.settings import Settings
from service.signature import Key
from service.store import Store, open_store
from service.store.keep import keep
from tests.cli.desk import Desk
from tests.cli.desk import settings_of as desks_settings

ROOT = Path(__file__).parents[2]
ORGANIZATION = "xRRkjDFafe"
SECRETS = {
    "order_copies.complete": "0f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "order_copies.start": "1f1e2d3c4b5a69788796a5b4c3d2e1f0",
    "order_copies.fail": "2f1e2d3c4b5a69788796a5b4c3d2e1f0",
}

Run = Callable[..., Result]
Deliver = Callable[..., Receipt]


def settings_of(url: str) -> dict[str, str]:
    """The environment of an installation."""
    return {
        "COPYDESK_DATABASE_URL": url,
        "COPYDESK_ORGANIZATION": ORGANIZATION,
        "COPYDESK_WEBHOOK_SECRETS": json.dumps(SECRETS),
    }


@pytest.fixture
def installation(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> str:
    """The settings of an installation with an empty SQLite file, in a folder of its own; the database's URL."""
    url = f"sqlite:///{tmp_path}/copydesk.db"
    for name, value in settings_of(url).items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)
    return url


@pytest.fixture
def sqlite_store(installation: str, migrated_file: Path) -> Iterator[Store]:
    """The installation's store, open."""
    shutil.copy(migrated_file, installation.removeprefix("sqlite:///"))
    store = open_store(installation)
    yield store
    store.close()


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    """A sandbox in which copies take no time; `desk` empties it for every test."""
    with Sandbox(step_seconds=0.0) as running:
        yield running


@pytest.fixture
def desk(sandbox: Sandbox, sqlite_store: Store, monkeypatch: pytest.MonkeyPatch) -> Iterator[Desk]:
    """The installation, asking an empty sandbox."""
    sandbox.reset()
    for name, value in desks_settings(sandbox).items():
        monkeypatch.setenv(name, value)
    yield Desk(sandbox, sqlite_store)
    # The commands send what is logged to stderr; other tests have it where they look for it.
    structlog.reset_defaults()


@pytest.fixture
def run() -> Run:
    """Calls a command in this process."""

    def call(*arguments: object, input: bytes | None = None) -> Result:  # noqa: A002 - click's name
        return CliRunner().invoke(copydesk, [str(one) for one in arguments], input=input, prog_name="copydesk")

    return call


def door() -> Door:
    """The door with the handlers that ship."""
    return Door.of(
        Settings.model_validate({"organization": ORGANIZATION, "webhook_secrets": SECRETS}), Router(handlers.MODULES)
    )


def deliver_to(store: Store, topic: str, id_: str, *, body: bytes | None = None, **attributes: Any) -> Receipt:
    """Keep one delivery as the web process does."""
    at = datetime.now(UTC)
    made = specimen(
        topic, id_, organization=ORGANIZATION, mode="test", at=at, chance=random.Random(id_), attributes=attributes
    )
    key = Key.from_text(SECRETS.get(topic, SECRETS["order_copies.complete"]))
    with store.write() as connection:
        return keep(connection, [door().admit(topic, made if body is None else body, "{}", key, at)])[0]


@pytest.fixture
def deliver(sqlite_store: Store) -> Deliver:
    """Keeps a delivery in the installation's store."""
    return lambda topic, id_, **given: deliver_to(sqlite_store, topic, id_, **given)


def command(*arguments: object) -> list[str]:
    """The command line of a real process."""
    return [sys.executable, "-m", "service", *map(str, arguments)]


def environment(**variables: str) -> dict[str, str]:
    """The environment of a real process that runs somewhere else."""
    return os.environ | {"PYTHONPATH": str(ROOT)} | variables


def free_port() -> int:
    """A port nobody listens at."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@contextmanager
def process(*arguments: object, **variables: str) -> Iterator[subprocess.Popen[bytes]]:
    """A command that runs for the length of a `with`; ended by SIGTERM."""
    running = subprocess.Popen(
        command(*arguments), env=environment(**variables), stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    )
    try:
        yield running
    finally:
        running.terminate()
        try:
            running.communicate(timeout=20)
        except subprocess.TimeoutExpired:
            running.kill()
            raise


def wait_for(url: str, seconds: float = 20) -> None:
    """Wait until a server answers."""
    until = time.monotonic() + seconds
    while True:
        try:
            urlopen(url, timeout=2).close()  # noqa: S310 - our own
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.05)
        else:
            return
