"""Frame, draw and redraw at scale: `python benchmarks/sampling.py [--rows N] [--size N]`. CPU seconds and peak memory."""

from __future__ import annotations

import argparse
import io
import json
import resource
import secrets
import time
from collections.abc import Iterator
from dataclasses import dataclass

from incamera.core.facts import Rule, Selection
from incamera.sampling.draw import make
from incamera.sampling.frame import build
from incamera_verify import draw


@dataclass(slots=True)
class Facts:
    cref: str
    subject: str
    month: str
    region: str | None
    tier: str
    source: str
    temporary: bool
    deletion_requested: bool
    party_account: bool
    outputs_missing: int


def facts(rows: int) -> Iterator[Facts]:
    for i in range(rows):
        region, tier = ("US", None, "EEA")[i % 3], ("free", "plus", "team")[i % 5 % 3]
        yield Facts(secrets.token_hex(16), "u", f"2023-{1 + i % 12:02}", region, tier, "x", i % 50 == 0, False, False, 0)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--size", type=int, default=100_000)
    options = parser.parse_args()
    seconds: dict[str, float] = {}

    def timed(name: str, start: float) -> None:
        seconds[name] = round(time.process_time() - start, 2)

    start = time.process_time()
    rules = Selection(first="2023-01", last="2023-12", exclusions=(Rule("temporary"),))
    frame, _ = build(facts(options.rows), rules, stratified_by=("month", "tier"))
    timed("build", start)
    seeds = {"holder": secrets.token_bytes(32), "requester": secrets.token_bytes(32)}
    start = time.process_time()
    drawn = make(frame, seeds, options.size, matter="m", order="0" * 64)  # type: ignore[arg-type]
    timed("draw", start)
    data = b"".join(frame.lines())
    start = time.process_time()
    _, rows = draw.read_frame(io.BytesIO(data))
    timed("verify_frame", start)
    start = time.process_time()
    draw.check_draw(
        drawn.header | {"parties": [{"party": p, "revealed": True} for p in seeds]},
        list(zip(drawn.rows, drawn.paths, strict=True)),
        rows,
        seeds,
    )
    timed("verify_draw", start)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(
        json.dumps(
            {
                "rows": options.rows,
                "in_frame": len(frame.rows),
                "drawn": len(drawn.rows),
                "cpu_seconds": seconds,
                "peak_mib": round(peak),
                "frame_bytes_a_row": round(len(data) / len(rows), 1),
            },
            indent=2,
        )
    )


if __name__ == "__main__":
    main()
