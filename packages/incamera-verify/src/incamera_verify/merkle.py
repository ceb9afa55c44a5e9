"""Merkle trees of RFC 6962: hashes, proofs and their verification.

Proofs are written against a function `node(level, index)` that gives the root of the complete subtree over leaves
[index << level, (index + 1) << level), so the same dozen lines serve a tree in memory and a tree of tile files.
Hashes are 32 raw bytes. Verifying functions return nothing or raise.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice

from incamera_verify.errors import VerificationError

HASH_BYTES = 32
#: Root of the tree without leaves: SHA-256 of nothing.
EMPTY_ROOT = hashlib.sha256(b"").digest()

#: `(level, index)` to the root of a complete subtree of 2^level leaves.
Nodes = Callable[[int, int], bytes]
#: Leaves hashed together by `root`.
_BLOCK = 1024


def leaf_hash(entry: bytes) -> bytes:
    """SHA-256(0x00 || entry); the prefix keeps a leaf from posing as a node."""
    return hashlib.sha256(b"\0" + entry).digest()


def node_hash(left: bytes, right: bytes) -> bytes:
    """SHA-256(0x01 || left || right)."""
    return hashlib.sha256(b"\1" + left + right).digest()


def root(leaf_hashes: Iterable[bytes]) -> bytes:
    """Root over *leaf_hashes* in order. Cost: O(n) time, O(log n) memory."""
    frontier = Frontier()
    leaves = iter(leaf_hashes)
    while len(block := list(islice(leaves, _BLOCK))) == _BLOCK:
        frontier._append_block(block)
    for leaf in block:
        frontier.append(leaf)
    return frontier.root


# --- growing ------------------------------------------------------------------------------------------------------------


class Frontier:
    """The right edge of a tree: enough to append leaves and to state the root, in O(log n) memory."""

    __slots__ = ("_edge", "size")

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self.size = 0
        self._edge: list[bytes] = []  # roots of the complete subtrees, largest first: one for each 1 bit of `size`
        for leaf in leaf_hashes:
            self.append(leaf)

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        _check_hash(leaf)
        carry, size = leaf, self.size
        while size & 1:
            carry = node_hash(self._edge.pop(), carry)
            size >>= 1
        self._edge.append(carry)
        self.size += 1

    def _append_block(self, leaves: list[bytes]) -> None:
        """Add `_BLOCK` leaf hashes to a size that is a multiple of it: level by level, without a step for each leaf."""
        if set(map(len, leaves)) != {HASH_BYTES}:
            for leaf in leaves:
                _check_hash(leaf)
        level, sha256 = leaves, hashlib.sha256
        while len(level) > 1:
            pairs = iter(level)
            level = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=True)]
        carry, size = level[0], self.size // _BLOCK
        while size & 1:
            carry = node_hash(self._edge.pop(), carry)
            size >>= 1
        self._edge.append(carry)
        self.size += _BLOCK

    @classmethod
    def at(cls, node: Nodes, size: int) -> Frontier:
        """The right edge of *node*'s tree at *size* leaves."""
        frontier = cls()
        frontier.size = size
        done = 0
        for level in reversed(range(size.bit_length())):
            if size >> level & 1:
                frontier._edge.append(node(level, done >> level))
                done += 1 << level
        return frontier

    def copy(self) -> Frontier:
        """An independent frontier at the same size."""
        twin = Frontier()
        twin.size, twin._edge = self.size, list(self._edge)
        return twin

    @property
    def root(self) -> bytes:
        """The root at the present size."""
        if not self._edge:
            return EMPTY_ROOT
        above = self._edge[-1]
        for peak in reversed(self._edge[:-1]):
            above = node_hash(peak, above)
        return above


