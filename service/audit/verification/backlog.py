"""V8: no entry was passed over while later ones got their place."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta

from service.audit.verification.findings import Finding, Report
from service.audit.verification.places import Reader

# An entry that has no place so long after others got theirs was passed over.
PASSED_OVER = timedelta(seconds=60)
_NEWEST = "ORDER BY id DESC LIMIT 1"
# The first leaf of an epoch gets its place before everything that waits.
_LAST = "WHERE leaf_index IS NOT NULL AND action <> 'epoch.opened' ORDER BY epoch DESC, leaf_index DESC LIMIT 1"


def passed_over(reader: Reader, waiting: Sequence[tuple[int, str]], report: Report, limit: int) -> None:
    """Tell of the entries that wait for their place: a violation, a gap, or nothing unusual.

    Args:
        reader: the record.
        waiting: the number of each of them, and when it was written.
        report: where it is told.
        limit: violations to name.
    """
    # What is no time was changed, which V1 tells.
    waiting = [(id_, at) for id_, at in waiting if _time(at)]
    if not waiting:
        return
    last, placed = next(reader.rows(("id", "at"), "audit_entries", _LAST), (0, ""))
    (newest,) = next(reader.rows(("at",), "audit_entries", _NEWEST), ("",))
    first = min(at for _, at in waiting)
    # What took long tells when it began, and is written, with a number behind all others, when it ends.
    old = [at for id_, at in waiting if id_ < last and _is_long(at, placed)]
    if old:
        reason = f"{len(old)} entries since {min(old)} have no place, and later ones have theirs"
        report.add([Finding("V8", "audit_entries", reason)], limit)
    elif _is_long(first, newest):
        report.gaps.append(f"{len(waiting)} entries since {first} wait for their place")
    else:
        report.notes.append(f"{len(waiting)} new entries wait for their place in the log")


def _is_long(begin: str, end: str) -> bool:
    first, last = _time(begin), _time(end)
    return first is not None and last is not None and last - first > PASSED_OVER


def _time(text: str) -> datetime | None:
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return None
    return found if found.tzinfo else None
