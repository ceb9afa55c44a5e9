"""A look inside base64: a name does not become nobody's by being encoded.

Runs of the base64 alphabets that decode to text (data URLs, the parts of a JWT, MIME bodies, PowerShell's UTF-16) are read
like any other string. What is found inside replaces the whole run and is followed through the conversation; what is not
found inside changes nothing: the gate still sees the run itself, and does not know it.

Linear: a candidate is decoded a few times at most, and only if its beginning reads as text.
"""

from __future__ import annotations

import binascii
import re
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.deid.lexicons.characters import points

#: Shorter runs are too often words; a name and an address are longer.
_LEAST = 16
_ALPHABET = "A-Za-z0-9+/_-"
#: A run, over the line ends of a wrapped body.
_RUN = re.compile(rf"[{_ALPHABET}]{{{_LEAST},}}(?:\r?\n[{_ALPHABET}]{{4,}})*={{0,2}}")
#: Characters decoded first, to see whether it is worth going on.
_TASTE = 64
#: The share of a text's characters that people can read.
_READABLE = 0.9
#: Base64 in base64, and no deeper.
DEPTH = 2


class Run(NamedTuple):
    """[start, end) of a text, and what it says when decoded."""

    start: int
    end: int
    text: str


def runs(text: str, code_points: NDArray[np.uint32] | None = None) -> Iterator[Run]:
    """Runs of *text* (a view: no lone surrogates) that decode to text, in order, not overlapping.

    Args:
        code_points: of *text*, where the caller has them.
    Cost: about a nanosecond a character where there is no candidate, as in most prose.
    """
    from incamera.deid.encoded_kernels import candidate

    seen = points(text) if code_points is None else code_points
    at = candidate(seen, 0, _LEAST)
    while at >= 0 and (m := _RUN.match(text, at)):
        if not _of_one_case(m.group()):
            yield from _read(text, m.start(), m.end())
        at = candidate(seen, m.end(), _LEAST)


def _of_one_case(run: str) -> bool:
    """Encoded text has letters of both cases; long words, paths, rules and hexadecimal digests have not."""
    return run.islower() or run.isupper()


def _read(text: str, start: int, end: int) -> Iterator[Run]:
    """The run as a whole, else its lines, else its parts between slashes: a path or an address may lead up to it."""
    whole = text[start:end]
    if (said := _decoded(whole)) is not None:
        yield Run(start, end, said)
        return
    for mark in ("\n", "/"):
        if mark in whole:
            at = start
            for piece in whole.split(mark):
                if len(piece) >= _LEAST:
                    yield from _read(text, at, at + len(piece)) if mark == "\n" else _piece(at, piece)
                at += len(piece) + 1
            return


def _piece(at: int, piece: str) -> Iterator[Run]:
    if (said := _decoded(piece)) is not None:
        yield Run(at, at + len(piece), said)


def _decoded(run: str) -> str | None:
    """What *run* says, or None if it says nothing readable. Up to three stray characters before it are looked past."""
    if _of_one_case(run):
        return None
    plain = "".join(run.split()).rstrip("=").translate(_URL_SAFE)
    for skip in range(4):
        body = plain[skip:]
        taste = _bytes(body[:_TASTE])
        if taste is None or not any(_readable(taste, how, cut=len(body) > _TASTE) for how in _CODES):
            continue
        raw = _bytes(body)
        for how in _CODES:
            if raw is not None and (said := _readable(raw, how, cut=False)):
                return said
    return None


_URL_SAFE = str.maketrans("-_", "+/")
_CODES = ("utf-8", "utf-16-le")


def _bytes(body: str) -> bytes | None:
    """The bytes of base64 without its padding; a last lone character, which carries no byte, is left out."""
    if len(body) % 4 == 1:
        body = body[:-1]
    try:
        return binascii.a2b_base64(body + "=" * (-len(body) % 4))
    except binascii.Error:  # pragma: no cover - the alphabet is checked by the pattern
        return None


def _readable(raw: bytes, how: str, *, cut: bool) -> str | None:
    """*raw* as text, if most of it can be read. *cut*: it may end inside a character."""
    # UTF-16 makes letters of any two bytes; real text of it is mostly of one script, and half of it at least ASCII.
    if how != "utf-8" and 4 * raw[1::2].count(0) < len(raw) // 2 - 2:
        return None
    try:
        said = raw.decode(how)
    except UnicodeDecodeError as flaw:
        if not cut or flaw.start < len(raw) - 4:
            return None
        said = raw[: flaw.start].decode(how)
    shown = len(said) if said.isprintable() else sum(c.isprintable() or c in "\n\r\t" for c in said)
    if not said or shown < _READABLE * len(said):
        return None
    if how != "utf-8" and 2 * sum(c.isascii() for c in said) < len(said):
        return None
    return said
