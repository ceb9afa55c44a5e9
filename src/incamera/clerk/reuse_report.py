"""File mode of the report on text reuse: every conversation counted, the longest reproductions shown de-identified."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incamera.clerk import jsonl
from incamera.clerk.reuse import Opened, Search, keep_apart, opened
from incamera.clerk.watch import Watcher
from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Match, Silent

if TYPE_CHECKING:
    from incamera.matching.index import Index
    from incamera.matching.report import Pair

#: Conversations that are de-identified together.
_BATCH = 32


def report(
    search: Search, out: Path, *, recipe: str = "conservative", show: int = 200, who: Path | None = None, watch: Watcher
) -> dict[str, Any]:
    """Search, count, and write the report's files into the directory *out*.

    Conversations are named by their place in the reading (`r1` the first), in every file of the report.

    Args:
        recipe: De-identifies the conversation's side of what is shown.
        show: Show the outputs of this many conversations at most, those with the longest runs.
        who: Also write which conversation each name is. It stays with the holder.

    Raises:
        Those of `keep_apart`, `opened` and the reading. Malformed: `deid.*`, of the recipe. Unavailable: `matching.unreadable`.

    Privacy: pages and tables hold counts, works, and de-identified text; `matches.parquet` holds offsets, which tell the passage
        to whoever has the work.
    Cost: memory grows with the runs found and with *show*, not with the conversations searched.
    """
    from incamera.deid.recipe import load
    from incamera.matching import report as made
    from incamera.matching import store
    from incamera.matching.tally import Tally

    keep_apart(search, out, who)
    load(recipe)  # a flaw of it is said before the search, not after
    under_way = opened(search, watch)
    tally = Tally(under_way.index)
    longest = _Longest(show)
    rows = _counted(under_way, tally, longest, who)
    for flaw in under_way.report.exceptions:
        tally.unread[f"records, {flaw.code}"] += 1
    chosen = longest.first()
    watch.stage("de-identify what is shown", len(chosen) or None)
    pairs = list(_aligned(chosen, under_way.index, recipe, watch))
    note = f"{len(chosen):,} of {longest.seen:,} conversations with a run in an output, those with the longest runs first."
    files = made.files(tally, rows, pairs, note=note)
    out.mkdir(mode=0o700, parents=True, exist_ok=True)  # the runs are in it, for their owner only
    store.write_report(out, files)
    return {
        **under_way.summary(),
        "with_output": tally.with_output,
        "rows": len(rows),
        "shown": len(chosen),
        "files": sorted(files),
        "out": str(out),
    }


def _counted(under_way: Opened, tally: Any, longest: _Longest, who: Path | None) -> list[tuple[str, Match]]:
    """Every run under its conversation's name; *tally* and *longest* are filled on the way."""
    from incamera.matching.passages import outputs_only

    rows: list[tuple[str, Match]] = []
    names: list[tuple[str, str]] = []
    for number, (conversation, runs) in enumerate(under_way.runs(), 1):
        name = f"r{number}"
        tally.add(conversation, runs)
        rows += [(name, run.match) for run in runs]
        if runs:
            names.append((name, conversation.id))
        longest.take(number, conversation, tuple(run.match for run in outputs_only(conversation, runs)))
    if who is not None:
        with jsonl.writing(who) as write:
            for name, id_ in names:
                write({"name": name, "conversation": id_})
    return rows


@dataclass(frozen=True, slots=True, repr=False)
class _Shown(Silent):
    name: str
    conversation: Conversation
    matches: tuple[Match, ...]


@dataclass(slots=True, repr=False)
class _Longest:
    """Keeps the *most* conversations with the longest runs; of equals, those read first."""

    most: int
    seen: int = 0
    _heap: list[tuple[int, int, _Shown]] = field(default_factory=list)

    def take(self, number: int, conversation: Conversation, matches: tuple[Match, ...]) -> None:
        if not matches:
            return
        self.seen += 1
        entry = (max(m.words for m in matches), -number, _Shown(f"r{number}", conversation, matches))
        heapq.heappush(self._heap, entry)
        if len(self._heap) > self.most:
            heapq.heappop(self._heap)

    def first(self) -> list[_Shown]:
        return [shown for _, _, shown in sorted(self._heap, key=lambda e: e[:2], reverse=True)]


def _aligned(chosen: list[_Shown], index: Index, recipe: str, watch: Watcher) -> Iterator[Pair]:
    """Both sides of every run shown. No run is protected: names that stand in the work are replaced too."""
    from incamera.deid.apply import apply
    from incamera.deid.find import Request, find_many
    from incamera.deid.recipe import load
    from incamera.matching.report import pairs

    terms = load(recipe)
    for some in (chosen[at : at + _BATCH] for at in range(0, len(chosen), _BATCH)):
        found = find_many([Request(one.conversation) for one in some], recipe=terms)
        for one, seen in zip(some, found, strict=True):
            redacted = apply(one.conversation, seen, recipe=terms, source=Commitment(""), at=terms.at)
            yield from pairs(one.name, redacted, one.matches, index)
            watch.advance()
