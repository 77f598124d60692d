"""A worker's share in the audit log, in a thread of its own: places for entries, heads for the world outside."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import timedelta

from service.audit.keeper import Keeper
from service.audit.publication import FILE
from service.follow_ups.attempt import attempt
from service.follow_ups.moves import Tools
from service.store import follow_up_rows, log_heads
from service.worker.pace import Pace
from service.worker.rounds import Rounds


class LogKeeping:
    """Sequences each second, publishes each hour, and both once more at the stop."""

    def __init__(self, keeper: Keeper, tools: Tools, name: str, pace: Pace, rounds: Rounds) -> None:
        """Take what it needs.

        Args:
            keeper: knows what to do.
            tools: with which the last head is published.
            name: of the worker.
            pace: how often it does what.
            rounds: the worker's.
        """
        self._keeper, self._tools, self._name, self._pace, self._rounds = keeper, tools, name, pace, rounds

    def run(self) -> None:
        """Keep the log until the worker is told to stop."""
        self._rounds.every(self._pace.sequence, self.sequence, self._keeper.publish)

    def sequence(self) -> None:
        """Give every entry its place, as long as the worker is not told to stop."""
        self._keeper.sequence(lambda: not self._rounds.stop.is_set())

    def sequence_briefly(self) -> None:
        """Give places to what was written last; a long backlog is the next worker's."""
        until = time.monotonic() + self._pace.publish_at_stop
        self._keeper.sequence(lambda: time.monotonic() < until)

    def publish_at_stop(self, hand_over: Callable[[], None]) -> None:
        """Publish the last head: to the file at once, to other places within a moment, or by the next worker.

        Args:
            hand_over: gives what is due to the engine.
        """
        self.sequence_briefly()
        checkpoint = self._keeper.publish(timedelta(0))
        if checkpoint is None:
            return
        for id_, target, _status, number in self._publications(checkpoint.id):
            if target == FILE:
                attempt(self._tools, id_, number, self._name)
        hand_over()
        until = time.monotonic() + self._pace.publish_at_stop
        while time.monotonic() < until and any(
            status in follow_up_rows.LIVE for _, _, status, _ in self._publications(checkpoint.id)
        ):
            time.sleep(self._pace.look)

    def _publications(self, checkpoint: int) -> list[tuple[int, str, str, int]]:
        with self._tools.store.read() as connection:
            return log_heads.publications_of(connection, checkpoint)
