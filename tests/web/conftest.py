"""One real web process for the tests that do not end it, and what it has kept."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from service.store import Store, open_store
from tests.web_process import Web, running


@pytest.fixture(scope="package")
def web_url(tmp_path_factory: pytest.TempPathFactory) -> str:
    """Where the shared web process keeps what it gets."""
    return f"sqlite:///{tmp_path_factory.mktemp('web')}/copydesk.db"


@pytest.fixture(scope="package")
def web(web_url: str) -> Iterator[Web]:
    """The web process, with two workers."""
    with running(web_url) as started:
        yield started


@pytest.fixture(scope="package")
def kept(web: Web, web_url: str) -> Iterator[Store]:
    """Its database, opened beside it."""
    store = open_store(web_url)
    yield store
    store.close()
