"""The drill: a backup while deliveries come, a disaster, a restore elsewhere, and a sweep that closes the gap."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from handlers import MODULES
from service.backup.making import make
from service.backup.restoring import check, check_target, restore
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.intake import Door
from service.router import Router
from service.sandbox import Sandbox
from service.store import Store, open_store
from service.store.schema import events
from service.sweep.feeding import Site
from service.sweep.passing import sweep
from tests.backup.test_backup import WHO
from tests.bodies import SECRETS
from tests.rows import actions, rows
from tests.sweep.conftest import settings_for
from tests.sweep.ground import identities, record, truth
from tests.web_process import running
from tests.worker_process import eventually


@pytest.fixture
def elsewhere(request: pytest.FixtureRequest, store: Store, tmp_path: Path) -> Iterator[str]:
    """An empty database of the same kind as the store's, on another machine so to speak."""
    if store.dialect == "sqlite":
        yield f"sqlite:///{tmp_path}/elsewhere.db"
        return
    with request.getfixturevalue("new_postgres")() as url:
        yield url


def test_after_a_restore_every_copy_is_known_again(store: Store, elsewhere: str, tmp_path: Path) -> None:
    place = tmp_path / "kept.db"
    url = store.engine.url.render_as_string(hide_password=False)
    with (
        running(url) as web,
        Sandbox(
            step_seconds=0.0, retry_seconds=0.0, callback=f"http://127.0.0.1:{web.port}/webhooks", secrets=dict(SECRETS)
        ) as sandbox,
    ):
        stop = threading.Event()

        def life() -> None:
            while not stop.is_set():
                sandbox.play("good-copy")
                stop.wait(0.02)

        load = threading.Thread(target=life)
        load.start()
        try:
            assert eventually(lambda: len(rows(store, events)) > 10, 30)
            made = make(store, place, WHO, lambda *_: time.sleep(0.02))
            assert eventually(lambda: len(rows(store, events)) > made.rows["events"] + 10, 30)
        finally:
            stop.set()
            load.join()
        sandbox.settle()
        web.stop()
        # The machine is gone, and with it everything since the backup.
        check_target(elsewhere, move_aside=False)
        restore(place, check(place, lambda *_: None), elsewhere, WHO, lambda *_: None)
        restored = open_store(elsewhere)
        try:
            _gap_is_closed(restored, sandbox)
        finally:
            restored.close()


def _gap_is_closed(restored: Store, sandbox: Sandbox) -> None:
    settings = settings_for(sandbox)
    with CommerceLayer(settings) as client:
        budget = SharedBudget(settings, restored)
        site = Site(settings, restored, Door.of(settings, Router(MODULES)), client, budget)
        known, there = record(restored), truth(site)
        assert 0 < len(known) < len(there)
        assert actions(restored)[-1][0] == "backup.restored"
        sweep(site, datetime.now(UTC) - timedelta(days=1))
        assert record(restored) == there
        assert len(identities(restored)) == len(set(identities(restored)))
