"""All rules in their order, compiled into one pass over a part; and its verdicts as hits."""

# ruff: noqa: SIM109, PLR1714

from __future__ import annotations

from typing import Any

from incamera.deid.columns import END, LETTERS, START
from incamera.deid.gate.announced import announced, phrase
from incamera.deid.gate.links import links
from incamera.deid.gate.part import Part, code_of, letter, looked_at, marks_of, said, say
from incamera.deid.gate.runs import runs
from incamera.deid.gate.verdicts import (
    DEM,
    DIRECT,
    HEALTH,
    KIND_MASK,
    KIND_SHIFT,
    LABEL_MASK,
    LAST_NAME,
    QUASI,
    REASON_SHIFT,
    SCORE_MASK,
    SCORE_SHIFT,
    SENSITIVE,
    weak,
)  # fmt: skip
from incamera.deid.gate.words import one_word
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit

_DOUBTFUL, _SURE = weak(0.5, "model"), weak(0.8, "model")
#: What the names model says of a word it points at: a label over these bits. Without either it is only nearly a name.
EVEN, FOR, SURENESS = 1, 2, 2
_WORDS = tuple(map(ord, "aiyoe"))
_ANNOUNCING = t.TITLE | t.VOCATIVE | t.ANNOUNCES


@jit
def decide(
    points: Any, folded: Any, words: Any, lines: Any, classes: Any,
    slots: Any, records: Any, phrase_keys: Any, phrase_bounds: Any, phrase_words: Any,
    introducer_bounds: Any, introducer_words: Any,
    cleared: Any, pointed: Any, known: Any, cased: bool, code: bool, masked: Any, spared: Any,
) -> int:  # fmt: skip
    """Write a verdict for each word; returns how many words are masked."""
    n = words.shape[0]
    p = Part(
        points.ctypes.data, points.size, folded.ctypes.data, words.ctypes.data, n, lines.ctypes.data, classes.ctypes.data,
        slots.ctypes.data, slots.size - 1, records.ctypes.data,
        phrase_keys.ctypes.data, phrase_keys.size, phrase_bounds.ctypes.data, phrase_words.ctypes.data,
        introducer_bounds.ctypes.data, introducer_bounds.size - 1, introducer_words.ctypes.data,
        masked.ctypes.data, spared.ctypes.data,
        cleared.ctypes.data if cleared.size else 0, known.ctypes.data if known.size else 0,
        cased, code,
    )  # fmt: skip
    for i in range(n):
        if looked_at(p, i):
            one_word(p, i)
    for i in range(pointed.size):
        if pointed[i]:
            _modelled(p, i, pointed[i])
    for i in range(n):
        if code_of(p, i) & _ANNOUNCING:
            announced(p, i)
    for i in range(n):
        if code_of(p, i) & t.PHRASE:
            phrase(p, i)
    runs(p)
    links(p)
    found = 0
    for i in range(n):
        found += said(p, i) != 0
    return found


@jit
def _modelled(p: Part, i: int, pointed: int) -> None:
    """What the names model points at, whatever the lists say. *pointed* is a label over two bits: in doubt or not, for or not."""
    if said(p, i) or not marks_of(p, i) & LETTERS or letter(p, i) in _WORDS:
        return
    label, sure = pointed >> SURENESS, pointed & (FOR | EVEN)
    if not sure and code_of(p, i) & (t.FUNCTION | t.VOCATIVE):
        return
    if label <= LAST_NAME and pointed & FOR:
        shade = DIRECT
    elif label == DEM or label == HEALTH:
        shade = SENSITIVE
    else:
        shade = QUASI
    say(p, i, label | shade << KIND_SHIFT | (_SURE if sure else _DOUBTFUL))


@jit
def write_hits(words: Any, masked: Any, labels: Any, kinds: Any, detectors: Any, hits: Any) -> None:
    """Verdicts as rows of `hits.Hits`, in order; *labels*, *kinds* and *detectors* say what those rows call them."""
    at = 0
    for i in range(masked.size):
        verdict = masked[i]
        if verdict:
            hits[at, 0], hits[at, 1] = words[i, START], words[i, END]
            hits[at, 2] = labels[verdict & LABEL_MASK]
            hits[at, 3] = kinds[verdict >> KIND_SHIFT & KIND_MASK]
            hits[at, 4] = verdict >> SCORE_SHIFT & SCORE_MASK
            hits[at, 5] = detectors[verdict >> REASON_SHIFT]
            at += 1
