"""Import speed on one core, in CPU seconds: megabytes of JSON a second by format, over synthetic records.

Run: python benchmarks/ingest.py [MEGABYTES]
"""

from __future__ import annotations

import json
import random
import resource
import sys
import tempfile
import time
from pathlib import Path

from incamera.ingest import files
from incamera.ingest.report import Report
from incamera.testing.synth.shapes import chatgpt_line, completion

WORDS = "the river mill keeps a slow and steady turn beside old stones where barley was ground for every house in town".split(" ")  # noqa: SIM905


def text(rng: random.Random, words: int) -> str:
    return " ".join(rng.choices(WORDS, k=words))


def chats(rng: random.Random, size: int):
    done = n = 0
    while done < size:
        turns = [(role, text(rng, k)) for _ in range(rng.randint(1, 6)) for role, k in (("user", 30), ("assistant", 180))]
        record = chatgpt_line(f"c{n}", turns, started=1.7e9 + n, llm="gpt-4o", title=text(rng, 4), user_id=f"u{n % 500}")
        raw = json.dumps(record)
        n, done = n + 1, done + len(raw)
        yield raw


def calls(rng: random.Random, size: int):
    done = n = 0
    while done < size:
        raw = json.dumps(completion(f"r{n}", [("user", text(rng, 60))], text(rng, 250), llm="m", created=1700000000))
        n, done = n + 1, done + len(raw)
        yield raw


def measure(name: str, path: Path) -> None:
    report = Report()
    began = time.process_time()
    count = sum(1 for _ in files.read([path], report=report))
    seconds = time.process_time() - began
    size = path.stat().st_size / 1e6
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{name:28} {size:7.1f} MB  {count:7} conversations  {size / seconds:6.1f} MB/s  peak {peak:.0f} MiB")


def main() -> None:
    size = int(float(sys.argv[1] if len(sys.argv) > 1 else 100) * 1e6)
    with tempfile.TemporaryDirectory() as folder:
        array, rows = Path(folder) / "array", Path(folder) / "rows"
        array.write_text("[" + ",\n".join(chats(random.Random(1), size)) + "]")
        rows.write_text("\n".join(calls(random.Random(2), size)))
        measure("chatgpt, one JSON array", array)
        measure("chat completions, JSON lines", rows)


if __name__ == "__main__":
    main()
