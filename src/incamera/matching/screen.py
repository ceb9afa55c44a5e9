"""Works that are not indexed, and why. A refusal is recorded and the rest goes on.

A claimed work lets its words stand in a production (the protected run). A "work" that is mainly identifiers or a list of names
would turn that into an oracle: claim a directory, and see which of its entries people talked about. So such works are refused.
"""

from __future__ import annotations

import re
import statistics
from collections import Counter
from dataclasses import dataclass

import numpy as np

from incamera.core.records import Work
from incamera.matching import compiled
from incamera.text import tokens
from incamera.text.offsets import encode, pack

#: Reasons, in the order in which they are looked for.
EMPTY, ENCODING, BINARY, SHORT, IDENTIFIERS, LIST, DUPLICATE = (
    "matching.work-empty",
    "matching.work-encoding",
    "matching.work-binary",
    "matching.work-short",
    "matching.work-identifiers",
    "matching.work-list",
    "matching.work-duplicate-id",
)

#: Bytes that text does not hold, bytes that identifiers are made of, bytes between the entries of a list, and spaces.
_COUNTED = (bytes({*range(9), *range(14, 32), 127}), b"0123456789@", b"\n,;\t|/", b" ")
#: All four are counted at once, in 16 bits each of one sum: what is looked at has fewer bytes than that.
_WEIGHTS = np.array([sum((b in counted) << 16 * n for n, counted in enumerate(_COUNTED)) for b in range(256)], np.uint64)
#: The first byte of what UTF-8 read in the wrong encoding is full of.
_GARBLED = (np.arange(256) == 0xC3).astype(np.uint64)
_SURROGATE = re.compile("[\ud800-\udfff]")
#: First bytes of Arabic, Indic, Thai and full-width digits; letters share them, so they only call for the closer look.
_FOREIGN_DIGITS = (b"\xd9", b"\xdb", b"\xe0\xa5", b"\xe0\xa7", b"\xe0\xb9", b"\xef\xbc")
_MARK = re.compile(r"[\d@]|://|www\.")
_FIELD = re.compile(r"[\n,;\t|/]+")
_WORD = re.compile(r"[^\W\d_]+")
#: How much of a long text is looked at: stretches from all over it.
_SAMPLE = 4_000
_STRETCHES = 8
#: A longer text is not asked whether it has enough words: if it has not, none of its runs is ever found.
_BRIEF = 2_000


@dataclass(frozen=True, slots=True, kw_only=True)
class RefusedWork:
    """A work that was left out: its id, the reason, and what to do about it. Never its text."""

    work_id: str
    code: str
    hint: str


def refuse(work: Work, *, threshold: int, threshold_chars: int = 16) -> RefusedWork | None:
    """Why *work* may not be indexed, or None.

    Args:
        threshold: Shortest run that counts, in words.
        threshold_chars: The same in characters of unspaced scripts.

    Cost: linear up to 4,000 characters, constant beyond.
    """
    text = work.text
    if not text or text.isspace():
        return _no(work, EMPTY, "the work has no text")
    looked = _looked_at(text)
    raw = encode(looked)
    if not raw.isascii() and _misread(looked, raw):
        return _no(work, ENCODING, "the text was read in the wrong encoding: convert the file to UTF-8")
    counted = compiled.weigh(raw, _WEIGHTS)
    control, marks, separators, spaces = (counted >> shift & 0xFFFF for shift in (0, 16, 32, 48))
    if control * 200 > len(looked) or 0 in raw:
        return _no(work, BINARY, "the text is binary data: extract its text first")
    if len(text) <= _BRIEF:
        found = tokens.tokenise(pack([text]), chars=True)
        if len(found.hashes) < threshold and found.solo.sum() < threshold_chars:
            return _no(work, SHORT, f"fewer than {threshold} words: no run of that length can be found")
    if _mainly_identifiers(looked, raw, marks):
        return _no(work, IDENTIFIERS, "mainly numbers, addresses or other identifiers: claim the prose around them instead")
    if _mainly_list(looked, separators, spaces):
        return _no(work, LIST, "mainly a list of short entries: claim the prose around it instead")
    return None


def duplicate(work: Work) -> RefusedWork:
    """The record of a work whose id was used before."""
    return _no(work, DUPLICATE, "this work_id stands earlier in the input: the first one was indexed")


def _no(work: Work, code: str, hint: str) -> RefusedWork:
    return RefusedWork(work_id=work.work_id, code=code, hint=hint)


def _looked_at(text: str) -> str:
    if len(text) <= _SAMPLE:
        return text
    size = _SAMPLE // _STRETCHES
    step = (len(text) - size) // (_STRETCHES - 1)
    return "\n".join([text[i : i + size] for i in range(0, _STRETCHES * step, step)])


def _misread(text: str, raw: bytes) -> bool:
    """Replacement characters and lone surrogates, or UTF-8 read as Latin-1 or Windows-1252 (`Ã©`, `â€œ`).

    The first bytes of what is looked for are counted before it is: most texts hold too few of them.
    """
    lost = garbled = 0
    if 0xEF in raw:
        lost += text.count("\ufffd")
    if 0xED in raw:
        lost += len(_SURROGATE.findall(text))
    if compiled.weigh(raw, _GARBLED) * 50 > len(text):
        garbled = text.count("\u00c3") + text.count("\u00c2") + text.count("\u00e2\u20ac") + text.count("\u00e2\u0080")
    return lost * 100 > len(text) or garbled * 50 > len(text)


def _mainly_identifiers(text: str, raw: bytes, marks: int) -> bool:
    """Two fifths or more of the characters outside white space stand in tokens with a digit, an at-sign or an address."""
    if b"/" in raw:
        marks += 8 * raw.count(b"://")
    if not raw.isascii():
        marks += sum(raw.count(digits) for digits in _FOREIGN_DIGITS if digits[0] in raw)
    if marks * 30 < len(raw):
        return False  # too few marks, at any usual length of an identifier
    pieces = text.split()
    return sum(len(p) for p in pieces if _MARK.search(p)) * 5 >= sum(map(len, pieces)) * 2


def _mainly_list(text: str, separators: int, spaces: int) -> bool:
    """Thirty entries or more, short at the median, that either begin with capitals throughout or hardly repeat a word.

    Prose of any spaced language repeats its little words; a directory of names does neither.
    """
    if separators < 29 or spaces > 5 * separators:
        return False
    words = [w for w in (_WORD.findall(f) for f in _FIELD.split(text)) if w]
    if len(words) < 30 or statistics.median(map(len, words)) > 4:
        return False
    flat = [w for ws in words for w in ws]
    if 2 * sum(tokens.unspaced(w[0]) for w in flat) > len(flat):
        return False  # scripts without spaces: a field is a clause
    capitals = sum(w[0].isupper() for w in flat)
    spelled = Counter(w.casefold() for w in flat)
    top = sum(n for _, n in spelled.most_common(10))
    return capitals * 5 >= len(flat) * 4 or top * 100 < len(flat) * 8 or len(spelled) * 10 > len(flat) * 9
