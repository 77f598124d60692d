"""One worker from its start to its stop: what it opens, which threads it has, and in which order they end."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from collections.abc import Callable
from datetime import timedelta
from functools import partial

import structlog

from service import integrity
from service.audit.keeper import Keeper
from service.budget import SharedBudget
from service.engine import Engine
from service.follow_ups.attempt import attempt
from service.intake import Door
from service.intake.deferred import read_deferred
from service.privacy import schedules as privacy_schedules
from service.router import Router
from service.settings import Settings
from service.store import connections, open_store
from service.sweep import schedules as sweep_schedules
from service.sweep.feeding import Site
from service.webhooks import schedules as webhook_schedules
from service.webhooks.installation import Installation
from service.worker.handing_over import hand_over
from service.worker.log_keeping import LogKeeping
from service.worker.pace import PACE, Pace
from service.worker.queues import queues
from service.worker.rounds import Rounds
from service.worker.tools import tools_of
from service.worker.watch import Watch

log = structlog.get_logger(__name__)


class Worker:
    """One worker. `run` returns when it was told to stop."""

    def __init__(self, settings: Settings, router: Router, pace: Pace = PACE) -> None:
        """Open what it needs.

        Args:
            settings: as loaded for the role `worker`.
            router: the handlers' switchboard.
            pace: how often it does what.

        Raises:
            ConfigurationError: the credentials are of another organization or mode, or the audit log's key was retired.
            LogBehind: the database lacks what was published of its audit log.
            StoreUnusable, StoreUnavailable: as `open_store`.
        """
        url = settings.database_url.get_secret_value()
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._router, self._pace = router, pace
        self._door = Door.of(settings, router)
        self._stop = threading.Event()
        self._rounds = Rounds(self._stop)
        self._store = open_store(url, busy_seconds=30, autocheckpoint=connections.WORKER_AUTOCHECKPOINT)
        try:
            keeper = Keeper(settings, self._store, timedelta(seconds=pace.publish))
            self._tools = tools_of(settings, self._store)
        except BaseException:
            self._store.close()
            raise
        self._engine = Engine(url, self.name, queues(settings))
        self._watch = Watch(self._store, self._engine, keeper, self.name, pace, self._rounds)
        self._log_keeping = LogKeeping(keeper, self._tools, self.name, pace, self._rounds)

    def run(self) -> None:
        """Work until `stop`."""
        self._watch.beat()
        self._schedule()
        self._engine.run(lambda id_, number: attempt(self._tools, id_, number, self.name))
        # The reader has a thread of its own: a second for each of a row of bodies would be taken for our death.
        read = partial(self._rounds.every, self._pace.beat, self._read_deferred)
        jobs: dict[str, Callable[[], None]] = {"watch": self._watch.run, "reader": read, "log": self._log_keeping.run}
        threads = [threading.Thread(target=job, name=f"copydesk-{name}", daemon=True) for name, job in jobs.items()]
        for thread in threads:
            thread.start()
        log.info("worker started", worker=self.name)
        try:
            self._rounds.every(self._pace.look, self._hand_over)
        finally:
            self._stop.set()
            self._end(threads)

    def stop(self) -> None:
        """Take no more work and let what is under way end."""
        self._stop.set()

    def _end(self, threads: list[threading.Thread]) -> None:
        """End in an order in which nothing that is still under way lacks what it needs."""
        guarded = self._rounds.guarded
        guarded(self._publish_at_stop)
        self._engine.stop(self._pace.grace)
        self._watch.drained.set()
        for thread in threads:
            thread.join(self._pace.beat * 2)
        guarded(self._log_keeping.sequence_briefly)
        guarded(self._watch.sign_off)
        self._tools.close()
        self._store.close()
        log.info("worker stopped", worker=self.name)

    def _schedule(self) -> None:
        """What is done by the clock: looks for damage, retention; with credentials sweeps, circuits, rotations too."""
        tools = self._tools
        integrity.schedule(self._engine, self._store)
        privacy_schedules.schedule(self._engine, tools.settings, self._store, self.name, self._stop)
        if (client := tools.commerce_layer) is None:
            return
        budget = SharedBudget(tools.settings, self._store)
        sweep_schedules.schedule(
            self._engine, Site(tools.settings, self._store, self._door, client, budget, self._stop)
        )
        if tools.settings.public_url:
            actor = f"worker {self.name}"
            site = Installation(tools.settings, self._router, self._store, client, actor)
            webhook_schedules.schedule(self._engine, site)

    def _hand_over(self) -> None:
        hand_over(self._store, self._engine)

    def _read_deferred(self) -> None:
        """Read the bodies that were too large to be read while their sender waited."""
        read_deferred(self._store, self._door)

    def _publish_at_stop(self) -> None:
        self._log_keeping.publish_at_stop(self._hand_over)


def work(settings: Settings, router: Router, pace: Pace = PACE) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    worker = Worker(settings, router, pace)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
