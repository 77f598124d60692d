"""What a worker does for the audit log: compares it at start, sequences each second, publishes each hour."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta

import sqlalchemy as sa
import structlog

from service.audit import publication, sequencer, standing
from service.errors import ConfigurationError, CopydeskError, LogBehind
from service.settings import Settings
from service.store import Store, log_heads
from service.store import log as log_rows
from service.store.log import Log
from service.store.log_heads import Checkpoint

log = structlog.get_logger(__name__)

# An entry that waits longer than this, though a worker lives, is worth a warning.
STALE_AFTER = timedelta(seconds=10)
PUBLISH_EVERY = timedelta(hours=1)
# Leaves that are hashed again to see whether the log goes on from where we saw it; more are a backlog.
_MOST_AGAIN = 20_000


class Keeper:
    """One worker's share in keeping the log. Several workers have one each: the log's lock lets in one at a time."""

    def __init__(self, settings: Settings, store: Store, every: timedelta = PUBLISH_EVERY) -> None:
        """Take the keys, and look whether the log may go on.

        Args:
            settings: as loaded for the role `worker`.
            store: the database.
            every: how long after one publication the next one is due.

        Raises:
            ConfigurationError: the key was retired, or the file of published heads cannot be read.
            LogBehind: the database lacks what was published, or tells another story.
        """
        self._settings, self._store, self._every = settings, store, every
        signers = standing.signers_of(settings)
        self._signer, self._before = next(iter(signers), None), signers[1:]
        self._targets = publication.targets(settings)
        # How this worker saw the log last: a database that does not go on from there was put back while we run.
        self._seen: Log | None = None
        self._told = ""
        self._retired()
        self.check()
        if self._is_left_to_others():
            self._tell(sequencer.keyless())
        elif self._signer is None:
            log.warning("the audit log is not signed: COPYDESK_AUDIT_KEY is not set")
        elif self._targets and (lost := standing.lost_file(settings, store)):
            log.warning("the file of published heads is gone", file=lost)
        elif not self._targets:
            log.warning("heads of the audit log are published nowhere")

    def check(self) -> None:
        """Compare the log with what was published of it.

        Raises:
            ConfigurationError: the file of published heads cannot be read.
            LogBehind: nothing may be signed any more.
        """
        if trouble := standing.look(self._settings, self._store).trouble:
            raise LogBehind(trouble)

    def sequence(self, go_on: Callable[[], bool] = lambda: True) -> int:
        """Give every entry that waits its place; how many they were.

        Trouble that only a person can mend is logged once, and nothing is sequenced while it lasts.

        Args:
            go_on: asked between two batches.

        Raises:
            StoreUnavailable: as `Store.write`.
        """
        try:
            if self._is_left_to_others():
                raise sequencer.keyless()
            if self._told:
                self.check()
            self._look_back()
            now = datetime.now(UTC)
            done = sequencer.sequence(self._store, self._signer, now, self._before, go_on, yields=True)
        except (ConfigurationError, LogBehind) as error:
            self._tell(error)
            return 0
        self._told = ""
        return done

    def publish(self, every: timedelta | None = None, actor: str = sequencer.ACTOR) -> Checkpoint | None:
        """Plan the publication of the newest head, where it is time and there is something new.

        Raises:
            StoreUnavailable: as `Store.write`.
        """
        every, now = self._every if every is None else every, datetime.now(UTC)
        if self._signer is None or self._told or not publication.is_due(self._store, self._targets, now, every):
            return None
        try:
            self.check()
        except (ConfigurationError, LogBehind) as error:
            self._tell(error)
            return None
        return publication.publish(self._store, self._targets, now, actor, every)

    def _tell(self, error: CopydeskError) -> None:
        """Say once what only a person can mend; until then nothing is sequenced, and nothing published."""
        if str(error) != self._told:
            log.warning("the audit log does not go on", error=str(error))
        self._told = str(error)

    def warn_of_stale(self) -> None:
        """Say that an entry waits for its place longer than it should."""
        now = datetime.now(UTC)
        with self._store.read() as connection:
            since = log_rows.waiting_since(connection)
        if since is not None and now - since > STALE_AFTER:
            log.warning("audit entries wait for their place in the log", seconds=int((now - since).total_seconds()))

    def _look_back(self) -> None:
        """Notice a log that is not the one we saw with more behind it, such as after a failover to a standby.

        Raises:
            LogBehind: it has less than we saw, or something else.
        """
        before = self._seen
        with self._store.read() as connection:
            current = log_rows.newest(connection)
            is_ours = before is None or _goes_on(connection, before, current)
        if before is not None and not is_ours:
            told = f"{current.size} entries in epoch {current.epoch}" if current else "no entries"
            raise LogBehind(
                f"the audit log has {told}, and not those that this worker saw, {before.size} in epoch {before.epoch}:"
                " stop all workers; copydesk audit new-epoch --reason TEXT goes on in another epoch"
            )
        self._seen = current

    def _is_left_to_others(self) -> bool:
        """Whether we have no key, and somebody signed the log already."""
        if self._signer is not None:
            return False
        with self._store.read() as connection:
            return bool(log_heads.keys(connection))

    def _retired(self) -> None:
        """Refuse a key that another one took the place of.

        Raises:
            ConfigurationError: it was retired.
        """
        if self._signer is None:
            return
        with self._store.read() as connection:
            earlier = [key.verifier for key in log_heads.keys(connection)[:-1]]
        if self._signer.verifier.text in earlier:
            raise sequencer.retired(self._signer)


def _goes_on(connection: sa.Connection, before: Log, current: Log | None) -> bool:
    """Tell whether a log is the one from before, with more leaves behind it or in a later epoch."""
    if current is None or (current.epoch, current.size) < (before.epoch, before.size):
        return False
    if current.epoch > before.epoch or current.size - before.size > _MOST_AGAIN:
        return True
    frontier = before.frontier
    for some in log_rows.leaf_hashes(connection, current.epoch, current.size, before.size):
        frontier = frontier.append(some)
    return frontier == current.frontier