class Tree:
    """An append-only tree in memory: every complete node is kept, so any proof at any earlier size can be made.

    Cost: 64 bytes a leaf; appending is O(1) amortised, a proof O(log n) hashes.
    """

    __slots__ = ("_levels",)

    def __init__(self, leaf_hashes: Iterable[bytes] = ()) -> None:
        self._levels: list[bytearray] = [bytearray()]
        for leaf in leaf_hashes:
            self.append(leaf)

    def __len__(self) -> int:
        return len(self._levels[0]) // HASH_BYTES

    def append(self, leaf: bytes) -> None:
        """Add one leaf hash at the right."""
        _check_hash(leaf)
        level, carry = 0, leaf
        while True:
            row = self._levels[level]
            row += carry
            if len(row) // HASH_BYTES % 2:
                return
            carry = node_hash(bytes(row[-2 * HASH_BYTES : -HASH_BYTES]), carry)
            level += 1
            if level == len(self._levels):
                self._levels.append(bytearray())

    def node(self, level: int, index: int) -> bytes:
        """Root of the complete subtree over leaves [index << level, (index + 1) << level)."""
        row = self._levels[level]
        at = index * HASH_BYTES
        if at + HASH_BYTES > len(row):
            raise IndexError((level, index))
        return bytes(row[at : at + HASH_BYTES])

    def root(self, size: int | None = None) -> bytes:
        """Root over the first *size* leaves, all by default."""
        return tree_root(self.node, self._size(size))

    def inclusion_path(self, index: int, size: int | None = None) -> list[bytes]:
        """Siblings from leaf *index* up to the root at *size*."""
        return inclusion_path(self.node, index, self._size(size))

    def consistency_path(self, old: int, new: int | None = None) -> list[bytes]:
        """Proof that the tree of *old* leaves is a prefix of the tree of *new* leaves."""
        return consistency_path(self.node, old, self._size(new))

    def _size(self, size: int | None) -> int:
        if size is None:
            return len(self)
        if not 0 <= size <= len(self):
            raise VerificationError("merkle.out-of-range", "the tree has no such size", f"size {size} of {len(self)}")
        return size


# --- proving ------------------------------------------------------------------------------------------------------------


def tree_root(node: Nodes, size: int) -> bytes:
    """Root over the first *size* leaves of *node*'s tree."""
    return _range_root(node, 0, size) if size else EMPTY_ROOT


def inclusion_path(node: Nodes, index: int, size: int) -> list[bytes]:
    """PATH(index, D[size]): the siblings from the leaf to the root, leaf side first. Source: RFC 6962 section 2.1.1."""
    if not 0 <= index < size:
        raise VerificationError("merkle.out-of-range", "the leaf is not in a tree of this size", f"leaf {index}, size {size}")
    path: list[bytes] = []
    low, high = 0, size
    while high - low > 1:
        middle = low + _split(high - low)
        if index < middle:
            path.append(_range_root(node, middle, high))
            high = middle
        else:
            path.append(_range_root(node, low, middle))
            low = middle
    return path[::-1]


def inclusion_paths(node: Nodes, first: int, last: int, size: int) -> Iterator[tuple[bytes, ...]]:
    """The inclusion paths of leaves [first, last), in order: what neighbours share is computed once."""
    if not 0 <= first <= last <= size:
        raise VerificationError("merkle.out-of-range", "the leaves are not in a tree of this size", f"leaf {last}, size {size}")
    waiting: list[tuple[int, int, tuple[bytes, ...]]] = [(0, size, ())]
    while waiting:
        low, high, above = waiting.pop()
        if high <= first or low >= last:
            continue
        if high - low == 1:
            yield above
            continue
        middle = low + _split(high - low)
        if last > middle:
            waiting.append((middle, high, (_range_root(node, low, middle), *above)))
        if first < middle:
            waiting.append((low, middle, (_range_root(node, middle, high), *above)))


def consistency_path(node: Nodes, old: int, new: int) -> list[bytes]:
    """PROOF(old, D[new]); empty where *old* is 0 or *new*. Source: RFC 6962 section 2.1.2."""
    if not 0 <= old <= new:
        raise VerificationError("merkle.out-of-range", "sizes must grow", f"sizes {old} and {new}")
    if old in (0, new):
        return []
    path: list[bytes] = []
    low, high = 0, new
    while old != high:
        middle = low + _split(high - low)
        if old <= middle:
            path.append(_range_root(node, middle, high))
            high = middle
        else:
            path.append(_range_root(node, low, middle))
            low = middle
    if low:  # the old tree's own root is known to the verifier and is left out where it is a whole subtree from leaf 0
        path.append(_range_root(node, low, high))
    return path[::-1]


