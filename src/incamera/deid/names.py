"""The embedded names model: which tokens name a person, a firm, a place, a date or a trait.

A vector is made from the token alone (`names_features`), three convolutions look at up to eight tokens on either side, and
nine logits come out. After the tables every number is an integer held in float32, and every sum stays below 2**24: it is
exact in any order, so that a token's logits do not depend on batching, on threads or on the machine.

The weights were trained by this project (`training/`, `names_model/MODEL.md`). Nothing is fetched at run time.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from itertools import pairwise
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.deid.names_features import I32, U32, Lexicon, features, joined
from incamera.deid.names_weights import FILE, LABELS, STEP, TOP, layers, read, weights

if TYPE_CHECKING:
    from incamera.deid.names_layers_kernels import Shares

__all__ = ["LABELS", "STEP", "Scored", "Tagged", "Tagger", "margins", "merge", "tagger", "tokenise"]

F32 = NDArray[np.float32]

#: Tokens convolved at a time, and tokens whose distinct ones are embedded at a time. They bound memory and change no result.
WINDOW: Final = 1024
BLOCK: Final = 32 * WINDOW


class Tagged(NamedTuple):
    """Tokens `start` to `end` (half-open) carry one label; `score` is their mean margin over O, in logits."""

    start: int
    end: int
    label: str
    score: float


class Scored(NamedTuple):
    """One text: bounds of its tokens in code points, and a row of logits for each."""

    starts: I32
    ends: I32
    logits: F32


@dataclass(frozen=True, slots=True)
class Common:
    """The public words that most tokens of most texts are, with their shares computed once a process."""

    points: U32
    starts: I32
    ends: I32
    slots: I32
    shares: Shares


class Tagger:
    """Logits for tokens. Build it once a process with `tagger()`; between calls it holds public words only, no text."""

    labels: Final = LABELS

    def __init__(self, blob: bytes) -> None:
        """
        Args:
            blob: The bytes of a model file.

        Raises:
            Malformed: `names.version`, `names.damaged`, or `names.range` where a sum could leave the exact range.

        Cost: under a second, most of it frequency lists and compiled code read back from disk.
        """
        arrays, dilations = read(blob)
        self._weights = weights(arrays, dilations)
        self._type_layers, self._token_layers = layers(self._weights)
        file = hashlib.sha256(blob)
        self._lexicon = Lexicon.kept(file.hexdigest(), arrays["lexicon_keys"], arrays["lexicon_flags"], arrays["lexicon_rows"])
        self._common = self._precompute(self._lexicon.common)
        self.digest = hashlib.sha256(file.digest() + bytes.fromhex(self._lexicon.digest)).hexdigest()

    def __repr__(self) -> str:
        return f"<Tagger {self.digest[:12]}>"

    def scores(self, sentences: Sequence[Sequence[str]]) -> list[F32]:
        """Logits of each sentence's tokens, (tokens, labels), in multiples of `STEP`; O comes first.

        Args:
            sentences: Tokens as `tokenise` cuts them; each sentence is judged alone, whatever stands beside it.

        Privacy: reads text, keeps none.
        Cost: about a microsecond and a half a token, and a constant fifty for each call.
        """
        tokens = [token for sentence in sentences for token in sentence]
        lengths = np.fromiter(map(len, sentences), np.int64, len(sentences))
        logits = self._logits(*joined(tokens), lengths)
        return np.split(logits, np.cumsum(lengths)[:-1]) if len(sentences) else []

    def score_texts(self, texts: Sequence[str]) -> list[Scored]:
        """The same from untokenised text: bounds in code points of each text, and logits. The fast way in."""
        from incamera.deid import names_kernels as kernels

        points, starts, ends, lengths = kernels.cut(texts, self._lexicon.classes)
        logits = self._logits(points, starts, ends, lengths)
        offsets = np.cumsum([0, *map(len, texts)])[:-1].astype(np.int32)
        shift = np.repeat(offsets, lengths)
        starts -= shift
        ends -= shift
        bounds = [0, *np.cumsum(lengths).tolist()]
        return [Scored(starts[a:b], ends[a:b], logits[a:b]) for a, b in pairwise(bounds)]

    def spans(self, tokens: Sequence[str], *, bias: float = 0.0) -> list[Tagged]:
        """Runs of tokens with one label other than O.

        Args:
            tokens: One sentence or text.
            bias: The recall dial: subtracted from every O logit. More finds more, rightly and wrongly.
        """
        (logits,) = self.scores([tokens])
        return merge(tokens, logits, bias=bias)

    def _logits(self, points: U32, starts: I32, ends: I32, lengths: NDArray[np.int64]) -> F32:
        """Logits of the tokens of sequences of *lengths*, in blocks: only neighbours within `reach` matter."""
        sequence = np.repeat(np.arange(lengths.size, dtype=np.int32), lengths)
        found = np.empty((starts.size, self._token_layers.out_bias.size), np.float32)
        gap = self._weights.reach
        for start in range(0, starts.size, BLOCK):
            low, end = max(0, start - gap), min(starts.size, start + BLOCK)
            seen = slice(low, min(starts.size, end + gap))
            self._block(points, starts[seen], ends[seen], sequence[seen], start - low, found[start:end])
        return found[:, : len(LABELS)]

    def _block(self, points: U32, starts: I32, ends: I32, sequence: I32, offset: int, found: F32) -> None:
        """Logits of the tokens from *offset* on, as many as *found* holds; *sequence* says which of them may see each other."""
        from incamera.deid import names_kernels as kernels
        from incamera.deid import names_layers_kernels as layers

        common = self._common
        of, first = np.empty(starts.size, np.int32), np.empty(starts.size, np.int32)
        known = (common.points, common.starts, common.ends, common.slots)
        first = first[: kernels.distinct(points, starts, ends, of, first, *known)]
        others = self._shares(points, starts[first], ends[first])
        layers.logits(of, sequence, offset, WINDOW, common.shares, others, self._token_layers, TOP, STEP, found)

    def _shares(self, points: U32, starts: I32, ends: I32) -> Shares:
        """What each of some distinct tokens adds to its neighbours' first layer, and to its own logits."""
        from incamera.deid import names_layers_kernels as layers

        types = features(points, starts, ends, self._lexicon)
        made = layers.room(self._type_layers, starts.size)
        layers.shares(
            types.grams, types.gram_counts, types.rows, types.row_counts, types.words, self._type_layers, TOP, made
        )  # fmt: skip
        return layers.Shares(*(rows[: starts.size] for rows in made))

    def _precompute(self, words: list[str]) -> Common:
        from incamera.deid import names_kernels as kernels

        points, starts, ends = joined(words)
        return Common(points, starts, ends, kernels.slots_of(points, starts, ends), self._shares(points, starts, ends))


