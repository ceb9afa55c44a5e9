"""What the names model says of each word of the gate's: that it may be a name, that it surely is none, or nothing."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.deid.columns import BLANK
from incamera.deid.names import LABELS, Scored, Tagger, tagger
from incamera.deid.tokens import Tokens

#: By how much a label must beat O before it counts. The dial is for names; a trade or an illness must convince by itself.
#: Dates are the patterns' business: a month that the model sees in "may" is not worth a finding.
_HANDICAPS = {"O": np.inf, "PERSON": 0.0, "ORG": 0.5, "LOC": 0.0, "DATE": np.inf}
_HANDICAP = np.array([_HANDICAPS.get(label, 3.0) for label in LABELS], np.float32)
_LOC = LABELS.index("LOC")
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
_NOWHERE = np.zeros(0, np.int32)


class Dials(NamedTuple):
    """Margins over "no name", in logits: below the first two a word is surely none, above the others it may be one; *near* a
    tag, whose own word the model can no longer see, and elsewhere."""

    clear: np.float32
    clear_near: np.float32
    add: np.float32
    add_near: np.float32


def weigh(tokens: Tokens, scored: Scored, dials: Dials, numbers: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """What the model says of each word, in the bits of `opinion_kernels`.

    Args:
        scored: What `score` gives for the text of *tokens*.
        numbers: How the caller writes each of `names.LABELS`, below 32.
    """
    from incamera.deid import opinion_kernels as kernels

    said: NDArray[np.uint8] = kernels.weigh(
        scored.logits, scored.starts, scored.ends, tokens.rows, tokens.points, _states(tokens.text), BLANK in tokens.text,
        dials, _HANDICAP, numbers, _LOC,
    )  # fmt: skip
    return said


def _states(text: str) -> NDArray[np.int32]:
    """Beginnings of words that are a state's name in small letters although, alone, they are pronouns or articles."""
    found = []
    for match in _STATE.finditer(text):
        at = match.start()
        noun = _NOUN.match(text, at)
        if _ARTICLE.search(text[max(0, at - 5) : at]) or (noun and noun[1] in _OF_A_STATE):
            found.append(at)
    return np.array(found, np.int32) if found else _NOWHERE


def score(texts: Sequence[str], model: Tagger | None = None) -> list[Scored] | None:
    """The model's logits for each text in one call, or None where no model is installed."""
    model = model or tagger()
    return model.score_texts(texts) if model is not None else None
