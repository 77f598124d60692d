"""A verification from its beginning to its end: the record is cut into parts, and what they found put together."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from service.audit.bundle import LEAVES, Manifest
from service.audit.published import Published, forks, heads_in
from service.audit.verification import heads, log_rows, planning
from service.audit.verification.backlog import passed_over
from service.audit.verification.entries import Chunk
from service.audit.verification.findings import Finding, Report
from service.audit.verification.heads import Outside
from service.audit.verification.log_rows import LogRow, LogRows
from service.audit.verification.places import Place, Reader, opened
from service.audit.verification.processes import spread
from service.audit.verification.roots import Roots
from service.audit.verification.tasks import Done, Task
from service.audit.verification.trust import Trust, heads_of
from service.merkle.notes import Verifier

Progress = Callable[[int, int], None]


@dataclass(frozen=True, slots=True)
class Wish:
    """What is to be verified, and against what.

    Attributes:
        place: the database; None for a bundle.
        bundle: the directory of a bundle.
        pinned: keys that were got elsewhere than from the database.
        outside: heads that were kept elsewhere.
        encryption_keys: open what is sealed, where they are given.
        processes: how many share the work.
        limit: violations to name.
    """

    place: Place | None
    bundle: Path | None = None
    pinned: Sequence[Verifier] = ()
    outside: Sequence[Published] = ()
    encryption_keys: tuple[str, ...] = ()
    processes: int = 2
    limit: int = 20


def verify(wish: Wish, progress: Progress | None = None) -> Report:
    """Verify a database or a bundle.

    Args:
        wish: what, and against what.
        progress: is told how much is done, and of how much, in entries.

    Raises:
        EvidenceUnreadable: it cannot be read.
    """
    if wish.place is not None:
        return _Run(wish, wish.place, str(wish.place.file or "the database"), progress).verify()
    if wish.bundle is None:
        raise TypeError("nothing to verify")
    return _bundle(wish, wish.bundle, progress)


def _bundle(wish: Wish, directory: Path, progress: Progress | None) -> Report:
    from service.audit.verification import bundles  # noqa: PLC0415 - a database needs nothing of what that imports

    manifest = bundles.manifest_of(directory)
    with tempfile.TemporaryDirectory(prefix="copydesk-verify-") as scratch:
        file = Path(scratch) / "bundle.db"
        findings = [*bundles.check_files(directory, manifest), *bundles.load(directory, manifest, file)]
        place = Place(file, immutable=True)
        made = _Run(wish, place, str(directory), progress, manifest, str(directory / LEAVES))
        made.report.add(findings, wish.limit)
        if not any(map(bundles.holds_rows, manifest.files)):
            made.report.skipped["V1"] = bundles.DIGESTS_ONLY
        return made.verify()


class _Run:
    """One verification under way."""

    def __init__(
        self,
        wish: Wish,
        place: Place,
        what: str,
        progress: Progress | None,
        manifest: Manifest | None = None,
        leaves_file: str | None = None,
    ) -> None:
        self.report = Report(what)
        self._wish, self._place, self._progress = wish, place, progress
        self._manifest = manifest
        self._whole = manifest is None or (manifest.complete and not manifest.omitted)
        self._leaves_file = None if manifest is None or manifest.complete else leaves_file
        self._chunks: list[Chunk] = []
        self._waiting: list[tuple[int, str]] = []

    def verify(self) -> Report:
        with opened(self._place) as reader:
            rows = log_rows.read(reader)
            if self._manifest is not None and self._leaves_file:
                rows = replace(rows, logs=_logs_of(self._manifest), checkpoints=(), keys=())
            there = self._there(reader, rows)
            newest = reader.one("SELECT max(id), count(*) FROM audit_entries")
            self.report.counts = {"entries": int(newest[1]), "leaves": sum(log.size for log in rows.logs)}
            tasks = [*self._leaves(rows, there), *(planning.tables(reader) if self._whole else ())]
            place = self._shared(reader)
            for done in self._done(place, tasks):
                self._take(done)
            self._heads(rows)
            if self._whole:
                passed_over(reader, self._waiting, self.report, self._wish.limit)
            else:
                reason = "the bundle holds a part of the record only"
                self.report.skipped |= {"V6": reason, "V7": reason, "V8": reason}
        return self.report

    def _there(self, reader: Reader, rows: LogRows) -> dict[int, int]:
        """How many entries each epoch has; those in places that no epoch has are violations."""
        counted = reader.rows(("epoch", "count(*)"), "audit_entries", "WHERE epoch IS NOT NULL GROUP BY epoch")
        there = {epoch: int(count) for epoch, count in counted}
        if self._leaves_file:
            return {log.epoch: log.size for log in rows.logs}
        sizes = {log.epoch: log.size for log in rows.logs}
        for epoch, count in there.items():
            if epoch not in sizes:
                self._add(Finding("V2", "audit_entries", f"{count} entries are of epoch {epoch!r}, which is not there"))
                continue
            beyond = (
                "WHERE epoch = ? AND (leaf_index >= ? OR leaf_index < 0 OR leaf_index IS NULL) ORDER BY id LIMIT 20"
            )
            for id_, index in reader.rows(("id", "leaf_index"), "audit_entries", beyond, (epoch, sizes[epoch])):
                reason = f"its place is beyond the {sizes[epoch]} leaves of the log"
                self._add(Finding("V2", f"audit_entries {id_}", reason, epoch, log_rows.number(index)))
        return there

    def _leaves(self, rows: LogRows, there: dict[int, int]) -> Iterator[Task]:
        outside = [(one.head.origin, one.head.size) for one in self._wish.outside]
        if self._manifest is not None and self._manifest.checkpoint:
            outside += [(one.head.origin, one.head.size) for one in heads_in(self._manifest.checkpoint)]
        offset = 0
        for log in rows.logs:
            wanted = [size for origin, size in outside if origin == log.origin]
            count = there.get(log.epoch, 0)
            if count < log.size:
                reason = f"epoch {log.epoch} has {log.size} leaves, and there are {count} entries"
                self._add(Finding("V2", "audit_entries", reason, log.epoch, count))
            yield from planning.leaves(log, planning.sizes_of(log, rows, wanted, count), count, offset)
            offset += log.size

    def _shared(self, reader: Reader) -> Place:
        """The place as other processes open it: on PostgreSQL with this one's snapshot."""
        if self._place.file is not None:
            return self._place
        return replace(self._place, snapshot=str(reader.one("SELECT pg_export_snapshot()")[0]))

    def _done(self, place: Place, tasks: Sequence[Task]) -> Iterator[Done]:
        """Do the parts, the greatest first, and tell how far it has come."""
        total, so_far = sum(task.weight for task in tasks), 0
        args = (place, self._wish.encryption_keys, self._leaves_file)
        for done in spread(args, sorted(tasks, key=lambda task: -task.weight), self._wish.processes, total):
            so_far += done.task.weight
            if self._progress:
                self._progress(so_far, total)
            yield done

    def _take(self, done: Done) -> None:
        self.report.add(done.findings, self._wish.limit)
        self.report.violation_count += done.violations - len(done.findings)
        self._waiting += done.waiting
        if done.chunk is not None:
            self._chunks.append(done.chunk)

    def _heads(self, rows: LogRows) -> None:
        roots = {log.epoch: Roots(c for c in self._chunks if c.epoch == log.epoch) for log in rows.logs}
        trust = Trust(rows, self._wish.pinned)
        trust.vouch(roots, heads_of(rows.logs, rows))
        if self._leaves_file:
            self._part(roots, trust, rows)
        else:
            for found in (*heads.judge(rows, roots, trust), *heads.linked_roots(rows, roots)):
                self._add(found)
        self._outside(Outside(rows, roots, trust))
        self._gaps(rows, trust)

    def _part(self, roots: dict[int, Roots], trust: Trust, rows: LogRows) -> None:
        """A bundle of a few entries: its leaves against the one head that it brings."""
        text = self._manifest.checkpoint if self._manifest else None
        if text is None or not rows.logs:
            self.report.gaps.append("the bundle brings no signed head")
            return
        if not trust.known and self._manifest is not None:
            trust.known = {key: Verifier.from_text(key) for key in self._manifest.keys}
        log = rows.logs[-1]
        head = trust.check("the head of the bundle", log.epoch, log.size, text)
        for found in trust.findings:
            self._add(found)
        if head is not None and roots[log.epoch].root(head.size) != head.root:
            self._add(Finding("V3", "the head of the bundle", "its root is not that of the bundle's leaves"))

    def _outside(self, outside: Outside) -> None:
        for one in self._wish.outside:
            if problem := outside.judge(one):
                where = f"the head from outside of {one.head.origin} at size {one.head.size}"
                self._add(Finding("V5", where, problem))
        for one in forks(self._wish.outside):
            where = f"the heads from outside of {one.head.origin} at size {one.head.size}"
            self._add(Finding("V5", where, "two of them have different roots: two databases went on under one name"))
        self.report.counts["heads from outside"] = len(self._wish.outside)

    def _gaps(self, rows: LogRows, trust: Trust) -> None:
        if not rows.logs:
            self.report.gaps.append("no entry has its place in a log yet")
        newest = rows.logs[-1] if rows.logs else None
        if newest is not None and newest.head is None and not self._leaves_file:
            self.report.gaps.append(f"epoch {newest.epoch} has no signed head: there is no key")
        elif newest is not None and not rows.checkpoints and not self._wish.outside and not self._leaves_file:
            self.report.gaps.append("no head was published: nothing outside of the database says what it held")
        if trust.known and not trust.is_pinned:
            self.report.notes.append(
                "the keys were taken from what was verified, and whoever can write that could have exchanged them: "
                "give a key that you got elsewhere with --key"
            )
        if not self._wish.outside:
            self.report.notes.append(
                "no head from outside was given, so an older copy of everything would not be noticed: --checkpoints"
            )

    def _add(self, finding: Finding) -> None:
        self.report.add([finding], self._wish.limit)


def _logs_of(manifest: Manifest) -> list[LogRow]:
    made = manifest.made_at
    return [LogRow(one.epoch, one.origin, one.size, b"", None, made, made, None) for one in manifest.epochs]
