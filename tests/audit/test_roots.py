"""The verifier's own roots, against the definition, at every size and every length of a stretch."""

from __future__ import annotations

from hashlib import sha256

import pytest

from service.audit.verification import entries, roots
from service.audit.verification.entries import Chunk
from service.audit.verification.roots import Roots

LEAVES = [sha256(bytes([number])).digest() for number in range(70)]


def naive(hashes: list[bytes]) -> bytes:
    """https://www.rfc-editor.org/rfc/rfc6962#section-2.1, word for word."""
    if len(hashes) < 2:
        return hashes[0] if hashes else sha256(b"").digest()
    k = max(2**power for power in range(len(hashes).bit_length()) if 2**power < len(hashes))
    return sha256(b"\x01" + naive(hashes[:k]) + naive(hashes[k:])).digest()


@pytest.mark.parametrize("width", [1, 2, 8, 64, 128])
def test_every_root_of_every_size_is_that_of_the_definition(width: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(roots, "CHUNK", width)
    made = []
    for start in range(0, len(LEAVES), width):
        some = LEAVES[start : start + width]
        lengths = range(1, len(some) + 1)
        made.append(Chunk(1, start, len(some), [], entries._peaks(some, lengths, start)))  # noqa: SLF001 - its parts
    found = Roots(made)
    for size in range(len(LEAVES) + 1):
        assert found.root(size) == naive(LEAVES[:size])
        assert len(found.frontier(size) or b"") == 32 * size.bit_count()
    assert found.root(len(LEAVES) + 1) is None
