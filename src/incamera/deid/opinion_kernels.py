"""What the model says of its tokens, carried over to the gate's words: one compiled pass a text."""

from __future__ import annotations

import numba
import numpy as np
from numpy.typing import NDArray

F32 = NDArray[np.float32]
I32 = NDArray[np.int32]


@numba.njit(cache=True)
def judge(logits: F32, handicap: F32, starts: I32, ends: I32, word_starts: I32, word_ends: I32, margin: F32, label: I32) -> None:
    """Margin and label of each word: those of the strongest token that it overlaps, 0 where it overlaps none.

    A token's margin is its best logit, less that label's *handicap* (infinite: not asked), over its logit for O, label 0.
    Tokens and words are in order and do not overlap among themselves.
    """
    first = 0
    for i in range(word_starts.size):
        while first < ends.size and ends[first] <= word_starts[i]:
            first += 1
        margin[i], label[i] = 0.0, 0
        token = first
        while token < starts.size and starts[token] < word_ends[i]:
            best, which = -np.float32(np.inf), 0
            for k in range(1, handicap.size):
                value = logits[token, k] - handicap[k]
                if value > best:
                    best, which = value, k
            best -= logits[token, 0]
            if token == first or best > margin[i]:
                margin[i], label[i] = best, which
            token += 1
