"""File mode of text reuse: indexes kept and searched without a vault. Formats: `docs/formats/matches.md`, `passages.md`.

Whoever runs this holds the text already: nothing is sealed, nothing is recorded. What leaves a vault goes another way.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

from incamera.clerk import partial
from incamera.clerk.collect import inputs
from incamera.clerk.jsonl import Row
from incamera.clerk.watch import Watcher
from incamera.core.errors import Malformed, Refused
from incamera.core.records import Conversation, Match, Span

if TYPE_CHECKING:
    from incamera.ingest.accounts import Accounts
    from incamera.ingest.report import Report
    from incamera.matching.commonness import Background
    from incamera.matching.index import Index, IndexReport
    from incamera.matching.near import Near
    from incamera.matching.passages import Passage
    from incamera.matching.scan import Run

#: Progress is told in kilobytes read.
_KB = 1 << 10


# --- the index ---------------------------------------------------------------------------------------------------------


def index(sources: list[Path], out: Path, *, min_words: int, key_file: Path | None = None, watch: Watcher) -> dict[str, Any]:
    """Index works for `scan`; works that are refused are listed by id and code."""
    from incamera.matching import index as indexing

    key = read_key(key_file)
    with_progress = _Kilobytes(watch, "index works, kB", sources)
    report = indexing.build(_works(sources), out, min_words=min_words, key=key, progress=with_progress.add)
    return _indexed(report, out)


def add(sources: list[Path], path: Path, *, key_file: Path | None = None, watch: Watcher) -> dict[str, Any]:
    """Add works to an index; those already in it are refused as duplicates."""
    from incamera.matching import index as indexing

    with_progress = _Kilobytes(watch, "add works, kB", sources)
    return _indexed(indexing.add(_works(sources), path, key=read_key(key_file), progress=with_progress.add), path)


def remove(work_ids: Sequence[str], path: Path, *, key_file: Path | None = None) -> dict[str, Any]:
    """Take works out of the search; their text stays on disk until `compact`."""
    from incamera.matching import index as indexing

    return {"removed": indexing.remove(path, work_ids, key=read_key(key_file)), "out": str(path)}


def compact(path: Path, *, key_file: Path | None = None, watch: Watcher) -> dict[str, Any]:
    """Rewrite an index without its removed works, whose text is then gone from its files."""
    from incamera.matching import index as indexing

    with_progress = _Kilobytes(watch, "compact, kB", [])
    return _indexed(indexing.compact(path, key=read_key(key_file), progress=with_progress.add), path)


def _works(sources: list[Path]) -> Iterator[Any]:
    from incamera.clerk.works import read_works

    return read_works(sources)


def _indexed(report: IndexReport, out: Path) -> dict[str, Any]:
    return {
        "works": report.works,
        "words": report.words,
        "bytes": report.bytes,
        "index_bytes": report.sizes,
        "refused": [{"work_id": r.work_id, "code": r.code} for r in report.refused],
        "fold": report.fold,
        "fold_sha256": report.fold_sha256,
        "min_words": report.min_words,
        "out": str(out),
    }


def read_key(path: Path | None) -> bytes | None:
    """The key of an encrypted index: a file of 32 bytes.

    Raises:
        Malformed: `matching.bad-key`. OSError: the file cannot be read.
    """
    if path is None:
        return None
    key = path.read_bytes()
    if len(key) != 32:
        raise Malformed("matching.bad-key", "the key of an index is a file of 32 bytes", where=str(path))
    return key


# --- the search --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class Search:
    """What is searched, against what: all that decides which runs are found and how they are labelled.

    `accounts` join facts to conversations that lack them (a party's own account, among others). `background` is an index of
    texts that nobody claims, instead of the one that the project ships.
    """

    source: Path
    index: Path
    min_words: int | None = None
    background: Path | None = None
    accounts: Path | None = None
    key_file: Path | None = None

    def digests(self) -> dict[str, Any]:
        """The same as content, so that a changed input is another search."""
        named = (self.source, self.index / "index.json", self.background and self.background / "index.json", self.accounts)
        names = ("source", "index", "background", "accounts")
        found = {name: inputs([path]) if path else None for name, path in zip(names, named, strict=True)}
        return {**found, "min_words": self.min_words, "program": version("incamera")}


@dataclass(slots=True)
class Opened:
    """A search under way; `report` is complete when `runs` has ended."""

    search: Search
    index: Index
    report: Report
    accounts: Accounts
    background: Background | None
    watch: Watcher
    _told: int = field(default=0)

    def runs(self, skip: int = 0) -> Iterator[tuple[Conversation, list[Run]]]:
        """Every conversation but the first *skip*, with its runs, in the order of the reading."""
        from incamera.ingest.files import read
        from incamera.matching.scan import scan_runs

        read_again = read([self.search.source], report=self.report, accounts=self.accounts)
        self.watch.stage("scan, kB read", _kilobytes([self.search.source]))
        rest = islice(read_again, skip, None)
        for found in scan_runs(rest, self.index, min_words=self.search.min_words, background=self.background):
            yield found
            now = self.report.bytes_read // _KB
            if now > self._told:
                self.watch.advance(now - self._told)
                self._told = now

    def summary(self) -> dict[str, Any]:
        """What was read and what was not."""
        from incamera.ingest.files import exception_rows

        return {
            "conversations": self.report.conversations.total(),
            "background": self.background.name if self.background else _shipped(),
            "exceptions": list(exception_rows(self.report)),
        }


def opened(search: Search, watch: Watcher) -> Opened:
    """Open index, background and accounts: what is damaged or foreign is refused before anything is written."""
    from incamera.ingest.accounts import Accounts
    from incamera.ingest.files import load_accounts
    from incamera.ingest.report import Report
    from incamera.matching.commonness import Background
    from incamera.matching.index import Index

    works = Index.open(search.index, read_key(search.key_file))
    behind = Background(search.background.name, Index.open(search.background)) if search.background else None
    accounts = load_accounts(search.accounts) if search.accounts else Accounts()
    return Opened(search, works, Report(), accounts, behind, watch)


def keep_apart(search: Search, *outs: Path | None) -> None:
    """Refuse an output inside a directory that is read: the search would read what it writes, and again in the next run.

    Raises:
        Refused: `files.out-in-source`.
    """
    read = [path.resolve() for path in (search.source, search.index, search.background) if path is not None and path.is_dir()]
    for out in outs:
        if out is not None and any(out.resolve().is_relative_to(path) for path in read):
            raise Refused("files.out-in-source", "the output lies inside what is read: give another place", where=str(out))


def _shipped() -> str:
    from incamera.matching.commonness import shipped

    return shipped().name


def scan(
    search: Search,
    out: Path,
    *,
    passages: Path | None = None,
    characters_150: bool = False,
    near: Path | None = None,
    watch: Watcher,
) -> dict[str, Any]:
    """Write one row per maximal exact run that a conversation shares with an indexed work; killed, the same call goes on.

    Args:
        passages: Also write runs chained into passages, with their measures.
        characters_150: Only passages of at least 150 copied characters.
        near: Also write windows that resemble a work: incomplete, never counted with the runs.

    Raises:
        Those of `keep_apart`, of `opened`, of the reading, and of `partial.growing`.
    """
    keep_apart(search, out, passages, near)
    under_way = opened(search, watch)
    outs = {name: path for name, path in (("runs", out), ("passages", passages), ("near", near)) if path is not None}
    rows = _Rows(under_way.index, tuple(outs), characters_150)
    header = {**search.digests(), "outputs": list(outs), "characters_150": characters_150}
    with partial.growing(outs, header) as files:
        if resumed := files.done:
            watch.note(f"going on after {resumed:,} conversations of an earlier run")
        for conversation, runs in under_way.runs(files.done):
            for name, row in rows.of(conversation, runs):
                files.write(name, row)
                files.counts[name] += 1
            files.counts["with_a_run"] += bool(runs)
            files.advance()
    counts = {"with_a_run": files.counts["with_a_run"], "rows": files.counts["runs"]}
    counts |= {name: files.counts[name] for name in outs if name != "runs"}
    return {**under_way.summary(), **counts, "resumed_after": resumed, "out": str(out)}


class _Rows:
    """The rows of one conversation, for every output asked for."""

    def __init__(self, works: Index, outputs: tuple[str, ...], characters_150: bool) -> None:
        from incamera.matching.near import NearIndex
        from incamera.matching.passages import MIN_CHARACTERS

        self._works = works
        self._passages = "passages" in outputs
        self._least = MIN_CHARACTERS if characters_150 else 0
        self._near = NearIndex(works) if "near" in outputs else None

    def of(self, conversation: Conversation, runs: list[Run]) -> Iterator[tuple[str, Row]]:
        from incamera.matching.near import near
        from incamera.matching.passages import passages

        for run in runs:
            yield "runs", run_row(conversation.id, run.match)
        if self._passages:
            for passage in passages(conversation, runs, self._works, min_characters=self._least):
                yield "passages", {"format": "passages/1", **_measured(conversation.id, passage)}
        if self._near is not None:
            for window in near(conversation, runs, self._near):
                yield "near", _measured(conversation.id, window)


def run_row(conversation: str, match: Match) -> Row:
    """One run as `docs/formats/matches.md` has it."""
    return {
        "conversation": conversation,
        **_place(match.span),
        "work_id": match.work_id,
        "start": match.span.start,
        "end": match.span.end,
        "work_start": match.work_start,
        "work_end": match.work_end,
        "words": match.words,
        **({"fold": match.fold} if match.fold != "words/1" else {}),
        "elicitation": list(match.elicitation),
        "commonness": asdict(match.commonness) if match.commonness else None,
    }


def _measured(conversation: str, found: Passage | Near) -> Row:
    facts = asdict(found)
    del facts["span"]
    span = found.span
    return {"conversation": conversation, **_place(span), "start": span.start, "end": span.end, **facts}


def _place(span: Span) -> Row:
    return {"turn": span.turn, **({"part": span.part} if span.part else {})}


# --- progress ----------------------------------------------------------------------------------------------------------


class _Kilobytes:
    """Tells a Watcher of bytes in kilobytes."""

    def __init__(self, watch: Watcher, stage: str, sources: list[Path]) -> None:
        self._watch, self._left = watch, 0
        watch.stage(stage, _kilobytes(sources))

    def add(self, size: int) -> None:
        whole, self._left = divmod(self._left + size, _KB)
        if whole:
            self._watch.advance(whole)


def _kilobytes(paths: Sequence[Path]) -> int | None:
    """The size of what will be read, where it is known: archives, columns and compressed files tell theirs only when read."""
    total = 0
    for path in paths:
        if not path.is_file():
            return None
        with path.open("rb") as file:
            if file.read(4)[:2] in (b"\x1f\x8b", b"PK", b"PA"):
                return None
        total += path.stat().st_size
    return total // _KB or None