def merge(tokens: Sequence[str], logits: F32, *, bias: float = 0.0) -> list[Tagged]:
    """Runs of equal best label; white space belongs to no run."""
    biased = logits.copy()
    biased[:, 0] -= np.float32(bias)
    best = biased.argmax(1)
    margins = biased.max(1) - biased[:, 0]
    found: list[Tagged] = []
    for i, (token, label) in enumerate(zip(tokens, best.tolist(), strict=True)):
        if not label or token.isspace():
            continue
        if found and found[-1].end == i and found[-1].label == LABELS[label]:
            start = found.pop().start
        else:
            start = i
        found.append(Tagged(start, i + 1, LABELS[label], float(margins[start : i + 1].mean(dtype=np.float64))))
    return found


def margins(logits: F32, *, among: Sequence[str] = LABELS[1:]) -> F32:
    """By how much the best label *among* some beats O: above 0 it is the model's choice, above -bias with the dial turned.

    Types deserve dials of their own: PERSON, ORG and LOC stand a higher bias than DATE or OTHER for the same share of text.
    """
    columns = [LABELS.index(label) for label in among]
    found: F32 = logits[:, columns].max(1) - logits[:, 0]
    return found


def tokenise(text: str) -> list[str]:
    """The tokens that the model knows: words, runs of one punctuation character, line ends."""
    from incamera.deid import names_kernels as kernels

    _, starts, ends, _ = kernels.cut([text], _classes())
    return [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


@cache
def tagger() -> Tagger | None:
    """The model that ships with the product, or None where the installation has none. Built on first use."""
    file = resources.files("incamera.deid") / "names_model" / FILE
    return Tagger(file.read_bytes()) if file.is_file() else None


@cache
def _classes() -> NDArray[np.uint8]:
    from incamera.deid import names_kernels as kernels

    return kernels.tables()[0]
