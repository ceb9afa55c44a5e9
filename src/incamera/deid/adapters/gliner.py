"""GLiNER span models exported to ONNX: entities asked for by name.

The graph scores every run of up to `max_width` words against every prompt. Words, prompts and masks are laid out as the
model's own code lays them out: `<<ENT>> label <<ENT>> label ... <<SEP>> word word ...`, tokenised as words.

Source: Zaratiana et al., GLiNER: Generalist Model for Named Entity Recognition (2023); the inputs of its ONNX export.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from incamera.core.errors import Malformed
from incamera.deid.adapters import Detected
from incamera.deid.adapters.files import digest_of, folder, onnx_of, read_json, weights_of
from incamera.deid.adapters.labels import GLINER
from incamera.deid.adapters.onnx import Graph, tokenizer_of

_NAME = "gliner"
_WORD = re.compile(r"\w+(?:[-_]\w+)*|\S")
#: Below the usual 0.5: a union asks for recall.
_THRESHOLD = 0.3
_INPUTS = frozenset(("input_ids", "attention_mask", "words_mask", "text_lengths", "span_idx", "span_mask"))


class Gliner:
    """A span model and the prompts it is asked."""

    name = _NAME

    def __init__(self, root: Path, onnx: Path) -> None:
        config = read_json(root / "gliner_config.json", detector=_NAME)
        self._graph = Graph(onnx)
        if not self._graph.inputs >= _INPUTS:
            hint = "the graph does not take words and spans: only span models (span_mode markerV0) are read"
            raise Malformed("deid.detector-files", hint, where=f"detector {_NAME!r}")
        self._tokenizer = tokenizer_of(root / "tokenizer.json")
        self.weights = digest_of(root, [root / "gliner_config.json", root / "tokenizer.json", *weights_of(onnx)])
        self.version = f"{self._graph.version}+prompts-1"
        self._width = int(config.get("max_width", 12))
        self._words = int(config.get("max_len", 384))
        prompts = [(str(config.get("ent_token", "<<ENT>>")), prompt) for prompt in GLINER]
        self._prompt = [token for pair in prompts for token in pair] + [str(config.get("sep_token", "<<SEP>>"))]
        self._labels = list(GLINER.values())

    def detect(self, texts: Sequence[str]) -> list[list[Detected]]:
        return [list(self._text(text)) for text in texts]

    def _text(self, text: str) -> Iterator[Detected]:
        spans = [m.span() for m in _WORD.finditer(text)]
        step = max(1, self._words - self._width)
        for first in range(0, len(spans), step):
            some = spans[first : first + self._words]
            yield from self._window([text[a:b] for a, b in some], some)
            if first + self._words >= len(spans):
                return

    def _window(self, words: list[str], spans: list[tuple[int, int]]) -> Iterator[Detected]:
        logits = self._graph(self._feeds(words))[0]
        scores = 1.0 / (1.0 + np.exp(-np.clip(logits, -60.0, 60.0)))
        # Overlapping runs may both stand: the resolved list unites them.
        for first, more, kind in np.argwhere(scores > _THRESHOLD).tolist():
            last = first + more
            if last < len(words) and kind < len(self._labels):
                yield Detected(spans[first][0], spans[last][1], self._labels[kind], float(scores[first, more, kind]))

    def _feeds(self, words: list[str]) -> dict[str, NDArray[Any]]:
        encoded = self._tokenizer.encode([*self._prompt, *words], is_pretokenized=True)
        mask = np.zeros((1, len(encoded.ids)), np.int64)
        seen: int | None = None
        for i, word in enumerate(encoded.word_ids):
            if word is not None and word != seen and word >= len(self._prompt):
                mask[0, i] = word - len(self._prompt) + 1
            seen = word
        n = len(words)
        first = np.repeat(np.arange(n), self._width)
        last = first + np.tile(np.arange(self._width), n)
        inside = last < n
        return {
            "input_ids": np.array([encoded.ids], np.int64),
            "attention_mask": np.ones((1, len(encoded.ids)), np.int64),
            "words_mask": mask,
            "text_lengths": np.array([[n]], np.int64),
            # Runs past the end point at nothing: the graph must not gather outside.
            "span_idx": np.stack((first * inside, last * inside), 1)[None].astype(np.int64),
            "span_mask": inside[None],
        }


def open_detector(path: Path | None) -> Gliner:
    """The model in directory *path* (`gliner_config.json`, `tokenizer.json`, `model.onnx`).

    Raises:
        Malformed: `deid.detector-files`.
    """
    root, onnx = onnx_of(path, detector=_NAME)
    return Gliner(folder(root, needs=("gliner_config.json", "tokenizer.json"), detector=_NAME), onnx)
