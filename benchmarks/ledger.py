"""How fast the ledger takes acts durably, how long an act waits, and how small its proofs are.

    python benchmarks/ledger.py [--acts N] [--directory DIR] [--json]

Durable rates depend on the disk, so the disk's own fsync rate stands beside every one. "Single-fsync appends" is the same
code appending one act at a time; "grouped" appends batches; "threads" has many callers who each wait for their own receipt.
Where fsync is nearly free (a virtual disk with a write cache) the ratio shrinks for want of anything to save: `--fsync-ms`
adds a fixed delay to every fdatasync, and says so, to show the ratio on a disk of that speed.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import resource
import shutil
import statistics
import tempfile
import threading
import time
from datetime import UTC, datetime
from pathlib import Path

from incamera.core.records import Entry
from incamera.ledger import History, Ledger, verify
from incamera_verify.merkle import consistency_path, inclusion_path
from incamera_verify.note import Algorithm, Signer


class Clock:
    def now(self) -> datetime:
        return datetime.now(UTC)


def act() -> Entry:
    fields = {"conversations": 1000, "root": "ab" * 32, "grant": 17, "used": 1000}
    return Entry(act="key.released", matter="26-cv-0001", actor="service/broker", fields=fields)


def fsync_rate(directory: Path, size: int = 600, times: int = 200) -> float:
    """The disk's own limit: writes of about one batch, each with one fdatasync, nothing else."""
    handle = os.open(directory / "raw", os.O_CREAT | os.O_RDWR)
    data, began = os.urandom(size), time.perf_counter()
    for i in range(times):
        os.pwrite(handle, data, i * size)
        os.fdatasync(handle)
    seconds = time.perf_counter() - began
    os.close(handle)
    return times / seconds


def fresh(directory: Path, signers: list[Signer]) -> Ledger:
    shutil.rmtree(directory / "ledger", ignore_errors=True)
    return Ledger.create(directory / "ledger", signers, Clock())


def single(directory: Path, signers: list[Signer], count: int) -> dict[str, float]:
    with fresh(directory, signers) as ledger:
        waits = []
        began = time.perf_counter()
        for _ in range(count):
            start = time.perf_counter()
            ledger.append(act())
            waits.append(time.perf_counter() - start)
        return {"acts_per_s": count / (time.perf_counter() - began), **delays(waits)}


