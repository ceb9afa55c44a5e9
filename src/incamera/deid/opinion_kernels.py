"""What the model says of its tokens, carried over to the gate's words: one compiled pass a text."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from incamera.deid.columns import BLANK, END, START
from incamera.deid.memory import jit

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]
I64 = NDArray[np.int64]
U8 = NDArray[np.uint8]
U32 = NDArray[np.uint32]

#: What is said of a word: surely no name; that it may be one, as the number of a label over `SURENESS` bits, which say how
#: sure the model is: for it, undecided (`EVEN` alone), or, without either, only nearly. 0: nothing.
EVEN, FOR, SURENESS, CLEARED = 1, 2, 2, 1 << 7
#: The margin of what is a state by its neighbours.
_STATE = 1.0
#: Code points around a tag within which the model lacks what the tag replaced.
_NEAR = 60
_FAR = 1 << 40
_TAG = ord(BLANK)


@jit
def weigh(
    logits: F32, starts: I32, ends: I32, words: I64, points: U32, states: I32, tagged: bool,
    dials: Any, handicap: F32, numbers: U8, state: int,
) -> U8:  # fmt: skip
    """What is said of each word. Tokens (rows of *logits*, their bounds) and words are in order and do not overlap.

    *states* are beginnings of words that are a state's name whatever the model says, *state* is the label for these;
    *numbers* says how each label is written, *dials* and *handicap* are those of `opinion`. *points* matter where the
    text is *tagged*.
    """
    said = np.zeros(words.shape[0], np.uint8)
    token, known, before, behind = 0, 0, -_FAR, _tag_from(points, 0) if tagged else _FAR
    for i in range(words.shape[0]):
        start, end = words[i, START], words[i, END]
        while token < ends.size and ends[token] <= start:
            token += 1
        margin, which = strongest(logits, handicap, starts, token, end)
        while known < states.size and states[known] < start:
            known += 1
        by_neighbours = known < states.size and states[known] == start
        if by_neighbours:
            margin = max(margin, np.float32(_STATE))
        while behind < start:
            before, behind = behind, _tag_from(points, behind + 1)
        near = start - before <= _NEAR or behind - end <= _NEAR
        if margin < (dials.clear_near if near else dials.clear):
            said[i] = CLEARED
        # Beside a tag a letter alone is left to the gate: with the words around it gone, the model takes it for an initial.
        if (margin > dials.add_near and end - start > 1) if near else margin > dials.add:
            label = state if by_neighbours else label_of(logits, handicap, which)
            said[i] |= numbers[label] << SURENESS | (EVEN | FOR if margin > 0 else EVEN if margin == 0 else 0)
    return said


@jit
def _tag_from(points: U32, at: int) -> int:
    """Where the first code point of a tag stands from *at* on."""
    while at < points.size and points[at] != _TAG:
        at += 1
    return at if at < points.size else _FAR


@jit
def strongest(logits: F32, handicap: F32, starts: I32, token: int, end: int) -> tuple[np.float32, int]:
    """The strongest token from *token* on that begins before *end*, behind its margin; 0 and -1 where there is none.

    A token's margin is its best logit, less that label's *handicap* (infinite: not asked), over its logit for O, label 0.
    """
    margin, which = np.float32(0.0), -1
    while token < starts.size and starts[token] < end:
        best = _best(logits, handicap, token) - logits[token, 0]
        if which < 0 or best > margin:
            margin, which = best, token
        token += 1
    return margin, which


@jit
def label_of(logits: F32, handicap: F32, token: int) -> int:
    """The first of the best labels of a token, 0 of none. Few tokens are asked: which label is best, no processor guesses."""
    if token < 0:
        return 0
    best = _best(logits, handicap, token)
    for k in range(1, handicap.size):
        if logits[token, k] - handicap[k] == best:
            return k
    return 0


@jit
def _best(logits: F32, handicap: F32, token: int) -> np.float32:
    best = -np.float32(np.inf)
    for k in range(1, handicap.size):
        best = max(best, logits[token, k] - handicap[k])
    return best
