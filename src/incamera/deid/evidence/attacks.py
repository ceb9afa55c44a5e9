"""Attacks on our own output: what a second detector, a counting argument or a curious reader could still get.

None of these is a bound. Each gives a *lower* estimate of what is left: a leak that all detectors miss alike is
counted by none of them.
"""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

_WORD = re.compile(r"[^\W_]+")
_TAG = re.compile(r"\[[A-Z-]+-\d+\]|\[WITHHELD: [A-Z-]+\]")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recaptured:
    """Two detectors on one text: found by both, by one only, and Chapman's estimate of what neither found (a lower one)."""

    both: int
    first_only: int
    second_only: int
    unseen: float


def recapture(first: Iterable[tuple[int, int]], second: Iterable[tuple[int, int]]) -> Recaptured:
    """Capture-recapture over two detectors' spans of one text.

    The estimate assumes independent detectors; real ones miss the same hard cases, so the truth is higher.
    Source: Chapman, "Some properties of the hypergeometric distribution", 1951.
    """
    a, b = sorted(set(first)), sorted(set(second))
    matched = sum(any(x < end and start < y for x, y in b) for start, end in a)
    seen_by_b = sum(any(x < end and start < y for x, y in a) for start, end in b)
    return recaptured(min(matched, seen_by_b), len(a) - matched, len(b) - seen_by_b)


def recaptured(both: int, first_only: int, second_only: int) -> Recaptured:
    """The estimate from counts, summed over texts."""
    first, second = both + first_only, both + second_only
    total = (first + 1) * (second + 1) / (both + 1) - 1
    unseen = max(0.0, total - (both + first_only + second_only))
    return Recaptured(both=both, first_only=first_only, second_only=second_only, unseen=unseen)


def names_alone(text: str) -> list[tuple[int, int]]:
    """Names of people as the names model sees them by itself: runs of tokens; none where no model is installed."""
    from incamera.deid.names import LABELS, tagger

    model = tagger()
    if model is None:
        return []
    (scored,) = model.score_texts([text])
    person = LABELS.index("PERSON")
    spans: list[tuple[int, int]] = []
    for start, end, logits in zip(scored.starts.tolist(), scored.ends.tolist(), scored.logits, strict=True):
        if logits.argmax() != person:
            continue
        if spans and start - spans[-1][1] <= 1:
            spans[-1] = (spans[-1][0], end)
        else:
            spans.append((start, end))
    return spans


@dataclass(frozen=True, slots=True, kw_only=True)
class Parroted:
    """How many surviving words the parrot points at, of how many it looked at; positions are (conversation, start, end)."""

    words: int
    suspects: tuple[tuple[str, int, int], ...]


def parrot(outputs: Mapping[str, str], *, threshold: float = 2.0) -> Parroted:
    """The parrot attack: learn from the output where tags stand, then look for words that stand in such places.

    A tagger is trained on the redacted text itself (log-odds of "a tag stands here" given the word before, the word
    after and the shape), and asked about every word that was kept. A leak keeps the company of tags.
    Source: Carrell et al., "The machine giveth and the machine taketh away: a parrot attack on clinical text", 2020.

    Privacy: reads redacted text; emits positions only.
    """
    tagged: Counter[tuple[str, str]] = Counter()
    plain: Counter[tuple[str, str]] = Counter()
    for text in outputs.values():
        for features, is_tag, _ in _places(text):
            (tagged if is_tag else plain).update(features)
    n_tag, n_plain = max(1, sum(tagged.values())), max(1, sum(plain.values()))
    words = 0
    suspects: list[tuple[str, int, int]] = []
    for ident, text in outputs.items():
        for features, is_tag, (start, end) in _places(text):
            if is_tag:
                continue
            words += 1
            odds = sum(
                math.log((tagged[f] + 0.5) / n_tag) - math.log((plain[f] + 0.5) / n_plain) for f in features if tagged[f] >= 3
            )
            if odds > threshold and text[start:end][0].isupper():
                suspects.append((ident, start, end))
    return Parroted(words=words, suspects=tuple(suspects))


def _places(text: str) -> Iterable[tuple[list[tuple[str, str]], bool, tuple[int, int]]]:
    """(features, is a tag, span) of each word or tag. The word itself is no feature: the tagger must not know it."""
    spans = [(m.start(), m.end(), True) for m in _TAG.finditer(text)]
    covered = [(a, b) for a, b, _ in spans]
    at = 0
    for m in _WORD.finditer(text):
        while at < len(covered) and covered[at][1] <= m.start():
            at += 1
        if at == len(covered) or m.end() <= covered[at][0]:
            spans.append((m.start(), m.end(), False))
    spans.sort()
    for i, (start, end, is_tag) in enumerate(spans):
        before = text[spans[i - 1][0] : spans[i - 1][1]].lower() if i and not spans[i - 1][2] else "<tag>" if i else "<start>"
        after = (
            text[spans[i + 1][0] : spans[i + 1][1]].lower()
            if i + 1 < len(spans) and not spans[i + 1][2]
            else "<tag>"
            if i + 1 < len(spans)
            else "<end>"
        )
        yield [("before", before), ("after", after), ("both", f"{before} {after}")], is_tag, (start, end)


@dataclass(frozen=True, slots=True, kw_only=True)
class Uniqueness:
    """Of *conversations*, how many hold a kept word that no other does, and how many kept words are that rare."""

    conversations: int
    singled_out: int
    rare_words: int


def uniqueness(outputs: Mapping[str, str], *, k: int = 2) -> Uniqueness:
    """How many conversations are singled out by what remains: a kept word that fewer than *k* conversations share.

    A conversation may be unique and still say nothing of a person; this counts opportunity, not harm.
    """
    holders: Counter[str] = Counter()
    words_of: dict[str, set[str]] = {}
    for ident, text in outputs.items():
        words_of[ident] = {w.lower() for w in _WORD.findall(_TAG.sub(" ", text)) if len(w) > 2}
        holders.update(words_of[ident])
    rare = {w for w, n in holders.items() if n < k}
    return Uniqueness(
        conversations=len(outputs), singled_out=sum(bool(words & rare) for words in words_of.values()), rare_words=len(rare)
    )


def linkage(left: Mapping[str, Sequence[str]], right: Mapping[str, Sequence[str]]) -> float:
    """Share of subjects whose conversations (surrogates only) on the left find their own on the right as the unique best match.

    What scope `subject` costs: with scope `conversation` equal tags are numbers and link nothing.
    """
    if not left:
        return 0.0
    hits = 0
    for subject, mine in left.items():
        scores = {other: len(set(mine) & set(theirs)) for other, theirs in right.items()}
        best = max(scores.values(), default=0)
        hits += best > 0 and [s for s, n in scores.items() if n == best] == [subject]
    return hits / len(left)
