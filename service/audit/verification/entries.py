"""V1 and V2: each entry is what its leaf says, and places have no gap; and the hashes that roots are made of."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from hashlib import sha256

from service.audit.verification.erasures import Erasures
from service.audit.verification.findings import Finding
from service.audit.verification.places import Reader, Row
from service.merkle.leaves import actor_class, commit_to_entry, leaf, leaf_hash

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
    hashes: list[bytes] = []
    bounds = "WHERE epoch = ? AND leaf_index >= ? AND leaf_index < ? ORDER BY leaf_index"
    place = start
    for row in reader.rows(COLUMNS, "audit_entries", bounds, (epoch, start, stop)):
        if row[0] != place and exported is None:
            chunk.findings.append(Finding("V2", "audit_entries", _gap(place, row[0]), epoch, place))
            place = row[0]
        found = recomputed(row)
        if problem := _problem(row, found, erasures):
            chunk.findings.append(Finding("V1", f"audit_entries {row[13]}", problem, epoch, row[0]))
        hashes.append(found)
        if exported is not None and found != exported[(row[0] - start) * 32 : (row[0] - start + 1) * 32]:
            reason = "its leaf is not the one that the bundle has at its place"
            chunk.findings.append(Finding("V1", f"audit_entries {row[13]}", reason, epoch, row[0]))
        place += 1
    if exported is None and place < stop:
        chunk.findings.append(Finding("V2", "audit_entries", _gap(place, stop), epoch, place))
    chunk.count = len(hashes)
    if exported is not None:
        hashes = [exported[at : at + 32] for at in range(0, len(exported), 32)]
    chunk.peaks = _peaks(hashes, [size - start for size in sizes], start)
    return chunk


def waiting(reader: Reader, erasures: Erasures) -> Iterator[tuple[int, str, Finding | None]]:
    """Verify the entries that have no place yet.

    Yields:
        Of each its number, its time, and what is wrong with it, if anything.
    """
    for row in reader.rows(COLUMNS, "audit_entries", "WHERE leaf_index IS NULL ORDER BY id"):
        problem = _problem(row, recomputed(row), erasures)
        if row[14] is not None:
            problem = "it has an epoch and no place in it"
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
    try:
        return leaf_hash(leaf(at, told))
    except (AttributeError, TypeError, UnicodeEncodeError):
        return _NO_LEAF


def _problem(row: Row, found: bytes, erasures: Erasures) -> str:
    """What is wrong with an entry by itself; empty for nothing."""
    _, _, subject, actor, _, _, _, detail, _, _, salt, commitment, kept, id_, _ = row
    if found != kept or found == _NO_LEAF:
        return "one of its columns was changed: the leaf that they make is not the one that was kept"
    if salt is not None:
        if commit_to_entry(salt, actor, subject, detail) == commitment:
            return ""
        return "its actor, subject, detail or salt was changed: they are not what the entry committed to"
    if not erasures.of_entry(id_):
        return "its salt is gone, and no later entry says that it was erased"
    if detail != "{}" or actor != actor_class(actor) or not _ERASED.fullmatch(subject):
        return "it was erased, and yet names a subject, a person or a detail"
    return ""


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
