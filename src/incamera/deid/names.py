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
from typing import TYPE_CHECKING, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from incamera.deid.names_features import I32, U32, Lexicon, common_words, features, joined
from incamera.deid.names_weights import FILE, LABELS, STEP, TOP, read, weights

if TYPE_CHECKING:
    from threadpoolctl import ThreadpoolController  # type: ignore[import-untyped]

__all__ = ["LABELS", "STEP", "Scored", "Tagged", "Tagger", "margins", "merge", "tagger", "tokenise"]

F32 = NDArray[np.float32]

#: Places convolved at a time, and places whose distinct tokens are embedded at a time. They bound memory and change no result.
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
    parts: F32
    direct: F32


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
        self._lexicon = Lexicon.build(arrays["lexicon_keys"], arrays["lexicon_flags"], arrays["lexicon_rows"])
        self._common = self._precompute(common_words())
        self.digest = hashlib.sha256(hashlib.sha256(blob).digest() + bytes.fromhex(self._lexicon.digest)).hexdigest()

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

        cut = [_bounds(text, self._lexicon.classes, kernels) for text in texts]
        if not cut:
            return []
        lengths = np.fromiter((starts.size for _, starts, _ in cut), np.int64, len(cut))
        offsets = np.cumsum([0, *(points.size for points, _, _ in cut[:-1])]).astype(np.int32)
        logits = self._logits(
            np.concatenate([points for points, _, _ in cut]),
            np.concatenate([starts + offset for (_, starts, _), offset in zip(cut, offsets, strict=True)]),
            np.concatenate([ends + offset for (_, _, ends), offset in zip(cut, offsets, strict=True)]),
            lengths,
        )
        rows = np.split(logits, np.cumsum(lengths)[:-1])
        return [Scored(starts, ends, row) for (_, starts, ends), row in zip(cut, rows, strict=True)]

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
        with _blas().limit(limits=1, user_api="blas"):
            return self._blocks(points, starts, ends, lengths)

    def _blocks(self, points: U32, starts: I32, ends: I32, lengths: NDArray[np.int64]) -> F32:
        gap = self._weights.reach
        # Sequences lie one after another with empty places between them that nothing reaches across.
        at = np.arange(starts.size) + gap * (1 + np.repeat(np.arange(lengths.size), lengths))
        places = np.full(starts.size + gap * (lengths.size + 1), -1, np.int32)
        places[at] = np.arange(starts.size, dtype=np.int32)
        found = np.empty((starts.size, len(LABELS)), np.float32)
        for start in range(0, places.size, BLOCK):
            end = min(start + BLOCK, places.size)
            low, high = max(0, start - gap), min(places.size, end + gap)
            tokens = places[low:high]
            held = tokens[tokens >= 0]
            if not held.size:
                continue
            offset = held[0]
            block = slice(int(offset), int(held[-1]) + 1)
            logits = self._block(points, starts[block], ends[block], np.where(tokens < 0, -1, tokens - offset).astype(np.int32))
            kept = slice(start - low, end - low)
            live = tokens[kept] >= 0
            found[tokens[kept][live]] = logits[kept][live]
        return found

    def _block(self, points: U32, starts: I32, ends: I32, tokens: I32) -> F32:
        """Logits of consecutive places; *tokens* says which token stands there, -1 for none."""
        from incamera.deid import names_kernels as kernels

        weights, common = self._weights, self._common
        of, first = np.empty(starts.size, np.int32), np.empty(starts.size, np.int32)
        known = (common.points, common.starts, common.ends, common.slots)
        first = first[: kernels.distinct(points, starts, ends, of, first, *known)]
        parts, direct = self._types(points, starts[first], ends[first])
        places = np.where(tokens < 0, np.int32(-1), of[tokens])
        context = np.empty((places.size, len(LABELS)), np.float32)
        gap = weights.reach
        for start in range(0, places.size, WINDOW):
            end = min(start + WINDOW, places.size)
            low, high = max(0, start - gap), min(places.size, end + gap)
            context[start:end] = self._window(places[low:high], parts)[start - low : end - low]
        count = common.direct.shape[0]
        old, new = (places >= 0) & (places < count), places >= count
        context[old] += common.direct[places[old]]
        context[new] += direct[places[new] - count]
        found: F32 = np.rint((context + weights.out_bias) * np.float32(1 / STEP)) * np.float32(STEP)
        return found

    def _types(self, points: U32, starts: I32, ends: I32) -> tuple[F32, F32]:
        """What each of some distinct tokens adds to its neighbours' first layer, and to its own logits."""
        from incamera.deid import names_kernels as kernels

        weights = self._weights
        types = features(points, starts, ends, self._lexicon)
        embedded = np.empty((starts.size, weights.grams.shape[1]), np.float32)
        kernels.embed(
            types.grams, types.gram_counts, types.rows, types.row_counts, types.words,
            weights.grams, weights.features, weights.words, weights.blend, TOP, embedded,
        )  # fmt: skip
        inner = embedded @ weights.inner
        kernels.rectify(inner, weights.inner_bias, weights.inner_rescale, TOP)
        direct: F32 = np.matmul(inner, weights.direct, dtype=np.float32) * weights.direct_rescale
        return np.matmul(inner, weights.first, dtype=np.float32), direct

    def _precompute(self, words: list[str]) -> Common:
        from incamera.deid import names_kernels as kernels

        points, starts, ends = joined(words)
        with _blas().limit(limits=1, user_api="blas"):
            return Common(points, starts, ends, kernels.slots_of(points, starts, ends), *self._types(points, starts, ends))

    def _window(self, places: I32, parts: F32) -> F32:
        """The contextual share of the logits of consecutive places."""
        from incamera.deid import names_kernels as kernels

        weights = self._weights
        hidden = weights.first.shape[0]
        margin = max(weights.dilations)
        x = np.zeros((places.size + 2 * margin, hidden), np.float32)
        kernels.gather(places, self._common.parts, parts, weights.first_bias, weights.first_rescale, TOP, x[margin:-margin])
        for layer, dilation in enumerate(weights.dilations):
            left, middle, right = (x[margin + by : margin + by + places.size] for by in (-dilation, 0, dilation))
            w = weights.context[layer]
            total = left @ w[:hidden]
            total += middle @ w[hidden : 2 * hidden]
            total += right @ w[2 * hidden :]
            kernels.residual(places, middle, total, weights.context_bias[layer], weights.context_rescale[layer], TOP)
        found: F32 = (x[margin:-margin] @ weights.out) * weights.out_rescale
        return found


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

    _, starts, ends = _bounds(text, _classes(), kernels)
    return [text[start:end] for start, end in zip(starts.tolist(), ends.tolist(), strict=True)]


@cache
def tagger() -> Tagger | None:
    """The model that ships with the product, or None where the installation has none. Built on first use."""
    file = resources.files("incamera.deid") / "names_model" / FILE
    return Tagger(file.read_bytes()) if file.is_file() else None


@cache
def _blas() -> ThreadpoolController:
    """Small products must stay on one thread: spread over cores they spin more than they work. The result is the same."""
    from threadpoolctl import ThreadpoolController

    return ThreadpoolController()


@cache
def _classes() -> NDArray[np.uint8]:
    from incamera.deid import names_kernels as kernels

    return kernels.tables()[0]


def _bounds(text: str, classes: NDArray[np.uint8], kernels: object) -> tuple[U32, I32, I32]:
    points: U32 = kernels.code_points(text)  # type: ignore[attr-defined]
    starts, ends = np.empty(points.size, np.int32), np.empty(points.size, np.int32)
    count: int = kernels.tokenise(points, classes, starts, ends)  # type: ignore[attr-defined]
    return points, starts[:count], ends[:count]
