"""RFC 6962 trees: every proof up to 130 leaves holds, and no proof with one bit flipped does."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify.errors import VerificationError
from incamera_verify.merkle import (
    EMPTY_ROOT,
    Frontier,
    Tree,
    inclusion_paths,
    leaf_hash,
    node_hash,
    root,
    verify_consistency,
    verify_inclusion,
)

SIZES = 130
LEAVES = [leaf_hash(f"leaf {i}".encode()) for i in range(SIZES)]
TREE = Tree(LEAVES)


def reference_root(leaves: list[bytes]) -> bytes:
    """The definition of RFC 6962 section 2.1, written down a second time and as plainly as it stands there."""
    if not leaves:
        return hashlib.sha256(b"").digest()
    if len(leaves) == 1:
        return leaves[0]
    k = 1
    while k * 2 < len(leaves):
        k *= 2
    return hashlib.sha256(b"\x01" + reference_root(leaves[:k]) + reference_root(leaves[k:])).digest()


def test_hashes_are_prefixed():
    assert leaf_hash(b"").hex() == "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d"  # RFC 6962 test tree
    assert leaf_hash(b"x") == hashlib.sha256(b"\x00x").digest()
    assert node_hash(LEAVES[0], LEAVES[1]) == hashlib.sha256(b"\x01" + LEAVES[0] + LEAVES[1]).digest()


@pytest.mark.parametrize("size", range(SIZES + 1))
def test_all_three_ways_to_a_root_agree_with_the_definition(size: int):
    expected = reference_root(LEAVES[:size])
    assert TREE.root(size) == root(LEAVES[:size]) == Frontier.at(TREE.node, size).root == expected


@pytest.mark.parametrize("size", [1023, 1024, 1025, 2047, 2048, 2049, 3 * 1024, 5 * 1024 + 7, 8 * 1024 + 1])
def test_leaves_hashed_in_blocks_come_to_the_same_root(size: int):
    leaves = [leaf_hash(number.to_bytes(4, "big")) for number in range(size)]
    assert root(leaves) == root(iter(leaves)) == Frontier(leaves).root == Tree(leaves).root()


@pytest.mark.parametrize("place", [0, 1023, 1024, 2000])
def test_a_leaf_of_another_length_is_refused_in_a_block_too(place: int):
    leaves = [leaf_hash(b"x")] * 2048
    leaves[place] = b"short"
    with pytest.raises(VerificationError) as caught:
        root(leaves)
    assert caught.value.code == "merkle.bad-hash"


def test_frontier_resumes_and_copies():
    frontier = Frontier.at(TREE.node, 77)
    twin = frontier.copy()
    for leaf in LEAVES[77:100]:
        frontier.append(leaf)
    assert frontier.root == TREE.root(100)
    assert (twin.size, twin.root) == (77, TREE.root(77))


def test_every_inclusion_proof_holds():
    for size in range(1, SIZES + 1):
        paths = list(inclusion_paths(TREE.node, 0, size, size))
        for index in range(size):
            path = TREE.inclusion_path(index, size)
            assert list(paths[index]) == path
            verify_inclusion(LEAVES[index], index, size, path, TREE.root(size))


@given(st.data())
def test_paths_of_a_range_are_the_paths_of_its_leaves(data):
    size = data.draw(st.integers(1, SIZES))
    first = data.draw(st.integers(0, size))
    last = data.draw(st.integers(first, size))
    expected = [tuple(TREE.inclusion_path(i, size)) for i in range(first, last)]
    assert list(inclusion_paths(TREE.node, first, last, size)) == expected


def test_every_consistency_proof_holds():
    for old in range(SIZES + 1):
        for new in range(old, SIZES + 1):
            verify_consistency(old, new, TREE.consistency_path(old, new), TREE.root(old), TREE.root(new))


def flips(value: bytes):
    for bit in range(len(value) * 8):
        yield value[: bit // 8] + bytes([value[bit // 8] ^ 1 << bit % 8]) + value[bit // 8 + 1 :]


@pytest.mark.parametrize(("index", "size"), [(0, 1), (0, 2), (3, 7), (6, 7), (64, 65), (100, 130)])
def test_no_inclusion_proof_survives_one_flipped_bit(index: int, size: int):
    leaf, path, top = LEAVES[index], TREE.inclusion_path(index, size), TREE.root(size)
    forged = [(bad, path, top) for bad in flips(leaf)] + [(leaf, path, bad) for bad in flips(top)]
    forged += [(leaf, [*path[:i], bad, *path[i + 1 :]], top) for i in range(len(path)) for bad in flips(path[i])]
    for bad_leaf, bad_path, bad_top in forged:
        with pytest.raises(VerificationError, match="root-mismatch"):
            verify_inclusion(bad_leaf, index, size, bad_path, bad_top)


@pytest.mark.parametrize(("old", "new"), [(1, 2), (3, 7), (4, 8), (6, 7), (64, 130), (65, 130)])
def test_no_consistency_proof_survives_one_flipped_bit(old: int, new: int):
    path, first, second = TREE.consistency_path(old, new), TREE.root(old), TREE.root(new)
    forged = [(path, bad, second) for bad in flips(first)] + [(path, first, bad) for bad in flips(second)]
    forged += [([*path[:i], bad, *path[i + 1 :]], first, second) for i in range(len(path)) for bad in flips(path[i])]
    for bad_path, bad_first, bad_second in forged:
        with pytest.raises(VerificationError, match="root-mismatch"):
            verify_consistency(old, new, bad_path, bad_first, bad_second)


def test_no_inclusion_proof_serves_another_place():
    for size in (1, 2, 7, 64, 65):
        for index in range(size):
            path = TREE.inclusion_path(index, size)
            for other in range(size):
                if other != index:
                    with pytest.raises(VerificationError):
                        verify_inclusion(LEAVES[index], other, size, path, TREE.root(size))


@pytest.mark.parametrize(
    "change", [lambda p: p[:-1], lambda p: p[1:], lambda p: [*p, p[0]], lambda p: [p[0], *p], lambda p: p[::-1]]
)
def test_longer_shorter_and_turned_proofs_are_refused(change):
    with pytest.raises(VerificationError):
        verify_inclusion(LEAVES[9], 9, 77, change(TREE.inclusion_path(9, 77)), TREE.root(77))
    with pytest.raises(VerificationError):
        verify_consistency(9, 77, change(TREE.consistency_path(9, 77)), TREE.root(9), TREE.root(77))


def code_of(call, *arguments) -> str:
    with pytest.raises(VerificationError) as caught:
        call(*arguments)
    return caught.value.code


def test_flaws_are_named():
    top = TREE.root(7)
    assert code_of(verify_inclusion, LEAVES[0], 7, 7, [], top) == "merkle.out-of-range"
    assert code_of(verify_inclusion, LEAVES[0], -1, 7, [], top) == "merkle.out-of-range"
    assert code_of(verify_inclusion, LEAVES[0][:31], 0, 7, [], top) == "merkle.bad-hash"
    assert code_of(verify_inclusion, LEAVES[0], 0, 7, [], top) == "merkle.wrong-length"
    assert code_of(verify_inclusion, LEAVES[0], 0, 1, [top], LEAVES[0]) == "merkle.wrong-length"
    assert code_of(verify_consistency, 8, 7, [], top, top) == "merkle.out-of-range"
    assert code_of(verify_consistency, 3, 7, [], top, top) == "merkle.wrong-length"
    assert code_of(verify_consistency, 7, 7, [top], top, top) == "merkle.wrong-length"
    assert code_of(verify_consistency, 7, 7, [], top, LEAVES[0]) == "merkle.root-mismatch"
    assert code_of(verify_consistency, 0, 7, [], LEAVES[0], top) == "merkle.root-mismatch"
    assert code_of(verify_consistency, 0, 0, [], EMPTY_ROOT, top) == "merkle.root-mismatch"
    assert code_of(TREE.inclusion_path, 0, SIZES + 1) == "merkle.out-of-range"
    assert code_of(TREE.inclusion_path, 9, 9) == "merkle.out-of-range"
    assert code_of(TREE.consistency_path, 9, 8) == "merkle.out-of-range"
    assert code_of(lambda: list(inclusion_paths(TREE.node, 3, 2, 7))) == "merkle.out-of-range"
    assert code_of(Tree, [b"short"]) == "merkle.bad-hash"
    assert code_of(Frontier, [b"short"]) == "merkle.bad-hash"
    with pytest.raises(IndexError):
        TREE.node(0, SIZES)


def test_a_proof_at_a_billion_leaves_stays_below_a_kilobyte():
    """Made without the leaves: a path's length depends on index and size only."""
    size = 10**9
    asked: list[tuple[int, int]] = []

    def node(level: int, index: int) -> bytes:
        asked.append((level, index))
        return hashlib.sha256(f"{level}/{index}".encode()).digest()

    from incamera_verify.merkle import consistency_path, inclusion_path

    longest = max(len(inclusion_path(node, index, size)) for index in (0, 1, size // 2, size - 2, size - 1))
    assert longest * 32 <= 1000
    assert len(consistency_path(node, size // 3, size)) * 32 <= 1024
    assert all(level <= 30 for level, _ in asked)
