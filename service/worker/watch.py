"""A worker's watch, in a thread of its own: it says that it lives, takes over from the dead, and keeps house."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta

import structlog

from service.audit.keeper import Keeper
from service.engine import Engine
from service.store import Store, heartbeats
from service.worker.handing_over import unstrand
from service.worker.pace import Pace
from service.worker.rounds import Rounds

log = structlog.get_logger(__name__)

FORGET_AFTER = timedelta(days=7)


class Watch:
    """The watch of one worker."""

    def __init__(self, store: Store, engine: Engine, keeper: Keeper, name: str, pace: Pace, rounds: Rounds) -> None:
        """Take what it needs.

        Args:
            store: the database.
            engine: whose attempts it watches over.
            keeper: of the audit log.
            name: of the worker.
            pace: how often it does what.
            rounds: the worker's.
        """
        self._store, self._engine, self._keeper = store, engine, keeper
        self._name, self._pace, self._rounds = name, pace, rounds
        self.drained = threading.Event()

    def run(self) -> None:
        """Beat, and do now and then what has to be done.

        It beats until the last attempt under way has ended: one that still works must not be taken for dead.
        """
        since = 0.0
        while not self.drained.wait(self._pace.beat):
            self._rounds.guarded(self.beat)
            if self._rounds.stop.is_set():
                continue
            self._rounds.guarded(self._take_over)
            since += self._pace.beat
            if since >= self._pace.housekeeping:
                since = 0.0
                for job in (self._unstrand, self._keep_house, self._keeper.warn_of_stale):
                    self._rounds.guarded(job)

    def beat(self) -> None:
        """Say that we live."""
        with self._store.write() as connection:
            heartbeats.beat(connection, self._name, datetime.now(UTC))

    def sign_off(self) -> None:
        """Say that nobody has to take over from us."""
        with self._store.write() as connection:
            heartbeats.sign_off(connection, self._name, datetime.now(UTC))

    def _take_over(self) -> None:
        """The eldest living worker takes over from those who do not live."""
        if self._living()[:1] == [self._name] and (resumed := self._engine.resume_from_the_dead(self._living)):
            log.warning("took over from a dead worker", attempts=resumed)

    def _living(self) -> list[str]:
        with self._store.read() as connection:
            return heartbeats.living(connection, datetime.now(UTC) - timedelta(seconds=self._pace.dead_after))

    def _unstrand(self) -> None:
        unstrand(self._store, self._engine, timedelta(seconds=self._pace.stranded_after))

    def _keep_house(self) -> None:
        """Checkpoint the WAL, which web processes leave to us, and forget what the engine ended long ago."""
        if self._store.dialect == "sqlite":
            self._store.checkpoint()
        self._engine.forget(datetime.now(UTC) - FORGET_AFTER)
