"""Where encoded text can begin, compiled. Import lazily: it brings LLVM."""

# Kernels are written for the compiler: plain loops and plain comparisons.
# ruff: noqa: SIM109, PLR1714

from __future__ import annotations

from typing import Any

from incamera.deid.memory import get32, jit

_A, _Z, _SMALL_A, _SMALL_Z, _ZERO, _NINE, _PLUS, _SLASH, _UNDERSCORE, _HYPHEN = map(ord, "AZaz09+/_-")
_FEED, _RETURN = map(ord, "\n\r")


@jit
def candidate(text: Any, at: int, least: int) -> int:
    """The start of the first run of *least* characters of base64 at or behind *at* that can be encoded text, or -1.

    A run that ends its line may go on in the next. Any other needs letters of both cases, or none at all: long words, paths,
    rules and hexadecimal digests have one.
    """
    points, size = text.ctypes.data, text.size
    while at < size:
        start, upper, lower = at, False, False
        while at < size:
            point = get32(points, at)
            if _SMALL_A <= point <= _SMALL_Z:
                lower = True
            elif _A <= point <= _Z:
                upper = True
            elif not (_ZERO <= point <= _NINE or point == _PLUS or point == _SLASH or point == _UNDERSCORE or point == _HYPHEN):
                break
            at += 1
        if at - start >= least and (upper == lower or (at < size and _ends_line(get32(points, at)))):
            return start
        at += 1
    return -1


@jit
def _ends_line(point: int) -> bool:
    return point == _FEED or point == _RETURN
