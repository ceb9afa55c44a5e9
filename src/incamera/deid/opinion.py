"""What the names model thinks of each word of the gate's: one margin and one label, or nothing where no model runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from incamera.deid.columns import BLANK
from incamera.deid.names import LABELS, Scored, Tagger, tagger
from incamera.deid.tokens import Tokens

#: By how much a label must beat O before it counts. The dial is for names; a trade or an illness must convince by itself.
#: Dates are the patterns' business: a month that the model sees in "may" is not worth a finding.
_HANDICAPS = {"O": np.inf, "PERSON": 0.0, "ORG": 0.5, "LOC": 0.0, "DATE": np.inf}
_HANDICAP = np.array([_HANDICAPS.get(label, 3.0) for label in LABELS], np.float32)
#: "us" and "un" are names after an article, and "us" is one before what only a state has.
_STATE = re.compile(r"u[sn](?!\w)(?<!\w..)")  # a letter first: ten times as fast as a word boundary
_ARTICLE = re.compile(r"(?:\A|\W)[Tt]he \Z")
_NOUN = re.compile(r"us ([a-z]+)(?!\w)")
_STATE_NOUNS = """
admiral ally allies ambassador army citizen citizens citizenship coast congress constitution consulate customs diplomat
diplomats dollar dollars economy election elections embassy forces general government governor immigration intelligence
invasion lawmakers marine marines military navy occupation officials passport policy president presidential sanctions
secretary senate senator senators soldier soldiers tariffs taxpayer taxpayers treasury troops visa
"""
_OF_A_STATE = frozenset(_STATE_NOUNS.split())
#: Code points around a tag within which the model lacks what the tag replaced.
_NEAR = 60


class Opinion:
    """Margins over "no name" (logits, multiples of 1/64) aligned with the gate's words."""

    def __init__(self, tokens: Tokens, scored: Scored) -> None:
        from incamera.deid.opinion_kernels import judge

        starts, ends = tokens.starts, tokens.ends
        self._margin, self._label = np.empty(starts.size, np.float32), np.empty(starts.size, np.int32)
        judge(scored.logits, _HANDICAP, scored.starts, scored.ends, starts, ends, self._margin, self._label)
        for word in _states(tokens.text, starts):
            self._margin[word] = max(float(self._margin[word]), 1.0)
            self._label[word] = LABELS.index("LOC")
        self._near = _near_tags(tokens.text, starts, ends)
        self._single = ends - starts == 1

    def below(self, limit: float, near: float) -> NDArray[np.bool_]:
        """Whether each word is surely no name."""
        below: NDArray[np.bool_] = self._margin < (limit if self._near is None else np.where(self._near, near, limit))
        return below

    def above(self, limit: float, near: float) -> tuple[NDArray[np.intp], NDArray[np.int32], NDArray[np.float32]]:
        """Words that may be one; of each its label, an index into `names.LABELS`, and its margin.

        Beside a tag a letter alone is left to the gate: with the words around it gone, the model takes it for an initial.
        """
        least = limit if self._near is None else np.where(self._near, np.where(self._single, np.inf, near), limit)
        at = np.flatnonzero(self._margin > least)
        return at, self._label[at], self._margin[at]


def _states(text: str, starts: NDArray[np.int32]) -> Iterator[int]:
    """Words that are a state's name in small letters although, alone, they are pronouns or articles."""
    for found in _STATE.finditer(text):
        at = found.start()
        noun = _NOUN.match(text, at)
        if _ARTICLE.search(text[max(0, at - 5) : at]) or (noun and noun[1] in _OF_A_STATE):
            i = int(np.searchsorted(starts, at))
            if i < len(starts) and starts[i] == at:
                yield i


def _near_tags(text: str, starts: NDArray[np.int32], ends: NDArray[np.int32]) -> NDArray[np.bool_] | None:
    if BLANK not in text:
        return None
    at = np.array([i for i, c in enumerate(text) if c == BLANK], np.int64)
    before = at[np.maximum(np.searchsorted(at, starts) - 1, 0)]
    behind = at[np.minimum(np.searchsorted(at, ends), len(at) - 1)]
    near: NDArray[np.bool_] = (np.abs(starts - before) <= _NEAR) | (np.abs(behind - ends) <= _NEAR)
    return near


def score(texts: Sequence[str], model: Tagger | None = None) -> list[Scored] | None:
    """The model's logits for each text in one call, or None where no model is installed."""
    model = model or tagger()
    return model.score_texts(texts) if model is not None else None
