"""Begin, inside, outside, end, single: the best legal labelling of a sequence, and its spans.

Source: the constrained Viterbi decoder that the OpenAI Privacy Filter's card describes, with the six transition biases of its
`viterbi_calibration.json`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

Floats = NDArray[np.float32]
BIASES = ("background_stay", "background_to_start", "inside_to_continue", "inside_to_end", "end_to_background", "end_to_start")
_NEVER = np.float32(-1e9)


class Bioes:
    """The legal transitions of one label space.

    Raises:
        ValueError: a label is neither `O` nor `B-`, `I-`, `E-`, `S-` and a class.
    """

    def __init__(self, labels: Sequence[str], biases: Mapping[str, float] | None = None) -> None:
        self.tags = [_split(label) for label in labels]
        given = {name: float((biases or {}).get(name, 0.0)) for name in BIASES}
        n = len(labels)
        self._move = np.full((n, n), _NEVER, np.float32)
        for i, before in enumerate(self.tags):
            for j, after in enumerate(self.tags):
                name = _transition(before, after)
                if name:
                    self._move[i, j] = given[name]
        self._start = np.array([0.0 if tag in "OBS" else _NEVER for tag, _ in self.tags], np.float32)
        self._end = np.array([0.0 if tag in "OES" else _NEVER for tag, _ in self.tags], np.float32)

    def best(self, scores: Floats) -> NDArray[np.int64]:
        """The legal labelling of the highest sum of *scores* (log-probabilities, [tokens, labels]).

        Cost: O(tokens x labels^2).
        """
        n = len(scores)
        if not n:
            return np.zeros(0, np.int64)
        came = np.zeros(scores.shape, np.int32)
        now = scores[0] + self._start
        for i in range(1, n):
            ways = now[:, None] + self._move
            came[i] = ways.argmax(0)
            now = ways.max(0) + scores[i]
        path = np.zeros(n, np.int64)
        path[-1] = int((now + self._end).argmax())
        for i in range(n - 1, 0, -1):
            path[i - 1] = came[i, path[i]]
        return path

    def spans(self, path: Sequence[int] | NDArray[np.int64]) -> Iterator[tuple[int, int, str]]:
        """(first, after the last, class) of each span of a legal labelling."""
        first = 0
        for i, code in enumerate(path):
            tag, kind = self.tags[int(code)]
            if tag in "BS":
                first = i
            if tag in "ES":
                yield first, i + 1, kind


def log_softmax(logits: Floats) -> Floats:
    """Log-probabilities along the last axis."""
    shifted = logits - logits.max(-1, keepdims=True)
    out: Floats = (shifted - np.log(np.exp(shifted).sum(-1, keepdims=True))).astype(np.float32)
    return out


def _split(label: str) -> tuple[str, str]:
    if label == "O":
        return "O", ""
    tag, dash, kind = label.partition("-")
    if tag not in ("B", "I", "E", "S") or not dash or not kind:
        raise ValueError("a label is O, or B-, I-, E- or S- and a class")
    return tag, kind


def _transition(before: tuple[str, str], after: tuple[str, str]) -> str:
    """The name of the bias of a legal transition; empty if it is illegal."""
    (a, a_kind), (b, b_kind) = before, after
    if a == "O":
        return "background_stay" if b == "O" else "background_to_start" if b in "BS" else ""
    if a in "BI":
        return "" if a_kind != b_kind else "inside_to_continue" if b == "I" else "inside_to_end" if b == "E" else ""
    return "end_to_background" if b == "O" else "end_to_start" if b in "BS" else ""
