"""The RFC 6962 tree over leaf hashes: its root, and proofs that a leaf is in it or that it only grew. Pure.

A hash is 32 bytes. https://www.rfc-editor.org/rfc/rfc6962#section-2.1, with the verification as RFC 9162 words it.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256

HASH_BYTES = 32
EMPTY_ROOT = sha256().digest()
_NODE_PREFIX = b"\x01"


def node_hash(left: bytes, right: bytes) -> bytes:
    """The hash of an inner node."""
    return sha256(_NODE_PREFIX + left + right).digest()


@dataclass(frozen=True, slots=True)
class Frontier:
    """The right edge of a tree: all that appending to it needs, at most 32 bytes for each bit of its size.

    Attributes:
        size: how many leaves it has.
        peaks: the roots of its full subtrees, greatest first: one for each bit of `size` that is set.
    """

    size: int = 0
    peaks: tuple[bytes, ...] = ()

    def __post_init__(self) -> None:
        if self.size < 0 or len(self.peaks) != self.size.bit_count():
            raise ValueError(f"{len(self.peaks)} full subtrees are not those of a tree of {self.size}")

    def append(self, leaf_hashes: Iterable[bytes]) -> Frontier:
        """The frontier after these leaves: level by level, so that a million of them takes about a second."""
        nodes = list(leaf_hashes)
        added, height = len(nodes), 0
        old, new = list(self.peaks), []
        while nodes:
            if self.size >> height & 1:
                nodes.insert(0, old.pop())
            if len(nodes) & 1:
                new.append(nodes.pop())
            nodes = _parents(nodes)
            height += 1
        return Frontier(self.size + added, (*old, *reversed(new)))

    @property
    def root(self) -> bytes:
        """The root of the tree."""
        if not self.peaks:
            return EMPTY_ROOT
        *left, found = self.peaks
        for peak in reversed(left):
            found = node_hash(peak, found)
        return found

    def to_bytes(self) -> bytes:
        """The peaks one after another."""
        return b"".join(self.peaks)

    @classmethod
    def from_bytes(cls, size: int, kept: bytes) -> Frontier:
        """The frontier of a tree of `size`, of what `to_bytes` gave.

        Raises:
            ValueError: it is not of that size.
        """
        if len(kept) != size.bit_count() * HASH_BYTES:
            raise ValueError(f"{len(kept)} bytes are not the full subtrees of a tree of {size}")
        return cls(size, tuple(kept[i : i + HASH_BYTES] for i in range(0, len(kept), HASH_BYTES)))


def root_of(leaf_hashes: Iterable[bytes]) -> bytes:
    """The root of the tree over these leaves."""
    return Frontier().append(leaf_hashes).root


class Tree:
    """A whole tree in memory, for proofs about it as it is and as it was at each smaller size.

    It takes about 150 bytes for each leaf.
    """

    def __init__(self, leaf_hashes: Iterable[bytes]) -> None:
        """Hash every full subtree."""
        nodes = list(leaf_hashes)
        self._levels = [nodes]
        while len(nodes) > 1:
            nodes = _parents(nodes)
            self._levels.append(nodes)

    @property
    def size(self) -> int:
        """How many leaves it has."""
        return len(self._levels[0])

    def root(self, size: int | None = None) -> bytes:
        """The root, or the one that it had at a smaller size.

        Raises:
            ValueError: it never had that size.
        """
        size = self._checked(self.size if size is None else size)
        return self._root(0, size) if size else EMPTY_ROOT

    def inclusion_proof(self, index: int, size: int | None = None) -> list[bytes]:
        """The hashes that lead from the leaf at `index` to the root of the tree of `size`, from below.

        Raises:
            ValueError: there is no such leaf, or never was that size.
        """
        size = self._checked(self.size if size is None else size)
        if not 0 <= index < size:
            raise ValueError(f"no leaf {index} in a tree of {size}")
        proof, begin, end = [], 0, size
        while end - begin > 1:
            middle = begin + _split(end - begin)
            if index < middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(begin, middle))
                begin = middle
        return proof[::-1]

    def consistency_proof(self, first: int, second: int | None = None) -> list[bytes]:
        """The hashes that show the tree of size `first` to be the beginning of the tree of size `second`.

        Raises:
            ValueError: one is not a size that it had, or they are the wrong way round.
        """
        second = self._checked(self.size if second is None else second)
        if not 0 <= first <= second:
            raise ValueError(f"a tree of {first} is not the beginning of one of {second}")
        if first in (0, second):
            return []
        proof, begin, end = [], 0, second
        while first != end:
            middle = begin + _split(end - begin)
            if first <= middle:
                proof.append(self._root(middle, end))
                end = middle
            else:
                proof.append(self._root(begin, middle))
                begin = middle
        # The verifier knows the root of the first tree: it is told only where that is no node on the way.
        return ([self._root(begin, end)] if begin else []) + proof[::-1]

    def _root(self, begin: int, end: int) -> bytes:
        """The root over leaves `begin` to `end`, where `begin` is a multiple of every full subtree there."""
        found: bytes | None = None
        while begin < end:
            height = ((end - begin) & (begin - end)).bit_length() - 1
            end -= 1 << height
            peak = self._levels[height][end >> height]
            found = peak if found is None else node_hash(peak, found)
        return found or EMPTY_ROOT

    def _checked(self, size: int) -> int:
        if not 0 <= size <= self.size:
            raise ValueError(f"a tree of {self.size} never had the size {size}")
        return size


def is_included(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> bool:
    """Tell whether a proof leads from a leaf's hash at `index` to the root of a tree of `size`.

    https://www.rfc-editor.org/rfc/rfc9162#section-2.1.3.2
    """
    if not 0 <= index < size:
        return False
    at, last, found = index, size - 1, leaf
    for sibling in proof:
        if not last or len(sibling) != HASH_BYTES:
            return False
        if at & 1 or at == last:
            found = node_hash(sibling, found)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            found = node_hash(found, sibling)
        at, last = at >> 1, last >> 1
    return not last and found == root


def is_consistent(first: int, first_root: bytes, second: int, second_root: bytes, proof: Sequence[bytes]) -> bool:
    """Tell whether a proof shows a tree of size `first` to be the beginning of one of size `second`.

    https://www.rfc-editor.org/rfc/rfc9162#section-2.1.4.2
    """
    if first == second:
        return first >= 0 and not proof and first_root == second_root
    if not 0 <= first < second:
        return False
    if not first:
        return not proof and first_root == EMPTY_ROOT
    hashes = list(proof)
    if not first & (first - 1):
        hashes.insert(0, first_root)  # a full subtree: its root is itself on the way
    if not hashes or any(len(one) != HASH_BYTES for one in hashes):
        return False
    return _both_roots(first, second, hashes) == (first_root, second_root)


def _both_roots(first: int, second: int, hashes: Sequence[bytes]) -> tuple[bytes, bytes] | None:
    """The roots of both trees that a consistency proof leads to; None where it is too long or too short."""
    at, last = first - 1, second - 1
    while at & 1:
        at, last = at >> 1, last >> 1
    then = now = hashes[0]
    for one in hashes[1:]:
        if not last:
            return None
        if at & 1 or at == last:
            then, now = node_hash(one, then), node_hash(one, now)
            while not at & 1 and at:
                at, last = at >> 1, last >> 1
        else:
            now = node_hash(now, one)
        at, last = at >> 1, last >> 1
    return None if last else (then, now)


def _parents(nodes: list[bytes]) -> list[bytes]:
    """The hashes of each two neighbours; one left over has no parent yet."""
    pairs = iter(nodes)
    return [sha256(_NODE_PREFIX + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]


def _split(size: int) -> int:
    """The greatest power of two that is smaller than a size of two or more."""
    return 1 << (size - 1).bit_length() - 1
