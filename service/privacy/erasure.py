"""Erasing: one transaction in which names, bytes, salts and keys go and a tombstone stands in their place.

All of it or nothing: whoever is killed in the middle has erased nothing, and begins again. What proves the log stays:
its leaves never held a name. What an entry committed to can be told by nobody once its salt is gone.
"""

from __future__ import annotations

import secrets
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import zip_longest
from typing import Any

import sqlalchemy as sa

from service.audit import ranges
from service.outcomes import Param
from service.privacy import rows
from service.privacy.plan import Plan, check, renewed
from service.privacy.traces import ERASED, trace
from service.store import Store, tombstones
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


def erase(
    store: Store, plan: Plan, why: Why, still: Callable[[sa.Connection], bool] = lambda _connection: True
) -> Done | None:
    """Erase what was planned.

    Args:
        store: the open store.
        plan: what.
        why: on what ground.
        still: asked when nobody keeps anything any more: whether it is still to be erased.

    Returns:
        None where others belong to it meanwhile, or it is not to be erased any more: plan again.

    Raises:
        NotErased: something is held, or follow-ups are open.
        StoreUnavailable: as `Store.write`.
    """
    now = datetime.now(UTC)
    with store.write() as connection:
        tombstones.lock_for_erasing(connection)
        current = renewed(connection, plan)
        if current is None or not still(connection):
            return None
        check(connection, current)
        return _erase(connection, current, why, now)


def _erase(connection: sa.Connection, plan: Plan, why: Why, now: datetime) -> Done:
    places = tombstones.bury(connection, plan.subjects, why.basis, now)
    mentioned = plan.mentions.rows.get("audit_entries", {})
    deliveries = entries = 0
    written: list[dict[str, Any]] = []
    taken: set[int] = set()
    traces = {subject: trace(connection, subject) for subject in plan.subjects}
    rows.blank_mentions(connection, plan)
    for subject, found in traces.items():
        place = places[subject]
        lines = set(found.entries) | {id_ for id_, whom in mentioned.items() if whom == subject}
        lines = _erasable(connection, lines - taken)
        taken |= lines
        rows.take_bytes(connection, found.deliveries)
        rows.rename(connection, subject, place, found, now, why.actor)
        rows.blank_entries(connection, lines, place)
        written += _told(place, found.deliveries, lines, why, now)
        deliveries, entries = deliveries + len(found.deliveries), entries + len(lines)
    rest = _erasable(connection, set(mentioned) - taken)
    apart = rows.take_bytes(connection, plan.apart)
    if rest or apart:
        # What belongs to no subject stands together under a place of its own, which no name leads to.
        nobody = f"nobody/{secrets.token_hex(16)}"
        (place,) = tombstones.bury(connection, [nobody], why.basis, now).values()
        rows.blank_entries(connection, rest, place)
        written += _told(place, apart, rest, why, now)
    write_audit(connection, written)
    return Done(places, deliveries + len(apart), entries + len(rest))


def _erasable(connection: sa.Connection, ids: Collection[int]) -> set[int]:
    """Those entries that were not erased already, and do not tell of an erasure."""
    a = audit_entries.c
    return rows.chosen(connection, sa.select(a.id).where(a.salt.is_not(None), a.action != ERASED), a.id, ids)


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
