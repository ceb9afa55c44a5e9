"""Find: a conversation in, the one resolved list of what looks identifying out.

Steps, in order: (1) a plain view of each part, tags of an earlier pass blanked; what stands encoded in it is read as a
string of its own; (2) is its script and language covered, else it is withheld; (3) patterns, gate, names, account
attributes, further detectors; (4) one resolved list per part; (5) direct surfaces followed through the whole conversation,
header and other strings included; (6) protected runs; (7) back to offsets of the text as received. `apply` replaces
exactly this list.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple

import numpy as np

from incamera.core.records import HEADER, Account, Conversation, Finding, Match, Span, Waiver
from incamera.deid import columns, encoded, opinion
from incamera.deid import language as lang
from incamera.deid.account import Attributes
from incamera.deid.adapters import Detector, agree, ask
from incamera.deid.combination import spared
from incamera.deid.gate import Gate
from incamera.deid.hits import DETECTOR_CODE, END, KIND, KIND_CODE, LABEL, LABEL_CODE, START, Hit, Hits, join, matrix, named, rows
from incamera.deid.hits import empty as no_hits
from incamera.deid.lexicons import tables
from incamera.deid.lexicons.characters import STRANGE, TOUCHED, UNSPACED, points
from incamera.deid.names import Scored
from incamera.deid.patterns import scan as patterns
from incamera.deid.propagate import follow
from incamera.deid.protect import waive
from incamera.deid.recipe import Recipe
from incamera.deid.repeats import Pointed, Repeats
from incamera.deid.resolve import resolve
from incamera.deid.settle import settle
from incamera.deid.tokens import U32, Tokens, blank_tags, looks_like_code, survey, tokenise
from incamera.deid.vocabulary import Vocabulary
from incamera.text.normalize import View, view

#: Strings beside the parts have places too: `Span.part` below zero. `SOURCES - k` is the k-th source.
TOOL, LLM, SOURCES = -1, -2, -3
#: Below any source: strings that stand encoded inside another.
INSIDE = -(1 << 30)
LANG_NOT_COVERED, TOO_LARGE = "LANG-NOT-COVERED", "TOO-LARGE"
#: A part beyond this is withheld, not read. Code points.
MAX_PART = 64 << 20


class Placed(NamedTuple):
    """What was found in one string: rows whose offsets are those of the string as received."""

    turn: int
    part: int
    hits: Hits


@dataclass(frozen=True, slots=True, kw_only=True)
class Found:
    """The resolved list. Findings do not overlap; `withheld` covers whole parts and is disjoint from them."""

    placed: tuple[Placed, ...] = ()
    waivers: tuple[Waiver, ...] = ()
    withheld: tuple[tuple[Span, str], ...] = ()
    language: str = "en"

    @property
    def findings(self) -> tuple[Finding, ...]:
        """The list as objects, made anew for whoever asks: most callers go from rows to their own form."""
        return tuple(
            Finding(
                span=Span(turn=turn, part=part, start=h.start, end=h.end),
                label=h.label,
                kind=h.kind,
                score=h.score,
                detector=h.detector,
            )
            for turn, part, hits in self.placed
            for h in named(hits)
        )


@dataclass(slots=True, repr=False)
class _Read:
    """One string leaf under examination."""

    turn: int
    part: int
    view: View
    tokens: Tokens
    hits: Hits
    language: str
    withheld: str = ""
    code: bool = False
    spared: list[int] = field(default_factory=list)
    #: Where this stands encoded: the reading of the string around it, and the run in that one's view.
    around: tuple[_Read, int, int] | None = None


def leaves(conversation: Conversation) -> Iterator[tuple[int, int, str, bool]]:
    """(turn, part, text, is code) of every string that leaves: parts, then tool, llm and sources of each turn."""
    for turn, p, part in conversation.parts():
        yield turn, p, part.text, part.kind in ("code", "tool_call")
    for t in conversation.turns:
        if t.tool is not None:
            yield t.index, TOOL, t.tool, True
        if t.llm is not None:
            yield t.index, LLM, t.llm, True
        for k, source in enumerate(t.sources):
            yield t.index, SOURCES - k, source, False


def find(
    conversation: Conversation,
    *,
    account: Account | None = None,
    vocabulary: Vocabulary | None = None,
    recipe: Recipe,
    protect: Sequence[Match] = (),
    detectors: Sequence[Detector] = (),
) -> Found:
    """Everything in *conversation* that is not known to be safe.

    Args:
        account: What the holder knows of the subject; found in whatever form it takes.
        vocabulary: Words that at least k subjects of the draw use; frozen, its digest in *recipe*.
        protect: Confirmed matches with claimed works; see `deid.protect`.
        detectors: Further detectors, the very ones that *recipe* names; they add findings and clear none.

    Privacy: reads raw text; emits offsets and labels, which are as sensitive as the text they point to.
        Keeps nothing: every cache of conversation text ends with the call.
    Cost: O(text); about a microsecond a word without the names model.
    """
    return find_many([Request(conversation, account, protect)], vocabulary=vocabulary, recipe=recipe, detectors=detectors)[0]


class Request(NamedTuple):
    """One conversation of a batch, with what only its caller knows of it."""

    conversation: Conversation
    account: Account | None = None
    protect: Sequence[Match] = ()


def find_many(
    requests: Sequence[Request],
    *,
    vocabulary: Vocabulary | None = None,
    recipe: Recipe,
    detectors: Sequence[Detector] = (),
    repeats: Repeats | None = None,
) -> list[Found]:
    """`find` for a batch: the names model reads all of it in one call. What is found does not depend on the batch.

    Args:
        repeats: What this process remembers of texts read before, under this very recipe; it changes speed and no finding.
    Memory: all texts of the batch are open at once; some dozens of conversations are enough.
    """
    agree(detectors, recipe.detectors)
    known = vocabulary.bits if vocabulary is not None and vocabulary.on else {}
    opened = [_opened(r.conversation) for r in requests]
    pointed = _pointed([read for _, reads in opened for read in reads], known, recipe, detectors, repeats)
    found: list[Found] = []
    for request, (spoken, reads) in zip(requests, opened, strict=True):
        attributes = Attributes(request.account) if request.account is not None else None
        for read in reads:
            made = next(pointed)
            if not read.withheld:
                read.spared = made.spared
                read.hits = _settled(read, made.hits, attributes, recipe, alone=len(reads) == 1)
        found.append(_concluded(reads, request.protect, spoken, recipe))
    return found


def _pointed(
    reads: Sequence[_Read],
    known: Mapping[str, int],
    recipe: Recipe,
    detectors: Sequence[Detector],
    repeats: Repeats | None,
) -> Iterator[Pointed]:
    """What each text gives by itself, whoever wrote it and wherever it stands; of equal texts the first is read."""
    if repeats is None:
        yield from _looked_at(reads, known, recipe, detectors)
        return
    if repeats.recipe != recipe.digest():
        raise ValueError("these repeats were made under another recipe")
    names = [repeats.name(read.tokens.text, read.language, read.code) or n for n, read in enumerate(reads)]
    kept = {name: repeats.get(name) if isinstance(name, bytes) else None for name in names}
    fresh = {name: read for name, read in zip(reversed(names), reversed(reads), strict=True) if kept[name] is None}
    for name, made in zip(fresh, _looked_at(list(fresh.values()), known, recipe, detectors), strict=True):
        kept[name] = made
        if isinstance(name, bytes):
            repeats.keep(name, made)
    for name in names:
        made_or_kept = kept[name]
        assert made_or_kept is not None
        yield made_or_kept


def _looked_at(
    reads: Sequence[_Read], known: Mapping[str, int], recipe: Recipe, detectors: Sequence[Detector]
) -> Iterator[Pointed]:
    """Patterns, gate, names model and further detectors; all but the gate are asked once for all texts."""
    texts = [read.tokens.text for read in reads]
    scored = opinion.score(texts) if recipe.names and recipe.gate else None
    asked = ask(detectors, texts) if detectors else None
    matched = patterns.scan_all(texts, [read.tokens.points for read in reads]) if recipe.patterns else None
    for n, read in enumerate(reads):
        given = [hits[n] for hits in (asked, matched) if hits is not None]
        yield _detect(read, given, scored[n] if scored is not None else None, known, recipe)


def _opened(conversation: Conversation) -> tuple[str, list[_Read]]:
    """The language of *conversation* and a reading of each of its strings."""
    texts = list(leaves(conversation))
    coded = [points(text if len(text) <= MAX_PART else text[:MAX_PART]) for _, _, text, _ in texts]
    alone = len(texts) == 1
    spoken = lang.detect("\n".join(text[:2000] for _, _, text, _ in texts[:40]), code_points=coded[0] if alone else None)
    reads = [
        _open(turn, part, text, code_points, spoken, alone=alone)
        for (turn, part, text, _), code_points in zip(texts, coded, strict=True)
    ]
    for read, (_, _, _, code) in zip(reads, texts, strict=True):
        read.code = code or (not read.withheld and looks_like_code(read.tokens))
    inside = reads
    for _ in range(encoded.DEPTH):
        inside = [inner for read in inside for inner in _inside(read, spoken)]
        reads += inside
    return spoken, reads


def _inside(read: _Read, spoken: str) -> Iterator[_Read]:
    """Readings of what stands encoded in a string. They have a place of their own: no offset of theirs is another's."""
    for run in encoded.runs(read.tokens.text, read.tokens.points):
        inner = _open(read.turn, INSIDE - run.start, run.text, points(run.text), spoken, alone=False)
        inner.around = read, run.start, run.end
        yield inner


