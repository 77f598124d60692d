"""V1 and V2: each entry is what its leaf says, and places have no gap; and the hashes that roots are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from service.audit.verification import texts
from service.audit.verification.erasures import Erasures
from service.audit.verification.findings import Finding
from service.audit.verification.places import Reader, Row, batched
from service.merkle.leaves import COMMIT, LEAF_PREFIX, VERSION, actor_class, commit_to_entry, leaf, leaf_hash

# Leaves that are looked at together: a full subtree.
HEIGHT = 15
CHUNK = 1 << HEIGHT
COLUMNS = (
    "leaf_index",
    "at",
    "subject",
    "actor",
    "action",
    "event_id",
    "follow_up_id",
    "detail",
    "payload",
    "sealed",
    "salt",
    "commitment",
    "leaf_hash",
    "id",
    "epoch",
)
# In place of the hash of columns of which no leaf can be made, such as a time that is none.
_NO_LEAF = bytes(32)
_ERASED = re.compile(r"erased/[1-9][0-9]*")
_STRETCH = "WHERE epoch = ? AND leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
_LEAF = LEAF_PREFIX + VERSION
# The one character of ASCII that the writer spells otherwise than databases do.
_DELETE = 0x7F


@dataclass(slots=True)
class Chunk:
    """What a stretch of the log came to.

    Attributes:
        epoch, start: where it begins.
        count: how many entries it has.
        findings: what is wrong with them.
        peaks: for each size that was asked for: the roots of the full subtrees of this stretch up to it.
    """

    epoch: int
    start: int
    count: int = 0
    findings: list[Finding] = field(default_factory=list)
    peaks: dict[int, tuple[bytes, ...]] = field(default_factory=dict)


def look(
    reader: Reader, erasures: Erasures, epoch: int, start: int, sizes: Sequence[int], exported: bytes | None = None
) -> Chunk:
    """Verify the entries of a stretch of the log, which begins at a multiple of `CHUNK`.

    Args:
        reader: the record.
        erasures: what it says was erased.
        epoch: of which epoch.
        start: the first place.
        sizes: of the tree, for which the stretch's subtrees are wanted; the last is where the stretch ends.
        exported: the leaf hashes of the stretch, where a bundle of a few entries has them beside the entries.
    """
    chunk, stop = Chunk(epoch, start), max(sizes)
    if exported is not None:
        hashes = [exported[at : at + 32] for at in range(0, len(exported), 32)]
        for row, found, problem in _explained(reader, erasures, _STRETCH, (epoch, start, stop)):
            chunk.count += 1
            if problem:
                chunk.findings.append(_finding(row, problem))
            if found != exported[(row[0] - start) * 32 : (row[0] - start + 1) * 32]:
                chunk.findings.append(_finding(row, "its leaf is not the one that the bundle has at its place"))
    else:
        try:
            hashes = _computed(reader, erasures, chunk, stop, (texts.leaf(reader), texts.opened(reader)))
        except reader.refusals:
            chunk = Chunk(epoch, start)
            hashes = _computed(reader, erasures, chunk, stop, ("NULL", "NULL"))
        chunk.count = len(hashes)
    chunk.peaks = _peaks(hashes, [size - start for size in sizes], start)
    return chunk


def _computed(reader: Reader, erasures: Erasures, chunk: Chunk, stop: int, spelled: tuple[str, str]) -> list[bytes]:
    """The hashes of a stretch's leaves, whose findings are put into `chunk`.

    Args:
        reader: the record.
        erasures: what it says was erased.
        chunk: what it is to come to.
        stop: where it ends.
        spelled: how the database puts together the bytes of a leaf, and those that an entry commits to. An entry that
            these do not prove is looked at by its columns.
    """
    hashes: list[bytes] = []
    odd: dict[int, int] = {}
    place, columns = chunk.start, ("leaf_index", "salt", "commitment", "leaf_hash", *spelled)
    for at, salt, commitment, kept, told, opened in reader.rows(
        columns, "audit_entries", _STRETCH, (chunk.epoch, chunk.start, stop)
    ):
        if at != place:
            chunk.findings.append(Finding("V2", "audit_entries", _gap(place, at), chunk.epoch, place))
            place = at
        if (
            not (type(salt) is bytes and told and opened and told.isascii() and opened.isascii())
            or _DELETE in told
            or _DELETE in opened
            or sha256(_LEAF + told).digest() != kept
            or sha256(COMMIT + salt + opened).digest() != commitment
        ):
            odd[at] = len(hashes)
        hashes.append(kept)
        place += 1
    if place < stop:
        chunk.findings.append(Finding("V2", "audit_entries", _gap(place, stop), chunk.epoch, place))
    for some in batched(list(odd)):
        where = f"WHERE epoch = ? AND leaf_index IN ({', '.join('?' * len(some))}) ORDER BY leaf_index"
        for row, found, problem in _explained(reader, erasures, where, (chunk.epoch, *some)):
            hashes[odd[row[0]]] = found
            if problem:
                chunk.findings.append(_finding(row, problem))
    return hashes


def _explained(
    reader: Reader, erasures: Erasures, where: str, values: Sequence[int]
) -> Iterator[tuple[Row, bytes, str]]:
    """Look at entries by their columns: each row of `COLUMNS`, the hash of its leaf, and what is wrong with it."""
    for row in reader.rows(COLUMNS, "audit_entries", where, values):
        found = recomputed(row)
        yield row, found, _problem(row, found, erasures)


def _finding(row: Row, problem: str) -> Finding:
    return Finding("V1", f"audit_entries {row[13]}", problem, row[14], row[0])


def waiting(reader: Reader, erasures: Erasures) -> Iterator[tuple[int, str, Finding | None]]:
    """Verify the entries that have no place yet.

    Yields:
        Of each its number, its time, and what is wrong with it, if anything.
    """
    for row, _, problem in _explained(reader, erasures, "WHERE leaf_index IS NULL ORDER BY id", ()):
        if row[14] is not None:
            yield row[13], row[1], Finding("V1", f"audit_entries {row[13]}", "it has an epoch and no place in it")
            continue
        yield row[13], row[1], Finding("V1", f"audit_entries {row[13]}", problem) if problem else None


def recomputed(row: Row) -> bytes:
    """The hash of an entry's leaf, from its columns alone; none at all where they make no leaf."""
    _, at, _, actor, action, event_id, follow_up_id, _, payload, sealed, _, commitment = row[:12]
    told = {
        "action": action,
        "actor": actor,
        "commitment": commitment,
        "event_id": event_id,
        "follow_up_id": follow_up_id,
        "payload": payload,
        "sealed": sealed,
    }
    if type(at) is not str or not {type(event_id), type(follow_up_id)} <= {int, type(None)}:
        return _NO_LEAF
    try:
        return leaf_hash(leaf(at, told))
    except (AttributeError, TypeError, UnicodeEncodeError):
        return _NO_LEAF


