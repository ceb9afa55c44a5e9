"""Words of a text under the declared fold, with their places in the text as received.

Two declared streams over the one fold of `text.fold`:
`words/1`: a word is a maximal run of folded letters and digits.
`chars/1`: a character of a script that writes no spaces is a token by itself; any other word is one token, as in `words/1`.

`tokenise` runs in the kernels; where numba is not to be had, `plain` gives the same arrays in Python.
"""

from __future__ import annotations

import functools
import re
import threading
from bisect import bisect_right
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from incamera.text import fold
from incamera.text.offsets import Packed, encode, pack

_REFERENCE = re.compile(r"&(#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,31});")
_64 = 0xFFFFFFFFFFFFFFFF


@dataclass(frozen=True, slots=True, repr=False)
class Tokens:
    """Tokens of several texts; text *p* owns tokens `bounds[p]` to `bounds[p + 1]`.

    `starts` and `ends` are half-open code points in the original text; `solo` is 1 for a character of an unspaced script;
    token *i*'s folded characters are `folded[byte_bounds[i]:byte_bounds[i + 1]]`, UTF-8.
    """

    hashes: npt.NDArray[np.uint64]
    starts: npt.NDArray[np.int32]
    ends: npt.NDArray[np.int32]
    solo: npt.NDArray[np.uint8]
    byte_bounds: npt.NDArray[np.int64]
    folded: npt.NDArray[np.uint8]
    bounds: npt.NDArray[np.int64]

    def __repr__(self) -> str:
        return f"<Tokens {len(self.hashes)} of {len(self.bounds) - 1} texts>"

    def word(self, i: int) -> str:
        """Token *i*, folded."""
        return self.folded[self.byte_bounds[i] : self.byte_bounds[i + 1]].tobytes().decode()


@functools.cache
def compiled() -> Any:
    """The kernels, or None where numba cannot be imported (the same results follow, more slowly)."""
    try:
        from incamera.text import kernels
    except ImportError:
        return None
    return kernels


@functools.cache
def _tables() -> tuple[fold.Fold, Any]:
    table = fold.load()
    return table, compiled().tables(table)  # addresses: the table must live as long as they do


def tables() -> Any:
    """The fold as the kernels take it."""
    return _tables()[1]


def tokenise(packed: Packed, *, chars: bool = False) -> Tokens:
    """Tokens of every text in *packed*.

    Cost: linear; about 200 MB/s a core compiled, 2 MB/s in plain Python.
    Privacy: the result holds the folded text.
    """
    kernels = compiled()
    if kernels is None:
        return plain(packed, chars=chars)
    data, bounds = kernels.readonly(packed.data), kernels.readonly(packed.bounds)
    size = int(bounds[-1] - bounds[0])
    arena = _arena()
    while True:
        hashes, starts, ends, solo, byte_bounds, folded = arena.arrays(size)
        token_bounds = np.empty(len(bounds), dtype=np.int64)
        n = kernels.tokenise(data, bounds, tables(), chars, hashes, starts, ends, solo, byte_bounds, folded, token_bounds)
        if n >= 0:
            break
        size = 2 * size + 64
    return Tokens(
        hashes[:n].copy(),
        starts[:n].copy(),
        ends[:n].copy(),
        solo[:n].copy(),
        byte_bounds[: n + 1].copy(),
        folded[: byte_bounds[n]].copy(),
        token_bounds,
    )


