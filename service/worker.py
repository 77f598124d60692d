"""The worker process: hands due follow-ups to the engine, keeps watch over other workers, and keeps house."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

import structlog

from service import integrity
from service.audit.keeper import Keeper
from service.audit.publication import FILE
from service.budget import SharedBudget
from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.engine import Engine, QueueLimits
from service.errors import ConfigurationError, OutsideError, StoreError, Unavailable
from service.follow_ups import KINDS
from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.intake import Door
from service.intake.deferred import read_deferred
from service.privacy import schedules as privacy_schedules
from service.router import Router
from service.settings import Settings
from service.store import Store, connections, follow_up_rows, heartbeats, log_heads, open_store
from service.sweep import schedules as sweep_schedules
from service.sweep.feeding import Site
from service.webhooks import schedules as webhook_schedules
from service.webhooks.installation import Installation

log = structlog.get_logger(__name__)

FORGET_AFTER = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Pace:
    """How often a worker does what, and how long it is patient; all in seconds.

    Attributes:
        look: between two looks for due follow-ups.
        beat: between two heartbeats.
        dead_after: without a heartbeat a worker is dead after so long, and another takes over.
        stranded_after: a follow-up that has not moved for so long may be lost to the engine.
        housekeeping: between two rounds of it.
        sequence: between two looks for audit entries without a place in the log.
        publish: between two publications of the log's head.
        publish_at_stop: for the last publication to arrive when the worker is told to stop.
        grace: for what is under way when the worker is told to stop.
    """

    look: float = 0.05
    beat: float = 2.0
    dead_after: float = 10.0
    stranded_after: float = 60.0
    housekeeping: float = 10.0
    sequence: float = 1.0
    publish: float = 3600.0
    publish_at_stop: float = 1.5
    grace: int = 20


PACE = Pace()


def queues(settings: Settings) -> dict[str, QueueLimits]:
    """The queues with the budgets of the other side.

    An attempt that asks the API makes one read and at most two writes; the published averages are 200 a minute live
    and 100 in test mode, for each of the two: https://docs.commercelayer.io/core/rate-limits
    Slack takes one message a second for each webhook: https://docs.slack.dev/apis/web-api/rate-limits
    Windows are of ten seconds, which is also the window of the provider's bursts.
    """
    a_minute = settings.attempts_per_minute or (180 if settings.mode == "live" else 90)
    return {
        "commerce_layer": QueueLimits(max(1, a_minute // 6), 10, concurrency=8, poll=0.1),
        "slack": QueueLimits(10, 10, concurrency=2, poll=0.25),
    }


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
        self._store = open_store(url, busy_seconds=30, autocheckpoint=connections.WORKER_AUTOCHECKPOINT)
        try:
            self._keeper = Keeper(settings, self._store, timedelta(seconds=pace.publish))
            self._tools = _tools(settings, self._store)
        except BaseException:
            self._store.close()
            raise
        self._engine = Engine(url, self.name, queues(settings))
        self._stop, self._drained = threading.Event(), threading.Event()

    def run(self) -> None:
        """Work until `stop`."""
        with self._store.write() as connection:
            heartbeats.beat(connection, self.name, datetime.now(UTC))
        self._schedule()
        self._engine.run(lambda id_, number: attempt(self._tools, id_, number, self.name))
        watch = threading.Thread(target=self._watch, name="copydesk-watch", daemon=True)
        reader = threading.Thread(target=self._read_deferred, name="copydesk-reader", daemon=True)
        keeper = threading.Thread(target=self._keep_log, name="copydesk-log", daemon=True)
        for thread in (watch, reader, keeper):
            thread.start()
        log.info("worker started", worker=self.name)
        try:
            while not self._stop.wait(self._pace.look):
                self._guarded(self._hand_over)
        finally:
            self._stop.set()
            self._guarded(self._publish_at_stop)
            self._engine.stop(self._pace.grace)
            self._drained.set()
            for thread in (watch, reader, keeper):
                thread.join(self._pace.beat * 2)
            self._guarded(self._sequence_briefly)
            self._guarded(self._sign_off)
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

    def stop(self) -> None:
        """Take no more work and let what is under way end."""
        self._stop.set()

    def _hand_over(self) -> None:
        """Give due follow-ups to the engine, in one transaction with their rows."""
        now = datetime.now(UTC)
        with self._store.read() as connection:
            if not follow_up_rows.any_due(connection, now):
                return
        with self._store.write() as connection:
            found = follow_up_rows.due(connection, now)
            for one in found:
                kind = KINDS.get(one.kind)
                self._engine.enqueue(connection, kind.queue if kind else "commerce_layer", one.id, one.attempt)
            follow_up_rows.mark_queued(connection, found, now)

    def _watch(self) -> None:
        """Beat, and do now and then what has to be done; one trouble does not keep the rest from being done.

        It beats until the last attempt under way has ended: one that still works must not be taken for dead.
        """
        housekeeping = 0.0
        while not self._drained.wait(self._pace.beat):
            self._guarded(self._beat)
            if self._stop.is_set():
                continue
            self._guarded(self._take_over)
            housekeeping += self._pace.beat
            if housekeeping >= self._pace.housekeeping:
                housekeeping = 0.0
                self._guarded(self._unstrand)
                self._guarded(self._keep_house)
                self._guarded(self._keeper.warn_of_stale)

    def _beat(self) -> None:
        """Say that we live."""
        with self._store.write() as connection:
            heartbeats.beat(connection, self.name, datetime.now(UTC))

    def _take_over(self) -> None:
        """The eldest living worker takes over from those who do not live."""
        if self._living()[:1] == [self.name] and (resumed := self._engine.resume_from_the_dead(self._living)):
            log.warning("took over from a dead worker", attempts=resumed)

    def _living(self) -> list[str]:
        with self._store.read() as connection:
            return heartbeats.living(connection, datetime.now(UTC) - timedelta(seconds=self._pace.dead_after))

    def _unstrand(self) -> None:
        """Plan again what the engine was given and does not have any more."""
        now = datetime.now(UTC)
        with self._store.read() as connection:
            found = follow_up_rows.stranded(connection, now - timedelta(seconds=self._pace.stranded_after))
        lost = [one for one in found if not self._engine.is_under_way(one.id, one.attempt)]
        for one in lost:
            with self._store.write() as connection:
                if follow_up_rows.plan_again(connection, one, now, "the engine had lost it"):
                    log.warning("follow-up was stranded", follow_up=one.id)

    def _read_deferred(self) -> None:
        """Read the bodies that were too large to be read while their sender waited.

        In a thread of its own: a second for each of a row of them would be taken for this worker's death.
        """
        while not self._stop.wait(self._pace.beat):
            self._guarded(lambda: read_deferred(self._store, self._door))

    def _keep_log(self) -> None:
        """Give audit entries their place in the log, and publish its head now and then."""
        while not self._stop.wait(self._pace.sequence):
            self._guarded(self._sequence)
            self._guarded(self._keeper.publish)

    def _sequence(self) -> None:
        self._keeper.sequence(lambda: not self._stop.is_set())

    def _sequence_briefly(self) -> None:
        """Give places to what was written last; a long backlog is the next worker's."""
        until = time.monotonic() + self._pace.publish_at_stop
        self._keeper.sequence(lambda: time.monotonic() < until)

    def _publish_at_stop(self) -> None:
        """Publish the last head: to the file at once, to other places within a moment, or by the next worker."""
        self._sequence_briefly()
        checkpoint = self._keeper.publish(timedelta(0))
        if checkpoint is None:
            return
        for id_, target, _status, number in self._publications(checkpoint.id):
            if target == FILE:
                attempt(self._tools, id_, number, self.name)
        self._hand_over()
        until = time.monotonic() + self._pace.publish_at_stop
        while time.monotonic() < until and any(
            status in follow_up_rows.LIVE for _, _, status, _ in self._publications(checkpoint.id)
        ):
            time.sleep(self._pace.look)

    def _publications(self, checkpoint: int) -> list[tuple[int, str, str, int]]:
        with self._store.read() as connection:
            return log_heads.publications_of(connection, checkpoint)

    def _keep_house(self) -> None:
        """Checkpoint the WAL, which web processes leave to us, and forget what the engine ended long ago."""
        if self._store.dialect == "sqlite":
            self._store.checkpoint()
        self._engine.forget(datetime.now(UTC) - FORGET_AFTER)

    def _sign_off(self) -> None:
        with self._store.write() as connection:
            heartbeats.sign_off(connection, self.name, datetime.now(UTC))

    def _guarded(self, job: object) -> None:
        """Do a job of a loop that must go on: trouble is logged, and the next round tries again."""
        try:
            job()  # type: ignore[operator]
        except StoreError as error:
            log.warning("store trouble", job=getattr(job, "__name__", ""), error=str(error))
            self._stop.wait(0.5)
        except Exception:
            log.exception("worker trouble", job=getattr(job, "__name__", ""))
            self._stop.wait(0.5)


