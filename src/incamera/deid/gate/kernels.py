"""All rules in their order, compiled into one pass over a part; and its verdicts as hits."""

# ruff: noqa: SIM109, PLR1714

from __future__ import annotations

from typing import Any

import numpy as np

from incamera.deid.columns import END, LETTERS, START
from incamera.deid.gate.announced import announced, phrase
from incamera.deid.gate.links import links
from incamera.deid.gate.part import Lists, Part, code_of, letter, looked_at, marks_of, said, say
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
from incamera.deid.hits import WIDTH
from incamera.deid.lexicons import tables as t
from incamera.deid.memory import jit
from incamera.deid.opinion_kernels import CLEARED, EVEN, FOR, SURENESS

_DOUBTFUL, _SURE = weak(0.5, "model"), weak(0.8, "model")
_WORDS = tuple(map(ord, "aiyoe"))
_ANNOUNCING = t.TITLE | t.VOCATIVE | t.ANNOUNCES


@jit
def decide(
    points: Any, folded: Any, words: Any, lines: Any, lists: Any, thought: Any, known: Any, cased: bool, code: bool, names: Any
) -> Any:  # fmt: skip
    """A row of `hits.Hits` for each word that is masked, in order, and the words that are spared.

    *lists* are the items of `Lists`; *thought* (what the names model says of each word) and *known* may be empty; *names*
    says how hits call labels, kinds and reasons.
    """
    n = words.shape[0]
    masked, spared = np.zeros(n, np.int32), np.zeros(n, np.uint8)
    p = Part(
        points.ctypes.data, points.size, folded.ctypes.data, words.ctypes.data, n, lines.ctypes.data,
        Lists(
            lists[0], lists[1], lists[2], lists[3], lists[4], lists[5], lists[6], lists[7], lists[8], lists[9], lists[10]
        ),
        masked.ctypes.data, spared.ctypes.data,
        thought.ctypes.data if thought.size else 0, known.ctypes.data if known.size else 0,
        cased, code,
    )  # fmt: skip
    for i in range(n):
        if looked_at(p, i):
            one_word(p, i)
    for i in range(thought.size):
        if thought[i] & ~CLEARED:
            _modelled(p, i, thought[i] & ~CLEARED)
    for i in range(n):
        if code_of(p, i) & _ANNOUNCING:
            announced(p, i)
    for i in range(n):
        if code_of(p, i) & t.PHRASE:
            phrase(p, i)
    runs(p)
    links(p)
    return _written(words, masked, names), np.flatnonzero(spared)


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
def _written(words: Any, masked: Any, names: Any) -> Any:
    """Verdicts as rows of `hits.Hits`."""
    hits = np.empty((np.count_nonzero(masked), WIDTH), np.int32)
    at = 0
    for i in range(masked.size):
        verdict = masked[i]
        if verdict:
            hits[at, 0], hits[at, 1] = words[i, START], words[i, END]
            hits[at, 2] = names[0, verdict & LABEL_MASK]
            hits[at, 3] = names[1, verdict >> KIND_SHIFT & KIND_MASK]
            hits[at, 4] = verdict >> SCORE_SHIFT & SCORE_MASK
            hits[at, 5] = names[2, verdict >> REASON_SHIFT]
            at += 1
    return hits