def grouped(directory: Path, signers: list[Signer], count: int, batch: int) -> dict[str, float]:
    with fresh(directory, signers) as ledger:
        waits, cpu, began = [], time.process_time(), time.perf_counter()
        for _ in range(count // batch):
            start = time.perf_counter()
            ledger.append_many([act() for _ in range(batch)])
            waits.append(time.perf_counter() - start)
        seconds = time.perf_counter() - began
        cpu_us = (time.process_time() - cpu) / count * 1e6
        return {"acts_per_s": count // batch * batch / seconds, "cpu_us_per_act": cpu_us, **delays(waits)}


def threads(directory: Path, signers: list[Signer], count: int, workers: int, batch: int = 1) -> dict[str, float]:
    with fresh(directory, signers) as ledger:
        waits: list[float] = []

        def work() -> None:
            for _ in range(count // workers // batch):
                start = time.perf_counter()
                ledger.append_many([act() for _ in range(batch)])
                waits.append(time.perf_counter() - start)

        pool = [threading.Thread(target=work) for _ in range(workers)]
        began = time.perf_counter()
        for thread in pool:
            thread.start()
        for thread in pool:
            thread.join()
        return {"acts_per_s": len(waits) * batch / (time.perf_counter() - began), **delays(waits)}


def delays(waits: list[float]) -> dict[str, float]:
    ranked = sorted(waits)
    return {
        "wait_ms_median": statistics.median(ranked) * 1e3,
        "wait_ms_p99": ranked[int(len(ranked) * 0.99)] * 1e3,
        "wait_ms_max": ranked[-1] * 1e3,
    }


def modelled(results: dict[str, dict[str, float]]) -> dict[str, float]:
    """What the two measured limits, one fsync and the CPU of one act, allow with a whole core: groups that fill 50 ms."""
    fsync, cpu = 1 / results["disk"]["fdatasync_per_s"], results["grouped 512"]["cpu_us_per_act"] / 1e6
    group = int((0.050 - fsync) / cpu)
    rate = group / 0.050
    return {
        "group": group,
        "acts_per_s": rate,
        "over_raw_fsync": rate * fsync,
        "over_single": rate / results["single"]["acts_per_s"],
    }


def proofs() -> dict[str, float]:
    """Sizes at a billion leaves, computed: a path's length depends on index and size only."""
    size = 10**9

    def node(level: int, index: int) -> bytes:
        return hashlib.sha256(f"{level}/{index}".encode()).digest()

    places = [0, 1, size // 3, size // 2, size - 2, size - 1]
    return {
        "inclusion_bytes_at_1e9": max(len(inclusion_path(node, place, size)) for place in places) * 32,
        "consistency_bytes_at_1e9": max(len(consistency_path(node, max(1, place), size)) for place in places) * 32,
    }


def reading(directory: Path, signers: list[Signer], count: int) -> dict[str, float]:
    keys = [signer.verifier for signer in signers]
    with fresh(directory, signers) as ledger:
        for _ in range(count // 1000):
            ledger.append_many([act() for _ in range(1000)])
    began = time.perf_counter()
    with History(directory / "ledger", keys) as history:
        opened = time.perf_counter() - began
        began = time.process_time()
        for index in range(0, history.size, max(1, history.size // 500)):
            history.inclusion(index)
        proving = (time.process_time() - began) / 500
    began = time.process_time()
    report = verify(directory / "ledger", keys)
    return {
        "acts": report.size,
        "open_ms": opened * 1e3,
        "inclusion_cpu_us": proving * 1e6,
        "verify_cpu_us_per_act": (time.process_time() - began) / report.size * 1e6,
        "bytes_per_act": sum(p.stat().st_size for p in (directory / "ledger").rglob("*") if p.is_file()) / report.size,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--acts", type=int, default=50_000)
    parser.add_argument("--directory", type=Path, help="on the disk to measure; a temporary directory by default")
    parser.add_argument("--fsync-ms", type=float, default=0.0, help="add this much to every fdatasync")
    parser.add_argument("--json", action="store_true")
    options = parser.parse_args()
    if options.fsync_ms:
        true = os.fdatasync

        def slow(handle: int) -> None:
            true(handle)
            time.sleep(options.fsync_ms / 1e3)

        os.fdatasync = slow
    directory = Path(tempfile.mkdtemp(dir=options.directory))
    ed25519 = [Signer.generate("log.example/bench")]
    both = [*ed25519, Signer.generate("log.example/bench", Algorithm.COSIGNATURE_MLDSA44)]
    try:
        results: dict[str, dict[str, float]] = {
            "disk": {"fdatasync_per_s": fsync_rate(directory), "added_fsync_ms": options.fsync_ms}
        }
        results["single"] = single(directory, ed25519, min(options.acts, 1000))
        for batch in (16, 128, 512, 4096):
            results[f"grouped {batch}"] = grouped(directory, ed25519, options.acts, batch)
        results["grouped 512, with ML-DSA-44"] = grouped(directory, both, options.acts, 512)
        for workers in (16, 64):
            results[f"threads {workers}"] = threads(directory, ed25519, min(options.acts, 10_000), workers)
        results["threads 8 x 32"] = threads(directory, ed25519, options.acts, 8, 32)
        best = max(
            row["acts_per_s"] for name, row in results.items() if name[:7] in ("grouped", "threads") and row["wait_ms_p99"] <= 50
        )
        results["ratios"] = {
            "best_within_50_ms_over_single": best / results["single"]["acts_per_s"],
            "best_within_50_ms_over_raw_fsync": best / results["disk"]["fdatasync_per_s"],
        }
        results["modelled, quiet core"] = modelled(results)
        results["reading"] = reading(directory, ed25519, options.acts)
        results["proofs"] = proofs()
        results["process"] = {"peak_rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024}
    finally:
        shutil.rmtree(directory)
    if options.json:
        print(json.dumps(results, indent=1))
        return
    for name, row in results.items():
        print(f"{name:32}", "  ".join(f"{key} {value:,.1f}" for key, value in row.items()))


if __name__ == "__main__":
    main()
