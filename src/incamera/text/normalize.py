"""A reader's view of a text: look-alike forms made plain, and the way back to the text as received.

Detection never edits what it reads. It looks at a `View`, in which full-width and styled letters (NFKC), combining
accents, foreign digits, invisible characters, look-alike letters inside a word, and HTML, URL and JSON escapes are
written plainly, and maps every span it finds back to code points of the original. Most chat text is already plain:
then the view *is* the text and the map is the identity.
"""

from __future__ import annotations

import html
import re
import unicodedata
from bisect import bisect_right
from dataclasses import dataclass
from functools import lru_cache

#: Letters of other scripts that pass for Latin ones. One code point each, so offsets stay put.
LOOKALIKES = dict(
    zip(
        "аеорсухіјѕԁԛԝһвкмнтгпАВЕКМНОРСТУХІЈЅԀԚԜαορντυικχγΑΒΕΖΗΙΚΜΝΟΡΤΥΧ",
        "aeopcyxijsdqwhbkmhtrnABEKMHOPCTYXIJSDQWaopvtuikxyABEZHIKMNOPTYX",
        strict=True,
    )
)

_COMBINED = re.compile("[^\\W_][\u0300-\u036f]+")
_ENTITY = re.compile(r"&(?:#[0-9]{1,7}|#[xX][0-9a-fA-F]{1,6}|[A-Za-z][A-Za-z0-9]{1,30});")
_PERCENT = re.compile(r"(?:%[0-9A-Fa-f]{2}){1,200}")
_JSON = re.compile(r"(?:\\u[0-9A-Fa-f]{4}){1,50}|\\[nrt\"/]")
_WINDOWS_PATH = re.compile(r"[A-Za-z]:\\|\\\\\w")
_WORDS = re.compile(r"[^\W\d_]+")
_LOOKALIKE = re.compile(f"[{''.join(LOOKALIKES)}]")
_LATIN = "A-Za-z\u00aa\u00b5\u00ba\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u024f"
#: A Latin letter beside one of another script.
_MIXED = re.compile(rf"[{_LATIN}][^\W\d_{_LATIN}]|[^\W\d_{_LATIN}][{_LATIN}]")
#: What in ASCII a view may write otherwise: controls, and what begins an escape.
_TOUCHED = re.compile(r"[^\t\n\v\f\r -$'-\[\]-~]")
#: What begins an escape.
_ESCAPES = "&%\\"


@dataclass(frozen=True, slots=True, repr=False)
class View:
    """A plain form of *source* and the map back.

    `starts` holds, for each changed stretch in order, its offset in `text`; `_stretches` the stretch's
    (view start, view end, source start, source end). Between stretches characters correspond one to one.
    """

    text: str
    source: str
    starts: tuple[int, ...] = ()
    stretches: tuple[tuple[int, int, int, int], ...] = ()

    def back(self, start: int, end: int) -> tuple[int, int]:
        """The smallest source span that holds view span [start, end): a cut inside a changed stretch takes it whole.

        Cost: O(log changed stretches).
        """
        if not self.stretches:
            return start, end
        return self._source_start(start), max(self._source_end(end), self._source_start(start))

    def _source_start(self, at: int) -> int:
        i = bisect_right(self.starts, at) - 1
        # A stretch that vanished (an invisible character) has no width: the offset belongs after it.
        if i < 0:
            return at
        _, view_end, source_start, source_end = self.stretches[i]
        return source_start if at < view_end else source_end + at - view_end

    def _source_end(self, at: int) -> int:
        i = bisect_right(self.starts, at - 1) - 1
        if i < 0:
            return at
        view_start, view_end, _, source_end = self.stretches[i]
        return source_end if at <= view_end and view_start < at else source_end + at - view_end