def _tools(settings: Settings, store: Store) -> Tools:
    budget = SharedBudget(settings, store)
    commerce_layer = CommerceLayer(settings, budget=budget) if settings.has_client else None
    check = _check_of(commerce_layer) if commerce_layer is not None else lambda: None
    has_slack = bool(settings.slack_webhook_url.get_secret_value())
    return Tools(settings, store, commerce_layer, Slack(settings.slack_webhook_url) if has_slack else None, check)


def _check_of(client: CommerceLayer) -> Callable[[], None]:
    """Refuse credentials of another organization; one that cannot be asked now is asked with the first follow-up.

    Raises:
        ConfigurationError: they are of another organization or mode; the client is closed.
    """
    certain = threading.Event()

    def check() -> None:
        if certain.is_set():
            return
        try:
            client.check_identity()
        except ConfigurationError as error:
            # The worker runs already; what it was asked to do waits until it is started with the right settings.
            raise Unavailable(f"nothing was asked of Commerce Layer: {error}") from error
        certain.set()

    try:
        client.check_identity()
    except ConfigurationError:
        client.close()
        raise
    except OutsideError as error:
        log.warning("credentials not checked", error=str(error))
    else:
        certain.set()
    return check


def work(settings: Settings, router: Router, pace: Pace = PACE) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    worker = Worker(settings, router, pace)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
