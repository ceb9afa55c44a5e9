"""The second tier: reworded passages. **Incomplete by nature**, and never counted together with exact runs.

Two cheap signs that survive rewording: the skeleton of little words (stop-word n-grams) and the rare words in common (TF-IDF
cosine). Both compare windows of about a hundred words. What this tier does not find may still be there.

Source: Stamatatos, "Plagiarism detection using stopword n-grams", JASIST 2011; TF-IDF: Salton and Buckley, 1988.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

import numpy as np
import numpy.typing as npt

from incamera.core.records import Conversation, Span
from incamera.matching.index import Index
from incamera.matching.passages import outputs_only
from incamera.matching.scan import Run
from incamera.text import tokens

METHOD = "near/1: tf-idf cosine and stop-word 8-grams over windows of 100 words; incomplete"
WINDOW = 100
STRIDE = 50
MIN_COSINE = 0.45
#: With a shared skeleton of little words, this much likeness of the rare ones is enough.
MIN_COSINE_WITH_SKELETON = 0.25
SKELETON = 8
#: A word in more of the windows than this says nothing about which one is meant; small sets call no word common.
COMMON_SHARE, COMMON_LEAST = 0.05, 10
#: Windows are compared whole where the rarer words alone make them this much alike.
MIN_RARE = 0.1
_LITTLE = """
the of and a in to is was it for with he be on i that by at you are his had not this have from but which she they or an her were
there we their been has will would so no if my what who when as
"""
#: The commonest words of English prose, whose order survives a change of the others.
STOP_WORDS = frozenset(_LITTLE.split())


@dataclass(frozen=True, slots=True, kw_only=True)
class Near:
    """A window of an output that resembles a window of a work, and is not already an exact run there. Not a count of anything."""

    span: Span
    work_id: str
    work_start: int
    work_end: int
    cosine: float
    skeleton: int
    method: str = METHOD


@dataclass(frozen=True, slots=True)
class _Window:
    owner: int
    start: int
    end: int
    words: list[str]


class NearIndex:
    """Windows of the works as rows of a sparse matrix.

    Cost: memory about 2 kB a window of a hundred words: for works that an output names or hits, or for small sets.
    """

    def __init__(self, index: Index, work_ids: Sequence[str] | None = None) -> None:
        self.ids = [w.work_id for w in index.works()] if work_ids is None else list(work_ids)
        self.windows = [w for n, work_id in enumerate(self.ids) for w in _windows(n, index.text(work_id))]
        self.vocabulary: dict[str, int] = {}
        frequency: Counter[str] = Counter(w for window in self.windows for w in set(window.words))
        self.idf = np.array([np.log((1 + len(self.windows)) / (1 + n)) + 1 for n in frequency.values()])
        self.vocabulary = {word: n for n, word in enumerate(frequency)}
        most = max(COMMON_LEAST, COMMON_SHARE * len(self.windows))
        self.rare = np.flatnonzero(np.array(list(frequency.values())) <= most)
        self.matrix = self._vectors(self.windows)
        self.matrix_rare = self.matrix.tocsc()[:, self.rare].T.tocsr()
        self.skeletons = [_skeleton(w.words) for w in self.windows]

    def _vectors(self, windows: Sequence[_Window]) -> Any:
        from scipy.sparse import csr_array

        data: list[float] = []
        columns: list[int] = []
        bounds = [0]
        for window in windows:
            counts = Counter(w for w in window.words if w in self.vocabulary)
            weights = np.array([(1 + np.log(n)) * self.idf[self.vocabulary[w]] for w, n in counts.items()])
            # Words that no work has count in the length: a window that says other things is less alike.
            strange = Counter(w for w in window.words if w not in self.vocabulary)
            other = sum(((1 + np.log(n)) * (np.log(1 + len(self.windows)) + 1)) ** 2 for n in strange.values())
            length = float(np.sqrt((weights**2).sum() + other)) or 1.0
            data += (weights / length).tolist()
            columns += [self.vocabulary[w] for w in counts]
            bounds.append(len(data))
        return csr_array((data, columns, bounds), shape=(len(windows), len(self.vocabulary)))

    def search(self, text: str) -> list[tuple[_Window, _Window, float, int]]:
        """(window of the text, of a work, cosine, shared skeleton 8-grams): for each window the best one of each work."""
        windows = _windows(0, text)
        if not windows or not self.windows:
            return []
        out = []
        vectors = self._vectors(windows)
        likeness = (vectors.tocsc()[:, self.rare].tocsr() @ self.matrix_rare).tocsr()
        for n, window in enumerate(windows):
            here = slice(likeness.indptr[n], likeness.indptr[n + 1])
            row: npt.NDArray[np.int64] = likeness.indices[here][likeness.data[here] >= MIN_RARE]
            if not len(row):
                continue
            values = (self.matrix[row] @ vectors[[n]].T).toarray().ravel()
            skeleton = _skeleton(window.words)
            best: dict[int, tuple[_Window, _Window, float, int]] = {}
            for column, cosine in zip(row.tolist(), values.tolist(), strict=True):
                if cosine < MIN_COSINE_WITH_SKELETON:
                    continue
                shared = len(skeleton & self.skeletons[column])
                there = self.windows[column]
                if cosine < MIN_COSINE and not shared:
                    continue
                if there.owner not in best or best[there.owner][2] < cosine:
                    best[there.owner] = window, there, cosine, shared
            out += list(best.values())
        return out


def near(conversation: Conversation, runs: Iterable[Run], index: NearIndex) -> list[Near]:
    """Windows of the conversation's outputs that resemble a work, outside the exact runs of that work.

    Raises nothing; finds what it finds. Its rows carry `method`, which says that they are incomplete.
    """
    outputs = outputs_only(conversation, runs)
    out = []
    for turn in conversation.turns:
        for p, part in enumerate(turn.parts):
            if turn.role != "assistant" or part.kind == "tool_result":
                continue
            for here, there, cosine, skeleton in index.search(part.text):
                work_id = index.ids[there.owner]
                span = Span(turn=turn.index, part=p, start=here.start, end=here.end)
                if not _covered(span, work_id, outputs):
                    out.append(
                        Near(
                            span=span,
                            work_id=work_id,
                            work_start=there.start,
                            work_end=there.end,
                            cosine=round(cosine, 4),
                            skeleton=skeleton,
                        )
                    )
    return sorted(out, key=lambda n: (n.span, n.work_id, n.work_start))


def _covered(span: Span, work_id: str, runs: Sequence[Run]) -> bool:
    """Whether exact runs of the work already hold half of the window."""
    held = 0
    for run in runs:
        s = run.match.span
        if run.match.work_id == work_id and (s.turn, s.part) == (span.turn, span.part):
            held += max(0, min(s.end, span.end) - max(s.start, span.start))
    return 2 * held >= span.end - span.start


def _windows(owner: int, text: str) -> list[_Window]:
    words = tokens.words(text)
    edges = list(range(0, max(1, len(words) - STRIDE), STRIDE))
    out = []
    for a in edges:
        some = words[a : a + WINDOW]
        if len(some) >= STRIDE // 2:
            out.append(_Window(owner, some[0][1], some[-1][2], [w for w, _, _ in some]))
    return out


def _skeleton(words: Sequence[str]) -> frozenset[tuple[str, ...]]:
    little = [w for w in words if w in STOP_WORDS]
    grams = zip(*(little[i:] for i in range(SKELETON)), strict=False)
    return frozenset(g for g in grams if len(set(g)) >= 4 and all(a != b for a, b in pairwise(g)))
