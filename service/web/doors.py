"""The door of a web process, replaced as a whole when the secrets in the store change.

A request takes the door that is there; all the work is done beside the requests, in a thread of its own.
"""

from __future__ import annotations

import threading
from dataclasses import replace
from datetime import UTC, datetime

import structlog

from service.errors import ConfigurationError, StoreError
from service.intake import Door
from service.intake.keys import KeySet, read_keys
from service.intake.refusals import Refusals
from service.router import Router
from service.settings import Settings
from service.store import Store, webhook_secrets

log = structlog.get_logger(__name__)

# Well within `service.intake.keys.PICKED_UP`, so that a database which is busy now and then does no harm.
LOOK_SECONDS = 2.0


class Doors:
    """Looks for changed secrets every few seconds. Make one in each process, after the fork.

    Attributes:
        door: the one that is in use.
        unseen: fingerprints of keys whose first delivery is worth noting; mostly empty.
    """

    def __init__(self, store: Store, settings: Settings, router: Router, *, every: float = LOOK_SECONDS) -> None:
        """Read the secrets and start the thread.

        Args:
            store: through connections that do not wait for locks.
            settings: the organization, its secrets and the encryption keys.
            router: the handlers' switchboard.
            every: seconds between two looks.

        Raises:
            ConfigurationError: as `read_keys`.
            StoreUnavailable: the store cannot be read.
        """
        self._store, self._settings, self._every = store, settings, every
        with store.read() as connection:
            keys = read_keys(connection, settings, datetime.now(UTC))
        self.door = replace(Door.of(settings, router), keys=keys.by_topic)
        self.unseen = keys.unseen
        self._version, self._seen = keys.version, set[str]()
        self._refusals: Refusals | None = None
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, name="copydesk-doors", daemon=True)
        self._thread.start()

    def tell(self, refusals: Refusals) -> None:
        """Let the counter of refusals know which topics are served, now and whenever that changes."""
        self._refusals = refusals
        refusals.serve(self.door.keys)

    def saw(self, fingerprint: str) -> None:
        """Note that a delivery under an unseen key was kept; it is written with the next look."""
        self._seen.add(fingerprint)

    def close(self) -> None:
        """Write what was noted, then stop."""
        self._stop.set()
        self._thread.join(self._every)
        self.look()

    def look(self) -> None:
        """Look once: take over what changed, and write what was seen. Trouble leaves everything as it is."""
        now = datetime.now(UTC)
        try:
            self._look_for_changes(now)
            self._write_seen(now)
        except StoreError as error:
            log.warning("secrets not read", error=str(error))

    def _look_for_changes(self, now: datetime) -> None:
        with self._store.read() as connection:
            version = webhook_secrets.version(connection, now)
            if version == self._version:
                return
            try:
                keys = read_keys(connection, self._settings, now)
            except ConfigurationError as error:
                # Said once for each set, not with every look.
                self._version = version
                log.warning("changed secrets refused; the old ones stay in use", error=str(error))
                return
        self._take(keys)

    def _take(self, keys: KeySet) -> None:
        self._version = keys.version
        if keys.by_topic != self.door.keys:
            self.door = replace(self.door, keys=keys.by_topic)
            if self._refusals is not None:
                self._refusals.serve(keys.by_topic)
            log.info("secrets changed", topics=len(keys.by_topic), keys=sum(map(len, keys.by_topic.values())))
        self.unseen = keys.unseen - self._seen

    def _write_seen(self, now: datetime) -> None:
        if not self._seen:
            return
        seen = frozenset(self._seen)
        with self._store.write() as connection:
            webhook_secrets.mark_seen(connection, seen, now)
        self._seen -= seen
        self.unseen -= seen

    def _run(self) -> None:
        while not self._stop.wait(self._every):
            try:
                self.look()
            except Exception:
                log.exception("looking for changed secrets failed")
