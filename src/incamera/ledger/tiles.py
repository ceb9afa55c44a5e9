"""Tile files: which a log has, and reading them so that every byte is checked against the signed root before it is used.

The partial tiles at the right edge are covered by the root itself, which whoever opens the log compares with the signed
one. Every full tile is covered by the hash that the tile above holds for it, and every bundle by its level-0 tile.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from typing import TypeVar

from incamera.core.errors import Unverified
from incamera.ledger.store import Store
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import HASH_BYTES, Nodes, leaf_hash, node_hash
from incamera_verify.tiles import TILE_WIDTH, entries_path, split_hashes, tile_path, tiles_of, unpack_entries

K = TypeVar("K")
V = TypeVar("V")

_HEIGHT = 8  # levels of the tree in one tile: 2^8 = TILE_WIDTH
_CACHED_TILES = 64
_CACHED_BUNDLES = 4

#: A tile's complete subtrees: `pyramid[k][i]` is the root over hashes [i << k, (i + 1) << k).
Pyramid = list[list[bytes]]


def hash_tiles(node: Nodes, size: int, base: int = 0) -> Iterator[tuple[str, bytes]]:
    """(path, bytes) of every hash tile that a log of *size* leaves has and one of *base* leaves had not."""
    level = 0
    while size >> (_HEIGHT * level):
        for index, width in tiles_of(size, level, (base >> (_HEIGHT * level)) // TILE_WIDTH):
            first = index * TILE_WIDTH
            yield tile_path(level, index, width), b"".join(node(_HEIGHT * level, at) for at in range(first, first + width))
        level += 1


def full_tiles(base: int, size: int) -> Iterator[str]:
    """Paths of the tiles and bundles that are full at *size* leaves and were not at *base*."""
    level = 0
    while size >> (_HEIGHT * level):
        for index, width in tiles_of(size, level, (base >> (_HEIGHT * level)) // TILE_WIDTH):
            if width == TILE_WIDTH:
                yield tile_path(level, index)
                if level == 0:
                    yield entries_path(index)
        level += 1


class Tiles:
    """The tile files of a log of *size* leaves. `node` and `bundle` raise `Unverified` rather than return what is not proven."""

    def __init__(self, store: Store, size: int) -> None:
        self._store = store
        self.size = size
        self._pyramids: OrderedDict[tuple[int, int], Pyramid] = OrderedDict()
        self._bundles: OrderedDict[int, list[bytes]] = OrderedDict()

    def grow(self, size: int) -> None:
        """Read at a larger size from now on; only full tiles stay in memory."""
        for level, index in [*self._pyramids]:
            if self._width(level, index) < TILE_WIDTH:
                del self._pyramids[level, index]
        self._bundles.clear()
        self.size = size

    def node(self, level: int, index: int) -> bytes:
        """Root of the complete subtree over leaves [index << level, (index + 1) << level)."""
        tile_level, inner = divmod(level, _HEIGHT)
        first = index << inner
        return self._pyramid(tile_level, first // TILE_WIDTH)[inner][(first % TILE_WIDTH) >> inner]

    def bundle(self, index: int) -> list[bytes]:
        """The leaves of bundle *index*.

        Raises:
            Unverified: `ledger.altered` or `ledger.missing-tile`.
        """
        if index in self._bundles:
            self._bundles.move_to_end(index)
            return self._bundles[index]
        width = self._width(0, index)
        place = entries_path(index, width)
        try:
            leaves = unpack_entries(self._read(place, entries_path(index)), place)[:width]
        except VerificationError:
            raise _altered(place) from None
        if [leaf_hash(leaf) for leaf in leaves] != self._pyramid(0, index)[0]:
            raise _altered(place)
        _remember(self._bundles, index, leaves, _CACHED_BUNDLES)
        return leaves

    def _pyramid(self, level: int, index: int) -> Pyramid:
        known = self._pyramids.get((level, index))
        if known is not None:
            self._pyramids.move_to_end((level, index))
            return known
        width = self._width(level, index)
        place = tile_path(level, index, width)
        try:
            hashes = split_hashes(self._read(place, tile_path(level, index))[: width * HASH_BYTES], width, place)
        except VerificationError:
            raise _altered(place) from None
        pyramid = [hashes]
        while len(below := pyramid[-1]) > 1:
            pyramid.append([node_hash(below[i], below[i + 1]) for i in range(0, len(below) - 1, 2)])
        if width == TILE_WIDTH and pyramid[_HEIGHT][0] != self.node(_HEIGHT * (level + 1), index):
            raise _altered(place)
        _remember(self._pyramids, (level, index), pyramid, _CACHED_TILES)
        return pyramid

    def _width(self, level: int, index: int) -> int:
        return min(TILE_WIDTH, (self.size >> (_HEIGHT * level)) - index * TILE_WIDTH)

    def _read(self, place: str, full: str) -> bytes:
        """The tile, or its full form: a partial one may be dropped once the full one exists."""
        data = self._store.read(place)
        if data is None and full != place:
            data = self._store.read(full)
        if data is None:
            raise Unverified("ledger.missing-tile", "a file of the ledger is missing; run `fsck`", where=place)
        return data


def _remember(cache: OrderedDict[K, V], key: K, value: V, limit: int) -> None:
    cache[key] = value
    while len(cache) > limit:
        cache.popitem(last=False)


def _altered(place: str) -> Unverified:
    return Unverified("ledger.altered", "a file of the ledger is not what was signed; run `fsck`", where=place)
