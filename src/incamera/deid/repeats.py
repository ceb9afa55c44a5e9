"""Repeated text, read once: an assistant's boilerplate stands in thousands of conversations word for word.

Kept is what depends on the text alone: the rows that patterns, gate, names model and further detectors made of it. Never kept
is what depends on who wrote it or where it stands: account attributes, propagation, the resolved list, protected runs. So a
run with this memory finds what a run without it finds.

It holds keyed hashes of texts and offsets into them, no text, in the memory of one process, under a key that the process made
and nobody else knows. It ends with the process: nothing of it is written anywhere.
"""

from __future__ import annotations

import secrets
from collections import OrderedDict
from hashlib import blake2b
from typing import NamedTuple

from incamera.deid.hits import Hits

#: Shorter texts cost less to read than to look up and keep.
LEAST = 48
#: Bytes kept: rows of hits, and a fixed allowance for each entry.
MOST_BYTES = 64 << 20
_ENTRY = 200


class Pointed(NamedTuple):
    """What reading one text gave: rows before they are resolved, and the numbers of the words that the gate spared."""

    hits: Hits
    spared: list[int]


class Repeats:
    """The texts most recently read, of one recipe and one vocabulary.

    Args:
        recipe: The recipe's digest: rows of another are never answered.
    Privacy: keyed hashes, offsets and labels; who reads the process's memory reads the text beside it anyway.
    Cost: a hash of each text; at most `MOST_BYTES`, the longest unused going first.
    """

    def __init__(self, recipe: str, *, most: int = MOST_BYTES) -> None:
        self.recipe = recipe
        self.answered = self.asked = 0
        self._most = most
        self._key = secrets.token_bytes(32)
        self._kept: OrderedDict[bytes, Pointed] = OrderedDict()
        self._bytes = 0

    def __repr__(self) -> str:
        return f"<Repeats {len(self._kept)} texts, {self.answered} of {self.asked} answered>"

    def name(self, text: str, language: str, code: bool) -> bytes:
        """What *text* is kept under; empty if it is too short to keep."""
        if len(text) < LEAST:
            return b""
        return blake2b(
            f"{language}\0{int(code)}\0{text}".encode("utf-8", "surrogatepass"), key=self._key, digest_size=32
        ).digest()

    def get(self, name: bytes) -> Pointed | None:
        """What reading that text gave, if it is kept."""
        self.asked += 1
        found = self._kept.get(name) if name else None
        if found is not None:
            self.answered += 1
            self._kept.move_to_end(name)
        return found

    def keep(self, name: bytes, pointed: Pointed) -> None:
        """Remember what reading a text gave. The rows are shared: nobody may write into them."""
        if not name or name in self._kept:
            return
        pointed.hits.setflags(write=False)
        self._kept[name] = pointed
        self._bytes += _size(pointed)
        while self._bytes > self._most and self._kept:
            _, gone = self._kept.popitem(last=False)
            self._bytes -= _size(gone)


def _size(pointed: Pointed) -> int:
    return int(pointed.hits.nbytes) + 8 * len(pointed.spared) + _ENTRY
