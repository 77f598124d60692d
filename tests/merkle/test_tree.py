"""The RFC 6962 tree against its own definition, published vectors, and proofs that somebody changed."""

from __future__ import annotations

import random
from hashlib import sha256

import pytest
from hypothesis import given
from hypothesis import strategies as st

from service.merkle.tree import EMPTY_ROOT, Frontier, Tree, is_consistent, is_included, root_of

# The eight leaves of Certificate Transparency's own tests, and the roots of their trees:
# https://github.com/google/certificate-transparency/blob/master/cpp/merkletree/merkle_tree_test.cc
PUBLISHED_LEAVES = [
    bytes.fromhex(text)
    for text in ("", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f")
]
PUBLISHED_ROOTS = [
    "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
    "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
    "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
    "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
    "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
    "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
    "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
]
PUBLISHED_INCLUSION = {
    (0, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (5, 8): [
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 3): ["fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125"],
    (1, 5): [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}
PUBLISHED_CONSISTENCY = {
    (1, 1): [],
    (1, 8): [
        "96a296d224f285c67bee93c30f8a309157f0daa35dc5b87e410b78630a09cfc7",
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "6b47aaf29ee3c2af9af889bc1fb9254dabd31177f16232dd6aab035ca39bf6e4",
    ],
    (6, 8): [
        "0ebc5d3437fbe2db158b9f126a1d118e308181031d0a949f8dededebc558ef6a",
        "ca854ea128ed050b41b35ffc1b87b8eb2bde461e9e3b5596ece6b9d5975a0ae0",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
    ],
    (2, 5): [
        "5f083f0a1a33ca076a95279832580db3e0ef4584bdff1f54c8a360f50de3031e",
        "bc1a0643b12e4d2d7c77918f44e0f4f79a838b6cf9ec5b5c283e1f4d88599e6b",
    ],
}


def leaves(count: int) -> list[bytes]:
    """Leaf hashes that all differ."""
    return [sha256(b"\x00" + number.to_bytes(4, "big")).digest() for number in range(count)]


def naive(hashes: list[bytes]) -> bytes:
    """The definition of section 2.1, word for word."""
    if not hashes:
        return sha256(b"").digest()
    if len(hashes) == 1:
        return hashes[0]
    k = max(2**power for power in range(len(hashes).bit_length()) if 2**power < len(hashes))
    return sha256(b"\x01" + naive(hashes[:k]) + naive(hashes[k:])).digest()


def published() -> list[bytes]:
    return [sha256(b"\x00" + leaf).digest() for leaf in PUBLISHED_LEAVES]


def test_published_roots() -> None:
    assert EMPTY_ROOT.hex() == "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"
    assert [root_of(published()[: size + 1]).hex() for size in range(8)] == PUBLISHED_ROOTS


@pytest.mark.parametrize(("index", "size"), PUBLISHED_INCLUSION)
def test_published_inclusion_proofs(index: int, size: int) -> None:
    proof = Tree(published()).inclusion_proof(index, size)
    assert [one.hex() for one in proof] == PUBLISHED_INCLUSION[index, size]
    assert is_included(published()[index], index, size, proof, bytes.fromhex(PUBLISHED_ROOTS[size - 1]))


@pytest.mark.parametrize(("first", "second"), PUBLISHED_CONSISTENCY)
def test_published_consistency_proofs(first: int, second: int) -> None:
    proof = Tree(published()).consistency_proof(first, second)
    assert [one.hex() for one in proof] == PUBLISHED_CONSISTENCY[first, second]
    roots = [bytes.fromhex(PUBLISHED_ROOTS[size - 1]) for size in (first, second)]
    assert is_consistent(first, roots[0], second, roots[1], proof)


def test_every_size_to_a_thousand_has_the_root_of_the_definition() -> None:
    """By one leaf after another, and by all of them at once; kept as bytes in between."""
    hashes, one_by_one, tree = leaves(1000), Frontier(), Tree(leaves(1000))
    for size in range(1001):
        expected = naive(hashes[:size])
        assert one_by_one.root == root_of(hashes[:size]) == tree.root(size) == expected
        assert Frontier.from_bytes(size, one_by_one.to_bytes()) == one_by_one
        one_by_one = one_by_one.append(hashes[size : size + 1])


@given(st.lists(st.integers(0, 70), max_size=12))
def test_batches_of_any_size_come_to_the_same_frontier(batches: list[int]) -> None:
    hashes, frontier, begin = leaves(sum(batches)), Frontier(), 0
    for batch in batches:
        frontier = frontier.append(hashes[begin : begin + batch])
        begin += batch
    assert frontier == Frontier().append(hashes)


def test_inclusion_proofs_hold_for_trees_of_many_sizes() -> None:
    """Every leaf of small trees, a few of the larger ones."""
    hashes, tree, chance = leaves(1000), Tree(leaves(1000)), random.Random(1)
    for size in [*range(1, 65), *chance.sample(range(65, 1001), 60)]:
        root = naive(hashes[:size])
        for index in range(size) if size < 65 else {0, size - 1, *chance.sample(range(size), 8)}:
            proof = tree.inclusion_proof(index, size)
            assert is_included(hashes[index], index, size, proof, root)
            assert not is_included(hashes[index], index, size, [*proof, root], root)
            assert not proof or not is_included(hashes[index], index, size, proof[:-1], root)


def test_consistency_proofs_hold_for_all_pairs_to_64() -> None:
    hashes, tree = leaves(64), Tree(leaves(64))
    roots = [naive(hashes[:size]) for size in range(65)]
    for second in range(65):
        for first in range(second + 1):
            proof = tree.consistency_proof(first, second)
            assert is_consistent(first, roots[first], second, roots[second], proof)
            assert not is_consistent(first, roots[first], second, roots[second], [*proof, roots[second]])
            if first not in (0, second):
                assert not is_consistent(first, roots[first - 1], second, roots[second], proof)
                assert not is_consistent(first, roots[first], second, roots[second - 1], proof)
                assert not is_consistent(first, roots[first], second, roots[second], proof[:-1])
                assert not is_consistent(second, roots[second], first, roots[first], proof)


@given(st.data())
def test_a_proof_with_one_bit_changed_proves_nothing(data: st.DataObject) -> None:
    size = data.draw(st.integers(2, 300))
    hashes = leaves(size)
    tree, index = Tree(hashes), data.draw(st.integers(0, size - 1))
    first = data.draw(st.integers(1, size - 1))
    inclusion, consistency = tree.inclusion_proof(index), tree.consistency_proof(first)
    assert is_included(hashes[index], index, size, inclusion, tree.root())
    assert is_consistent(first, tree.root(first), size, tree.root(), consistency)

    def changed(proof: list[bytes]) -> list[bytes]:
        place, bit = data.draw(st.integers(0, len(proof) - 1)), data.draw(st.integers(0, 255))
        flipped = int.from_bytes(proof[place], "big") ^ 1 << bit
        return [*proof[:place], flipped.to_bytes(32, "big"), *proof[place + 1 :]]

    assert not is_included(hashes[index], index, size, changed(inclusion), tree.root())
    assert not is_consistent(first, tree.root(first), size, tree.root(), changed(consistency))
    elsewhere = data.draw(st.integers(-1, size).filter(lambda other: other != index))
    assert not is_included(hashes[index], elsewhere, size, inclusion, tree.root())


def test_a_proof_of_what_is_not_there_is_refused() -> None:
    tree = Tree(leaves(5))
    for ask in (
        lambda: tree.inclusion_proof(5),
        lambda: tree.inclusion_proof(-1),
        lambda: tree.inclusion_proof(0, 6),
        lambda: tree.consistency_proof(4, 3),
        lambda: tree.consistency_proof(-1),
        lambda: tree.root(6),
        lambda: Frontier.from_bytes(3, b"\x00" * 32),
        lambda: Frontier(1, ()),
    ):
        with pytest.raises(ValueError, match=r"tree of|no leaf|never had"):
            ask()
