"""Running counts on SQLite: how many rows of a list have which values, day by day.

Triggers keep them in the transaction that changes a row, so they are never behind; SQLite has one writer at a time, so
nobody waits for them. PostgreSQL has many writers, who would queue on such a row, and counts in parallel: it has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

WIDTH = 5
TABLE = "tallies"


@dataclass(frozen=True)
class Tally:
    """What is counted of a table.

    Attributes:
        time: the column whose day counts are kept by; None where it moves.
        columns: whose values are counted together, at most five.
    """

    time: str | None
    columns: tuple[str, ...]


TALLIES: Mapping[str, Tally] = {
    "events": Tally("last_seen_at", ("topic", "told_status", "result", "origin", "mode")),
    "deliveries": Tally("received_at", ("topic", "verdict", "origin")),
    "transitions": Tally("recorded_at", ("to_status", "from_status")),
    "states": Tally(None, ("status",)),
    "follow_ups": Tally("planned_at", ("kind", "status")),
    "attempts": Tally("started_at", ("result",)),
    "audit_entries": Tally("at", ("action", "actor")),
}
_FACETS = [f"facet_{number}" for number in range(1, WIDTH + 1)]
_KEY = ["listing", "day", *_FACETS]
MAKE = (
    f"CREATE TABLE {TABLE} ({', '.join(f'{name} TEXT NOT NULL' for name in _KEY)}, count INTEGER NOT NULL, "
    f"PRIMARY KEY ({', '.join(_KEY)})) STRICT, WITHOUT ROWID"
)


def _values(listing: str, row: str) -> list[str]:
    """What identifies the count that a row belongs to; an empty text stands for NULL."""
    tally = TALLIES[listing]
    day = f"substr({row}{tally.time}, 1, 10)" if tally.time else "''"
    held = [f"coalesce({row}{column}, '')" for column in tally.columns]
    return [f"'{listing}'", day, *held, *["''"] * (WIDTH - len(held))]


def triggers() -> Iterator[str]:
    """The statements that make the triggers."""
    for listing, tally in TALLIES.items():
        new, old = _values(listing, "NEW."), _values(listing, "OLD.")
        # S608: every name in these is one of ours.
        more = f"INSERT INTO {TABLE} VALUES ({', '.join(new)}, 1) ON CONFLICT DO UPDATE SET count = count + 1;"  # noqa: S608 - see above
        where = " AND ".join(f"{name} = {value}" for name, value in zip(_KEY, old, strict=True))
        # A count of nothing goes: it may name somebody.
        fewer = f"UPDATE {TABLE} SET count = count - 1 WHERE {where}; DELETE FROM {TABLE} WHERE {where} AND count <= 0;"  # noqa: S608 - see above
        counted = [*([tally.time] if tally.time else []), *tally.columns]
        differs = " OR ".join(f"NEW.{name} IS NOT OLD.{name}" for name in counted)
        yield f"CREATE TRIGGER {listing}_added AFTER INSERT ON {listing} BEGIN {more} END"
        yield f"CREATE TRIGGER {listing}_gone AFTER DELETE ON {listing} BEGIN {fewer} END"
        yield (
            f"CREATE TRIGGER {listing}_moved AFTER UPDATE OF {', '.join(counted)} ON {listing} WHEN {differs} "
            f"BEGIN {fewer} {more} END"
        )


def trigger_names() -> list[str]:
    """What the triggers are called."""
    return [f"{listing}_{what}" for listing in TALLIES for what in ("added", "gone", "moved")]


def filling() -> Iterator[str]:
    """The statements that count what is there, for a table of counts that is empty."""
    for listing in TALLIES:
        by = ", ".join(str(number) for number in range(1, len(_KEY) + 1))
        yield f"INSERT INTO {TABLE} SELECT {', '.join(_values(listing, ''))}, count(*) FROM {listing} GROUP BY {by}"  # noqa: S608 - our own names
