"""The declared fold `words/1`: what every code point becomes before two texts are compared.

In this order: HTML character references that end in `;` are decoded, once; each code point is taken to NFKD, case-folded and
taken to NFKD again; marks and invisible characters (Mn, Me, Cf) are dropped and do not separate; look-alike letters of the
Cyrillic, Greek and Armenian alphabets become Latin; letters and digits (L*, N*) make words, everything else separates them.

The fold is a table, frozen in `words1.bin` and named by its SHA-256: a text folds the same way on every Python, whatever
Unicode version that Python knows. `derive` makes the table from `unicodedata`; a test holds the file to it.
"""

from __future__ import annotations

import functools
import hashlib
import html.entities
import json
import unicodedata
import zlib
from dataclasses import dataclass
from importlib.resources import files

import numpy as np
import numpy.typing as npt

from incamera.core.errors import Unavailable, Unverified
from incamera.core.ids import Digest

#: The name of the fold, and of the stream of words it makes.
VERSION = "words/1"
#: The second stream over the same fold: one token a character for scripts that write no spaces (`text.tokens`).
CHARS = "chars/1"

SEPARATOR = -0x7F000001
DROPPED = -0x7F000002
#: Entries from here on are numbers of expansions: code points that become several characters.
EXPANSION = 0x200000
_PAGE = 256
_LAST = 0x110000

#: Look-alikes after case folding, by the Latin letter they pass for.
CONFUSABLES: dict[str, str] = {
    "a": "\u0430\u03b1",
    "b": "\u0432\u044c\u03b2",
    "c": "\u0441\u03f2",
    "d": "\u0501",
    "e": "\u0435\u03b5\u0454",
    "g": "\u0581",
    "h": "\u04bb\u043d\u0570",
    "i": "\u0456\u03b9\u04cf",
    "j": "\u0458\u03f3",
    "k": "\u043a\u03ba",
    "m": "\u043c",
    "n": "\u03b7\u0578",
    "o": "\u043e\u03bf\u0585",
    "p": "\u0440\u03c1",
    "q": "\u051b",
    "r": "\u0433",
    "s": "\u0455",
    "t": "\u0442\u03c4",
    "u": "\u03c5\u057d",
    "v": "\u0475\u03bd",
    "w": "\u051d\u0461\u03c9",
    "x": "\u0445\u03c7",
    "y": "\u0443\u03b3\u04af",
}


@dataclass(frozen=True, slots=True)
class Fold:
    """The frozen table.

    `pages[cp >> 8]` names a page of `entries`; the entry is `SEPARATOR`, `DROPPED`, `EXPANSION + n`, or the distance from the
    code point to the one it becomes (0 for most letters, which is why the pages repeat and the table is small).
    Expansion *n* is `expanded[bounds[n]:bounds[n + 1]]`, code points, with U+0020 for a separator.
    `slots`, `name_bounds`, `names` and `name_entries` are an open-addressing table of the named character references; a name's
    entry is an absolute code point, `SEPARATOR`, `DROPPED` or `EXPANSION + n`.
    `ascii` is the fast path: the folded byte, 0 for a separator, 255 for `&`.
    """

    digest: Digest
    unicode: str
    pages: npt.NDArray[np.uint16]
    entries: npt.NDArray[np.int32]
    bounds: npt.NDArray[np.int32]
    expanded: npt.NDArray[np.int32]
    slots: npt.NDArray[np.int32]
    name_bounds: npt.NDArray[np.int32]
    names: npt.NDArray[np.uint8]
    name_entries: npt.NDArray[np.int32]
    ascii: npt.NDArray[np.uint8]

    def code_point(self, cp: int) -> str:
        """What one code point becomes: characters, U+0020 for a separator, nothing for what is dropped."""
        return self._spell(int(self.entries[int(self.pages[cp >> 8]) * _PAGE + (cp & 255)]), cp)

    def named(self, name: str) -> str | None:
        """What the reference `&name;` becomes, or None where HTML 5 knows no such name."""
        return self._named.get(name)

    @property
    def _named(self) -> dict[str, str]:
        return _spelled_names(self.digest)

    def _spell(self, entry: int, base: int) -> str:
        if entry == SEPARATOR:
            return " "
        if entry == DROPPED:
            return ""
        if entry >= EXPANSION:
            n = entry - EXPANSION
            return "".join(map(chr, self.expanded[self.bounds[n] : self.bounds[n + 1]]))
        return chr(base + entry)


@functools.cache
def _spelled_names(digest: Digest) -> dict[str, str]:
    fold = load()
    raw = fold.names.tobytes()
    return {
        raw[fold.name_bounds[i] : fold.name_bounds[i + 1]].decode(): fold._spell(int(entry), 0)
        for i, entry in enumerate(fold.name_entries)
    }


@functools.cache
def load() -> Fold:
    """The shipped table of `words/1`.

    Raises:
        Unverified: `text.fold-damaged`, the table is not the one its first line names.
        Unavailable: `text.fold-missing`, the installation lacks the table.
    """
    try:
        raw = files("incamera.text").joinpath("words1.bin").read_bytes()
    except OSError:
        raise Unavailable("text.fold-missing", "the installation lacks text/words1.bin: install incamera again") from None
    return parse(raw)