def _problem(row: Row, found: bytes, erasures: Erasures) -> str:
    """What is wrong with an entry by itself; empty for nothing."""
    _, _, subject, actor, _, _, _, detail, _, _, salt, _, kept, id_, _ = row
    if found != kept or found == _NO_LEAF:
        return "one of its columns was changed: the leaf that they make is not the one that was kept"
    if salt is not None:
        if _opens(row):
            return ""
        return "its actor, subject, detail or salt was changed: they are not what the entry committed to"
    places = erasures.places_of_entry(id_)
    if not places:
        return "its salt is gone, and no later entry says that it was erased"
    if detail != "{}" or actor != actor_class(actor) or not _ERASED.fullmatch(subject):
        return "it was erased, and yet names a subject, a person or a detail"
    return (
        "" if subject in places else "it was erased, and its subject is not the one that the erasure left in its place"
    )


def _opens(row: Row) -> bool:
    """Whether an entry is what it committed to; columns of another kind than they should be are not."""
    _, _, subject, actor, _, _, _, detail, _, _, salt, commitment, *_ = row
    try:
        return bool(commit_to_entry(salt, actor, subject, detail) == commitment)
    except TypeError:
        return False


def _gap(place: int, after: int) -> str:
    return "no entry has this place" if after == place + 1 else f"no entry has the places {place} to {after - 1}"


def _peaks(hashes: list[bytes], lengths: Sequence[int], start: int) -> dict[int, tuple[bytes, ...]]:
    """The roots of full subtrees over the first so many of these leaves, greatest first, for each length."""
    levels = [hashes]
    while len(levels[-1]) > 1:
        below = levels[-1]
        pairs = zip(below[::2], below[1::2], strict=False)
        levels.append([sha256(b"\x01" + left + right).digest() for left, right in pairs])
    found = {}
    for length in lengths:
        if length > len(hashes):
            continue
        peaks, at = [], 0
        for height in range(length.bit_length() - 1, -1, -1):
            if length >> height & 1:
                peaks.append(levels[height][at >> height])
                at += 1 << height
        found[start + length] = tuple(peaks)
    return found
