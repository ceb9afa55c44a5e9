"""`incamera answer` on real input: export shapes beside planted reproductions, one order, one command.

    python benchmarks/answer_real.py --data DATA --tools TOOLS --out OUT [--planted 4000] [--size 1500]

DATA holds the development data (`chats/`, `works/`), TOOLS the planter. Everything is made in OUT, which must not exist.
Prints one JSON object: what came in by source, frame, draw, hits, masked share, time and memory; no text.
"""

from __future__ import annotations

import argparse
import json
import resource
import subprocess
import sys
import time
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "tests" / "journeys"))

from parties import Matter

from incamera.clerk.collect import Sources
from incamera.clerk.watch import Silent


class Stages(Silent):
    """Prints stage names and when they began."""

    def __init__(self) -> None:
        self.started = time.perf_counter()

    def stage(self, name: str, total: int | None = None) -> None:
        print(f"{time.perf_counter() - self.started:8.1f} s  {name}", file=sys.stderr, flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--tools", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--planted", type=int, default=4000)
    parser.add_argument("--size", type=int, default=1500)
    parser.add_argument("--processes", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True)
    planted = given.out / "planted"
    subprocess.run(
        [
            sys.executable, given.tools / "plant_reuse.py", "--works", given.data / "works/eltec_eng.jsonl.gz",
            "--chats", given.data / "chats/flat.jsonl.gz", "--n", str(given.planted), "--seed", "7", "--out", planted,
        ],
        check=True,
        stdout=subprocess.DEVNULL,
    )  # fmt: skip
    chats = given.data / "chats"
    paths = (
        planted / "conversations.jsonl",
        chats / "polylogue/chatgpt/representatives",
        chats / "polylogue/chatgpt/fixtures/native-conversation-v1.json",
        chats / "polylogue/claude-ai/representatives",
        chats / "oasst/en_100_tree.jsonl",
        chats / "fastchat/dummy_conversation.json",
        chats / "wildchat_like/pupa_dev.jsonl.gz",
    )
    matter = Matter(path=given.out / "matter", conversations=paths[0], works=planted / "works.jsonl", size=given.size, strata=())
    matter.write_order(strata='["source"]')
    started = time.perf_counter()
    with matter.new_home() as home:
        done = matter.finish(home, sources=Sources(conversations=paths), processes=given.processes)
        stats = home.stats()
    drift = json.loads((matter.home_path / "matters/26-cv-9001/drift.json").read_bytes())
    run = json.loads((matter.out / "production/run.json").read_bytes())
    peak = (resource.getrusage(resource.RUSAGE_SELF).ru_maxrss + resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss) / 1024
    tables = {p.stem: p.read_text().splitlines() for p in sorted((matter.out / "production/TABLES").glob("*.csv"))}
    print(
        json.dumps(
            {
                "by_source": drift["conversations"],
                "exceptions": drift["exceptions"],
                "answer": done,
                "vault": stats,
                "stages": run["stages"],
                "masked_share": tables["masked_share"],
                "coverage": tables["coverage"],
                "hits": tables["hits_by_threshold"],
                "seconds": round(time.perf_counter() - started, 1),
                "peak_mib_largest_process_and_child": round(peak),
            },
            indent=1,
            default=str,
        )
    )


if __name__ == "__main__":
    main()
