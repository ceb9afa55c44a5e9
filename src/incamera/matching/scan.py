"""Search texts for every run they share with a claimed work: one row per maximal exact run, none of the declared length lost.

The core is `scan_batch`, over Arrow or packed UTF-8; `scan` and `scan_all` put conversations through it and label the runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from incamera.core.errors import Refused
from incamera.core.records import HEADER, Commonness, Conversation, Match, Span
from incamera.matching import align, commonness, compiled, elicitation
from incamera.matching.align import Rows
from incamera.matching.commonness import Background, shipped
from incamera.matching.index import Index
from incamera.matching.unigrams import language
from incamera.text import tokens
from incamera.text.offsets import Packed, from_arrow, pack

#: Conversations are put through the kernels together, up to this many characters at a time.
BATCH_CHARACTERS = 16 << 20
#: Words of a text by which its language is told, for surprisal.
LANGUAGE_WORDS = 400


@dataclass(frozen=True, slots=True, repr=False)
class Run:
    """A match with its places counted in words, as elicitation and passages need them. *match* is what leaves the room."""

    match: Match
    segment: int
    work: int
    first: int
    last: int
    work_first: int

    @property
    def fold(self) -> str:
        """The token stream in which the run is counted."""
        return self.match.fold

    @property
    def work_last(self) -> int:
        """Past the last word of the run, in the work."""
        return self.work_first + self.last - self.first


def scan_batch(texts: Any, index: Index, *, min_words: int | None = None) -> tuple[Rows, Rows]:
    """Maximal runs of every text: rows of `words/1`, and rows of `chars/1`.

    Args:
        texts: An Arrow string array, or `text.offsets.Packed`.
        min_words: Shortest run reported, in words; at least the index's threshold, which is the default. Runs of `chars/1` count
            from 16 characters of unspaced scripts.

    Raises:
        Refused: `matching.below-threshold`.

    Cost: linear; one pass over the texts for each segment, and one tokenisation of each text with a hit.
    Privacy: reads raw text, copies none into the rows; but offsets into a work reveal the passage to whoever holds the work.
    """
    packed = texts if isinstance(texts, Packed) else from_arrow(texts)
    least = index.plan.threshold if min_words is None else min_words
    if least < index.plan.threshold:
        hint = f"the index was made for runs of {index.plan.threshold} words or more: build another for shorter runs"
        raise Refused("matching.below-threshold", hint, where=f"min_words {least}")
    words = [
        align.confirm(packed, n, segment, segment.words, compiled.probe(packed, segment.words), threshold=least)
        for n, segment in enumerate(index.segments)
    ]
    return align.join(words), _scan_chars(packed, index)


def _scan_chars(packed: Packed, index: Index) -> Rows:
    """The stream `chars/1`, for the texts that hold enough characters of unspaced scripts."""
    with_chars = [(n, s, s.chars) for n, s in enumerate(index.segments) if s.chars is not None]
    if not with_chars:
        return align.empty()
    numbers = np.flatnonzero(compiled.unspaced(packed) >= with_chars[0][2].plan.threshold)
    if not len(numbers):
        return align.empty()
    chosen = packed.take(numbers)
    found = tokens.tokenise(chosen, chars=True)
    rows = [
        align.confirm(
            chosen, n, segment, stream, compiled.probe_hashes(found, stream), threshold=stream.plan.threshold, chars=True
        )
        for n, segment, stream in with_chars
    ]
    out = align.join(rows)
    out.part = numbers[out.part]
    return out


def scan(
    conversation: Conversation, index: Index, *, min_words: int | None = None, background: Background | None = None
) -> list[Match]:
    """Every maximal exact run that the conversation shares with a claimed work, header and all turns, with its labels.

    *background* is the set by which commonness is measured besides the works; by default the one that the project ships.

    Returns:
        Matches sorted by (turn, part, start, end, work, place in the work).

    Raises:
        Refused: `matching.below-threshold`.

    Privacy: a Match is as sensitive as the text it points to.
    """
    return [run.match for run in next(scan_runs([conversation], index, min_words=min_words, background=background))[1]]


def scan_all(
    conversations: Iterable[Conversation],
    index: Index,
    *,
    min_words: int | None = None,
    background: Background | None = None,
    progress: Callable[[int], None] | None = None,
) -> Iterator[tuple[Conversation, list[Match]]]:
    """`scan` of many conversations, in their order, many times faster than one by one. *progress* hears conversations done."""
    for done, (conversation, runs) in enumerate(scan_runs(conversations, index, min_words=min_words, background=background), 1):
        yield conversation, [run.match for run in runs]
        if progress and done % 256 == 0:
            progress(256)


def scan_runs(
    conversations: Iterable[Conversation], index: Index, *, min_words: int | None = None, background: Background | None = None
) -> Iterator[tuple[Conversation, list[Run]]]:
    """`scan_all` with the runs' places counted in words."""
    batch: list[Conversation] = []
    size = 0
    for conversation in conversations:
        batch.append(conversation)
        size += sum(len(part.text) for _, _, part in conversation.parts())
        if size >= BATCH_CHARACTERS:
            yield from _scan_some(batch, index, min_words, background or shipped())
            batch, size = [], 0
    yield from _scan_some(batch, index, min_words, background or shipped())


