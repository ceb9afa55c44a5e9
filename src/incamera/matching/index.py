"""The index of claimed works: build, open, add, remove, compact."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from pathlib import Path

from incamera.core.errors import Malformed, Refused
from incamera.core.records import Work
from incamera.matching import screen, store
from incamera.matching.builder import Builder
from incamera.matching.plan import MIN_WORDS, Plan
from incamera.matching.screen import RefusedWork
from incamera.matching.segment import Entry, Segment

#: Text of works per segment. Larger corpora become several segments, and each is probed.
SEGMENT_BYTES = 4 << 30

Progress = Callable[[int], None]


@dataclass(frozen=True, slots=True, kw_only=True)
class IndexReport:
    """What a build did: works and words in, bytes by part, and every work left out with its reason."""

    works: int
    words: int
    unspaced: int
    bytes: int
    segments: int
    sizes: dict[str, int]
    refused: tuple[RefusedWork, ...]
    fold: str
    fold_sha256: str
    min_words: int


@dataclass(slots=True, repr=False)
class Index:
    """Claimed works, ready to be searched. `segments` in the order of the manifest."""

    plan: Plan
    segments: list[Segment]
    path: Path | None = None
    fold_sha256: str = ""
    _numbers: dict[str, tuple[int, int]] = field(default_factory=dict)

    def __repr__(self) -> str:
        return f"<Index {sum(len(s.works) - len(s.removed) for s in self.segments)} works, {len(self.segments)} segments>"

    @classmethod
    def open(cls, path: Path, key: bytes | None = None) -> Index:
        """The index at *path*, every file checked before it is used and mapped, not read, into memory.

        Args:
            key: 32 bytes, for an encrypted index; its parts are then held in memory, opened.

        Raises:
            Malformed: `matching.not-an-index`. Refused: `matching.other-fold`, `matching.key-needed`.
            Unverified: `matching.damaged`, `matching.wrong-key`. Unavailable: `matching.unreadable`.

        Cost: one SHA-256 of the index.
        """
        path = Path(path)
        manifest = store.read_manifest(path, key)
        segments = [store.read_segment(path, line, key if manifest.encrypted else None) for line in manifest.segments]
        named = {segment.id: segment for segment in segments}
        for segment_id, work in manifest.removed:
            named[segment_id].removed.add(int(work))
        return cls(Plan.words(manifest.min_words), segments, path, manifest.fold_sha256)

    @classmethod
    def of(cls, works: Iterable[Work], *, min_words: int = MIN_WORDS) -> Index:
        """An index in memory, for a few works. Raises as `build`."""
        report = _Report(Plan.words(min_words))
        segments = list(_segments(works, report, None, set()))
        if not segments:
            raise report.nothing()
        return cls(report.plan, segments)

    def entry(self, segment: int, work: int) -> Entry:
        """What is known of a work besides its text."""
        return self.segments[segment].works[work]

    def find(self, work_id: str) -> tuple[int, int]:
        """(segment, number) of a work.

        Raises:
            Malformed: `matching.unknown-work`.
        """
        if not self._numbers:
            self._numbers = {
                entry.work_id: (s, w)
                for s, segment in enumerate(self.segments)
                for w, entry in enumerate(segment.works)
                if w not in segment.removed
            }
        if work_id not in self._numbers:
            raise Malformed("matching.unknown-work", "the index has no such work", where=f"work {work_id!r}")
        return self._numbers[work_id]

    def text(self, work_id: str) -> str:
        """The text of a work as it was given."""
        segment, work = self.find(work_id)
        return self.segments[segment].text(work)

    def works(self) -> Iterator[Entry]:
        """Every work that was not removed."""
        for segment in self.segments:
            for number, entry in enumerate(segment.works):
                if number not in segment.removed:
                    yield entry

    def sizes(self) -> dict[str, int]:
        """Bytes by part: works, filter, table, offsets, text."""
        out: dict[str, int] = {}
        for segment in self.segments:
            for name, size in segment.sizes().items():
                out[name] = out.get(name, 0) + size
        return out


@dataclass(slots=True)
class _Report:
    plan: Plan
    refused: list[RefusedWork] = field(default_factory=list)
    sizes: dict[str, int] = field(default_factory=dict)
    works: int = 0
    words: int = 0
    unspaced: int = 0
    bytes: int = 0
    segments: int = 0

    def took(self, segment: Segment) -> None:
        self.segments += 1
        self.works += len(segment.works)
        self.words += sum(w.words for w in segment.works)
        self.unspaced += sum(w.unspaced for w in segment.works)
        self.bytes += sum(w.size for w in segment.works)
        for name, size in segment.sizes().items():
            self.sizes[name] = self.sizes.get(name, 0) + size

    def nothing(self) -> Malformed:
        why = ", ".join(sorted({r.code for r in self.refused})) or "none given"
        return Malformed("matching.no-works", f"no work could be indexed ({len(self.refused)} left out: {why})")

    def frozen(self, sha256: str) -> IndexReport:
        return IndexReport(
            works=self.works,
            words=self.words,
            unspaced=self.unspaced,
            bytes=self.bytes,
            segments=self.segments,
            sizes=self.sizes,
            refused=tuple(self.refused),
            fold="words/1",
            fold_sha256=sha256,
            min_words=self.plan.threshold,
        )


def _segments(works: Iterable[Work], report: _Report, progress: Progress | None, seen: set[str]) -> Iterator[Segment]:
    builder, size = Builder(report.plan), 0
    for work in works:
        if work.work_id in seen:
            report.refused.append(screen.duplicate(work))
            continue
        refused = screen.refuse(work, threshold=report.plan.threshold)
        if refused:
            report.refused.append(refused)
            continue
        seen.add(work.work_id)
        if size and size + len(work.text) > SEGMENT_BYTES:
            segment = builder.finish()
            report.took(segment)
            yield segment
            builder, size = Builder(report.plan), 0
        added = builder.add(work)
        size += added
        if progress:
            progress(added)
    if size:
        segment = builder.finish()
        report.took(segment)
        yield segment


def build(
    works: Iterable[Work],
    out: Path,
    *,
    min_words: int = MIN_WORDS,
    key: bytes | None = None,
    progress: Progress | None = None,
) -> IndexReport:
    """Index *works* into the directory *out*, which must not hold an index yet.

    Args:
        min_words: The declared threshold t: every shared run of at least t words will be found.
        key: 32 bytes: encrypt every file that tells anything of the works.
        progress: Hears the UTF-8 bytes of each work as it is indexed.

    Returns:
        Counts, sizes by part, and every work that was left out: empty, too short, a repeated id, binary, of a wrong encoding, or
        mainly identifiers or a list (`matching.screen`).

    Raises:
        Malformed: `matching.no-works`, nothing could be indexed. Refused: `matching.index-exists`, `matching.threshold`.
        Unavailable: `matching.unreadable`.

    Cost: memory about 4 bytes a word plus the compressed text of one segment.
    Privacy: without *key* the index holds the works readable.
    """
    out = Path(out)
    if (out / "index.json").exists():
        raise Refused("matching.index-exists", "there is an index here: add to it, or give another directory", where=str(out))
    return _append(works, out, store.new_manifest(Plan.words(min_words), key), set(), key, progress)


def add(works: Iterable[Work], path: Path, *, key: bytes | None = None, progress: Progress | None = None) -> IndexReport:
    """Add works to the index at *path* as new segments; those already there are refused as duplicates. Raises as `build`."""
    path = Path(path)
    manifest = store.read_manifest(path, key)
    seen = {entry.work_id for entry in Index.open(path, key).works()}
    return _append(works, path, manifest, seen, key if manifest.encrypted else None, progress)


def _append(
    works: Iterable[Work], path: Path, manifest: store.Manifest, seen: set[str], key: bytes | None, progress: Progress | None
) -> IndexReport:
    report = _Report(Plan.words(manifest.min_words))
    lines = [store.write_segment(path, segment, key) for segment in _segments(works, report, progress, seen)]
    if not lines:
        raise report.nothing()
    manifest.segments += lines
    store.write_manifest(path, manifest)
    return report.frozen(manifest.fold_sha256)


def remove(path: Path, work_ids: Iterable[str], *, key: bytes | None = None) -> int:
    """Take works out of the search at once: a tombstone each. Their text stays on disk until `compact`.

    Raises:
        Malformed: `matching.unknown-work`, and then nothing was removed.
    """
    path = Path(path)
    manifest = store.read_manifest(path, key)
    index = Index.open(path, key)
    found = [index.find(work_id) for work_id in work_ids]
    manifest.removed += [[index.segments[s].id, w] for s, w in found]
    store.write_manifest(path, manifest)
    return len(found)


def compact(path: Path, *, key: bytes | None = None, progress: Progress | None = None) -> IndexReport:
    """Rewrite all segments as one (or as few as fit) without the removed works, then delete the old files.

    Killed at any point, the index is the old one or the new one, whole. Raises as `build`.
    """
    path = Path(path)
    manifest = store.read_manifest(path, key)
    index = Index.open(path, key)
    old = [line["id"] for line in manifest.segments]
    report = _Report(index.plan)
    inner = key if manifest.encrypted else None
    lines = [store.write_segment(path, s, inner) for s in _segments(_works(index), report, progress, set())]
    manifest.segments, manifest.removed = lines, []
    store.write_manifest(path, manifest)
    for segment_id in set(old) - {line["id"] for line in lines}:
        store.remove_segment(path, segment_id)
    return report.frozen(manifest.fold_sha256)


def _works(index: Index) -> Iterator[Work]:
    for segment in index.segments:
        for number, entry in enumerate(segment.works):
            if number not in segment.removed:
                yield Work(
                    work_id=entry.work_id,
                    text=segment.text(number),
                    title=entry.title,
                    owner=entry.owner,
                    published=entry.published,
                    url=entry.url,
                )