def _concluded(reads: list[_Read], protect: Sequence[Match], spoken: str, recipe: Recipe) -> Found:
    if recipe.propagate and len(reads) > 1:
        _follow(reads)
    for read in reads:
        if read.spared:
            _unspare(read)
    _fold_in(reads)
    outer = [read for read in reads if read.around is None]
    found = Found(
        placed=tuple(Placed(r.turn, r.part, _received(r)) for r in outer if not r.withheld and len(r.hits)),
        withheld=tuple(
            (Span(turn=r.turn, part=r.part, start=0, end=len(r.view.source)), r.withheld) for r in outer if r.withheld
        ),
        language=spoken,
    )
    if protect:
        found = _protected(found, protect, reads, recipe)
    return _spared(found, recipe.spare, reads) if recipe.spare else found


def _open(turn: int, part: int, text: str, code_points: U32, spoken: str, *, alone: bool) -> _Read:
    """The view, its words, and whether the gate can read it at all."""
    if len(text) > MAX_PART:
        return _Read(turn, part, View("", text), Tokens.empty(), no_hits(), "en", TOO_LARGE)
    classes = survey(code_points)
    seen = view(text) if classes & TOUCHED else View(text, text)
    plain = blank_tags(seen.text)
    if plain is not text:
        code_points = points(plain)
        classes = survey(code_points)
    hits = no_hits()
    if classes & (UNSPACED | STRANGE):
        outside, mostly = lang.uncovered(code_points)
        if mostly:
            return _Read(turn, part, seen, Tokens.empty(), no_hits(), "en", LANG_NOT_COVERED)
        hits = rows(Hit(a, b, "OTHER", "direct", 0.9, "gate.script") for a, b in outside)
    language = spoken if alone or len(plain) < 40 else lang.detect(plain, spoken, code_points)
    return _Read(turn, part, seen, tokenise(plain, tables.table(language), code_points), hits, language)


