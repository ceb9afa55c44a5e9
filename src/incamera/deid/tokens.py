"""A part cut into words, with what each is known for: the gate's view of a text."""

from __future__ import annotations

import re
from dataclasses import dataclass

from incamera.deid import generalise
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.tables import Table

#: The labels a tag may carry. Closed: `[SMITH-1]` is no tag of ours and is treated as any other text.
LABELS = (
    "PERSON",
    "ORG",
    "LOC",
    "ADDRESS",
    "DATE",
    "TIME",
    "AGE",
    "EMAIL",
    "PHONE",
    "CARD",
    "IBAN",
    "BIC",
    "NATIONAL-ID",
    "PLATE",
    "IP",
    "MAC",
    "URL",
    "HANDLE",
    "GEO",
    "WALLET",
    "CASE",
    "CODE",
    "SECRET",
    "DEM",
    "OCC",
    "HEALTH",
    "KIN",
    "QUANTITY",
    "NUMBER",
    "ACCOUNT",
    "WITHHELD",
    "OTHER",
)

TAG = re.compile(r"\[(?:" + "|".join(LABELS) + r")-[1-9][0-9]{0,5}\]|\[WITHHELD: [A-Z-]{3,40}\]|" + generalise.TAG)
#: What a tag is blanked with in the view: no letter, no digit, no blank, so that nothing matches across it.
BLANK = "\ufffc"
_TAGS = re.compile(BLANK + "+")

#: A word: letters, marks and digits. Marks matter: Devanagari or Arabic words are full of them.
_PLAIN = re.compile(r"[^\W_]+")
_END = frozenset('.!?:;\n\r"“”„«»•*|>{}[]()<=—–…\t#/\\')
_ABBREVIATION = frozenset(
    (
        "mr",
        "mrs",
        "ms",
        "dr",
        "prof",
        "st",
        "sr",
        "sra",
        "no",
        "nos",
        "vs",
        "v",
        "jr",
        "fr",
        "rev",
        "hon",
        "lt",
        "col",
        "gen",
        "m",
        "mme",
    )
)


def blank_tags(text: str) -> str:
    """*text* with every tag of ours blanked, character for character."""
    if "[" not in text:
        return text
    return TAG.sub(lambda m: BLANK * (m.end() - m.start()) if generalise.is_tag(m.group()) else m.group(), text)


@dataclass(slots=True, repr=False)
class Tokens:
    """Words of one part. `codes[i]` are the bits of `tables` for `lows[i]`; 0 is unknown."""

    text: str
    spans: list[tuple[int, int]]
    words: list[str]
    lows: list[str]
    codes: list[int]
    cased: bool = True

    def gap(self, i: int) -> str:
        """What stands between word i-1 and word i."""
        return self.text[self.spans[i - 1][1] if i else 0 : self.spans[i][0]]

    def starts(self, i: int) -> bool:
        """Whether a sentence, a line, a cell or a quotation begins with word *i*."""
        if i == 0:
            return True
        gap = self.gap(i)
        if gap == " ":
            return False
        if _END.isdisjoint(gap):
            return False
        return not (
            gap.strip(" -") == "."
            and ((len(self.words[i - 1]) == 1 and self.words[i - 1].isupper()) or self.lows[i - 1] in _ABBREVIATION)
        )


def tokenise(text: str, table: Table) -> Tokens:
    """Words of *text* (a view, tags blanked).

    Cost: one scan of the text and one dictionary look-up a word.
    """
    pattern = _PLAIN if _markless(text) else _with_marks()
    spans = [m.span() for m in pattern.finditer(text)]
    words = [text[a:b] for a, b in spans]
    lows = [w.lower() for w in words]
    codes = list(map(table.__getitem__, lows))
    tokens = Tokens(text, spans, words, lows, codes)
    tokens.cased = _cased(text)
    return tokens


def _markless(text: str) -> bool:
    if text.isascii():
        return True
    return not any(
        "\u0300" <= c <= "\u036f" or "\u0483" <= c <= "\u0489" or "\u0591" <= c <= "\u109d" or "\u1712" <= c <= "\u1dff"
        for c in set(text)
    )


def _with_marks() -> re.Pattern[str]:
    import regex

    pattern: re.Pattern[str] = regex.compile(r"[\p{L}\p{M}\p{N}]+")
    return pattern


_OPENING = re.compile(r"(?:\A|[.!?:;\n\"“”•*|])[^\w\ufffc]{0,4}([^\W\d_])")


def _cased(text: str) -> bool:
    """Whether the author capitalises where a sentence begins. A tag counts as a capital: it never makes the gate stricter."""
    upper = len(_TAGS.findall(text)) if BLANK in text else 0
    openings = _OPENING.findall(text)
    lower = sum(map(str.islower, openings))
    return 2 * (upper + len(openings) - lower) >= lower


def bits(low: str, table: Table) -> int:
    """The bits of *low*, looking through plural, possessive and common endings where the word itself is unknown."""
    code = table[low]
    if code or len(low) < 5 or not low.isalpha():
        return code
    for ending, restored in _ENDINGS:
        if low.endswith(ending):
            stem = table[low[: -len(ending)] + restored]
            if stem & t.SAFE_CASED and not stem & t.NAME:
                return stem & ~(t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID)
    for prefix in _PREFIXES:
        if low.startswith(prefix) and len(low) - len(prefix) >= 4:
            stem = table[low[len(prefix) :]]
            if stem & t.SAFE_CASED and not stem & t.NAME:
                return stem & ~(t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID)
    return 0


_ENDINGS = (
    ("s", ""),
    ("es", ""),
    ("ed", ""),
    ("ed", "e"),
    ("d", ""),
    ("ing", ""),
    ("ing", "e"),
    ("ly", ""),
    ("er", ""),
    ("er", "e"),
    ("ers", ""),
    ("ness", ""),
    ("able", ""),
    ("less", ""),
    ("ful", ""),
    ("ize", ""),
    ("ise", ""),
    ("ized", ""),
    ("ised", ""),
    ("al", ""),
    ("ity", ""),
    ("mente", ""),
    ("mente", "o"),
    ("as", "o"),
    ("os", "o"),
    ("a", "o"),
    ("ndose", ""),
    ("se", ""),
    ("en", ""),
    ("e", ""),
    ("n", ""),
)
_PREFIXES = (
    "un",
    "re",
    "non",
    "pre",
    "post",
    "anti",
    "over",
    "under",
    "mis",
    "dis",
    "sub",
    "super",
    "inter",
    "multi",
    "micro",
    "auto",
    "bio",
    "neuro",
    "hiper",
    "hipo",
    "intra",
    "extra",
)
