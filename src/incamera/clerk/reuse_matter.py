"""The report on text reuse inside a matter: counts over the draw for the volume, and pages for the holder beside it.

The examination's sealed results are opened once more, under the same grant; nothing raw is: counts come from places and from
de-identified text, and what is shown is what was produced.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incamera.clerk import works
from incamera.clerk.clear import Decided, Row
from incamera.clerk.desk import Desk
from incamera.clerk.examination import Results
from incamera.clerk.examine import Examined
from incamera.core.ids import Ref
from incamera.core.records import Conversation, Flags, Match, Silent
from incamera.production import Table
from incamera.vault.facts import Facts

if TYPE_CHECKING:
    from incamera.matching.index import Index
    from incamera.matching.report import Pair
    from incamera.matching.tally import Table as Counts
    from incamera.matching.tally import Tally

#: The directory of the pages, beside the volume.
REUSE = "reuse"
#: Produced conversations that are shown, those with the longest runs.
SHOWN = 200
_DECIMALS = 6


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Reuse(Silent):
    """What the draw shows of text reuse: the tally over all of it, and rows and passages of what is produced."""

    tally: Tally
    rows: Sequence[tuple[str, Match]]
    pairs: Sequence[Pair]
    note: str

    def tables(self) -> dict[str, Table]:
        """The counts as tables of the volume: `reuse_hits`, `reuse_hits_by_owner`, ..., `reuse_not_matched`, ..."""
        from incamera.matching.report import split

        found: list[Counts] = []
        for table in self.tally.tables():
            found += split(table) if table.name == "hits" else [table]
        return {f"reuse_{table.name}": _plain(table) for table in found}

    def write(self, out: Path) -> None:
        """Write the pages, the plots with their tables, and the produced rows into the directory *out*, for its owner only.

        Raises:
            Unavailable: `matching.unreadable`.
        """
        from incamera.matching import report, store

        out.mkdir(mode=0o700, parents=True, exist_ok=True)
        store.write_report(out, report.files(self.tally, self.rows, self.pairs, note=self.note))


def gather(desk: Desk, results: Results, decided: Decided, facts: Mapping[Ref, Facts]) -> Reuse:
    """Count the whole draw, responsive or not; keep rows and the longest passages of what is produced.

    Args:
        facts: Of every conversation of the draw.

    Privacy: opens sealed results, which are de-identified; spans of rows and passages are moved onto the produced text.
    Cost: one pass over the results, and one tokenisation of each work that has a run.
    """
    from incamera.matching.index import Index
    from incamera.matching.tally import Tally

    index = Index.open(works.index_path(desk), key=works.index_key(desk))
    runs_of, tally = _Runs(index), Tally(index)
    produced = {row.cref for fragment in decided.produced for row in fragment.rows}
    by_cref = {row.cref: row for row in decided.rows}
    rows: list[tuple[str, Match]] = []
    desk.watch.stage("count text reuse", len(by_cref))
    for cref, outcome in results.open(list(by_cref)):
        examined = outcome.examined
        if examined is not None:
            row = by_cref[cref]
            tally.add(_shown(row, examined, facts[cref]), runs_of.all(examined.matches))
            if cref in produced:
                rows += [(row.drawn.row, _rebased(examined, match)) for match in examined.matches]
        desk.watch.advance()
    longest = sorted((row for row in decided.rows if row.cref in produced and row.longest), key=lambda row: -row.longest)
    pairs = list(_pairs(results, longest[:SHOWN], index))
    note = f"{min(SHOWN, len(longest)):,} of {len(longest):,} produced conversations with a run in an output, the longest first."
    return Reuse(tally=tally, rows=rows, pairs=pairs, note=note)


def _pairs(results: Results, rows: Sequence[Row], index: Index) -> Iterator[Pair]:
    from incamera.matching.report import pairs

    for row, (_, outcome) in zip(rows, results.open([row.cref for row in rows]), strict=True):
        if outcome.examined is not None:
            outputs = {turn.index for turn in outcome.examined.redacted.turns if turn.role == "assistant"}
            wanted = [match for match in outcome.examined.matches if match.span.turn in outputs]
            yield from pairs(row.drawn.row, outcome.examined.redacted, wanted, index)


def _shown(row: Row, examined: Examined, known: Facts) -> Conversation:
    """The de-identified conversation as the tally takes it: under its random row id, with its month."""
    month = datetime.strptime(known.month, "%Y-%m").replace(tzinfo=UTC) if known.month else None
    return Conversation(
        id=row.drawn.row,
        subject="",
        source=known.source,
        turns=examined.redacted.turns,
        header=examined.redacted.header,
        started_at=month,
        flags=Flags(party_account=known.party_account),
        outputs_missing=examined.tally.outputs_missing,
    )


def _rebased(examined: Examined, match: Match) -> Match:
    from dataclasses import replace

    return replace(match, span=examined.redacted.rebase(match.span))


class _Runs:
    """Matches with their places in the works counted in words again, as the tally needs them."""

    def __init__(self, index: Index) -> None:
        self._index = index
        self._starts: dict[tuple[str, str], Any] = {}

    def all(self, matches: Sequence[Match]) -> list[Any]:
        from incamera.matching.scan import Run

        return [Run(m, *self._index.find(m.work_id), first=0, last=m.words, work_first=self._word(m)) for m in matches]

    def _word(self, match: Match) -> int:
        from incamera.text.offsets import pack
        from incamera.text.tokens import tokenise

        key = match.work_id, match.fold
        if key not in self._starts:
            self._starts[key] = tokenise(pack([self._index.text(match.work_id)]), chars=match.fold != "words/1").starts
        return int(self._starts[key].searchsorted(match.work_start))


def _plain(counts: Counts) -> Table:
    """The same table with shares as decimals written out: a volume's tables hold text and whole numbers."""
    rows = tuple(tuple(f"{v:.{_DECIMALS}f}" if isinstance(v, float) else v for v in row) for row in counts.rows)
    return Table(columns=counts.columns, rows=rows)
