"""What the names model thinks of each word of the gate's: one margin and one label, or nothing where no model runs."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from incamera.deid.names import LABELS, Scored, Tagger, tagger
from incamera.deid.tokens import BLANK, Tokens

#: Dates are the patterns' business: a month that the model sees in "may" is not worth a finding.
_ASKED = np.array([LABELS.index(x) for x in LABELS if x not in ("O", "DATE")])
_NAMES = [LABELS[i] for i in _ASKED]
#: The dial is for names; a trade or an illness must convince by itself.
_HANDICAP = np.array([{"PERSON": 0.0, "LOC": 0.0, "ORG": 0.5}.get(x, 3.0) for x in _NAMES], np.float32)
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
        asked = scored.logits[:, _ASKED] - _HANDICAP
        best = asked.argmax(1) if len(asked) else np.zeros(0, np.intp)
        margin = asked.max(1) - scored.logits[:, 0] if len(asked) else np.zeros(0, np.float32)
        spans = np.array(tokens.spans, np.int64).reshape(-1, 2)
        # Each word takes the strongest of the model's tokens that it overlaps; one it does not overlap says nothing.
        first = np.searchsorted(scored.ends, spans[:, 0], "right")
        after = np.searchsorted(scored.starts, spans[:, 1], "left")
        at = np.minimum(first, max(len(margin) - 1, 0))
        for i in np.nonzero(after - first > 1)[0]:
            at[i] = first[i] + int(margin[first[i] : after[i]].argmax())
        known = after > first
        self._margin: NDArray[np.float64] = np.where(known, margin[at], 0.0) if len(margin) else np.zeros(len(spans))
        self._label = best[at] if len(margin) else np.zeros(len(spans), np.intp)
        for word in _states(tokens.text, spans[:, 0]):
            self._margin[word] = max(float(self._margin[word]), 1.0)
            self._label[word] = _NAMES.index("LOC")
        self._near = _near_tags(tokens.text, spans)

    def below(self, limit: float, near: float) -> NDArray[np.bool_]:
        """Whether each word is surely no name."""
        below: NDArray[np.bool_] = self._margin < (limit if self._near is None else np.where(self._near, near, limit))
        return below

    def above(self, limit: float, near: float) -> Iterator[tuple[int, str, float]]:
        """(word, label, margin) of each word that may be one."""
        for i in np.nonzero(self._margin > (limit if self._near is None else np.where(self._near, near, limit)))[0].tolist():
            yield i, _NAMES[self._label[i]], float(self._margin[i])


def _states(text: str, starts: NDArray[np.int64]) -> Iterator[int]:
    """Words that are a state's name in small letters although, alone, they are pronouns or articles."""
    for found in _STATE.finditer(text):
        at = found.start()
        noun = _NOUN.match(text, at)
        if _ARTICLE.search(text[max(0, at - 5) : at]) or (noun and noun[1] in _OF_A_STATE):
            i = int(np.searchsorted(starts, at))
            if i < len(starts) and starts[i] == at:
                yield i


def _near_tags(text: str, spans: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    if BLANK not in text:
        return None
    at = np.array([i for i, c in enumerate(text) if c == BLANK], np.int64)
    before = at[np.maximum(np.searchsorted(at, spans[:, 0]) - 1, 0)]
    behind = at[np.minimum(np.searchsorted(at, spans[:, 1]), len(at) - 1)]
    near: NDArray[np.bool_] = (np.abs(spans[:, 0] - before) <= _NEAR) | (np.abs(behind - spans[:, 1]) <= _NEAR)
    return near


def score(texts: Sequence[str], model: Tagger | None = None) -> list[Scored] | None:
    """The model's logits for each text in one call, or None where no model is installed."""
    model = model or tagger()
    return model.score_texts(texts) if model is not None else None
