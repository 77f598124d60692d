"""How a verification is cut into parts: few where there is little, so that several processes share the rest."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

from service.audit.verification.entries import CHUNK
from service.audit.verification.log_rows import LogRow, LogRows
from service.audit.verification.places import Reader
from service.audit.verification.tasks import Task

_EVENTS = 20_000
_FOLLOW_UPS = 50_000
_STATES = 60_000
_MOST_PARTS = 200
# The least and the greatest number that a row can have, in either database.
_LEAST, _GREATEST = -(1 << 63), (1 << 63) - 1


def sizes_of(log: LogRow, rows: LogRows, outside: Sequence[int], there: int) -> list[int]:
    """The sizes of an epoch's tree whose roots are wanted, ascending; none is beyond the entries that are there."""
    told = [one.entry.read().get("size") for one in rows.told if one.epoch == log.epoch]
    sizes = [log.size, *(c.size for c in rows.checkpoints if c.epoch == log.epoch), *outside]
    sizes += [size for size in told if isinstance(size, int)]
    return sorted({size for size in sizes if 0 < size <= min(log.size, there)})


def leaves(log: LogRow, sizes: Sequence[int], there: int, offset: int = 0) -> Iterator[Task]:
    """Stretches of one epoch, each with the sizes at which something of it is wanted.

    Args:
        log: the epoch.
        sizes: what `sizes_of` found.
        there: how many entries it has, whatever it says.
        offset: leaves of the epochs before it, in a bundle.
    """
    end = min(log.size, there)
    for start in range(0, end, CHUNK):
        stop = min(start + CHUNK, end)
        wanted = sorted({size for size in sizes if start < size < stop} | {stop})
        yield Task("leaves", (log.epoch, start, wanted, offset), stop - start)


def tables(reader: Reader) -> Iterator[Task]:
    """The parts that compare the tables with the trail."""
    yield Task("waiting", (), 1000)
    for low, high, weight in _numbers(reader, "events", _EVENTS):
        yield Task("events", (low, high), 3 * weight)
    for low, high, weight in _numbers(reader, "follow_ups", _FOLLOW_UPS):
        yield Task("follow_ups", (low, high), 2 * weight)
    yield Task("apart", (), 1000)
    count = int(reader.one("SELECT count(*) FROM states")[0])
    bounds = [""]
    for number in range(_STATES, count, _STATES):
        (bound,) = next(
            reader.rows(("subject",), "states", f"ORDER BY {reader.ordered('subject')} LIMIT 1 OFFSET ?", (number,)),
            (None,),
        )
        if bound is not None:
            bounds.append(bound)
    for low_subject, high_subject in zip(bounds, [*bounds[1:], None], strict=True):
        yield Task("states", (low_subject, high_subject), count // len(bounds))


def _numbers(reader: Reader, table: str, step: int) -> Iterator[tuple[int, int, int]]:
    """Cut the numbers of a table into ranges that together hold every number there may be, with the rows in each.

    Yields:
        The least and the greatest number of a range, and about how many rows it has.
    """
    count, last = reader.one(f"SELECT count(*), coalesce(max(id), 0) FROM {table}")  # noqa: S608 - names of our own
    parts = max(1, min(_MOST_PARTS, -(-count // step)))
    width = -(-int(last) // parts) or 1
    cuts = [_LEAST, *(width * part + 1 for part in range(1, parts)), _GREATEST + 1]
    for low, after in pairwise(cuts):
        yield low, after - 1, count // parts
