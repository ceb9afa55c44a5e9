"""Lines of code told from lines of prose, compiled. Import lazily: it brings LLVM."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: PLR1714, SIM109, SIM110

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.columns import LINE_END, LINE_START
from incamera.deid.lexicons import characters as c
from incamera.deid.memory import get32, jit
from incamera.deid.tokens_kernels import kind

#: Lines of code in its first characters that make a text code.
_LINES, _PART = 4, 20_000
#: How a line of code begins; every other bound is where one of them does.
_BEGIN = ("def ", "class ", "import ", "#include", "function ", "const ", "let ", "var ", "public ", "SELECT ")
_BEGINNINGS = np.array([ord(char) for begin in _BEGIN for char in begin], np.uint32)
_BOUNDS = np.cumsum([0, *map(len, _BEGIN)])
_FROM = np.array([*map(ord, "from ")], np.uint32)
_IMPORT = np.array([*map(ord, " import")], np.uint32)
_OPEN, _CLOSE, _SEMICOLON, _LESS, _SLASH, _UNDERSCORE = map(ord, "{};</_")


@jit
def looks_like_code(text: Any, lines: Any, characters: Any) -> bool:
    """Whether some lines begin or end as lines of code do: `lines` are those of a text, as `tokens_kernels.cut` gives them."""
    points, classes, size = text.ctypes.data, characters.ctypes.data, min(text.size, _PART)
    count = 0
    for i in range(lines.shape[0]):
        start, end = int(lines[i, LINE_START]), min(int(lines[i, LINE_END]), size)
        last = end == size
        while start < end and kind(classes, get32(points, start)) & c.SPACE:
            start += 1
        while start < end and kind(classes, get32(points, end - 1)) & c.SPACE:
            end -= 1
        if start < end:
            count += not last and _ends(get32(points, end - 1))
            count += _begins(points, start, end) or _imports(points, start, end, classes) or _tagged(points, start, end, classes)
            if count >= _LINES:
                return True
        if last:
            break
    return False


@jit
def _ends(point: int) -> bool:
    return point == _OPEN or point == _CLOSE or point == _SEMICOLON


@jit
def _begins(points: int, start: int, end: int) -> bool:
    for k in range(_BOUNDS.size - 1):
        if _stands(points, start, end, _BEGINNINGS, _BOUNDS[k], _BOUNDS[k + 1]):
            return True
    return False


@jit
def _stands(points: int, at: int, end: int, chars: Any, first: int, last: int) -> bool:
    """Whether chars[first:last] stand at *at*, before *end*."""
    if end - at < last - first:
        return False
    for i in range(last - first):
        if get32(points, at + i) != chars[first + i]:
            return False
    return True


@jit
def _imports(points: int, start: int, end: int, classes: int) -> bool:
    """`from module import`."""
    if not _stands(points, start, end, _FROM, 0, _FROM.size):
        return False
    at = first = start + _FROM.size
    while at < end and _word(classes, get32(points, at)):
        at += 1
    return at > first and _stands(points, at, end, _IMPORT, 0, _IMPORT.size)


@jit
def _tagged(points: int, start: int, end: int, classes: int) -> bool:
    """`<name` or `</name`."""
    if get32(points, start) != _LESS:
        return False
    at = start + 1
    if at < end and get32(points, at) == _SLASH:
        at += 1
    return at < end and _word(classes, get32(points, at))


@jit
def _word(classes: int, point: int) -> bool:
    return point == _UNDERSCORE or kind(classes, point) & c.ALNUM != 0
