"""Order copies and recurring order copies: how they are made and how they run to their end.

A run is asynchronous: pending, in_progress, then completed or failed (Commerce Layer documentation, Order copies and
Recurring order copies). By default any error makes the copy fail; with `skip_errors` it completes all the same. The
target is placed if asked for, the source is cancelled at the end of a completed copy if asked for, in this order
(the order of steps is not public).
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from service.sandbox.background import Background
from service.sandbox.frequency import next_run
from service.sandbox.marks import iso, new_id
from service.sandbox.orders import may_cancel, price, pull
from service.sandbox.state import ENDED, Record, State

# Errors that leave the target without something, but do not keep it from being placed.
_HARMLESS = frozenset({"line_items"})
_INHERITED = ("customer_email", "currency_code")


@dataclass(frozen=True, kw_only=True)
class Course:
    """How one run goes where it does not go the usual way.

    Attributes:
        ends: "usual" as its errors say; "aborted" or "stuck" once it has started.
        forgets_source: the source is not cancelled, whatever was asked for.
        imported: an import made it, so nothing but the status of orders is told.
    """

    ends: Literal["usual", "aborted", "stuck"] = "usual"
    forgets_source: bool = False
    imported: bool = False


USUAL = Course()


class Copies:
    """Makes copies and runs them in the background, or step by step for a story of the past.

    Attributes:
        on_counted: told of each subscription whose run came to its end, so that its next one can be planned.
    """

    def __init__(self, state: State, background: Background, step_seconds: float) -> None:
        """Take the rooms a run needs.

        Args:
            state: where everything is kept.
            background: what runs the steps.
            step_seconds: from created to started, and from started to the end.
        """
        self._state = state
        self._background = background
        self._step = step_seconds
        self._courses: dict[str, Course] = {}
        self.on_counted: Callable[[Record], None] = lambda _subscription: None

    def make(
        self,
        type_: str,
        attributes: dict[str, Any],
        relations: Mapping[str, str | None],
        *,
        id_: str | None = None,
        course: Course = USUAL,
    ) -> Record:
        """Create a copy, fire its `create` event and let it run.

        Args:
            type_: order_copies or recurring_order_copies.
            attributes: those that were given, checked.
            relations: source_order, and order_subscription for a renewal.
            id_: the id it shall have, for scenarios that must know it beforehand.
            course: how its run goes.
        """
        made = self.begin(type_, attributes, relations, id_=id_ or new_id(), course=course)

        def finish() -> None:
            self.finish(made)

        def start() -> None:
            if self.start(made):
                self._background.later(self._step, finish)

        self._background.later(self._step, start)
        return made

    def begin(
        self,
        type_: str,
        attributes: dict[str, Any],
        relations: Mapping[str, str | None],
        *,
        id_: str,
        course: Course = USUAL,
    ) -> Record:
        """Create a copy and fire its `create` event; it stays pending until somebody starts it."""
        state = self._state
        with state.lock:
            if course is not USUAL:
                self._courses[id_] = course
            if course.imported:
                state.unheard.add(id_)
            made = state.add(type_, attributes, {**relations, "target_order": None}, id_)
            state.fire("create", made, made.id)
        return made

    def start(self, made: Record) -> bool:
        """Take a copy to in_progress; whether it goes on from there."""
        state = self._state
        with state.lock:
            if self._gone(made):
                return False
            state.change(made, stamps=("started_at",), status="in_progress")
            state.fire("start", made, made.id)
            return self._courses.get(made.id, USUAL).ends != "stuck"

    def finish(self, made: Record) -> None:
        """Take a copy to its end."""
        state = self._state
        with state.lock:
            source = state.find("orders", made.relations["source_order"])
            if self._gone(made) or source is None:
                return
            course = self._courses.pop(made.id, USUAL)
            if course.ends == "aborted":
                # Nothing is fired, and there is no moment of its own for it.
                state.change(made, status="aborted")
                state.note("abort", made, "platform", made.id)
                return
            subscription = state.find("order_subscriptions", made.relations.get("order_subscription"))
            errors = (subscription.flaws if subscription else {}) or source.flaws
            failed = bool(errors) and not made.attributes.get("skip_errors")
            if subscription is not None or not failed:
                target = self._copy_order(source, made, subscription, errors)
                made.relations["target_order"] = target.id
                if made["place_target_order"] and not failed and set(errors) <= _HARMLESS:
                    pull(state, target, "_place", by="platform", cause=made.id)
            if not failed and not course.forgets_source:
                self._cancel_source(made, source)
            self._end(made, errors, failed=failed)
            if subscription is not None:
                self._count_run(subscription, made, failed=failed)

    def forget(self) -> None:
        """Forget how runs were to go."""
        self._courses.clear()

    def is_stuck(self, made: Record) -> bool:
        """Whether a copy is in progress and will stay so."""
        return made["status"] == "in_progress" and self._courses.get(made.id, USUAL).ends == "stuck"

    def _gone(self, made: Record) -> bool:
        """Whether somebody deleted the copy, or stopped its run, meanwhile."""
        return self._state.find(made.type, made.id) is not made or made["status"] in ENDED

    def _copy_order(
        self, source: Record, made: Record, subscription: Record | None, errors: dict[str, list[str]]
    ) -> Record:
        """Make the target: pending and unpaid, and without the line items that errors kept out of it."""
        missing = min(len(errors.get("line_items", ())), source["skus_count"])
        count = source["skus_count"]
        cents = source["total_amount_with_taxes_cents"]
        total = cents * (count - missing) // count if count else cents
        values = {name: source[name] for name in _INHERITED} | price(total)
        target = self._state.add(
            "orders",
            values | {"number": self._state.number(), "status": "pending", "skus_count": count - missing},
            {"order_subscription": subscription.id if subscription else None},
        )
        self._state.fire("create", target, made.id)
        self._state.fire("pending", target, made.id)
        return target

    def _cancel_source(self, made: Record, source: Record) -> None:
        """Cancel the source if that was asked for; what the platform does where it cannot is not public: nothing."""
        if made.attributes.get("cancel_source_order") and may_cancel(source):
            pull(self._state, source, "_cancel", by="platform", cause=made.id)

    def _end(self, made: Record, errors: dict[str, list[str]], *, failed: bool) -> None:
        count = sum(len(messages) for messages in errors.values())
        log = {name: list(messages) for name, messages in errors.items()}
        status, stamp, event = ("failed", "failed_at", "fail") if failed else ("completed", "completed_at", "complete")
        self._state.change(made, stamps=(stamp,), status=status, errors_log=log, errors_count=count)
        self._state.note(event, made, "platform", made.id)
        self._state.fire(event, made, made.id)

    def _count_run(self, subscription: Record, made: Record, *, failed: bool) -> None:
        """Enter the run on the subscription: a failed one counts an error and waits for the next period."""
        self._state.change(
            subscription,
            stamps=("last_run_at",),
            next_run_at=iso(next_run(subscription["frequency"], datetime.fromisoformat(self._state.now()))),
            occurrencies=subscription["occurrencies"] + 1,
            errors_count=subscription["errors_count"] + int(failed),
            succeeded_on_last_run=not failed,
        )
        self._state.fire("last_run_failed" if failed else "last_run_succeeded", subscription, made.id)
        self.on_counted(subscription)
