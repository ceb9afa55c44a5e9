"""The vocabulary gate: a word survives only if it is known, and not a name in context.

Everything else is a finding. A word's fate follows from what is known of it (`lexicons.tables`), how it is written,
where it stands, and, where there is one, the names model. No list of bad words is ever complete; a list of
ordinary ones can be.

The rules, one family a file, in the order in which they speak; the first that says something of a word is heard, but for
places of several words:

    words      one word: known, descriptive, a number (`numbers`), a capital explained or not (`headlines`, `derived`)
    model      what the names model points at
    announced  "Mr", "Dear", "my name is"; places of several words
    runs       a run of capitals is one name
    links      small words beside and between the parts of a name

They are compiled: integers in, integers out, nothing of a text kept.
"""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from importlib.resources import files

import numpy as np
from numpy.typing import NDArray

from incamera.core.canon import canonical
from incamera.core.ids import Digest, digest
from incamera.deid import hits as h
from incamera.deid.columns import PLAIN
from incamera.deid.gate import verdicts as v
from incamera.deid.lexicons import tables as t
from incamera.deid.lexicons.characters import characters
from incamera.deid.lexicons.words import Words
from incamera.deid.names import LABELS, Scored
from incamera.deid.opinion import Dials, weigh
from incamera.deid.tokens import Tokens

#: Margins over "no name", in thousandths of a logit: what the names model adds beyond, and clears below. Where the author uses
#: no capitals the model is nearly all there is, and its dial is turned further up. Beside a tag, whose own word the model can
#: no longer see, a second pass must not judge more harshly.
THRESHOLDS = {
    "add": -3400, "clear": -6000, "add-uncased": -4300, "clear-uncased": -5000, "add-near-tag": 3000, "clear-near-tag": 0,
}  # fmt: skip
#: Where the rules are written.
_FILES = (
    *(f"gate/{name}.py" for name in ("announced", "derived", "headlines", "kernels", "links", "numbers", "part", "runs")),
    *("gate/verdicts.py", "gate/words.py", "columns.py", "opinion.py", "opinion_kernels.py", "tokens_kernels.py"),
    *("lexicons/characters.py", "lexicons/kernels.py"),
)  # fmt: skip

_NOBODY = np.zeros(0, np.bool_)
_NOTHING = np.zeros(0, np.uint8)


class Gate:
    """The decisions for one part.

    Args:
        known: Words that at least k subjects of the draw use.
        code: Whether the part is code.
        scored: What the names model says of its tokens, if one runs.
        bias: How far the dial of the names model is turned up, in logits.
    """

    def __init__(
        self,
        tokens: Tokens,
        *,
        known: Mapping[str, int] | None = None,
        code: bool = False,
        scored: Scored | None = None,
        bias: float = 0.0,
    ) -> None:
        self._tokens = tokens
        self._code = code
        self._known = _used(tokens, known) if known else _NOBODY
        self._said = _NOTHING if scored is None else weigh(tokens, scored, _dials(tokens.cased, bias), _numbers())
        self._spared: list[int] = []

    def hits(self) -> h.Hits:
        """A row for each word that does not survive, in order. Cost: some 50 ns a word."""
        from incamera.deid.gate import kernels

        tokens, table = self._tokens, self._tokens.table
        if table is None or not len(tokens):
            return h.empty()
        hits: h.Hits
        hits, spared = kernels.decide(
            tokens.points, tokens.folded, tokens.rows, tokens.lines, _lists(table), self._said, self._known,
            tokens.cased, self._code, _names(),
        )  # fmt: skip
        self._spared = spared.tolist()
        return hits

    @property
    def spared(self) -> list[int]:
        """Numbers that count articles or steps: safe if that word itself survives. Known after `hits`."""
        return self._spared


@cache
def version() -> Digest:
    """Digest of the rules and the thresholds, for the recipe."""
    here = files("incamera.deid")
    return digest(canonical({"thresholds": THRESHOLDS, "rules": {name: digest((here / name).read_bytes()) for name in _FILES}}))


@cache
def _dials(cased: bool, bias: float) -> Dials:
    case = "" if cased else "-uncased"
    least = {name: THRESHOLDS[name] / 1000 for name in THRESHOLDS}
    return Dials(
        *map(np.float32, (least["clear" + case], least["clear-near-tag"], least["add" + case] - bias, least["add-near-tag"]))
    )


def _used(tokens: Tokens, known: Mapping[str, int]) -> NDArray[np.bool_]:
    """Which words *known* holds, of those for which it matters: no name, and not safe already."""
    safe = t.SAFE_CASED | t.SAFE_UNCASED
    open_ = (tokens.bits & t.NAME == 0) & ((tokens.bits & safe != safe) | (tokens.marks & PLAIN == 0))
    used = np.zeros(len(tokens), np.bool_)
    lower = tokens.folded.tobytes().decode("utf-32-le", "surrogatepass")
    for i, start, end in zip(
        np.flatnonzero(open_).tolist(), tokens.starts[open_].tolist(), tokens.ends[open_].tolist(), strict=True
    ):
        used[i] = lower[start:end] in known
    return used


@cache
def _numbers() -> NDArray[np.uint8]:
    """The gate's number of each label of the names model; 0 for those that it does not take from there."""
    return np.array([v.LABELS.index(label) + 1 if label in v.LABELS else 0 for label in LABELS], np.uint8)


@cache
def _lists(table: Words) -> NDArray[np.int64]:
    """Addresses and sizes of what the rules ask: classes of characters, words, phrases, announcements. It stays where it is."""
    from incamera.deid.gate.part import Lists

    return np.array(
        Lists(
            characters().classes.ctypes.data,
            table.slots.ctypes.data, table.slots.size - 1, table.records.ctypes.data,
            table.phrase_keys.ctypes.data, table.phrase_keys.size,
            table.phrase_bounds.ctypes.data, table.phrase_words.ctypes.data,
            table.introducer_bounds.ctypes.data, table.introducer_bounds.size - 1, table.introducer_words.ctypes.data,
        ),
        np.int64,
    )  # fmt: skip


@cache
def _names() -> NDArray[np.int32]:
    """Labels, kinds and reasons as `hits` numbers them, a row each."""
    detectors = ["names.model" if reason == "model" else f"gate.{reason}" for reason in v.REASONS]
    codes = (
        [0, *(h.LABEL_CODE[label] for label in v.LABELS)],
        [h.KIND_CODE[kind] for kind in v.KINDS],
        [h.DETECTOR_CODE[detector] for detector in detectors],
    )
    names = np.zeros((3, max(map(len, codes))), np.int32)
    for row, numbers in zip(names, codes, strict=True):
        row[: len(numbers)] = numbers
    return names
