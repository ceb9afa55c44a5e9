"""What a grant lists: the references it covers, sorted in one file under the name of their Merkle root.

The grant carries the root under its MAC, so the file itself need not be trusted: one altered reference is another root.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt

from incamera.core.errors import Unavailable, Unverified
from incamera.core.ids import Digest
from incamera.vault import files
from incamera_verify import merkle

VERSION = "incamera/listing/1"
_HEAD = VERSION.encode() + b"\n"
_REF_BYTES = 16


class Listing:
    """A sorted set of conversation references, asked for membership thousands at a time.

    Cost: 16 bytes a reference in memory; a microsecond or so for each reference asked about.
    """

    def __init__(self, crefs: Iterable[bytes]) -> None:
        self._crefs = b"".join(sorted(set(crefs)))
        # The first half finds the place, the second half confirms it; references are random, so halves hardly ever meet twice.
        pairs = np.frombuffer(self._crefs, ">u8").reshape(-1, 2).astype(np.uint64)
        self._first, self._second = pairs[:, 0], pairs[:, 1]

    def __repr__(self) -> str:
        return f"<Listing {len(self)}>"

    def __len__(self) -> int:
        return len(self._first)

    def __iter__(self) -> Iterator[bytes]:
        return (self._crefs[low : low + _REF_BYTES] for low in range(0, len(self._crefs), _REF_BYTES))

    def __bytes__(self) -> bytes:
        return _HEAD + self._crefs

    @property
    def root(self) -> Digest:
        """The Merkle root over the references in ascending order."""
        return Digest(merkle.root(merkle.leaf_hash(cref) for cref in self).hex())

    def strangers(self, crefs: Sequence[bytes]) -> list[bytes]:
        """Those of *crefs* that are not listed."""
        if not crefs:
            return []
        asked = np.frombuffer(b"".join(crefs), ">u8").reshape(-1, 2).astype(np.uint64)
        known = self._known(asked)
        return [] if known.all() else [cref for cref, here in zip(crefs, known, strict=True) if not here]

    def _known(self, asked: npt.NDArray[np.uint64]) -> npt.NDArray[np.bool_]:
        low = np.searchsorted(self._first, asked[:, 0], "left")
        high = np.searchsorted(self._first, asked[:, 0], "right")
        known = np.zeros(len(asked), bool)
        single = high - low == 1
        known[single] = self._second[low[single]] == asked[single, 1]
        for row in np.flatnonzero(high - low > 1):
            known[row] = asked[row, 1] in self._second[low[row] : high[row]]
        return known


def keep(directory: Path, listing: Listing) -> Digest:
    """Write *listing* into *directory*, durably, and return its root; one that is there already stays.

    Raises:
        Unavailable: `vault.disk-full`, `vault.unreadable`.
    """
    root = listing.root
    files.make_directory(directory)
    if not files.exists(directory / root):
        files.replace(directory / root, bytes(listing))
    return root


def load(directory: Path, root: Digest) -> Listing:
    """The listing of this root.

    Raises:
        Unavailable: `vault.no-listing`, it is not here: the grant was issued by another home, or its list was removed.
        Unverified: `vault.listing`, the file is not the list of this root.
    """
    if len(root) != 64 or not set(root) <= set("0123456789abcdef") or not files.exists(directory / root):
        raise Unavailable("vault.no-listing", "the list that this grant covers is not in this home", where=root[:16])
    data = files.read(directory / root)
    if not data.startswith(_HEAD) or (len(data) - len(_HEAD)) % _REF_BYTES:
        raise _altered(root)
    body = data[len(_HEAD) :]
    listing = Listing(body[low : low + _REF_BYTES] for low in range(0, len(body), _REF_BYTES))
    if bytes(listing) != data or listing.root != root:
        raise _altered(root)
    return listing


def _altered(root: Digest) -> Unverified:
    return Unverified("vault.listing", "the list is not the one that the grant's root names", where=root[:16])
