"""The drill: a backup while deliveries come, a disaster, a restore elsewhere, another epoch, and the gap closed."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr

from handlers import MODULES
from service.audit import epochs, published, sequencer
from service.audit.keeper import Keeper
from service.audit.verification import verifying
from service.audit.verification.places import Place
from service.audit.verification.verifying import Wish
from service.backup.making import make
from service.backup.restoring import check, check_target, restore
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.errors import LogBehind
from service.intake import Door
from service.router import Router
from service.sandbox import Sandbox
from service.settings import Settings
from service.store import Store, open_store
from service.store.schema import events
from service.sweep.feeding import Site
from service.sweep.passing import sweep
from tests.audit.book import KEY, current
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
    with request.getfixturevalue("new_blank_postgres")() as url:
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
        # Heads go to a file that is not lost with the machine.
        heads = tmp_path / "published"
        settings = settings_for(sandbox).model_copy(
            update={"audit_key": (SecretStr(KEY.secret),), "checkpoints_file": str(heads)}
        )
        stop = threading.Event()

        def life() -> None:
            while not stop.is_set():
                sandbox.play("good-copy")
                stop.wait(0.02)

        load = threading.Thread(target=life)
        load.start()
        try:
            assert eventually(lambda: len(rows(store, events)) > 10, 30)
            publish(store, heads)
            made = make(store, place, WHO, lambda *_: time.sleep(0.02))
            assert eventually(lambda: len(rows(store, events)) > made.rows["events"] + 10, 30)
        finally:
            stop.set()
            load.join()
        sandbox.settle()
        web.stop()
        publish(store, heads)
        # The machine is gone, and with it everything since the backup.
        check_target(elsewhere, move_aside=False)
        restore(place, check(place, lambda *_: None), elsewhere, WHO, lambda *_: None)
        restored = open_store(elsewhere)
        try:
            _log_goes_on(restored, settings, heads)
            _gap_is_closed(restored, sandbox)
            _record_holds(restored, heads)
        finally:
            restored.close()


def publish(store: Store, file: Path) -> None:
    """Give every entry its place, and publish the head over them."""
    while sequencer.sequence(store, KEY, datetime.now(UTC), []):
        pass
    head = current(store).head
    assert head is not None
    published.append(file, head)


def _log_goes_on(restored: Store, settings: Settings, file: Path) -> None:
    """It is behind what was published, so nothing is signed; until somebody says why, and another epoch begins."""
    with pytest.raises(LogBehind, match="new-epoch"):
        Keeper(settings, restored)
    epochs.open_next(restored, published.read(file), KEY.verifier, datetime.now(UTC), "operator tester", "drill")
    assert Keeper(settings, restored).sequence() >= 1
    assert current(restored).epoch == 2


def _record_holds(restored: Store, file: Path) -> None:
    """What was restored and what came since is what its log says, and what was published is not denied."""
    publish(restored, file)
    place = Place(None, restored.engine.url.set(drivername="postgresql").render_as_string(hide_password=False))
    if restored.dialect == "sqlite":
        place = Place(Path(str(restored.engine.url.database)))
    report = verifying.verify(Wish(place, pinned=[KEY.verifier], processes=1))
    assert report.violations == []


def _gap_is_closed(restored: Store, sandbox: Sandbox) -> None:
    settings = settings_for(sandbox)
    with CommerceLayer(settings) as client:
        budget = SharedBudget(settings, restored)
        site = Site(settings, restored, Door.of(settings, Router(MODULES)), client, budget)
        known, there = record(restored), truth(site)
        assert 0 < len(known) < len(there)
        assert "backup.restored" in [action for action, _ in actions(restored)]
        sweep(site, datetime.now(UTC) - timedelta(days=1))
        assert record(restored) == there
        assert len(identities(restored)) == len(set(identities(restored)))
