"""What every code point is to the word kernels: its classes as bits, and its lower case.

Taken from the running Python's `str` and `unicodedata`, so that kernels and plain Python agree on what a letter is. One
code point for one: U+0130, the only letter whose lower case is two, keeps its own (its words are in no list and so unknown);
the final sigma is the kernels' business.
"""

from __future__ import annotations

import re
import sys
import unicodedata
from functools import cache
from pathlib import Path
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.core.ids import digest
from incamera.deid.cache import kept, packed, unpacked
from incamera.text import normalize

ALNUM = 1 << 0
ALPHA = 1 << 1
UPPER = 1 << 2
LOWER = 1 << 3
TITLE = 1 << 4
DIGIT = 1 << 5  # `str.isdigit`: superscripts too
DECIMAL = 1 << 6
SPACE = 1 << 7
MARK = 1 << 8
END = 1 << 9  # after it a sentence, a cell or a quotation may begin
OPENING = 1 << 10  # the same, for telling whether the author capitalises
IGNORED = 1 << 11  # Unicode's "case-ignorable", as far as it stands inside words
MARKED = 1 << 12  # of a script whose words hold marks
TOUCHED = 1 << 13  # `text.normalize.touches` it
UNSPACED = 1 << 14  # of a script written without spaces, which the word gate cannot read
STRANGE = 1 << 15  # a letter of another script that it does not cover

CASED = UPPER | LOWER | TITLE

#: Code points from here on are ideographs and symbols without case. `kind` in the kernels says what they are.
TABLED = 0x20000
IDEOGRAPHS = 0x40000

_ENDS = '.!?:;\n\r"“”„«»•*|>{}[]()<=—–…\t#/\\'
_OPENINGS = '.!?:;\n"“”•*|'
_MARKED = ((0x0300, 0x036F), (0x0483, 0x0489), (0x0591, 0x109D), (0x1712, 0x1DFF))
_UNSPACED = re.compile(
    "[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u1100-\u11ff\u2e80-\u2fdf\u3005-\u30ff\u3100-\u318f\u31a0-\u31bf\u31f0-\u31ff\u3400-\u4dbf"
    "\u4e00-\u9fff\ua960-\ua97f\ua9e0-\ua9ff\uaa60-\uaa7f\uac00-\ud7ff\uf900-\ufaff\uff66-\uffdc\U0001b000-\U0001b16f]"
)
#: Spaced scripts for which there is a base vocabulary: Latin, Greek, Cyrillic, Hebrew, Arabic, Devanagari, Bengali, Tamil.
_COVERED = re.compile(
    "[A-Za-z\u00aa\u00b5\u00ba\u00c0-\u024f\u0250-\u02ff\u1e00-\u1eff\u2c60-\u2c7f\ua720-\ua7ff\u0370-\u03ff\u1f00-\u1fff\u0400-\u052f"
    "\u1c80-\u1c8f\u2de0-\u2dff\ua640-\ua69f\u0590-\u05ff\ufb1d-\ufb4f\u0600-\u06ff\u0750-\u077f\u08a0-\u08ff\ufb50-\ufdff\ufe70-\ufeff"
    "\u0900-\u097f\u0980-\u09ff\u0b80-\u0bff]"
)
#: What words of letters are made of.
_LETTER = re.compile(r"[^\W\d_]")
_FORMAT = "incamera-characters/4"


def points(text: str) -> NDArray[np.uint32]:
    """The code points of *text*, lone surrogates included."""
    return np.frombuffer(text.encode("utf-32-le", "surrogatepass"), np.uint32)


class Characters(NamedTuple):
    """Classes and lower case of the code points below `TABLED`; read-only."""

    classes: NDArray[np.uint16]
    lower: NDArray[np.uint32]


@cache
def characters() -> Characters:
    """The tables of this Python's Unicode version. Cost: 0.2 s once an installation, then a mapping."""
    scripts = _UNSPACED.pattern, _COVERED.pattern
    made_from = _FORMAT, unicodedata.unidata_version, sys.version_info[:2], _ENDS, _OPENINGS, _MARKED, *scripts
    key = digest(repr((*made_from, Path(normalize.__file__).read_bytes())).encode())
    return Characters(*unpacked(kept("characters", key, _derive)))


def _derive() -> bytes:
    classes = np.zeros(TABLED, "<u2")
    lower = np.arange(TABLED, dtype="<u4")
    for point in range(TABLED):
        char = chr(point)
        classes[point] = _classes(char)
        lower[point] = ord(char.lower()[0])
    for chars, bit in ((_ENDS, END), (_OPENINGS, OPENING)):
        classes[[ord(c) for c in chars]] |= bit
    for first, last in _MARKED:
        classes[first : last + 1] |= MARKED
    return packed([classes, lower])


def _classes(char: str) -> int:
    category = unicodedata.category(char)
    unspaced = _UNSPACED.match(char) is not None
    return (
        ALNUM * char.isalnum()
        | ALPHA * char.isalpha()
        | UPPER * char.isupper()
        | LOWER * char.islower()
        | TITLE * (category == "Lt")
        | DIGIT * char.isdigit()
        | DECIMAL * char.isdecimal()
        | SPACE * char.isspace()
        | MARK * (category[0] == "M")
        | IGNORED * (category in ("Mn", "Me", "Lm"))
        | TOUCHED * normalize.touches(char)
        | UNSPACED * unspaced
        | STRANGE * (_LETTER.match(char) is not None and not unspaced and _COVERED.match(char) is None)
    )
