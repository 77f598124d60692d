"""V3, V5 and V9: the tree is that of every head, of those from outside too, and epochs name each other. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from service.audit.published import Published
from service.audit.verification.findings import Finding
from service.audit.verification.log_rows import CheckpointRow, LogRow, LogRows, OfLog
from service.audit.verification.roots import Roots
from service.audit.verification.trust import Trust
from service.errors import NoteUnverified
from service.merkle.notes import Head

_MISSING = "its root cannot be computed, since entries before it are missing"


def judge(rows: LogRows, roots: Mapping[int, Roots], trust: Trust) -> Iterator[Finding]:
    """Verify every head of the database, and how epochs follow each other."""
    logs = {log.epoch: log for log in rows.logs}
    for log in rows.logs:
        yield from _log(log, roots[log.epoch], trust)
    for one in rows.checkpoints:
        yield from _checkpoint(one, logs.get(one.epoch), roots.get(one.epoch), trust)
    yield from _told_heads(rows)
    if rows.logs and rows.logs[-1].closed_at is not None:
        yield Finding("V9", f"audit_logs {rows.logs[-1].epoch}", "closed_at is set, and no epoch goes on")
    for before, after in zip((None, *rows.logs), rows.logs, strict=False):
        yield from _link(before, after, rows.told)
    yield from trust.findings


def _log(log: LogRow, roots: Roots, trust: Trust) -> Iterator[Finding]:
    where = f"audit_logs {log.epoch}"
    frontier = roots.frontier(log.size)
    if frontier is None:
        yield Finding("V3", where, f"size is {log.size}, and {_MISSING}")
    elif frontier != log.frontier:
        yield Finding("V3", where, "frontier is not that of the entries")
    if log.head is None:
        return
    head = trust.check(where, log.epoch, log.size, log.head)
    if head is None:
        return
    if head.origin != log.origin:
        yield Finding("V3", where, f"origin is {log.origin}, and its head is of {head.origin}")
    if head.size != log.size:
        yield Finding("V3", where, f"size is {log.size}, and its head is of {head.size} leaves")
    elif frontier is not None and roots.root(head.size) != head.root:
        yield Finding("V3", where, "the root of its head is not that of the entries")


def _checkpoint(one: CheckpointRow, log: LogRow | None, roots: Roots | None, trust: Trust) -> Iterator[Finding]:
    where = f"checkpoints {one.id}"
    head = trust.check(where, one.epoch, one.size, one.note)
    if log is None or roots is None:
        yield Finding("V3", where, f"there is no epoch {one.epoch}")
        return
    if head is None:
        return
    for name, kept, told in (("size", one.size, head.size), ("root", one.root, head.root)):
        if kept != told:
            yield Finding("V3", where, f"{name} is not that of its note")
    if head.origin != log.origin:
        yield Finding("V3", where, f"epoch is {one.epoch}, and its note is of {head.origin}")
    elif head.size > log.size:
        yield Finding("V3", where, f"it is of {head.size} leaves, and the log has {log.size}: its end is gone")
    elif (root := roots.root(head.size)) != head.root:
        yield Finding("V3", where, _MISSING if root is None else "its root is not that of the entries")


def _told_heads(rows: LogRows) -> Iterator[Finding]:
    """Each published head is told by an entry, and each such entry has its row."""
    told = {}
    for one in rows.told:
        if one.entry.action == "checkpoint.time":
            detail = one.entry.read()
            told[one.entry.subject, str(detail.get("size"))] = (detail.get("root"), one.entry)
    for row in rows.checkpoints:
        where, found = f"checkpoints {row.id}", told.pop((f"audit_logs/{row.epoch}", str(row.size)), None)
        if found is None:
            yield Finding("V3", where, "no entry of the trail tells of it")
        elif found[0] != row.root.hex():
            yield Finding("V3", where, "root is not the one that the trail tells")
        elif found[1].at != row.at:
            yield Finding("V3", where, f"at is {row.at}, and the trail tells {found[1].at}")
    for _, entry in told.values():
        yield Finding("V3", f"audit_entries {entry.id}", "the published head that it tells of is gone")


def _link(before: LogRow | None, log: LogRow, told: Sequence[OfLog]) -> Iterator[Finding]:
    """The first leaf of an epoch names the end of the one before it."""
    if before is None:
        if log.epoch != 1 and not _opening(log, told):
            yield Finding(
                "V9", f"audit_logs {log.epoch}", "the epochs before it are gone, and its first leaf names none"
            )
        return
    where, one = f"audit_logs {log.epoch}", _opening(log, told)
    if one is None:
        yield Finding("V9", where, "its first leaf does not say from where it goes on", log.epoch, 0)
        return
    detail = one.entry.read()
    ends: tuple[tuple[str, str | int], ...] = (("previous_origin", before.origin), ("local_size", before.size))
    for name, kept in ends:
        if detail.get(name) != kept:
            yield Finding(
                "V9", where, f"its first leaf names {detail.get(name)} as {name}, and epoch {before.epoch} has {kept}"
            )
    times = ((where, "opened_at", log.opened_at), (f"audit_logs {before.epoch}", "closed_at", before.closed_at))
    for row, name, time in times:
        if time != one.entry.at:
            yield Finding("V9", row, f"{name} is {time}, and the trail tells {one.entry.at}")


def _opening(log: LogRow, told: Sequence[OfLog]) -> OfLog | None:
    places = (one for one in told if (one.epoch, one.index) == (log.epoch, 0))
    return next((one for one in places if one.entry.action == "epoch.opened"), None)


def linked_roots(rows: LogRows, roots: Mapping[int, Roots]) -> Iterator[Finding]:
    """The root that an epoch's first leaf names is that of the epoch before it."""
    for before, after in zip(rows.logs, rows.logs[1:], strict=False):
        one = _opening(after, rows.told)
        root = roots[before.epoch].root(before.size)
        if one and root is not None and one.entry.read().get("local_root") != root.hex():
            where = f"audit_logs {after.epoch}"
            yield Finding(
                "V9", where, f"its first leaf names another root than that of epoch {before.epoch}", after.epoch, 0
            )


class Outside:
    """V5: heads that were kept outside of the database."""

    def __init__(self, rows: LogRows, roots: Mapping[int, Roots], trust: Trust) -> None:
        """Take what they are compared with."""
        self._logs = {log.origin: log for log in rows.logs}
        self._roots, self._trust = roots, trust
        self._named = [one.entry.read() for one in rows.told if one.entry.action == "epoch.opened"]

    def judge(self, one: Published) -> str:
        """What is wrong with one of them, against this log; empty for nothing."""
        head = one.head
        try:
            one.note.signed_by(self._trust.known.values())
        except NoteUnverified as error:
            return f"{error}: this database is another log, or its key was exchanged"
        log = self._logs.get(head.origin)
        if log is None:
            return "no epoch of this database has this origin"
        if any(self._is_named(head, told) for told in self._named):
            return ""
        if head.size > log.size:
            return f"it is of {head.size} leaves, and the log has {log.size}: the database is older than this head"
        root = self._roots[log.epoch].root(head.size)
        if root is None:
            return _MISSING
        return "" if root == head.root else "the log has another history than this head"

    @staticmethod
    def _is_named(head: Head, told: Mapping[str, object]) -> bool:
        """Whether a new epoch says openly that this head is not in what was restored."""
        if head.origin != told.get("published_origin"):
            return False
        size, local = told.get("published_size"), told.get("local_size")
        if not isinstance(size, int) or not isinstance(local, int):
            return False
        if head.size == size:
            return head.root.hex() == told.get("published_root")
        return local < head.size < size
