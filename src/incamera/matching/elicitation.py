"""Elicited or spontaneous: labels as evidence, not a verdict.

Decided from places in works and the order of turns. Phrases serve only NAMED, and there only titles, owners and addresses of the
works themselves. "Earlier" means: on the same branch of the conversation, before the run.

PROMPT            the run stands in a user's or system's turn, or the header: an input, never counted as an output
COPIED-FROM-PROMPT an earlier input holds the same stretch of the work (half of the run, or as many words as the threshold)
CONTINUED         an earlier input ends at most `NEAR` words before the run in the work, or inside it, and the run goes on
TOOL              the run stands in a tool's result, or an earlier tool's result holds the same stretch
STEPWISE          an earlier turn's output ends shortly before the run in the same work; or three and more advance through it
NAMED             an earlier user turn names the work: title, headline, owner or address
PARTY             the account belongs to a party
SPONTANEOUS       an output with none of the above
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from incamera.core.records import HEADER, Conversation, Turn
from incamera.matching.naming import names
from incamera.text import tokens
from incamera.text.offsets import pack

if TYPE_CHECKING:
    from incamera.matching.index import Index
    from incamera.matching.scan import Run

PROMPT, COPIED, CONTINUED, NAMED, STEPWISE, TOOL, PARTY, SPONTANEOUS = LABELS = (
    "PROMPT",
    "COPIED-FROM-PROMPT",
    "CONTINUED",
    "NAMED",
    "STEPWISE",
    "TOOL",
    "PARTY",
    "SPONTANEOUS",
)

#: Words of the work that may lie between the end of an input and the run that continues it.
NEAR = 50
#: Words of the work that may be skipped between two steps; from the third step on any distance forward counts.
STRIDE = 250
#: Shortest piece of the work in an input, too short to be a match, that still shows where the run was continued from.
LEAD = 5
_INPUT, _TOOL, _OUTPUT = "input", "tool", "output"


def label(conversation: Conversation, runs: Sequence[Run], index: Index) -> list[tuple[str, ...]]:
    """The labels of each run, in the order of `LABELS`. *runs* are all runs of the conversation."""
    scene = _Scene(conversation, runs, index)
    return [scene.labels(run) for run in runs]


class _Scene:
    def __init__(self, conversation: Conversation, runs: Sequence[Run], index: Index) -> None:
        self.conversation, self.runs, self.index = conversation, runs, index
        self.turns = {turn.index: turn for turn in conversation.turns}
        self.branching = any(turn.parent is not None for turn in conversation.turns)
        self.order = {turn.index: n for n, turn in enumerate(conversation.turns)}
        self.above: dict[int, frozenset[int]] = {}
        self.hashes: dict[int, list[int]] = {}
        self.by_work: dict[tuple[int, int, str], list[Run]] = {}
        for run in runs:
            self.by_work.setdefault((run.segment, run.work, run.fold), []).append(run)
        self.named: dict[tuple[int, int], list[int]] = {}

    def labels(self, run: Run) -> tuple[str, ...]:
        side = self.side(run)
        if side == _INPUT:
            return (PROMPT,)
        if side == _TOOL:
            return (TOOL,)
        found = set()
        others = [o for o in self.by_work[run.segment, run.work, run.fold] if o is not run and self.earlier(o, run)]
        inputs = [o for o in others if self.side(o) == _INPUT]
        if any(_same_stretch(o, run, self.index) for o in inputs):
            found.add(COPIED)
        if any(_leads_to(o.work_first, o.work_last, run, NEAR, self.index.plan.threshold) for o in inputs):
            found.add(CONTINUED)
        if any(_same_stretch(o, run, self.index) for o in others if self.side(o) == _TOOL):
            found.add(TOOL)
        if self.stepwise(run, [o for o in others if self.side(o) == _OUTPUT]):
            found.add(STEPWISE)
        if not found and self.short_lead(run):
            found.add(CONTINUED)
        if any(turn in self.visible(run.match.span.turn) for turn in self.naming(run)):
            found.add(NAMED)
        if self.conversation.flags.party_account:
            found.add(PARTY)
        return tuple(name for name in LABELS if name in found) or (SPONTANEOUS,)

    def side(self, run: Run) -> str:
        span = run.match.span
        if span.turn == HEADER:
            return _INPUT
        turn = self.turns[span.turn]
        if turn.role == "tool" or turn.parts[span.part].kind == "tool_result":
            return _TOOL
        return _OUTPUT if turn.role == "assistant" else _INPUT

    def visible(self, turn: int) -> frozenset[int]:
        """Turns before *turn* on its branch."""
        if turn not in self.above:
            if self.branching:
                path, at = set[int](), self.turns[turn].parent
                while at is not None and at in self.turns and at not in path:
                    path.add(at)
                    at = self.turns[at].parent
            else:
                path = {i for i, n in self.order.items() if n < self.order[turn]}
            self.above[turn] = frozenset(path)
        return self.above[turn]

    def earlier(self, one: Run, run: Run) -> bool:
        a, b = one.match.span, run.match.span
        if a.turn == HEADER:
            return True
        if a.turn == b.turn:
            return (a.part, a.start) < (b.part, b.start)
        return a.turn in self.visible(b.turn)

    def stepwise(self, run: Run, outputs: list[Run]) -> bool:
        """Whether the run takes up, in a later turn, where earlier outputs of the same work left off."""
        slack = self.index.plan.threshold
        before = [
            o
            for o in outputs
            if o.match.span.turn != run.match.span.turn and o.work_last <= run.work_first + slack and o.work_last < run.work_last
        ]
        if any(run.work_first - o.work_last <= STRIDE for o in before):
            return True
        return _longest_advance(before, self.order) >= 2

    def short_lead(self, run: Run) -> bool:
        """Whether a user's words, too few to be a run of their own, are the work's words just before the output."""
        inputs = [self.turns[t] for t in self.visible(run.match.span.turn) if self.turns[t].role == "user"]
        if not inputs:
            return False
        around, begin = self.index.segments[run.segment].hashes_around(run.work, run.work_first, 3 * LEAD, 3 * LEAD, run.fold)
        where: dict[int, list[int]] = {}
        for place, word in enumerate(around):
            where.setdefault(word, []).append(begin + place)
        for turn in inputs:
            words = self.words(turn, run.fold)
            for i, word in enumerate(words):
                for place in where.get(word, ()):
                    if i and place > begin and words[i - 1] == around[place - begin - 1]:
                        continue  # not the first word of the piece
                    n = 1
                    while i + n < len(words) and place - begin + n < len(around) and words[i + n] == around[place - begin + n]:
                        n += 1
                    if n >= LEAD and place <= run.work_first and _leads_to(place, place + n, run, LEAD, LEAD):
                        return True
        return False

    def words(self, turn: Turn, fold: str) -> list[int]:
        if turn.index not in self.hashes:
            found = tokens.tokenise(pack([part.text for part in turn.parts]), chars=fold != "words/1")
            self.hashes[turn.index] = found.hashes.tolist()
        return self.hashes[turn.index]

    def naming(self, run: Run) -> list[int]:
        """User turns that name the run's work."""
        key = run.segment, run.work
        if key not in self.named:
            entry = self.index.entry(*key)
            self.named[key] = [
                turn.index
                for turn in self.conversation.turns
                if turn.role == "user" and any(names(part.text, entry) for part in turn.parts)
            ]
        return self.named[key]


def _same_stretch(one: Run, run: Run, index: Index) -> bool:
    overlap = min(one.work_last, run.work_last) - max(one.work_first, run.work_first)
    return overlap >= index.plan.threshold or 2 * overlap >= run.last - run.first


def _leads_to(first: int, last: int, run: Run, near: int, beyond: int) -> bool:
    """Whether the stretch [first, last) of the work ends shortly before the run, or in it with *beyond* words to come."""
    return first <= run.work_first + 2 and run.work_first - last <= near and run.work_last - last >= beyond


def _longest_advance(outputs: list[Run], order: dict[int, int]) -> int:
    """Most outputs, one a turn, that follow each other both in the conversation and in the work."""
    ordered = sorted(outputs, key=lambda o: (order[o.match.span.turn], o.work_first))
    best: list[int] = []
    for i, run in enumerate(ordered):
        before = [
            best[j]
            for j, o in enumerate(ordered[:i])
            if o.match.span.turn != run.match.span.turn and o.work_last <= run.work_first
        ]
        best.append(1 + max(before, default=0))
    return max(best, default=0)
