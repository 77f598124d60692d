"""What entries of the trail say was erased, so that what is not there any more is told from what was taken away."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator
from functools import cached_property

from service.audit import ranges
from service.audit.verification.places import Reader
from service.audit.verification.told import read_detail

ACTION = "payload.erased"
SEALED = "payload.sealed"


class Named:
    """Row numbers that erasures name, each with the entry that names it."""

    def __init__(self) -> None:
        """Begin with none."""
        self._ranges: list[tuple[int, int, int, str]] = []
        self._sorted = True

    def add(self, told: str, by: int, place: str) -> None:
        """Take in what an entry, whose subject is a place, names; what it misspells names nothing."""
        try:
            found = ranges.parse(told)
        except ValueError:
            return
        self._ranges += [(one.start, one.stop, by, place) for one in found]
        self._sorted = False

    def by(self, number: int) -> Iterator[tuple[int, str]]:
        """The entries that name a row, each with its place."""
        if not self._sorted:
            self._ranges.sort()
            self._sorted = True
        # Ranges of several erasures may overlap, where one was repeated; few do.
        place = bisect_right(self._ranges, (number, 1 << 63, 0, ""))
        for start, stop, by, subject in reversed(self._ranges[max(0, place - 64) : place]):
            if start <= number < stop:
                yield by, subject


class Erasures:
    """Read from the trail when something is missing for the first time, since most records have all."""

    def __init__(self, reader: Reader) -> None:
        """Read nothing yet."""
        self._reader = reader

    @cached_property
    def _named(self) -> tuple[Named, Named]:
        deliveries, entries = Named(), Named()
        # An erasure is told by an entry that can be opened itself.
        where = "WHERE action = ? AND salt IS NOT NULL"
        for id_, place, detail in self._reader.rows(("id", "subject", "detail"), "audit_entries", where, (ACTION,)):
            told = read_detail(detail)
            deliveries.add(str(told.get("deliveries", "")), id_, place)
            entries.add(str(told.get("entries", "")), id_, place)
        return deliveries, entries

    @cached_property
    def _sealed(self) -> dict[int, bytes]:
        rows = self._reader.rows(("detail", "sealed"), "audit_entries", "WHERE action = ? ORDER BY id", (SEALED,))
        found = ((read_detail(detail).get("delivery"), sealed) for detail, sealed in rows)
        return {id_: sealed for id_, sealed in found if isinstance(id_, int) and sealed is not None}

    def sealed_later(self, id_: int) -> bytes | None:
        """The digest of a delivery's bytes, where the trail tells that they were sealed after it was received."""
        return self._sealed.get(id_)

    def of_delivery(self, id_: int) -> bool:
        """Whether an entry says that the bytes of a delivery were erased."""
        return any(self._named[0].by(id_))

    def places_of_entry(self, id_: int) -> set[str]:
        """What may stand in an entry in place of its subject, as later entries say that erased it; none said so."""
        return {place for by, place in self._named[1].by(id_) if by > id_}
