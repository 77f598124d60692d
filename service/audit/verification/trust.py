"""V4: whose signatures count. Keys that were pinned, and those that they vouch for; or the database's own. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import zip_longest

from service.audit.verification.findings import Finding
from service.audit.verification.log_rows import LogRow, LogRows, OfLog
from service.audit.verification.roots import Roots
from service.errors import NoteMalformed, NoteUnverified
from service.merkle.notes import Head, Note, Verifier


class Trust:
    """The keys whose signatures count, and the findings about them."""

    def __init__(self, rows: LogRows, pinned: Sequence[Verifier]) -> None:
        """Take the pinned keys, or, where there is none, those of the database."""
        self.findings: list[Finding] = []
        self._rows = rows
        self._kept: dict[str, Verifier] = {}
        for row in rows.keys:
            try:
                self._kept[row.verifier] = Verifier.from_text(row.verifier)
            except NoteMalformed as error:
                self.findings.append(Finding("V4", f"audit_keys {row.id}", f"verifier is no public key: {error}"))
        self.known: dict[str, Verifier] = {key.text: key for key in pinned} or dict(self._kept)
        self.is_pinned = bool(pinned)
        self.findings += self._told()

    def vouch(self, roots: Mapping[int, Roots], notes: Iterable[tuple[int, str]]) -> None:
        """Take in keys that a known one handed over to: by an entry that it signed for, or by signing beside it.

        Args:
            roots: of each epoch.
            notes: heads of this database, each with its epoch.
        """
        if not self.is_pinned:
            return
        heads = [(epoch, note) for epoch, text in notes if (note := _note(text))]
        while True:
            found = {one for epoch, note in heads for one in self._handed_over(roots, epoch, note)} - set(self.known)
            if not found:
                return
            self.known |= {text: self._kept[text] for text in found}

    def _handed_over(self, roots: Mapping[int, Roots], epoch: int, note: Note) -> set[str]:
        try:
            signers = {key.text for key in note.signed_by(self.known.values())}
            head = Head.from_text(note.text)
        except (NoteMalformed, NoteUnverified):
            return set()
        if epoch not in roots or roots[epoch].root(head.size) != head.root:
            return set()
        found = set()
        for one in self._rows.told:
            told = one.entry.read()
            covered = one.epoch == epoch and one.index is not None and one.index < head.size
            if one.entry.action == "key.rotated" and covered and told.get("old") in signers:
                found.add(str(told.get("new")))
        return found & set(self._kept)

    def check(self, where: str, epoch: int, size: int, text: str) -> Head | None:
        """Read a head, and note what is wrong with its signatures."""
        try:
            note = Note.from_text(text)
            head = Head.from_text(note.text)
        except NoteMalformed as error:
            self.findings.append(Finding("V4", where, f"its note cannot be read: {error}"))
            return None
        try:
            signers = note.signed_by(self.known.values())
        except NoteUnverified as error:
            self.findings.append(Finding("V4", where, f"{error}{self._hint()}"))
            return head
        spans = {row.verifier: row for row in self._rows.keys}
        inside = [key for key in signers if key.text not in spans or spans[key.text].covers(epoch, size)]
        if not inside:
            names = ", ".join(key.name for key in signers)
            self.findings.append(
                Finding("V4", where, f"the key {names} was not in use at size {size} of epoch {epoch}")
            )
        return head

    def _hint(self) -> str:
        return "; if another key took over, give it with --key too" if self.is_pinned else ""

    def _told(self) -> Iterable[Finding]:
        """Each key's row is told by an entry of the trail, and each such entry has its row."""
        told: dict[str, OfLog] = {}
        for one in self._rows.told:
            if one.entry.action in ("key.added", "key.rotated"):
                detail = one.entry.read()
                told[str(detail.get("verifier") or detail.get("new"))] = one
        for row in self._rows.keys:
            where = f"audit_keys {row.id}"
            if row.verifier not in told:
                yield Finding("V4", where, "no entry of the trail tells of this key")
                continue
            one = told.pop(row.verifier)
            if row.added_at != one.entry.at:
                yield Finding("V4", where, f"added_at is {row.added_at}, and the trail tells {one.entry.at}")
            if (
                one.epoch is not None
                and one.index is not None
                and not _begins(row.epoch, row.from_size, one.epoch, one.index)
            ):
                yield Finding(
                    "V4", where, "epoch or from_size is not of the first head over the entry that tells of it"
                )
        for verifier, one in told.items():
            yield Finding("V4", f"audit_entries {one.entry.id}", f"the row of the key {verifier[:60]} is gone")
        yield from self._ends()

    def _ends(self) -> Iterable[Finding]:
        """A key ends where the next one begins, and the last one is in use."""
        keys = list(self._rows.keys)
        for row, after in zip_longest(keys, keys[1:]):
            where, end = f"audit_keys {row.id}", (row.until_epoch, row.until_size)
            if after is None:
                if end != (None, None):
                    yield Finding("V4", where, "until_epoch or until_size is set, and no key took over")
            elif None in end or not (row.epoch, row.from_size) <= end <= (after.epoch, after.from_size):
                yield Finding("V4", where, "until_epoch and until_size are not where the next key begins")


# How many entries get their place at once: the first head that a key signs is of the batch that tells of the key.
_BATCH = 1000


def _begins(epoch: int, size: int, told_epoch: int, index: int) -> bool:
    return epoch == told_epoch and index < size <= index + _BATCH


def _note(text: str) -> Note | None:
    try:
        return Note.from_text(text)
    except NoteMalformed:
        return None


def heads_of(logs: Sequence[LogRow], rows: LogRows) -> list[tuple[int, str]]:
    """Every head of the database with its epoch."""
    return [(log.epoch, log.head) for log in logs if log.head] + [(c.epoch, c.note) for c in rows.checkpoints]