def view(text: str) -> View:
    """The plain view of *text*.

    Lone surrogates become U+FFFD in the view (one for one); NUL and other controls are blanks or vanish.

    Privacy: reads text, keeps it only in the returned View.
    Cost: O(length); plain ASCII costs one scan.
    """
    if text.isascii() and not _TOUCHED.search(text):
        return View(text, text)
    source = text
    chars = set(text)
    odd = {c: plain for c in chars if (plain := _plain_char(c)) != c}
    for char, plain in odd.items():
        if len(plain) == 1:  # one for one: no offset moves
            text = text.replace(char, plain)
    edits = _edits(text, chars, odd)
    if not edits:
        return View(_unmask(text), source)
    pieces: list[str] = []
    stretches: list[tuple[int, int, int, int]] = []
    cursor = length = 0
    for start, end, plain in edits:
        pieces.append(text[cursor:start])
        length += start - cursor
        if len(plain) != end - start or len(plain) > 1:
            stretches.append((length, length + len(plain), start, end))
        pieces.append(plain)
        length += len(plain)
        cursor = end
    pieces.append(text[cursor:])
    return View(_unmask("".join(pieces)), source, tuple(s[0] for s in stretches), tuple(stretches))


def touches(char: str) -> bool:
    """Whether a text with *char* in it may have another view than itself. No text of other characters has."""
    return char in _ESCAPES or char in LOOKALIKES or "\u0300" <= char <= "\u036f" or _plain_char(char) != char


def _edits(text: str, chars: set[str], odd: dict[str, str]) -> list[tuple[int, int, str]]:
    """Non-overlapping (start, end, plain) stretches in order, for what does not stay one character.

    *chars* are those of the text as it was, *odd* the plain forms of those that change.
    """
    found: list[tuple[int, int, str]] = []
    if "&" in text:
        for m in _ENTITY.finditer(text):
            plain = html.unescape(m.group())
            if plain != m.group():
                found.append((m.start(), m.end(), plain))
    if "%" in text:
        for m in _PERCENT.finditer(text):
            plain = bytes.fromhex(m.group().replace("%", "")).decode("utf-8", "replace")
            if plain.isprintable() and "\ufffd" not in plain:
                found.append((m.start(), m.end(), plain))
    if "\\" in text and not _WINDOWS_PATH.search(text):
        found += [(m.start(), m.end(), _json_plain(m.group())) for m in _JSON.finditer(text)]
    if longer := [c for c, plain in odd.items() if len(plain) != 1]:
        pattern = re.compile("[" + "".join(map(re.escape, longer)) + "]")
        found += [(m.start(), m.end(), odd[m.group()]) for m in pattern.finditer(text)]
    if any("\u0300" <= c <= "\u036f" for c in chars):
        for m in _COMBINED.finditer(text):
            plain = unicodedata.normalize("NFKC", m.group())
            if plain != m.group():
                found.append((m.start(), m.end(), plain))
    found.sort(key=lambda e: (e[0], -e[1]))
    kept: list[tuple[int, int, str]] = []
    cursor = 0
    for start, end, plain in found:
        if start >= cursor:
            kept.append((start, end, plain))
            cursor = end
    return kept


def _json_plain(escape: str) -> str:
    if escape[1] != "u":
        return {"n": "\n", "r": "\r", "t": "\t", '"': '"', "/": "/"}[escape[1]]
    units = bytes.fromhex(escape.replace("\\u", ""))
    return units.decode("utf-16-be", "replace")


@lru_cache(maxsize=1 << 12)
def _plain_char(c: str) -> str:
    """NFKC of one character; digits of any script as ASCII; invisible characters as nothing, controls as a blank."""
    if c.isascii():
        return " " if (c < " " and c not in "\n\r\t\f\v") or c == "\x7f" else c
    category = unicodedata.category(c)
    if category == "Cf" or "\ufe00" <= c <= "\ufe0f" or c in "\u034f\u115f\u1160\u17b4\u17b5\u3164\uffa0":
        return ""
    if category == "Cs":
        return "\ufffd"
    if category in ("Cc", "Zs"):
        return " "
    if category == "Nd":
        return str(unicodedata.decimal(c))
    if category == "No" and (value := unicodedata.digit(c, None)) is not None:
        return str(value)
    if c in "\u2028\u2029":
        return "\n"
    return unicodedata.normalize("NFKC", c) if category != "Lo" or c >= "\uf900" else c


def _unmask(text: str) -> str:
    """Look-alike letters inside a word that also holds Latin letters, as Latin. One for one: offsets stay."""
    if text.isascii() or not _LOOKALIKE.search(text) or not _MIXED.search(text):
        return text
    return _WORDS.sub(lambda m: _latin(m.group()), text)


def _latin(word: str) -> str:
    if not any(c < "\u0250" for c in word) or not any(c in LOOKALIKES for c in word):
        return word
    return "".join(LOOKALIKES.get(c, c) for c in word)
