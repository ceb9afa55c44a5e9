"""OpenAI Privacy Filter, and any token classifier of its form: a directory with `config.json`, `tokenizer.json`, an ONNX graph.

Labels are B, I, E, S of each class; `viterbi_calibration.json`, where it is there, biases the decoder. The published model
attends within 128 tokens on each side in each of eight layers, so windows that share twice 1,024 tokens lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np

from incamera.core.errors import Malformed
from incamera.deid.adapters import Detected
from incamera.deid.adapters.bioes import BIASES, Bioes, Floats, log_softmax
from incamera.deid.adapters.files import digest_of, folder, onnx_of, read_json, weights_of
from incamera.deid.adapters.labels import PRIVACY_FILTER
from incamera.deid.adapters.onnx import Graph, tokenizer_of
from incamera.deid.adapters.windows import windows

_NAME = "privacy-filter"
#: Tokens in one run of the graph, and how many on each side of it are context only.
_WINDOW, _MARGIN = 4096, 1024
#: Code points decoded as one sequence: bounds memory for very long texts.
_SIZE, _OVERLAP = 200_000, 2_000


class PrivacyFilter:
    """A token classifier with a constrained decoder."""

    name = _NAME

    def __init__(self, root: Path, onnx: Path) -> None:
        config = read_json(root / "config.json", detector=_NAME)
        self._graph = Graph(onnx)
        self._tokenizer = tokenizer_of(root / "tokenizer.json")
        calibration = root / "viterbi_calibration.json"
        read = [root / "config.json", root / "tokenizer.json", *weights_of(onnx)] + [calibration] * calibration.is_file()
        self.weights = digest_of(root, read)
        self.version = self._graph.version
        self._decoder = Bioes(_labels(config), _biases(calibration))
        self._outside = [tag for tag, _ in self._decoder.tags].index("O")

    def detect(self, texts: Sequence[str]) -> list[list[Detected]]:
        return [[one for offset, piece in windows(t, _SIZE, _OVERLAP) for one in self._piece(offset, piece)] for t in texts]

    def _piece(self, offset: int, piece: str) -> Iterator[Detected]:
        encoded = self._tokenizer.encode(piece, add_special_tokens=False)
        if not encoded.ids:
            return
        scores = self._scores(encoded.ids)
        for first, after, kind in self._decoder.spans(self._decoder.best(scores)):
            start, end = encoded.offsets[first][0], encoded.offsets[after - 1][1]
            # Byte-level tokens carry the blank before a word.
            start += len(piece[start:end]) - len(piece[start:end].lstrip())
            end -= len(piece[start:end]) - len(piece[start:end].rstrip())
            if start < end:
                sure = 1.0 - float(np.exp(scores[first:after, self._outside]).mean())
                yield Detected(offset + start, offset + end, PRIVACY_FILTER.get(kind, "OTHER"), min(1.0, max(0.0, sure)))

    def _scores(self, ids: Sequence[int]) -> Floats:
        """Log-probabilities of every token, read in windows of which the middle counts."""
        pieces = []
        step = _WINDOW - 2 * _MARGIN
        for at in range(0, len(ids), step):
            low, high = max(0, at - _MARGIN), min(len(ids), at + step + _MARGIN)
            some = np.array([ids[low:high]], np.int64)
            feeds = {"input_ids": some, "attention_mask": np.ones_like(some), "token_type_ids": np.zeros_like(some)}
            pieces.append(self._graph(feeds)[0, at - low : at - low + step])
        return log_softmax(np.concatenate(pieces))


def _labels(config: dict[str, Any]) -> list[str]:
    given = config.get("id2label")
    try:
        assert isinstance(given, dict)
        labels = [str(given[str(i)]) for i in range(len(given))]
        Bioes(labels)
        labels.index("O")
    except (AssertionError, KeyError, ValueError):
        hint = "id2label of config.json must number O and the B-, I-, E-, S- labels from 0"
        raise Malformed("deid.detector-files", hint, where=f"detector {_NAME!r}") from None
    return labels


def _biases(path: Path) -> dict[str, float]:
    """The default operating point; all zero where there is no file.

    Raises:
        Malformed: `deid.detector-files`: a damaged file would quietly move the balance of recall and precision.
    """
    if not path.is_file():
        return {}
    try:
        point = read_json(path, detector=_NAME)["operating_points"]["default"]["biases"]
        return {name: float(point[f"transition_bias_{name}"]) for name in BIASES}
    except (KeyError, TypeError, ValueError):
        hint = f"{path.name} lacks a default operating point with six biases"
        raise Malformed("deid.detector-files", hint, where=f"detector {_NAME!r}") from None


def open_detector(path: Path | None) -> PrivacyFilter:
    """The model in directory *path*, or the one of its ONNX files that *path* names.

    Raises:
        Malformed: `deid.detector-files`.
    """
    root, onnx = onnx_of(path, detector=_NAME)
    return PrivacyFilter(folder(root, needs=("config.json", "tokenizer.json"), detector=_NAME), onnx)
