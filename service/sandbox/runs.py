"""The runs of subscriptions: at their time, with an alert before, or not at all.

Facts (Commerce Layer documentation, Order subscriptions): an active subscription runs at `next_run_at`; the event
`renewal` comes `renewal_alert_period` hours before; automatic subscriptions run recurring order copies, manual ones
order copies.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial

from service.sandbox.background import Background
from service.sandbox.copies import USUAL, Copies, Course
from service.sandbox.state import Record, State

# A run further away is planned anew by then; nobody keeps a sandbox for so long.
FURTHEST = timedelta(days=1)


class Runs:
    """Lets subscriptions run when their time has come."""

    def __init__(self, state: State, background: Background, copies: Copies) -> None:
        self._state = state
        self._background = background
        self._copies = copies
        copies.on_counted = self.plan
        # The runs that are planned or begun, so that no change of a subscription makes it run twice.
        self._planned: set[tuple[str, str]] = set()

    def plan(self, subscription: Record) -> None:
        """Let a subscription run at its `next_run_at`, if that is to come soon; the state's lock is held."""
        moment = subscription["next_run_at"]
        if subscription["status"] != "active" or moment is None or (subscription.id, moment) in self._planned:
            return
        due = datetime.fromisoformat(moment)
        alert = due - timedelta(hours=subscription["renewal_alert_period"] or 0)
        present = datetime.now(UTC)
        for when, job in ((alert, self._alert), (due, self._run)):
            if present <= when <= present + FURTHEST:
                self._planned.add((subscription.id, moment))
                seconds = (when - present).total_seconds()
                self._background.someday(seconds, partial(job, subscription, moment))

    def forget(self) -> None:
        """Forget what was planned."""
        self._planned.clear()

    def _due(self, subscription: Record, moment: str) -> bool:
        """Whether it is still so that this subscription runs at this moment."""
        kept = self._state.find("order_subscriptions", subscription.id) is subscription
        return kept and subscription["status"] == "active" and subscription["next_run_at"] == moment

    def _alert(self, subscription: Record, moment: str) -> None:
        with self._state.lock:
            if self._due(subscription, moment):
                self._state.fire("renewal", subscription)

    def _run(self, subscription: Record, moment: str) -> None:
        with self._state.lock:
            if not self._due(subscription, moment) or "absent" in subscription.habits:
                return
            self.start(subscription)

    def start(self, subscription: Record, course: Course = USUAL) -> Record:
        """Run a subscription now."""
        manual = "manual" in subscription.habits
        return self._copies.make(
            "order_copies" if manual else "recurring_order_copies",
            {"place_target_order": subscription["place_target_order"]},
            {"source_order": subscription.relations["source_order"], "order_subscription": subscription.id},
            course=course,
        )
