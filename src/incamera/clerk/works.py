"""Claimed works: read from JSON Lines and indexed, in a matter under its own key."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from incamera.clerk import jsonl
from incamera.clerk.collect import inputs
from incamera.clerk.desk import Desk
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import digest
from incamera.core.records import Work

_FIELDS = ("title", "owner", "published", "url")


def read_works(paths: Sequence[Path]) -> Iterator[Work]:
    """Works of JSON Lines files: `{"work_id","text","title"?,"owner"?,"published"?,"url"?}`.

    Raises:
        Malformed: `works.bad-record`, naming file and line.
    """
    for path in paths:
        for number, row in jsonl.read(path):
            yield work_of(row, where=f"{path}:{number}")


def work_of(row: Mapping[str, Any], *, where: str) -> Work:
    """One record as a work. Raises `Malformed` (`works.bad-record`) at *where*."""
    if not isinstance(row.get("work_id"), str) or not isinstance(row.get("text"), str) or not row["work_id"]:
        raise Malformed("works.bad-record", "a work needs 'work_id' and 'text', both texts", where=where)
    given = {name: row[name] if isinstance(row.get(name), str) else "" for name in _FIELDS}
    return Work(work_id=row["work_id"], text=row["text"], **given)


def index_works(desk: Desk, paths: Sequence[Path]) -> dict[str, Any]:
    """Index the matter's works, encrypted under the matter's key; once.

    Raises:
        Malformed: `answer.no-works`; `matching.no-works`.
        Refused: `answer.inputs-changed`, the index was made of other works.
    """
    from incamera.matching import index as indexing

    if not paths:
        raise Malformed("answer.no-works", "give the claimed works: without them nothing can be responsive", where="--works")
    before = desk.done("works")
    digests = inputs(paths)
    if before is not None:
        if before["inputs"] != digests:
            raise Refused("answer.inputs-changed", "the matter's index was made of other works", where="--works")
        return before
    desk.watch.stage("index works")
    path = index_path(desk)
    _remove(path)
    report = indexing.build(
        read_works(paths), path, min_words=desk.order.matching.min_words, key=index_key(desk), progress=lambda n: None
    )
    for refused in report.refused:
        desk.watch.note(f"work {refused.work_id} is left out of the index: {refused.code}")
    return desk.finish(
        "works",
        {
            "inputs": digests,
            "works": report.works,
            "words": report.words,
            "refused": [{"work_id": r.work_id, "code": r.code} for r in report.refused],
            "fold": report.fold,
            "fold_sha256": report.fold_sha256,
            "index": digest(canonical([*digests, report.fold_sha256, report.min_words])),
        },
    )


def index_path(desk: Desk) -> Path:
    return desk.path / "works.index"


def index_key(desk: Desk) -> bytes:
    return desk.home.matter_key(desk.matter, "works")


def _remove(path: Path) -> None:
    """An index that was not finished: the stage record is what makes it count."""
    import shutil

    if path.exists():
        shutil.rmtree(path)
