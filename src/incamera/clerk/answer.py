"""`answer`: the walk from an order to a sealed volume, stage by stage, resumable at any of them."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incamera.clerk import produce, reading, sample, trustees
from incamera.clerk.authorize import authorize
from incamera.clerk.clear import decide, sort
from incamera.clerk.collect import EXCEPTIONS, Sources, collect
from incamera.clerk.desk import Desk
from incamera.clerk.examination import examine
from incamera.clerk.home import Home, write_atomically
from incamera.clerk.matter import open_matter
from incamera.clerk.watch import Silent, Watcher
from incamera.clerk.works import index_works
from incamera.core.errors import Refused
from incamera.governance import order as orders
from incamera.production import Figure


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What `incamera answer` was given. `without` names parties whose seed the order's fallback lets the draw do without.

    `rows` gives the row ids of an earlier frame over the same logs: how a neutral recomputes an answer in a home of its own.
    `labelled` is what `deid evaluate --json` said of the order's recipe, for the evidence report.
    `detectors` say where the files of the order's further detectors lie: `NAME` or `NAME=PATH`.
    `processes` 0 runs everything in the calling process.
    """

    order: Path
    sources: Sources
    works: tuple[Path, ...]
    out: Path
    approvals: tuple[Path, ...] = ()
    reveals: tuple[Path, ...] = ()
    readings: tuple[Path, ...] = ()
    labelled: Path | None = None
    without: tuple[str, ...] = ()
    detectors: tuple[str, ...] = ()
    rows: Path | None = None
    processes: int = 2


@dataclass(slots=True)
class _Timings:
    """Wall and CPU of the stages, summed over every run of the matter, for `run.json`. This process only; workers in wall."""

    path: Path
    stages: dict[str, Any] = field(default_factory=dict)

    def __post_init__(self) -> None:
        with suppress(FileNotFoundError):
            self.stages = json.loads(self.path.read_bytes())

    @contextmanager
    def of(self, stage: str) -> Iterator[None]:
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            yield
        finally:
            known = self.stages.setdefault(stage, {"wall_ms": 0, "cpu_ms": 0})
            known["wall_ms"] += round(1000 * (time.perf_counter() - wall))
            known["cpu_ms"] += round(1000 * (time.process_time() - cpu))
            write_atomically(self.path, json.dumps(self.stages).encode())

    def speed(self, stage: str, *, size: int, processes: int, share: float) -> None:
        """MB/s, core-hours, and how long the whole frame would take at this pace: attested, and different on every machine."""
        measured = self.stages[stage]
        wall = max(measured["wall_ms"], 1) / 1000
        measured["bytes"] = size
        measured["mb_per_s"] = f"{size / 1e6 / wall:.3f}"
        measured["core_hours_at_most"] = f"{wall * max(1, processes) / 3600:.6f}"
        measured["eta_whole_frame_s"] = round(wall / share) if share else None


def answer(home: Home, request: Request, *, watch: Watcher | None = None, extra: Sequence[Figure] = ()) -> dict[str, Any]:
    """Carry an order out: collect, frame, draw, authorize, examine, measure, decide, build, seal, verify.

    Run again with the same arguments it goes on where it stopped; what is finished is not done twice.

    Args:
        extra: Further figures for the certificate, each with its class.

    Raises:
        Awaiting: `sample.awaiting-reveal`, `access.awaiting-approval`, `access.awaiting-trustees`, `answer.awaiting-reading`:
            nothing is lost, the same command resumes.
        Malformed, Refused, Unverified, Unavailable: as the stages say; every refusal is in the ledger.
    """
    desk = Desk(home=home, order=orders.load(request.order), watch=watch or Silent())
    produce.check_terms(desk.order)
    volume = request.out / produce.VOLUME
    if home.kms.warning:
        desk.watch.note(home.kms.warning)
    with desk.running("answer"):
        sealed = desk.done("sealed")
        if sealed is not None and not volume.exists():
            raise Refused(
                "answer.already-sealed",
                "this matter's volume was sealed and delivered; a volume is never produced twice under one number",
                where=str(sealed["out"]),
            )
        if sealed is None:
            _work(desk, request, volume, extra)
        report = produce.verify(desk, volume)
        produce.write_trust(desk, request.out / produce.TRUST)
        return {**(desk.done("sealed") or {}), "verdict": report.verdict, "trust": str(request.out / produce.TRUST)}


def _work(desk: Desk, request: Request, volume: Path, extra: Sequence[Figure]) -> None:
    timings = _Timings(desk.path / "timings.json")
    request.out.mkdir(parents=True, exist_ok=True)
    open_matter(desk)
    with timings.of("collect"):
        collected = collect(desk, request.sources)
    write_atomically(request.out / EXCEPTIONS, (desk.path / EXCEPTIONS).read_bytes(), mode=0o600)
    with timings.of("frame"):
        committed = sample.commit_frame(desk, request.rows)
    with timings.of("draw"):
        made = sample.make_draw(desk, committed, request.reveals, request.without)
    drawn = sample.drawn_refs(made, committed.map)
    grant, approvals = authorize(desk, request.approvals, drawn.values())
    with timings.of("index"):
        index_works(desk, request.works)
    if desk.done("examined") is None:
        trustees.wait(desk, grant, list(drawn.values()), paper=request.order, handed=request.out / trustees.REQUEST)
    with timings.of("examine"):
        results = examine(desk, grant, list(drawn.values()), processes=request.processes, detectors=request.detectors)
    with timings.of("decide"):
        put = sort(desk, results, drawn, made.rows)
    with timings.of("measure"):
        read = reading.measure(desk, results, put, request.readings, request.out)
    with timings.of("decide"):
        decided = decide(desk, put, read.withheld if read else ())
    share = len(made.rows) / len(committed.frame.rows)
    timings.speed("examine", size=decided.sums.bytes, processes=request.processes, share=share)
    if not _sealed_already(desk, volume):
        produce.produce(
            desk,
            committed.frame,
            made,
            results,
            decided,
            approvals=approvals,
            out=volume,
            read=read,
            labelled=request.labelled,
            extra=extra,
            stages=timings.stages,
        )
    desk.finish(
        "sealed",
        {
            "matter": desk.matter,
            "volume": desk.order.production.volume,
            "out": str(volume),
            "frame": len(committed.frame.rows),
            "excluded": sum(committed.frame.excluded.values()),
            "drawn": len(made.rows),
            "examined": len(decided.rows),
            "responsive": decided.responsive,
            "produced": sum(len(fragment.rows) for fragment in decided.produced),
            "withheld": len(decided.withheld),
            "exceptions": sum(collected["exceptions"].values()),
            "hits": {str(words): count for words, count in decided.hits.items()},
        },
    )


def _sealed_already(desk: Desk, volume: Path) -> bool:
    """A run killed between the volume's rename and its record left a volume that the ledger knows: it is kept."""
    return volume.exists() and desk.recorded("production.sealed", volume=desk.order.production.volume) is not None