def _split(width: int) -> int:
    """The largest power of two smaller than *width*."""
    return 1 << ((width - 1).bit_length() - 1)


def _range_root(node: Nodes, low: int, high: int) -> bytes:
    """Root over leaves [low, high), where *low* is a multiple of the power of two that covers the range."""
    width = high - low
    if width & (width - 1) == 0:
        level = width.bit_length() - 1
        return node(level, low >> level)
    middle = low + _split(width)
    return node_hash(_range_root(node, low, middle), _range_root(node, middle, high))


# --- verifying ----------------------------------------------------------------------------------------------------------


def verify_inclusion(leaf: bytes, index: int, size: int, path: Sequence[bytes], root: bytes) -> None:
    """Accept only if the leaf hash *leaf* stands at *index* in the tree of *size* leaves with this *root*.

    Raises:
        VerificationError: `merkle.out-of-range`, `merkle.bad-hash`, `merkle.wrong-length`, `merkle.root-mismatch`.
    Source: RFC 9162 section 2.1.3.2.
    """
    if not 0 <= index < size:
        raise VerificationError("merkle.out-of-range", "the leaf is not in a tree of this size", f"leaf {index}, size {size}")
    for value in (leaf, root, *path):
        _check_hash(value)
    where = f"leaf {index}, size {size}"
    at, last, computed = index, size - 1, leaf
    for sibling in path:
        if last == 0:
            raise _wrong_length(where)
        if at & 1 or at == last:
            computed = node_hash(sibling, computed)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            computed = node_hash(computed, sibling)
        at >>= 1
        last >>= 1
    if last:
        raise _wrong_length(where)
    if computed != root:
        raise VerificationError("merkle.root-mismatch", "the inclusion path leads to another root", where)


def verify_consistency(old: int, new: int, path: Sequence[bytes], old_root: bytes, new_root: bytes) -> None:
    """Accept only if the tree of *old* leaves is a prefix of the tree of *new* leaves.

    Raises:
        VerificationError: `merkle.out-of-range`, `merkle.bad-hash`, `merkle.wrong-length`, `merkle.root-mismatch`.
    Source: RFC 9162 section 2.1.4.2.
    """
    if not 0 <= old <= new:
        raise VerificationError("merkle.out-of-range", "a log cannot shrink", f"sizes {old} and {new}")
    for value in (old_root, new_root, *path):
        _check_hash(value)
    where = f"sizes {old} and {new}"
    if old in (0, new):
        if path:
            raise _wrong_length(where)
        if old_root != (new_root if old else EMPTY_ROOT) or (new == 0 and new_root != EMPTY_ROOT):
            raise VerificationError("merkle.root-mismatch", "one size has two roots", where)
        return
    steps = list(path)
    if old & (old - 1) == 0:
        steps.insert(0, old_root)
    if not steps:
        raise _wrong_length(where)
    at, last = old - 1, new - 1
    while at & 1:
        at >>= 1
        last >>= 1
    seen_old = seen_new = steps[0]
    for sibling in steps[1:]:
        if last == 0:
            raise _wrong_length(where)
        if at & 1 or at == last:
            seen_old = node_hash(sibling, seen_old)
            seen_new = node_hash(sibling, seen_new)
            while not at & 1 and at:
                at >>= 1
                last >>= 1
        else:
            seen_new = node_hash(seen_new, sibling)
        at >>= 1
        last >>= 1
    if last:
        raise _wrong_length(where)
    if seen_old != old_root or seen_new != new_root:
        raise VerificationError("merkle.root-mismatch", "the two trees do not share a history", where)


def _check_hash(value: bytes) -> None:
    if len(value) != HASH_BYTES:
        raise VerificationError("merkle.bad-hash", f"a hash has {HASH_BYTES} bytes", f"{len(value)} bytes")


def _wrong_length(where: str) -> VerificationError:
    return VerificationError("merkle.wrong-length", "the proof has too many or too few hashes", where)
