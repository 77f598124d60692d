"""V3: the roots of the tree at the sizes that are asked for, put together from the hashes of stretches. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import sha256

from service.audit.verification.entries import CHUNK, Chunk

EMPTY = sha256().digest()


class Roots:
    """The roots and frontiers of one epoch, as far as its entries are there."""

    def __init__(self, chunks: Iterable[Chunk]) -> None:
        """Take the stretches of one epoch."""
        self._peaks: dict[int, Mapping[int, tuple[bytes, ...]]] = {chunk.start: chunk.peaks for chunk in chunks}
        self._full: list[bytes] = []
        while (whole := self._peaks.get(len(self._full) * CHUNK, {}).get((len(self._full) + 1) * CHUNK)) is not None:
            self._full.append(whole[0])

    def frontier(self, size: int) -> bytes | None:
        """The roots of the full subtrees of the tree of a size, greatest first; None where entries are missing."""
        if size == 0:
            return b""
        count, rest = divmod(size, CHUNK)
        if count > len(self._full):
            return None
        last = self._peaks.get(count * CHUNK, {}).get(size) if rest else ()
        return None if last is None else b"".join((*_upper(self._full[:count]), *last))

    def root(self, size: int) -> bytes | None:
        """The root of the tree of a size; None where entries are missing."""
        frontier = self.frontier(size)
        if frontier is None:
            return None
        if not frontier:
            return EMPTY
        found = frontier[-32:]
        for start in range(len(frontier) - 64, -1, -32):
            found = sha256(b"\x01" + frontier[start : start + 32] + found).digest()
        return found


def _upper(full: list[bytes]) -> list[bytes]:
    """Join full stretches into the greatest full subtrees there are."""
    if not full:
        return []
    width = 1 << (len(full).bit_length() - 1)
    level = full[:width]
    while len(level) > 1:
        level = [sha256(b"\x01" + one + other).digest() for one, other in zip(level[::2], level[1::2], strict=True)]
    return [*level, *_upper(full[width:])]