class _Arena(threading.local):
    """Room that is kept between calls: touching fresh memory costs more than folding into memory already touched."""

    def __init__(self) -> None:
        self.size = -1
        self.held: tuple[npt.NDArray[Any], ...] = ()

    def arrays(self, size: int) -> tuple[npt.NDArray[Any], ...]:
        if size > self.size:
            self.size = size
            room = size // 2 + 64
            kinds = (np.uint64, np.int32, np.int32, np.uint8)
            self.held = (
                *(np.empty(room, dtype=kind) for kind in kinds),
                np.empty(room + 1, dtype=np.int64),
                np.empty(size + size // 4 + 256, dtype=np.uint8),
            )
        return self.held


@functools.cache
def _arena() -> _Arena:
    return _Arena()


def words(text: str) -> list[tuple[str, int, int]]:
    """[(folded word, start, end)] of one text under `words/1`; start and end are code points of *text*."""
    return _spelled(text, chars=False)


def plain(packed: Packed, *, chars: bool = False) -> Tokens:
    """`tokenise` without compiled code: the same arrays."""
    hashes, starts, ends, solo, sizes, folded, bounds = [], [], [], [], [0], [], [0]
    for i in range(len(packed)):
        text = packed.data[packed.bounds[i] : packed.bounds[i + 1]].tobytes().decode("utf-8", "surrogatepass")
        for word, start, end in _spelled(text, chars=chars):
            hashes.append(word_hash(word))
            starts.append(start)
            ends.append(end)
            solo.append(int(chars and len(word) == 1 and unspaced(word)))
            raw = word.encode()
            sizes.append(len(raw))
            folded.append(raw)
        bounds.append(len(hashes))
    return Tokens(
        np.array(hashes, dtype=np.uint64),
        np.array(starts, dtype=np.int32),
        np.array(ends, dtype=np.int32),
        np.array(solo, dtype=np.uint8),
        np.cumsum(sizes, dtype=np.int64),
        np.frombuffer(b"".join(folded), dtype=np.uint8),
        np.array(bounds, dtype=np.int64),
    )


def unspaced(character: str) -> bool:
    """Whether a folded character belongs to a script that writes no spaces between words."""
    at = bisect_right(_RANGE_STARTS, ord(character)) - 1
    return at >= 0 and ord(character) < fold.UNSPACED[at][1]


_RANGE_STARTS = [a for a, _ in fold.UNSPACED]


def _pieces(text: str) -> list[tuple[str, int, int]]:
    """(folded, start, end) of every original character or character reference."""
    table = fold.load()
    spelled = {c: table.code_point(ord(c)) for c in set(text)}
    out: list[tuple[str, int, int]] = []
    at = 0
    for match in _REFERENCE.finditer(text) if "&" in text else ():
        decoded = _decoded(match.group(1), table)
        if decoded is None:
            continue
        out += [(spelled[text[i]], i, i + 1) for i in range(at, match.start())]
        out.append((decoded, match.start(), match.end()))
        at = match.end()
    out += [(spelled[text[i]], i, i + 1) for i in range(at, len(text))]
    return out


def _decoded(name: str, table: fold.Fold) -> str | None:
    if name[0] != "#":
        return table.named(name)
    code = int(name[2:], 16) if name[1] in "xX" else int(name[1:])
    if not 0 < code <= 0x10FFFF or 0xD800 <= code <= 0xDFFF:
        return None
    return table.code_point(code)


def _spelled(text: str, *, chars: bool) -> list[tuple[str, int, int]]:
    found: list[tuple[str, int, int]] = []
    word: list[str] = []
    start = end = 0

    def close() -> None:
        if word:
            found.append(("".join(word), start, end))
            word.clear()

    for folded, i, j in _pieces(text):
        for c in folded:
            if c == " ":
                close()
            elif chars and unspaced(c):
                close()
                found.append((c, i, j))
            else:
                if not word:
                    start = i
                word.append(c)
                end = j
    close()
    return found


@functools.lru_cache(maxsize=1 << 16)
def word_hash(word: str) -> int:
    """The 64-bit hash by which the kernels know a folded word (`kernels.word_hashes` says how)."""
    raw = encode(word)
    h = 0x9E3779B97F4A7C15
    whole = len(raw) // 8 * 8
    for at in range(0, whole, 8):
        h = _mix(h, raw[at : at + 8])
    h = ((_mix(h, raw[whole:]) + len(raw)) * 0x165667B19E3779F9) & _64
    return h ^ h >> 29


def _mix(h: int, chunk: bytes) -> int:
    h = ((h ^ int.from_bytes(chunk, "little")) * 0xC2B2AE3D27D4EB4F) & _64
    return h ^ h >> 32


def hashes(texts: list[str]) -> list[npt.NDArray[np.uint64]]:
    """Word hashes of each text under `words/1`."""
    found = tokenise(pack(texts))
    return [found.hashes[found.bounds[i] : found.bounds[i + 1]] for i in range(len(texts))]
