"""The worker process: hands due follow-ups to the engine, keeps watch over other workers, and keeps house."""

from __future__ import annotations

import os
import secrets
import signal
import socket
import threading
from datetime import UTC, datetime, timedelta

import structlog

from service.clients.commerce_layer import CommerceLayer
from service.clients.slack import Slack
from service.engine import Engine, QueueLimits
from service.errors import ConfigurationError, OutsideError, StoreError
from service.follow_ups import KINDS
from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.intake import Door
from service.intake.deferred import read_deferred
from service.router import Router
from service.settings import Settings
from service.store import Store, connections, follow_up_rows, heartbeats, open_store
from service.webhooks import schedules
from service.webhooks.installation import Installation

log = structlog.get_logger(__name__)

LOOK_SECONDS = 0.05
BEAT_SECONDS = 2.0
DEAD_AFTER = timedelta(seconds=10)
STRANDED_AFTER = timedelta(seconds=60)
HOUSEKEEPING_SECONDS = 10.0
FORGET_AFTER = timedelta(days=7)
GRACE_SECONDS = 20


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

    def __init__(self, settings: Settings, router: Router) -> None:
        """Open what it needs.

        Raises:
            ConfigurationError: the credentials are of another organization or mode.
            StoreUnusable, StoreUnavailable: as `open_store`.
        """
        url = settings.database_url.get_secret_value()
        self.name = f"{socket.gethostname()}-{os.getpid()}-{secrets.token_hex(4)}"
        self._settings = settings
        self._router = router
        self._door = Door.of(settings, router)
        self._store = open_store(url, busy_seconds=30, autocheckpoint=connections.WORKER_AUTOCHECKPOINT)
        self._tools = _tools(settings, self._store)
        self._engine = Engine(url, self.name, queues(settings))
        self._stop = threading.Event()

    def run(self) -> None:
        """Work until `stop`."""
        with self._store.write() as connection:
            heartbeats.beat(connection, self.name, datetime.now(UTC))
        self._schedule_webhooks()
        self._engine.run(lambda id_, number: attempt(self._tools, id_, number, self.name))
        watch = threading.Thread(target=self._watch, name="copydesk-watch", daemon=True)
        watch.start()
        log.info("worker started", worker=self.name)
        try:
            while not self._stop.wait(LOOK_SECONDS):
                self._guarded(self._hand_over)
        finally:
            self._engine.stop(GRACE_SECONDS)
            self._stop.set()
            watch.join(BEAT_SECONDS * 2)
            self._guarded(self._sign_off)
            self._tools.close()
            self._store.close()
            log.info("worker stopped", worker=self.name)

    def stop(self) -> None:
        """Take no more work and let what is under way end."""
        self._stop.set()

    def _schedule_webhooks(self) -> None:
        """Watch circuits and take rotations further, where there is somebody to ask and something to compare with."""
        client = self._tools.commerce_layer
        if client is not None and self._settings.public_url:
            site = Installation(self._settings, self._router, self._store, client, f"worker {self.name}")
            schedules.schedule(self._engine, site)

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
        """Beat, and do now and then what has to be done; one trouble does not keep the rest from being done."""
        housekeeping = 0.0
        while not self._stop.wait(BEAT_SECONDS):
            self._guarded(self._beat)
            self._guarded(self._read_deferred)
            housekeeping += BEAT_SECONDS
            if housekeeping >= HOUSEKEEPING_SECONDS:
                housekeeping = 0.0
                self._guarded(self._unstrand)
                self._guarded(self._keep_house)

    def _beat(self) -> None:
        """Say that we live; the eldest living worker takes over from those who do not."""
        now = datetime.now(UTC)
        with self._store.write() as connection:
            heartbeats.beat(connection, self.name, now)
            living = heartbeats.living(connection, now - DEAD_AFTER)
        if living[0] == self.name and (resumed := self._engine.resume_from_the_dead(living)):
            log.warning("took over from a dead worker", attempts=resumed)

    def _unstrand(self) -> None:
        """Plan again what the engine was given and does not have any more."""
        now = datetime.now(UTC)
        with self._store.read() as connection:
            found = follow_up_rows.stranded(connection, now - STRANDED_AFTER)
        lost = [one for one in found if not self._engine.is_under_way(one.id, one.attempt)]
        for one in lost:
            with self._store.write() as connection:
                if follow_up_rows.plan_again(connection, one, now, "the engine had lost it"):
                    log.warning("follow-up was stranded", follow_up=one.id)

    def _read_deferred(self) -> None:
        """Read the bodies that were too large to be read while their sender waited."""
        read_deferred(self._store, self._door)

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
    commerce_layer = CommerceLayer(settings) if settings.has_client else None
    if commerce_layer is not None:
        _check_identity(commerce_layer)
    has_slack = bool(settings.slack_webhook_url.get_secret_value())
    return Tools(settings, store, commerce_layer, Slack(settings.slack_webhook_url) if has_slack else None)


def _check_identity(client: CommerceLayer) -> None:
    """Refuse credentials of another organization; one that cannot be asked now is asked with the first follow-up."""
    try:
        client.check_identity()
    except ConfigurationError:
        raise
    except OutsideError as error:
        log.warning("credentials not checked", error=str(error))


def work(settings: Settings, router: Router) -> None:
    """Run a worker until SIGTERM or SIGINT."""
    worker = Worker(settings, router)
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: worker.stop())
    worker.run()
