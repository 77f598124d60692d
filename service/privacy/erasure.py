"""Erasing: names, bytes, salts and keys go, and a tombstone stands in their place.

A few subjects in a transaction, so that deliveries do not wait: all of these or none. Those that are linked with whom
somebody named over most links go first; so what is left is linked still, and whoever is killed in the middle begins
again in the same way. What proves the log stays: its leaves never held a name. What an entry committed to can be told
by nobody once its salt is gone.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa

from service.audit import ranges
from service.outcomes import Param
from service.privacy import rows
from service.privacy.kin import some_at_once
from service.privacy.mentions import owned
from service.privacy.plan import Plan, belongs_to_more, check, renewed
from service.privacy.traces import ERASED, Trace, trace
from service.store import Store, log, tombstones
from service.store.audit import entry, write_audit
from service.store.schema import audit_entries


@dataclass(frozen=True, slots=True)
class Why:
    """Who erases, and on what ground; it is told in the audit trail.

    Attributes:
        actor: as the trail names it: `operator jane`, `worker`.
        basis: the legal ground, or `retention`.
        reason: in an operator's own words.
    """

    actor: str
    basis: str
    reason: str | None = None


@dataclass(frozen=True, slots=True)
class Done:
    """What was erased: how many of each, and what stands in the place of each subject."""

    places: Mapping[str, str]
    deliveries: int
    entries: int

    def plus(self, other: Done) -> Done:
        """Both together."""
        places = dict(self.places) | dict(other.places)
        return Done(places, self.deliveries + other.deliveries, self.entries + other.entries)


def erase(
    store: Store,
    plan: Plan,
    why: Why,
    still: Callable[[sa.Connection], bool] = lambda _connection: True,
    told: Callable[[Done], object] = lambda _done: None,
) -> Done | None:
    """Erase what was planned, piece by piece.

    Args:
        store: the open store.
        plan: what.
        why: on what ground.
        still: asked when nobody keeps anything any more: whether it is still to be erased.
        told: is given what went, after each piece.

    Returns:
        None where others belong to it meanwhile, or it is not to be erased any more: plan again. Pieces that had gone
        stay gone.

    Raises:
        NotErased: something is held, or follow-ups are open.
        StoreUnavailable: as `Store.write`.
    """
    gone = Done({}, 0, 0)
    with store.read() as connection:
        # What came while somebody thought about it is looked through before others have to wait.
        plan = renewed(connection, plan)
        check(connection, plan)
    later = set(plan.subjects)
    for piece in plan.pieces():
        later -= set(piece)
        with store.write() as connection:
            began = time.monotonic()
            tombstones.lock_for_erasing(connection)
            # The sequencer changes rows of the trail too: neither waits for the other while it has some.
            log.lock(connection)
            plan = renewed(connection, plan)
            if belongs_to_more(connection, plan, piece) or not still(connection):
                return None
            share = plan.of(piece, [] if later else [*plan.subjects, ""])
            check(connection, share, plan)
            done = _erase(connection, share, later, why, datetime.now(UTC))
        told(done)
        gone = gone.plus(done)
        # Deliveries get the lock for as long as we had it.
        time.sleep(time.monotonic() - began)
    return gone


def _erase(connection: sa.Connection, plan: Plan, later: Collection[str], why: Why, now: datetime) -> Done:
    """Erase a piece; rows of those whose turn comes later go with them, whomever else they name."""
    places = tombstones.bury(connection, plan.subjects, why.basis, now)
    traces = {subject: trace(connection, subject) for subject in plan.subjects}
    plan = replace(plan, mentions=plan.mentions.without(owned(connection, plan.mentions, later)))
    lines = _lines(connection, plan, traces, later)
    apart = rows.take_bytes(connection, plan.apart)
    written: list[dict[str, Any]] = []
    rows.blank_mentions(connection, plan)
    if apart or "" in lines:
        # What belongs to no subject stands together under a place of its own, which no name leads to.
        (place,) = tombstones.bury(connection, [f"nobody/{secrets.token_hex(16)}"], why.basis, now).values()
        rows.blank_entries(connection, lines.get("", ()), place)
        written += _told(place, apart, lines.get("", ()), why, now)
    for subject, found in traces.items():
        place = places[subject]
        rows.take_bytes(connection, found.deliveries)
        rows.rename(connection, subject, place, found, now, why.actor)
        rows.blank_entries(connection, lines.get(subject, ()), place)
        written += _told(place, found.deliveries, lines.get(subject, ()), why, now)
    write_audit(connection, written)
    deliveries = len(apart) + sum(len(found.deliveries) for found in traces.values())
    return Done(places, deliveries, sum(map(len, lines.values())))


def _lines(
    connection: sa.Connection, plan: Plan, traces: Mapping[str, Trace], later: Collection[str]
) -> dict[str, set[int]]:
    """The entries of the trail that go, by whose place they get; the empty one is nobody's.

    An entry about one of them gets that one's place, which the rows get that it tells of.
    """
    mentioned = plan.mentions.rows.get("audit_entries", {})
    whose = dict(mentioned) | {id_: subject for subject, found in traces.items() for id_ in found.entries}
    a = audit_entries.c
    # Not those that were erased already, nor those that tell of an erasure.
    query = sa.select(a.id, a.subject).where(a.salt.is_not(None), a.action != ERASED)
    lines: dict[str, set[int]] = {}
    for some in some_at_once(whose):
        for id_, about in connection.execute(query.where(a.id.in_(some))):
            if about not in later:
                named = next((one for one in (about, whose[id_]) if one in traces), "")
                lines.setdefault(named, set()).add(id_)
    return lines


def _told(
    place: str, deliveries: Collection[int], entries: Collection[int], why: Why, now: datetime
) -> list[dict[str, Any]]:
    """The entries that tell of it, as many as it takes for their texts to be short."""
    parts = list(zip_longest(ranges.spell_in_parts(deliveries), ranges.spell_in_parts(entries))) or [(None, None)]
    told: list[dict[str, Any]] = []
    for some, lines in parts:
        detail: dict[str, Param | datetime] = {
            "deliveries": some,
            "entries": lines,
            "basis": why.basis,
            "subject": place,
            "reason": why.reason,
        }
        told.append(entry(now, place, why.actor, ERASED, detail))
    return told
