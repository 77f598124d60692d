"""Copying an order because a person asked for it: recorded before the call and after it, and never repeated by itself.

What is written, under the source order or, for a retry, under the failed copy, and under the new copy once it has a
name:

| action | says |
|---|---|
| copy.attempting | who, why and the whole request, on disk before anything is sent |
| copy.created | which copy was made, under which request id |
| copy.refused, copy.unavailable | it was certainly not made |
| copy.unknown | it may have been made: no whole answer came |
| copy.rehearsed | what a dry run would have asked for |

As everywhere in the trail, a value is one line of at most 500 characters; longer metadata is cut there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from typing import cast

import sqlalchemy as sa

from service.clients.commerce_layer import Answer, CommerceLayer
from service.clients.writing import CopyArguments
from service.errors import NotOffered, NotRecorded, OutcomeUnknown, OutsideError, Refused, StoreError, Unavailable
from service.intake.replay import Operator
from service.outcomes import Param
from service.resources import OrderFactory
from service.store import Store, queries
from service.store.audit import entry, write_audit

RETRIED = ("failed", "aborted")
# Longer than one call may take: an attempt without an end that is older came to none.
_UNDER_WAY = timedelta(minutes=2)
_MAY_BE_MADE = ("copy.created", "copy.unknown")
# How far the provider's clock and ours may be apart.
_CLOCKS = timedelta(minutes=1)


@dataclass(frozen=True, slots=True)
class Wish:
    """A copy that somebody asks for.

    Attributes:
        source_order: the id of the order to copy.
        arguments: as the provider takes them; what is left out is as the provider has it.
        operator: who asks, and why.
        retry_of: the id of the failed copy that it is made in place of.
        read_at: when that copy was looked at; nobody else may have retried it since.
    """

    source_order: str
    arguments: CopyArguments
    operator: Operator
    retry_of: str | None = None
    read_at: datetime | None = None

    @property
    def subject(self) -> str:
        """What the audit trail enters it under."""
        return f"order_copies/{self.retry_of}" if self.retry_of else f"orders/{self.source_order}"

    @property
    def request(self) -> dict[str, Param]:
        """The whole request as a flat map."""
        told: dict[str, Param] = {"source_order": f"orders/{self.source_order}"}
        for name, value in self.arguments.items():
            told[name] = value if isinstance(value, str | bool | None) else json.dumps(value, sort_keys=True)
        return told | ({"retry_of": f"order_copies/{self.retry_of}"} if self.retry_of else {})


def arguments_of(copy: OrderFactory) -> CopyArguments:
    """What a copy was created with, to create another one with the same; pure."""
    found = {name: getattr(copy, name) for name in CopyArguments.__annotations__}
    return cast("CopyArguments", {name: value for name, value in found.items() if value is not None})


def impossible(copy: OrderFactory) -> str | None:
    """Why a copy can never be retried; None where it can. Pure."""
    if copy.status not in RETRIED:
        return f"{copy.subject} is {copy.status}; only a copy that {' or '.join(RETRIED)} is retried"
    if copy.source_order_id is None:
        return f"{copy.subject} does not say which order it was made from"
    return None


def inadvisable(copy: OrderFactory, newer: Sequence[OrderFactory]) -> str | None:
    """Why a copy should not be retried, though a person may know better; None where it may be. Pure.

    Args:
        copy: the one that failed or was aborted.
        newer: copies of the same source that were created since, in any order.
    """
    for other in newer:
        if other.id != copy.id and other.status not in RETRIED:
            return f"orders/{copy.source_order_id} was copied again since: {other.subject} is {other.status}"
    if copy.order_subscription_id:
        subscription = f"order_subscriptions/{copy.order_subscription_id}"
        return f"{copy.subject} is a run of {subscription}, and a copy would not count as one"
    return None


def newer_copies(client: CommerceLayer, copy: OrderFactory) -> tuple[OrderFactory, ...]:
    """Copies of the same source order that were created since and have not failed, the newest first.

    Raises:
        Refused, Unavailable: as every call.
    """
    filters: dict[str, str | datetime | list[str]] = {
        "source_order_id_eq": copy.source_order_id or "",
        "status_not_in": list(RETRIED),
    }
    if copy.created_at:
        filters["created_at_gteq"] = copy.created_at
    return next(iter(client.order_copies.list(sort="-created_at", filters=filters))).items


def carry_out(store: Store, client: CommerceLayer, wish: Wish, *, dry_run: bool) -> Answer[OrderFactory] | None:
    """Make the copy; what is asked and what came of it stand in the audit trail.

    Returns:
        The new copy, begun and not done; None in a dry run, which asks for nothing.

    Raises:
        NotOffered: an argument that order copies do not have; nothing was sent.
        Refused: the provider does not copy it, or somebody else is retrying the same copy just now.
        Unavailable: it was certainly not made.
        OutcomeUnknown: it may have been made; the message says how to find out.
        NotRecorded: it was made, or may have been, and that could not be written.
        StoreError: the audit trail or the budget cannot be written; nothing was sent.
    """
    _begin(store, wish, "copy.rehearsed" if dry_run else "copy.attempting")
    if dry_run:
        return None
    asked_at = datetime.now(UTC)
    try:
        answer = client.order_copies.create(wish.source_order, **wish.arguments)
    except OutcomeUnknown as error:
        found = f"{error}; before repeating it: {how_to_find(wish, asked_at)}"
        _end(store, wish, "copy.unknown", error=str(error), request_id=error.request_id)
        raise OutcomeUnknown(found, status=error.status, code=error.code, request_id=error.request_id) from error
    except (OutsideError, NotOffered, StoreError) as error:
        # A StoreError comes from the budget, which is asked before anything is sent.
        action = "copy.unavailable" if isinstance(error, Unavailable | StoreError) else "copy.refused"
        _end(store, wish, action, error=str(error), request_id=getattr(error, "request_id", None))
        raise
    except BaseException as error:
        _end(store, wish, "copy.unknown", error=f"interrupted by {type(error).__name__}")
        raise
    made = replace(answer.value, source_order_id=wish.source_order)
    _end(store, wish, "copy.created", made.subject, request_id=answer.request_id)
    return replace(answer, value=made)


def how_to_find(wish: Wish, asked_at: datetime) -> str:
    """The command that lists what may have been made."""
    since = (asked_at - _CLOCKS).replace(microsecond=0).isoformat().replace("+00:00", "Z")
    return f"copydesk copies list --filter source_order_id_eq={wish.source_order} --filter created_at_gteq={since}"


def _begin(store: Store, wish: Wish, action: str) -> None:
    """Write down what is about to be asked, where nobody else is about to ask the same."""
    now = datetime.now(UTC)
    detail: dict[str, Param] = {"reason": wish.operator.reason, **wish.request}
    with store.write() as connection:
        if wish.retry_of:
            _refuse_second(connection, wish, now)
        write_audit(connection, [entry(now, wish.subject, wish.operator.actor, action, detail)])


def _refuse_second(connection: sa.Connection, wish: Wish, now: datetime) -> None:
    """Let only one of several retries of the same copy begin; writing transactions come one after the other."""
    if connection.dialect.name == "postgresql":
        lock = sa.func.pg_advisory_xact_lock(sa.func.hashtext(f"retry of {wish.subject}"))
        connection.execute(sa.select(lock))
    steps = [one for one in queries.trail(connection, [wish.subject]) if one.action.startswith("copy.")]
    last = next((one for one in reversed(steps) if one.action != "copy.rehearsed"), None)
    if last is None or last.detail.get("retry_of") != wish.subject:
        return
    under_way = last.action == "copy.attempting" and now - last.at < _UNDER_WAY
    if under_way or (wish.read_at is not None and last.at >= wish.read_at):
        raise Refused(f"{wish.subject} is being retried by {last.actor} just now; see copydesk audit {wish.subject}")


def _end(store: Store, wish: Wish, action: str, copy: str | None = None, **detail: str | None) -> None:
    """Write down how it ended, under both copies where there are two."""
    now = datetime.now(UTC)
    told: dict[str, Param] = {"copy": copy, "reason": wish.operator.reason, **wish.request, **detail}
    subjects = [wish.subject, *filter(None, [copy])]
    entries = [entry(now, subject, wish.operator.actor, action, told) for subject in subjects]
    try:
        with store.write() as connection:
            write_audit(connection, entries)
    except StoreError as error:
        if action not in _MAY_BE_MADE:
            # Nothing happened outside; what kept it from happening is the error to tell.
            return
        ended = f"{copy} was created" if copy else f"{action.removeprefix('copy.')}: {detail.get('error')}"
        raise NotRecorded(f"{ended}; the audit trail could not be told: {error}") from error
