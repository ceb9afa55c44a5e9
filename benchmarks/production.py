"""Building, sealing and verifying a volume: conversations and megabytes a second of CPU on one core, and memory.

    python benchmarks/production.py --conversations 3000

Text is made up (about 0.2 kB a turn, a few turns a conversation), one conversation in three is a numbered document with text and
native. CPU seconds, so that a busy machine does not matter; wall seconds beside them, since files are made durable one by one.
"""

from __future__ import annotations

import argparse
import resource
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

import pyrage

from incamera.production import seal_directory
from incamera.stats.intervals import clopper_pearson
from incamera.testing.volumes import world
from incamera_verify.trust import Trust
from incamera_verify.volume import verify

T = TypeVar("T")


def timed(name: str, rows: int, size: int, act: Callable[[], T]) -> T:
    """Run *act* and print what it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    result = act()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    print(f"| {name} | {cpu:.2f} | {wall:.2f} | {rows / cpu:,.0f} | {size / cpu / 1e6:.1f} |")
    return result


def main() -> None:
    line = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    line.add_argument("--conversations", type=int, default=3000)
    rows = line.parse_args().conversations
    clopper_pearson(1, 2)  # scipy's import is not what is measured
    with tempfile.TemporaryDirectory() as scratch:
        home = Path(scratch)
        matter = world(home / "holder", frame=2 * rows, size=rows)
        size = sum(len(p.text) for item in matter.items for turn in item.redacted.turns for p in turn.parts)
        print(f"{rows} conversations, {size / 1e6:.1f} MB of text\n")
        print("| stage | CPU s | wall s | conversations / CPU s | MB text / CPU s |\n|---|---|---|---|---|")
        package = timed("build", rows, size, lambda: matter.build(home / "VOL001"))
        timed("seal (certificate, manifest, ledger, fsync)", rows, size, lambda: matter.seal(package))
        volume = home / "VOL001"
        key = str(pyrage.x25519.Identity.generate().to_public())
        timed("age copy", rows, size, lambda: seal_directory(volume, home / "VOL001.tar.age", [key]))
        timed("verify", rows, size, lambda: verify(volume, Trust.parse(matter.trust())))
        files = [p for p in volume.rglob("*") if p.is_file()]
        sealed = (home / "VOL001.tar.age").stat().st_size
        print(f"\n{len(files)} files, {sum(p.stat().st_size for p in files) / 1e6:.1f} MB; sealed copy {sealed / 1e6:.1f} MB")
        matter.ledger.close()
    print(f"peak memory {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024:.0f} MB (items of this benchmark included)")


if __name__ == "__main__":
    main()
