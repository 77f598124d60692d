"""Workers sweep by the clock, as soon as their engine runs."""

from __future__ import annotations

import threading

import pytest

from service.engine import Engine
from service.sandbox import Sandbox
from service.sweep import schedules
from service.sweep.feeding import Site
from service.sweep.finds import look
from tests.sweep.ground import record, truth


def test_a_running_engine_sweeps_on_its_schedule(site: Site, sandbox: Sandbox, monkeypatch: pytest.MonkeyPatch) -> None:
    sandbox.make_factories(count=30, hours=5)
    swept = threading.Event()
    monkeypatch.setattr(schedules, "every", lambda _minutes: "* * * * * *")
    monkeypatch.setattr(schedules, "look", lambda found: (swept.set(), look(found))[1])
    engine = Engine(site.store.engine.url.render_as_string(hide_password=False), "worker-1", {})
    schedules.schedule(engine, site)
    engine.run(lambda _id, _number: None)
    try:
        assert swept.wait(20)
    finally:
        site.stop.set()
        engine.stop(5)
    assert record(site.store) == truth(site)
