"""What goes by the clock: bodies, then what is known of subjects, then counts of refusals; each for as long as is set.

Small batches, each a transaction of its own, oldest first; what was done stays done, whoever is killed.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Collection, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from service.audit import ranges
from service.errors import NotErased
from service.privacy import rows
from service.privacy.erasure import Done, Why, erase
from service.privacy.kin import farthest_first, kin, some_at_once
from service.privacy.plan import Plan, plans
from service.privacy.traces import ERASED, open_follow_ups
from service.settings import Settings
from service.store import Store, holds, refusals, tombstones
from service.store.audit import entry, write_audit
from service.store.schema import deliveries, events
from service.vault import Vault

BASIS = "retention"
# The subject of the trail under which bodies go by the clock.
ABOUT = "retention/bodies"
# A transaction takes some tens of milliseconds: deliveries wait two seconds at most.
_BODIES = 200
# Every text is looked through once for so many: the more, the less is read.
_SUBJECTS = 2_000
_KEPT = sa.text("deliveries.body IS NOT NULL")
_D, _E = deliveries.c, events.c


@dataclass(frozen=True, slots=True)
class Clocks:
    """How long what is kept; None is for ever."""

    bodies: timedelta | None
    metadata: timedelta | None
    refusals: timedelta | None

    @classmethod
    def of(cls, settings: Settings) -> Clocks:
        """Those of the settings, where 0 is for ever."""
        days = (settings.keep_bodies_days, settings.keep_metadata_days, settings.keep_refusals_days)
        return cls(*(timedelta(days=one) if one else None for one in days))


@dataclass(frozen=True, slots=True)
class Gone:
    """What went, or would go.

    Attributes:
        bodies: deliveries that lost their bytes.
        subjects: those of which nothing is known any more.
        refusals: counts of an hour.
        held_back: deliveries and subjects that were due and stay: under hold, or work on them is under way.
    """

    bodies: int = 0
    subjects: int = 0
    refusals: int = 0
    held_back: int = 0

    def __bool__(self) -> bool:
        """Whether anything went."""
        return bool(self.bodies or self.subjects or self.refusals)


@dataclass(frozen=True)
class Sweeper:
    """One run by the clock.

    Attributes:
        store, vault: of the installation.
        clocks: how long what is kept.
        now: the time.
        actor: who runs it, for the audit trail.
        reason: an operator's own words.
        dry_run: count, and take nothing away.
        stop: set where it must come to an end; it goes on another time.
        progress: is told after every batch how many rows went.
    """

    store: Store
    vault: Vault
    clocks: Clocks
    now: datetime
    actor: str
    reason: str | None = None
    dry_run: bool = False
    stop: threading.Event = field(default_factory=threading.Event)
    progress: Callable[[int], object] = lambda _rows: None

    def run(self) -> Gone:
        """Take away what is due.

        Raises:
            StoreUnavailable: as `Store.write`; what went before stays gone.
            ConfigurationError: a body in quarantine is sealed, and none of the keys opens it.
        """
        bodies, bodies_held = self._bodies()
        subjects, subjects_held = self._subjects()
        return Gone(bodies, subjects, self._refusals(), bodies_held + subjects_held)

    def _bodies(self) -> tuple[int, int]:
        gone = held = 0
        if self.clocks.bodies is None:
            return 0, 0
        for batch in _due_bodies(self.store, self.now - self.clocks.bodies):
            if self.stop.is_set():
                break
            free = self._take(batch)
            gone, held = gone + free, held + len(batch) - free
            self.progress(free)
        return gone, held

    def _take(self, batch: dict[int, str | None]) -> int:
        """Take the bytes of a batch; how many deliveries lost them."""
        if self.dry_run:
            with self.store.read() as connection:
                return len(_free(connection, batch))
        with self.store.write() as connection:
            tombstones.lock_for_erasing(connection)
            taken = rows.take_bytes(connection, _free(connection, batch))
            told = [
                {"deliveries": some, "basis": BASIS, "reason": self.reason} for some in ranges.spell_in_parts(taken)
            ]
            write_audit(connection, [entry(self.now, ABOUT, self.actor, ERASED, detail) for detail in told])
        return len(taken)

    def _subjects(self) -> tuple[int, int]:
        gone = held = 0
        if self.clocks.metadata is None:
            return 0, 0
        before = self.now - self.clocks.metadata
        seen: set[str] = set()
        for batch in _due_subjects(self.store, before):
            if self.stop.is_set():
                break
            families = [family for family in self._forgettable(batch, before) if not seen.issuperset(family)]
            free = set().union(*families)
            held += len(set(batch) - free - seen)
            seen |= free
            forgotten, left = (len(free), 0) if self.dry_run or not free else self._forget(families, before)
            gone, held = gone + forgotten, held + left
        return gone, held

    def _forgettable(self, batch: Iterable[str], before: datetime) -> list[tuple[str, ...]]:
        """Families of which nothing newer is known, and that nothing holds; in each the one of the batch stands last.

        So the next run finds it again by its events, and by it the rest, of whom there need not be any.
        """
        families: list[tuple[str, ...]] = []
        seen: set[str] = set()
        with self.store.read() as connection:
            for family in (farthest_first(connection, [one]) for one in batch if one not in seen):
                seen.update(family)
                busy = holds.held(connection, family) or open_follow_ups(connection, family)
                if not busy and _is_old(connection, family, before):
                    families.append(family)
        return families

    def _forget(self, families: Iterable[tuple[str, ...]], before: datetime) -> tuple[int, int]:
        """Forget them, a few in a transaction; how many subjects they were, and how many stay that were reached."""
        gone = left = 0
        for one in plans(self.store, self.vault, families):
            if self.stop.is_set():
                break
            went = self._erase(one, before)
            gone += went
            left += 0 if self.stop.is_set() else len(one.subjects) - went
        return gone, left

    def _erase(self, one: Plan, before: datetime) -> int:
        gone: list[int] = []

        def still(connection: sa.Connection) -> bool:
            return not self.stop.is_set() and _is_old(connection, one.subjects, before)

        def told(done: Done) -> None:
            gone.append(len(done.places))
            self.progress(gone[-1])

        with suppress(NotErased):  # held, or work on it began, since we looked: another time
            erase(self.store, one, Why(self.actor, BASIS, self.reason), still, told)
        return sum(gone)

    def _refusals(self) -> int:
        if self.clocks.refusals is None:
            return 0
        before = self.now - self.clocks.refusals
        if self.dry_run:
            with self.store.read() as connection:
                return refusals.count_before(connection, before)
        with self.store.write() as connection:
            return refusals.forget_before(connection, before)


def _is_old(connection: sa.Connection, subjects: Collection[str], before: datetime) -> bool:
    """Whether nothing newer is known of any of them."""
    newer = sa.select(_E.id).where(_E.last_seen_at >= before).limit(1)
    found = (connection.execute(newer.where(_E.subject.in_(some))).first() for some in some_at_once(subjects))
    return not any(row is not None for row in found)


def _due_bodies(store: Store, before: datetime) -> Iterator[dict[int, str | None]]:
    """Deliveries whose bytes are older, each with its event's subject; without those that wait to be read."""
    query = sa.select(_D.id, _D.received_at, _E.subject).outerjoin_from(deliveries, events, _E.id == _D.event_id)
    query = query.where(_KEPT, _D.received_at < before, _D.verdict != "deferred")
    query = query.order_by(_D.received_at, _D.id).limit(_BODIES)
    after: sa.ColumnElement[bool] = sa.true()
    while True:
        with store.read() as connection:
            found = connection.execute(query.where(after)).all()
        if not found:
            return
        yield {row.id: row.subject for row in found}
        last = found[-1]
        after = (_D.received_at > last.received_at) | ((_D.received_at == last.received_at) & (_D.id > last.id))


def _free(connection: sa.Connection, batch: dict[int, str | None]) -> list[int]:
    """Those deliveries of a batch whose subjects nothing holds."""
    subjects = {subject for subject in batch.values() if subject is not None}
    busy: set[str] = {subject for _, _, subject in open_follow_ups(connection, subjects)}
    busy |= set(kin(connection, holds.held(connection)))
    return [id_ for id_, subject in batch.items() if subject not in busy]


def _due_subjects(store: Store, before: datetime) -> Iterator[list[str]]:
    """Subjects whose newest event is older, by name."""
    newest: Any = sa.func.max(_E.last_seen_at)
    query = sa.select(_E.subject).where(_E.subject.not_like(f"{tombstones.TYPE}/%")).group_by(_E.subject)
    query = query.having(newest < before).order_by(_E.subject).limit(_SUBJECTS)
    last = ""
    while True:
        with store.read() as connection:
            found = list(connection.execute(query.where(_E.subject > last)).scalars())
        if not found:
            return
        yield found
        last = found[-1]