def _detect(read: _Read, given: Sequence[Hits], scored: Scored | None, known: Mapping[str, int], recipe: Recipe) -> Pointed:
    """What *given*, hits of the patterns and of further detectors, and the gate say of one text."""
    tokens = read.tokens
    pieces = [read.hits, *given]
    spared_: list[int] = []
    if read.withheld:
        return Pointed(no_hits(), spared_)
    if recipe.gate:
        gate = Gate(tokens, known=known, code=read.code, scored=scored, bias=recipe.bias_milli / 1000)
        pieces.append(gate.hits())
        spared_ = gate.spared
    return Pointed(join(pieces), spared_)


def _settled(read: _Read, pointed: Hits, attributes: Attributes | None, recipe: Recipe, *, alone: bool) -> Hits:
    """One resolved list of what the text gives and what its subject's account says."""
    tokens = read.tokens
    hits = pointed if attributes is None else join([pointed, rows(attributes.hits(tokens))])
    return settle(hits, tokens, extends=recipe.gate, follows=recipe.propagate and alone)


def _follow(reads: list[_Read]) -> None:
    """Surfaces of direct findings, searched in every string."""
    found = follow([(read.hits, read.tokens) for read in reads])
    for read, more in zip(reads, found, strict=True):
        if len(more):
            read.hits = resolve(join([read.hits, more]), read.tokens.text, read.tokens.points)