def parse(raw: bytes) -> Fold:
    """The table of *raw*, checked against the digest in its first line. Raises as `load`."""
    line, _, body = raw.partition(b"\n")
    try:
        head = json.loads(line)
        payload = zlib.decompress(body)
        right = head["format"] == VERSION and hashlib.sha256(payload).hexdigest() == head["sha256"]
    except (ValueError, KeyError, TypeError, zlib.error):
        right = False
    if not right:
        raise Unverified("text.fold-damaged", "the fold table is not the one its first line names: install incamera again")
    arrays, at = [], 0
    for kind, count in head["arrays"]:
        arrays.append(np.frombuffer(payload, dtype=kind, count=count, offset=at))
        at += arrays[-1].nbytes
    pages, entries, bounds, expanded, name_bounds, names, name_entries = arrays
    return Fold(
        digest=Digest(head["sha256"]),
        unicode=head["unicode"],
        pages=pages,
        entries=entries,
        bounds=bounds,
        expanded=expanded,
        slots=_hash_names(names.tobytes(), name_bounds),
        name_bounds=name_bounds,
        names=names,
        name_entries=name_entries,
        ascii=_ascii(pages, entries),
    )


def fnv1a(data: bytes) -> int:
    """64-bit FNV-1a; names of references are found by it, in the kernels and here."""
    h = 0xCBF29CE484222325
    for byte in data:
        h = ((h ^ byte) * 0x100000001B3) & 0xFFFFFFFFFFFFFFFF
    return h


SLOTS = 8192


def _hash_names(raw: bytes, bounds: npt.NDArray[np.int32]) -> npt.NDArray[np.int32]:
    slots = np.full(SLOTS, -1, dtype=np.int32)
    for i in range(len(bounds) - 1):
        at = fnv1a(raw[bounds[i] : bounds[i + 1]]) & (SLOTS - 1)
        while slots[at] >= 0:
            at = (at + 1) & (SLOTS - 1)
        slots[at] = i
    slots.flags.writeable = False
    return slots


def _ascii(pages: npt.NDArray[np.uint16], entries: npt.NDArray[np.int32]) -> npt.NDArray[np.uint8]:
    out = np.zeros(128, dtype=np.uint8)
    for cp in range(128):
        entry = int(entries[int(pages[0]) * _PAGE + cp])
        if entry != SEPARATOR:
            out[cp] = cp + entry
    out[ord("&")] = 255
    out.flags.writeable = False
    return out


# --- making the table ------------------------------------------------------------------------------------------


def folded(character: str) -> str:
    """The rule itself, by `unicodedata`: what one code point becomes under the running Python's Unicode version."""
    confusable = _confusable()
    out = []
    for c in unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold()):
        category = unicodedata.category(c)
        if category in ("Mn", "Me", "Cf"):
            continue
        out.append(confusable.get(c, c) if category[0] in "LN" else " ")
    text = "".join(out)
    return " " if text and not text.strip() else text


@functools.cache
def _confusable() -> dict[str, str]:
    return {other: latin for latin, others in CONFUSABLES.items() for other in others}


class _Expansions:
    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}

    def entry(self, text: str, base: int) -> int:
        if text == "":
            return DROPPED
        if not text.strip():
            return SEPARATOR
        if len(text) == 1:
            return ord(text) - base
        return EXPANSION + self.numbers.setdefault(text, len(self.numbers))


def derive() -> bytes:
    """The bytes of `words1.bin`, made from `unicodedata` and HTML 5's list of names. Takes seconds; only the build calls it."""
    expansions = _Expansions()
    flat = np.array([expansions.entry(folded(chr(cp)), cp) for cp in range(_LAST)], dtype="<i4").reshape(-1, _PAGE)
    numbers: dict[bytes, int] = {}
    pages = np.array([numbers.setdefault(page.tobytes(), len(numbers)) for page in flat], dtype="<u2")
    entries = np.frombuffer(b"".join(numbers), dtype="<i4")
    named = sorted((k[:-1], v) for k, v in html.entities.html5.items() if k.endswith(";"))
    name_entries = np.array([expansions.entry("".join(map(folded, v)), 0) for _, v in named], dtype="<i4")
    names = "".join(k for k, _ in named).encode("ascii")
    texts = list(expansions.numbers)
    arrays = [
        pages,
        entries,
        np.cumsum([0] + [len(t) for t in texts], dtype="<i4"),
        np.array([ord(c) for t in texts for c in t], dtype="<i4"),
        np.cumsum([0] + [len(k) for k, _ in named], dtype="<i4"),
        np.frombuffer(names, dtype="u1"),
        name_entries,
    ]
    payload = b"".join(a.tobytes() for a in arrays)
    head = {
        "format": VERSION,
        "unicode": unicodedata.unidata_version,
        "sha256": hashlib.sha256(payload).hexdigest(),
        "arrays": [[a.dtype.str, len(a)] for a in arrays],
    }
    return json.dumps(head).encode() + b"\n" + zlib.compress(payload, 9)


#: Folded code points of scripts that write no spaces between words, as half-open ranges: Thai, Lao, Myanmar, Khmer, Tai,
#: kana and Han. Hangul, Tibetan and Ethiopic mark their words or syllables and stay with `words/1`.
UNSPACED = (
    (0x0E00, 0x0F00),
    (0x1000, 0x10A0),
    (0x1780, 0x1800),
    (0x1980, 0x19E0),
    (0x1A20, 0x1AB0),
    (0x3005, 0x3008),
    (0x3021, 0x302A),
    (0x3031, 0x3036),
    (0x303B, 0x303C),
    (0x3041, 0x3100),
    (0x31F0, 0x3200),
    (0x3400, 0x4DC0),
    (0x4E00, 0xA000),
    (0xA9E0, 0xAA00),
    (0xAA60, 0xAA80),
    (0x1B000, 0x1B170),
    (0x20000, 0x323B0),
)