def _scan_some(
    batch: list[Conversation], index: Index, min_words: int | None, background: Background
) -> Iterator[tuple[Conversation, list[Run]]]:
    places = [(c, turn, part) for c, conversation in enumerate(batch) for turn, part, _ in conversation.parts()]
    packed = pack([part.text for conversation in batch for _, _, part in conversation.parts()])
    found: dict[int, list[Run]] = {}
    for rows, fold in zip(scan_batch(packed, index, min_words=min_words), ("words/1", "chars/1"), strict=True):
        for run, part in _runs(rows, fold, packed, places, index, background):
            found.setdefault(places[part][0], []).append(run)
    for c, conversation in enumerate(batch):
        yield conversation, _labelled(conversation, sorted(found.get(c, []), key=_order), index)


def _runs(
    rows: Rows, fold: str, packed: Packed, places: list[tuple[int, int, int]], index: Index, background: Background
) -> Iterator[tuple[Run, int]]:
    if not len(rows):
        return
    common = _commonness(rows, fold, packed, index, background)
    columns = (getattr(rows, name).tolist() for name in Rows.__slots__)
    for row, shared in zip(zip(*columns, strict=True), common, strict=True):
        part, first, last, start, end, segment, work, work_first, work_start, work_end = row
        _, turn, number = places[part]
        match = Match(
            span=Span(turn=turn, part=number, start=start, end=end),
            work_id=index.entry(segment, work).work_id,
            work_start=work_start,
            work_end=work_end,
            words=last - first,
            commonness=shared,
            fold=fold,
        )
        yield Run(match, segment, work, first, last, work_first), part


def _commonness(rows: Rows, fold: str, packed: Packed, index: Index, background: Background) -> list[Commonness]:
    """Works, owners, background documents and surprisal of every row; one more tokenisation of the texts that have rows."""
    numbers, part = np.unique(rows.part, return_inverse=True)
    texts = packed.take(numbers)
    held = rows.where(np.arange(len(rows)))
    held.part = part.astype(np.int64)
    words = fold == "words/1"
    behind = scan_batch(texts, background.index, min_words=max(index.plan.threshold, background.index.plan.threshold))[not words]
    documents = commonness.in_background(held, behind)
    found = tokens.tokenise(texts, chars=not words)
    bits = [commonness.surprisal(*spelled) for spelled in _spelled(found, held)] if words else [None] * len(rows)
    in_works = commonness.in_works(rows, index)
    return [replace(c, background=d, surprisal=b) for c, d, b in zip(in_works, documents, bits, strict=True)]


def _spelled(found: tokens.Tokens, rows: Rows) -> Iterator[tuple[list[str], str]]:
    """The words of each row, and the language in which most of its text around them is written."""
    languages: dict[int, str] = {}
    for part, first, last in zip(rows.part.tolist(), rows.first.tolist(), rows.last.tolist(), strict=True):
        a, b = int(found.bounds[part]), int(found.bounds[part + 1])
        if part not in languages:
            languages[part] = language(found.word(i) for i in range(a, min(b, a + LANGUAGE_WORDS)))
        yield [found.word(i) for i in range(a + first, a + last)], languages[part]


def _order(run: Run) -> tuple[Any, ...]:
    m = run.match
    return (m.span.turn, m.span.part, m.span.start, m.span.end, run.fold, m.work_id, m.work_start)


def _labelled(conversation: Conversation, runs: list[Run], index: Index) -> list[Run]:
    if not runs:
        return []
    labels = elicitation.label(conversation, runs, index)
    return [replace(run, match=replace(run.match, elicitation=found)) for run, found in zip(runs, labels, strict=True)]


__all__ = ["HEADER", "Run", "scan", "scan_all", "scan_batch", "scan_runs"]
