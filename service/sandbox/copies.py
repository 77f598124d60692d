"""Order copies and recurring order copies: how they are made and how they run to their end.

A run is asynchronous: pending, in_progress, then completed or failed (Commerce Layer documentation, Order copies and
Recurring order copies). By default any error makes the copy fail; with `skip_errors` it completes all the same. The
target is placed if asked for, the source is cancelled at the end of a completed copy if asked for, in this order
(the order of steps is not public).
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from service.sandbox.background import Background
from service.sandbox.orders import may_cancel, price, pull
from service.sandbox.state import ENDED, Record, State, iso

# Errors that leave the target without something, but do not keep it from being placed.
_HARMLESS = frozenset({"line_items"})
_INHERITED = ("customer_email", "currency_code")
_PERIOD = timedelta(days=30)


class Copies:
    """Makes copies and runs them in the background."""

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
        self._forgetful: set[str] = set()

    def make(
        self,
        type_: str,
        attributes: dict[str, Any],
        relations: Mapping[str, str | None],
        *,
        id_: str | None = None,
        forgets_source: bool = False,
    ) -> Record:
        """Create a copy, fire its `create` event and let it run.

        Args:
            type_: order_copies or recurring_order_copies.
            attributes: those that were given, checked.
            relations: source_order, and order_subscription for a renewal.
            id_: the id it shall have, for scenarios that must know it beforehand.
            forgets_source: do not cancel the source, whatever was asked for.
        """
        state = self._state
        with state.lock:
            made = state.add(type_, attributes, {**relations, "target_order": None}, id_)
            if forgets_source:
                self._forgetful.add(made.id)
            state.fire("create", made, made.id)
        self._background.later(self._step, lambda: self._start(made))
        return made

    def _gone(self, made: Record) -> bool:
        """Whether somebody deleted the copy, or stopped its run, meanwhile."""
        return self._state.find(made.type, made.id) is not made or made["status"] in ENDED

    def _start(self, made: Record) -> None:
        state = self._state
        with state.lock:
            if self._gone(made):
                return
            state.change(made, stamps=("started_at",), status="in_progress")
            state.fire("start", made, made.id)
        self._background.later(self._step, lambda: self._finish(made))

    def _finish(self, made: Record) -> None:
        state = self._state
        with state.lock:
            source = state.find("orders", made.relations["source_order"])
            if self._gone(made) or source is None:
                return
            subscription = state.find("order_subscriptions", made.relations.get("order_subscription"))
            errors = (subscription.flaws if subscription else {}) or source.flaws
            failed = bool(errors) and not made.attributes.get("skip_errors")
            if subscription is not None or not failed:
                target = self._copy_order(source, made, subscription, errors)
                made.relations["target_order"] = target.id
                if made["place_target_order"] and not failed and set(errors) <= _HARMLESS:
                    pull(state, target, "_place", by="platform", cause=made.id)
            if not failed:
                self._cancel_source(made, source)
            self._end(made, errors, failed=failed)
            if subscription is not None:
                self._count_run(subscription, made, failed=failed)

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
        forgets = made.id in self._forgetful
        self._forgetful.discard(made.id)
        if made.attributes.get("cancel_source_order") and not forgets and may_cancel(source):
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
            next_run_at=iso(datetime.now(UTC) + _PERIOD),
            occurrencies=subscription["occurrencies"] + 1,
            errors_count=subscription["errors_count"] + int(failed),
            succeeded_on_last_run=not failed,
        )
        self._state.fire("last_run_failed" if failed else "last_run_succeeded", subscription, made.id)
