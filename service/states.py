"""Where a resource stands, and how a transition changes that. Pure.

Transitions arrive in any order and more than once; whichever is greatest in one fixed order is the state. So the
state is the same for every order of arrival: taking a maximum is all there is to it.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime

from service.outcomes import Transition

# Only ties of `updated_at` are decided by rank; terminal statuses are last and win them.
_RANK: dict[str, int] = {
    status: rank
    for rank, statuses in enumerate(
        (
            ("draft",),
            ("pending", "inactive"),
            ("in_progress", "placing", "editing", "active"),
            ("placed", "running"),
            ("approved",),
            ("aborted", "failed", "completed", "cancelled"),
        )
    )
    for status in statuses
}
_LONG_AGO = datetime.min.replace(tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class State:
    """The newest that is known of a resource. A relation stays known once an event has named it."""

    subject: str
    status: str
    at: datetime | None
    source_order_id: str | None = None
    target_order_id: str | None = None
    order_subscription_id: str | None = None


def order(status: str, at: datetime | None) -> tuple[bool, bool, datetime, int, str]:
    """The place of a status in the fixed order: destroyed is last of all, then `updated_at`, then the rank."""
    return (status == "destroyed", at is not None, at or _LONG_AGO, _RANK.get(status, -1), status)


def place(status: str, at: datetime | None) -> bytes:
    """`order` as bytes, for a database to compare: greater is newer, on each of them and in every collation."""
    destroyed, has_time, moment, rank, spelt = order(status, at)
    spelling = moment.astimezone(UTC).isoformat(timespec="microseconds") if has_time else ""
    return f"{destroyed:d}{has_time:d}{spelling}|{rank + 1:02d}{spelt}".encode()


def advance(state: State | None, transition: Transition) -> tuple[State, bool, bool]:
    """Apply a transition to what is known.

    Returns:
        The state now, whether the transition was applied, and whether it was superseded: what is known is newer.
        A transition that says what is known already is neither.
    """
    if state is None:
        blank = State(transition.subject, transition.status, transition.at)
        return _named(blank, blank.status, blank.at, transition), True, False
    told, known = order(transition.status, transition.at), order(state.status, state.at)
    if told > known:
        return _named(state, transition.status, transition.at, transition), True, False
    return _named(state, state.status, state.at, transition), False, told < known


def _named(state: State, status: str, at: datetime | None, transition: Transition) -> State:
    """The state with this status, and with the relations that the transition names.

    The provider sets each once and never again, so two that differ are not told apart by time: one of them stands,
    the same for every order of arrival.
    """
    source = greater(state.source_order_id, transition.source_order_id)
    target = greater(state.target_order_id, transition.target_order_id)
    subscription = greater(state.order_subscription_id, transition.order_subscription_id)
    return State(state.subject, status, at, source, target, subscription)


def greater(known: str | None, told: str | None) -> str | None:
    """Which of two names of a relation stands."""
    return told if told and told > (known or "") else known