def _unspare(read: _Read) -> None:
    """ "Rule 44" with its first word replaced: the number goes too, or a second pass would say otherwise."""
    spared_, words = np.array(read.spared), read.tokens.rows[:, [columns.START, columns.END]]
    starts, ends = read.hits[:, START].tolist(), read.hits[:, END].tolist()
    more = []
    for (before, _), (start, end) in zip(words[spared_ - 1].tolist(), words[spared_].tolist(), strict=True):
        at = bisect_right(starts, before) - 1
        if at >= 0 and ends[at] > before:
            more.append(Hit(start, end, "NUMBER", "quasi", 0.4, "gate.number"))
    if more:
        read.hits = resolve(join([read.hits, rows(more)]), read.tokens.text, read.tokens.points)


def _fold_in(reads: list[_Read]) -> None:
    """What was found inside an encoded run replaces the run; so does text inside that nobody here can read."""
    for read in reversed(reads):  # the deepest first
        if read.around is None or not (len(read.hits) or read.withheld):
            continue
        outer, start, end = read.around
        label = int(read.hits[:, LABEL].min()) if len(read.hits) else LABEL_CODE["OTHER"]
        kind = int(read.hits[:, KIND].min()) if len(read.hits) else KIND_CODE["direct"]
        run = matrix([(start, end, label, kind, _ENCODED, DETECTOR_CODE["encoded"])])
        outer.hits = resolve(join([outer.hits, run]), outer.tokens.text, outer.tokens.points)


#: As sure as a validated pattern: the label of what is inside names the run. Thousandths.
_ENCODED = 950


def _received(read: _Read) -> Hits:
    """The hits of *read* with offsets of the text as received."""
    if not read.view.stretches:
        return read.hits
    found, last = [], 0
    for start, end, *rest in read.hits.tolist():
        first, after = read.view.back(start, end)
        first = max(first, last)
        if first < after:
            found.append((first, after, *rest))
            last = after
    return matrix(found)


def _spared(found: Found, labels: Sequence[str], reads: list[_Read]) -> Found:
    """*found* without what the recipe leaves standing."""
    source = {(r.turn, r.part): r.view.source for r in reads}
    kept = spared([(source[p.turn, p.part], p.hits) for p in found.placed], labels)
    return replace(found, placed=tuple(p._replace(hits=hits) for p, hits in zip(found.placed, kept, strict=True)))


def _protected(found: Found, protect: Sequence[Match], reads: list[_Read], recipe: Recipe) -> Found:
    by_place = {(r.turn, r.part): r for r in reads}

    def surface(finding: Finding) -> str:
        return by_place[finding.span.turn, finding.span.part].view.source[finding.span.start : finding.span.end]

    _, waivers = waive(found.findings, protect, protect_words=recipe.protect_words, surface=surface, elsewhere=_elsewhere(reads))
    gone = {(w.span.turn, w.span.part, w.span.start) for w in waivers}
    placed = tuple(
        p._replace(hits=p.hits[[(p.turn, p.part, start) not in gone for start in p.hits[:, START].tolist()]])
        for p in found.placed
    )
    return replace(found, placed=placed, waivers=tuple(waivers))


def _elsewhere(reads: list[_Read]) -> Callable[[str, Sequence[Match]], bool]:
    """Whether any telling word of a surface stands outside the given runs."""
    places: dict[str, list[tuple[int, int, int, int]]] = {}
    for read in reads:
        for low, (a, b) in zip(read.tokens.lows, read.tokens.spans, strict=True):
            start, end = read.view.back(a, b)
            places.setdefault(low, []).append((read.turn, read.part, start, end))

    def stands(surface: str, runs: Sequence[Match]) -> bool:
        for word in tokenise(view(surface).text, tables.table("en")).lows:
            for turn, part, start, end in places.get(word, ()):
                inside = any(
                    m.span.turn == turn and m.span.part == part and m.span.start <= start and end <= m.span.end for m in runs
                )
                if not inside and len(word) > 2:
                    return True
        return False

    return stands


__all__ = ["HEADER", "Found", "Request", "find", "find_many", "leaves"]
