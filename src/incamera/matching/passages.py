"""Runs chained into passages across edits, ellipses and re-ordering, with the measures that the courts' literature uses.

A passage is about one work in one part of a turn. Exact counts stay with the runs; a passage only says which belong together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from incamera.core.records import HEADER, Conversation, Span
from incamera.matching.index import Index
from incamera.matching.scan import Run
from incamera.text import tokens

#: Words that may lie between two runs of a passage, in the text and (either way) in the work.
GAP = 40
#: The threshold of filters that count characters of copied text, spaces ignored.
MIN_CHARACTERS = 150
#: Words of a passage beyond which its subsequence measures are not computed, but left out.
LONGEST = 20_000


@dataclass(frozen=True, slots=True, kw_only=True)
class Passage:
    """Runs of one work that stand together in one part.

    Attributes:
        words, characters: Words of the text inside runs, and their folded characters (no spaces, no marks).
        longest, longest_characters: the same of the longest run.
        work_coverage: Share of the work's words inside the passage's runs (its part of nv-recall).
        output_coverage: Share of the part's words inside the passage's runs.
        overlap_8: Share of the 8-grams of the passage's stretch of text that stand in its stretch of the work.
        lcs: Longest common subsequence of the two stretches, in words; None beyond `LONGEST` words.
        rouge_l: Its F-measure (beta 1).
        reordered: The runs follow each other otherwise than in the work.
    """

    span: Span
    work_id: str
    work_start: int
    work_end: int
    runs: int
    words: int
    characters: int
    longest: int
    longest_characters: int
    work_coverage: float
    output_coverage: float
    overlap_8: float
    lcs: int | None
    rouge_l: float | None
    reordered: bool


def passages(
    conversation: Conversation, runs: Sequence[Run], index: Index, *, gap: int = GAP, min_characters: int = 0
) -> list[Passage]:
    """Chain the runs of `scan_runs` into passages.

    Args:
        runs: All runs of *conversation* in `words/1`.
        gap: Most words between neighbouring runs, in the text and in the work.
        min_characters: Leave out passages with fewer folded characters; `MIN_CHARACTERS` gives the 150-character mode.

    Source: ROUGE-L: Lin, "ROUGE", 2004. nv-recall: the coverage of a work by near-verbatim blocks, as in "Extracting books from
        production language models", 2026 (here by exact runs only).
    """
    texts = {(t, p): part.text for t, p, part in conversation.parts()}
    out = []
    groups: dict[tuple[int, int, int, int], list[Run]] = {}
    for run in runs:
        if run.fold == "words/1":
            span = run.match.span
            groups.setdefault((span.turn, span.part, run.segment, run.work), []).append(run)
    for (turn, part, _, _), same in sorted(groups.items()):
        words = tokens.words(texts[turn, part])
        for chain in _chains(same, gap):
            passage = _passage(chain, words, index)
            if passage.characters >= min_characters:
                out.append(passage)
    return sorted(out, key=lambda p: (p.span, p.work_id, p.work_start))


def nv_recall(runs: Iterable[Run], index: Index) -> dict[str, float]:
    """For each work the share of its words that stand in the given runs, of one conversation or of many."""
    by_work: dict[tuple[int, int], list[tuple[int, int]]] = {}
    for run in runs:
        if run.fold == "words/1":
            by_work.setdefault((run.segment, run.work), []).append((run.work_first, run.work_last))
    covered = {key: _union(spans) for key, spans in by_work.items()}
    return {index.entry(*key).work_id: count / index.entry(*key).words for key, count in sorted(covered.items())}


def _chains(runs: list[Run], gap: int) -> Iterator[list[Run]]:
    """Groups of runs near each other in the text and in the work, in the order of the text."""
    open_: list[list[Run]] = []
    for run in sorted(runs, key=lambda r: (r.first, r.last, r.work_first)):
        near = [c for c in open_ if run.first - max(r.last for r in c) <= gap and _near_in_work(c, run, gap)]
        for chain in near[1:]:
            near[0].extend(chain)
            open_.remove(chain)
        if near:
            near[0].append(run)
        else:
            open_.append([run])
    yield from open_


def _near_in_work(chain: list[Run], run: Run, gap: int) -> bool:
    return any(run.work_first - r.work_last <= gap and r.work_first - run.work_last <= gap for r in chain)


def _passage(chain: list[Run], words: list[tuple[str, int, int]], index: Index) -> Passage:
    chain = sorted(chain, key=lambda r: (r.first, r.last, r.work_first))
    first, last = min(r.first for r in chain), max(r.last for r in chain)
    work_first, work_last = min(r.work_first for r in chain), max(r.work_last for r in chain)
    entry = index.entry(chain[0].segment, chain[0].work)
    longest = max(chain, key=lambda r: r.last - r.first)
    inside = sorted({i for r in chain for i in range(r.first, r.last)})
    here = [w for w, _, _ in words[first:last]]
    there = index.segments[chain[0].segment].words_of(chain[0].work, work_first, work_last)
    grams = set(zip(*(there[i:] for i in range(8)), strict=False))
    mine = list(zip(*(here[i:] for i in range(8)), strict=False))
    lcs = common_subsequence(here, there) if max(len(here), len(there)) <= LONGEST else None
    span = chain[0].match.span
    return Passage(
        span=Span(turn=span.turn, part=span.part, start=words[first][1], end=words[last - 1][2]),
        work_id=entry.work_id,
        work_start=min(r.match.work_start for r in chain),
        work_end=max(r.match.work_end for r in chain),
        runs=len(chain),
        words=len(inside),
        characters=sum(len(words[i][0]) for i in inside),
        longest=longest.last - longest.first,
        longest_characters=sum(len(w) for w, _, _ in words[longest.first : longest.last]),
        work_coverage=_union([(r.work_first, r.work_last) for r in chain]) / entry.words,
        output_coverage=len(inside) / len(words),
        overlap_8=sum(g in grams for g in mine) / len(mine) if mine else 0.0,
        lcs=lcs,
        rouge_l=2 * lcs / (len(here) + len(there)) if lcs is not None else None,
        reordered=any(b.work_first < a.work_first for a, b in pairwise(chain)),
    )


def _union(spans: list[tuple[int, int]]) -> int:
    total, end = 0, -1
    for a, b in sorted(spans):
        total += max(0, b - max(a, end))
        end = max(end, b)
    return total


def common_subsequence(one: Sequence[str], two: Sequence[str]) -> int:
    """Length of the longest common subsequence.

    Cost: one big-integer step for each word of *two*.
    Source: Hyyrö, "Bit-parallel LCS-length computation revisited", 2004.
    """
    places: dict[str, int] = {}
    for i, word in enumerate(one):
        places[word] = places.get(word, 0) | 1 << i
    full = (1 << len(one)) - 1
    row = full
    for word in two:
        match = row & places.get(word, 0)
        row = (row + match | row - match) & full
    return len(one) - row.bit_count()


def outputs_only(conversation: Conversation, runs: Iterable[Run]) -> list[Run]:
    """The runs that the assistant wrote: in its turns, and not in a tool's result there."""
    turns = {turn.index: turn for turn in conversation.turns}
    out = []
    for run in runs:
        span = run.match.span
        if (
            span.turn != HEADER
            and turns[span.turn].role == "assistant"
            and turns[span.turn].parts[span.part].kind != "tool_result"
        ):
            out.append(run)
    return out
