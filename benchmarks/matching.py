"""Matching beside its peers, on equal raw inputs in one run.

CPU seconds of one core, best of several: ratios travel, absolutes do not.

    python benchmarks/matching.py ceiling [--works-mb 100] [--text-mb 64]     our stages against the fold+tokenise+hash ceiling
    python benchmarks/matching.py peers [--works-mb 16] [--text-mb 16]        complete and incomplete peers from the same raw text
    python benchmarks/matching.py linear                                      1, 2, 4, 8 times the text, and the works
    python benchmarks/matching.py sizes --works WORKS.jsonl                   index bytes by part, for real works
    python benchmarks/matching.py cores [--works-mb 100] [--text-mb 64]       one process and two (wall clock)

All text is synthetic (invented words by Zipf's law), so that any size can be made anywhere. `--hits` is the share of
conversations with a planted passage. Every complete method must report the same (text, work) pairs or the run fails.
"""

from __future__ import annotations

import argparse
import functools
import json
import multiprocessing
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np

from incamera.core.records import Work
from incamera.matching import builder, compiled, index, scan
from incamera.text import fold, kernels, tokens
from incamera.text.offsets import Packed, pack

LEAST = 8


# --- synthetic text --------------------------------------------------------------------------------------------


@functools.cache
def vocabulary(size: int, seed: int) -> np.ndarray[Any, Any]:
    rng = np.random.default_rng(seed)
    parts = np.array([a + b for a in "bcdfghjklmnprstvwz" for b in ("a", "e", "i", "o", "u", "ai", "ou", "er", "an", "in")])
    short = [a + b for a in "abdehimnostw" for b in "aefhinortuy"]
    words = {"".join(rng.choice(parts, size=rng.integers(1, 5))) for _ in range(2 * size)} - set(short)
    return np.array(short + sorted(words)[: size - len(short)], dtype=object)


@functools.cache
def _mass(size: int) -> np.ndarray[Any, Any]:
    """Zipf and Mandelbrot's law, with the constants usual for English: the first word is one in fifteen."""
    weights = 1 / (np.arange(size) + 2.7) ** 1.02
    return np.cumsum(weights / weights.sum())[:-1]


def prose(rng: np.random.Generator, words: np.ndarray[Any, Any], count: int) -> str:
    picked = words[np.searchsorted(_mass(len(words)), rng.random(count))].tolist()
    for i in range(0, count, 12):
        picked[i] = picked[i].capitalize()
        if i:
            picked[i - 1] += "."
    for i in range(7, count, 31):
        picked[i] += ","
    return " ".join(picked)


def make_works(megabytes: float, seed: int = 1) -> list[Work]:
    rng, words = np.random.default_rng(seed), vocabulary(60_000, 1)
    works, size = [], 0
    while size < megabytes * 1e6:
        text = prose(rng, words, 3000)
        works.append(Work(work_id=f"w{len(works)}", text=text))
        size += len(text)
    return works


def make_texts(works: list[Work], megabytes: float, hits: float, seed: int = 2) -> list[str]:
    """Texts of 40 to 700 words; a share *hits* of them holds 250 characters of a work."""
    rng, words = np.random.default_rng(seed), vocabulary(60_000, 1)
    texts, size = [], 0
    while size < megabytes * 1e6:
        text = prose(rng, words, int(rng.integers(40, 700)))
        if rng.random() < hits:
            work = works[int(rng.integers(len(works)))].text
            at = int(rng.integers(0, len(work) - 400))
            text += "\n\n“" + work[at : at + 250] + "”"
        texts.append(text)
        size += len(text)
    return texts


def corpus(works_mb: float, text_mb: float, hits: float) -> tuple[list[Work], list[str]]:
    works = make_works(works_mb)
    return works, make_texts(works, text_mb, hits)


# --- measuring -------------------------------------------------------------------------------------------------


def best(run: Callable[[], Any], times: int = 3) -> tuple[float, Any]:
    least, result = float("inf"), None
    for _ in range(times):
        start = time.process_time()
        result = run()
        least = min(least, time.process_time() - start)
    return least, result


def row(name: str, size: float, seconds: float, **more: Any) -> dict[str, Any]:
    line = {
        "name": name,
        "MB": round(size / 1e6, 1),
        "cpu_s": round(seconds, 3),
        "MB_per_cpu_s": round(size / 1e6 / seconds, 2),
        **more,
    }
    print(json.dumps(line), flush=True)
    return line


@kernels.jit
def _ceiling(buffer, bounds, tab, k, scratch):  # type: ignore[no-untyped-def]
    data = np.int64(buffer.ctypes.data)
    safe = np.int64(len(buffer)) - 8
    words = np.int64(scratch.ctypes.data)
    acc = words + len(scratch) // 4 * 8
    total = np.int64(0)
    for part in range(len(bounds) - 1):
        i, end = bounds[part], bounds[part + 1]
        at = np.int64(0)
        while i < end:
            at, i = kernels.word_hashes(data, safe, i, end, tab, words, at, np.int64(512))
            if at >= k:
                compiled_grams(words, at - k + 1, k, acc)
            total += at
            at = np.int64(0)
    return total


compiled_grams = compiled.kernels().grams


def ceiling(packed: Packed, k: int) -> int:
    """Fold, tokenise, hash, roll: everything but looking up."""
    scratch = compiled.kernels().scratch()
    count: int = _ceiling(kernels.readonly(packed.data), kernels.readonly(packed.bounds), tokens.tables(), k, scratch)
    return count


def touch(packed: Packed) -> None:
    """Bring text and kernels into memory before the clock starts."""
    ceiling(packed, 6)


# --- our stages ------------------------------------------------------------------------------------------------


def stages(works_mb: float, text_mb: float, hits: float) -> None:
    works, texts = corpus(works_mb, text_mb, hits)
    index.Index.of(works[:2])
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    size = sum(len(w.text.encode()) for w in works)
    seconds, built = best(lambda: index.Index.of(works), 1 if works_mb > 200 else 2)
    build = row("index build", size, seconds)
    parts = built.sizes()
    finds = (parts["filter"] + parts["table"] + parts["offsets"]) / parts["works"]
    print(
        json.dumps(
            {
                "name": "index bytes per byte of works",
                "finds": round(finds, 3),
                "confirms": round(parts["text"] / parts["works"], 3),
            }
        )
    )
    packed = pack(texts)
    total = int(packed.bounds[-1])
    touch(packed)
    scan.scan_batch(pack(texts[:50]), built)
    stream = built.segments[0].words
    tops, probes, scans = [], [], []
    for _ in range(5):  # interleaved, so that load falls on all alike
        tops.append(best(lambda: ceiling(packed, stream.plan.k), 1)[0])
        probes.append(best(lambda: compiled.probe(packed, stream), 1)[0])
        scans.append(best(lambda: scan.scan_batch(packed, built), 1))
    top = row("ceiling: fold + tokenise + hash", total, min(tops))
    row("with filter and table", total, min(probes), of_ceiling=round(min(tops) / min(probes), 3))
    rows = scans[0][1][0]
    whole = min(s for s, _ in scans)
    ours = row(
        f"scan, confirmed, {hits:.0%} of texts match", total, whole, of_ceiling=round(min(tops) / whole, 3), rows=len(rows)
    )
    print(json.dumps({"name": "build of scan", "ratio": round(build["MB_per_cpu_s"] / ours["MB_per_cpu_s"], 3)}))
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    print(
        json.dumps(
            {"name": "memory", "peak_MB": peak // 1024, "before_MB": before // 1024, "ceiling_MB_per_cpu_s": top["MB_per_cpu_s"]}
        )
    )


# --- peers -----------------------------------------------------------------------------------------------------

_TABLE: dict[int, str] = {}


def peer_fold(text: str) -> list[str]:
    """The same fold as fast as Python goes: one translate and one split; references decoded first where there are any."""
    if "&" in text:
        return [w for w, _, _ in tokens.words(text)]
    for c in set(text):
        if ord(c) not in _TABLE:
            _TABLE[ord(c)] = fold.load().code_point(ord(c))
    return text.translate(_TABLE).split()


Folded = list[list[str]]


def tuples(words: list[str]) -> Any:
    return zip(*(words[i:] for i in range(LEAST)), strict=False)


State = Any


def set_prepare(works: Folded) -> State:
    return {gram for words in works for gram in tuples(words)}


def set_query(table: State, texts: Folded) -> set[int]:
    return {n for n, words in enumerate(texts) if any(gram in table for gram in tuples(words))}


def _frame(many: Folded) -> Any:
    import polars as pl

    words = [w for ws in many for w in ws]
    number = np.repeat(np.arange(len(many)), [len(ws) for ws in many])
    frame = pl.DataFrame({"n": number, "w": words})
    grams = [pl.col("w").shift(-i).over("n") for i in range(LEAST)]
    return frame.select("n", pl.concat_str(grams, separator=" ").alias("g")).drop_nulls()


def polars_prepare(works: Folded) -> State:
    return _frame(works).select("g").unique()


def polars_query(table: State, texts: Folded) -> set[int]:
    return set(_frame(texts).join(table, on="g", how="semi")["n"].to_list())


def _gram_table(many: Folded) -> Any:
    import pyarrow as pa

    rows = [(n, " ".join(g)) for n, ws in enumerate(many) for g in tuples(ws)]
    return pa.table({"n": [n for n, _ in rows], "g": [g for _, g in rows]})


def duckdb_prepare(works: Folded) -> State:
    import duckdb

    con = duckdb.connect()
    con.execute("set threads to 1")
    con.register("raw", _gram_table(works))
    con.execute("create table works as select distinct g from raw")
    return con


def duckdb_query(con: State, texts: Folded) -> set[int]:
    con.register("texts", _gram_table(texts))
    return {n for (n,) in con.execute("select distinct n from texts where g in (select g from works)").fetchall()}


def _rensa(words: list[str]) -> Any:
    from rensa import RMinHash

    sketch = RMinHash(num_perm=128, seed=42)
    sketch.update([" ".join(g) for g in tuples(words)])
    return sketch


def rensa_prepare(works: Folded) -> State:
    from rensa import RMinHashLSH

    lsh = RMinHashLSH(threshold=0.5, num_perm=128, num_bands=32)
    for n, words in enumerate(works):
        lsh.insert(n, _rensa(words))
    return lsh


def rensa_query(lsh: State, texts: Folded) -> set[int]:
    return {n for n, words in enumerate(texts) if lsh.query(_rensa(words))}


def _datasketch(words: list[str]) -> Any:
    from datasketch import MinHash

    sketch = MinHash(num_perm=128)
    sketch.update_batch([" ".join(g).encode() for g in tuples(words)])
    return sketch


def datasketch_prepare(works: Folded) -> State:
    from datasketch import MinHashLSH

    lsh = MinHashLSH(threshold=0.5, num_perm=128)
    for n, words in enumerate(works):
        lsh.insert(n, _datasketch(words))
    return lsh


def datasketch_query(lsh: State, texts: Folded) -> set[int]:
    return {n for n, words in enumerate(texts) if lsh.query(_datasketch(words))}


Peer = tuple[str, Callable[[Folded], State], Callable[[State, Folded], set[int]], bool]
PEERS: list[Peer] = [
    ("Python set of 8-tuples", set_prepare, set_query, True),
    ("Polars semi-join", polars_prepare, polars_query, True),
    ("DuckDB semi-join", duckdb_prepare, duckdb_query, True),
    ("rensa MinHash LSH", rensa_prepare, rensa_query, False),
    ("datasketch MinHash LSH", datasketch_prepare, datasketch_query, False),
]


def peers(works_mb: float, text_mb: float, hits: float) -> None:
    """Raw text as an Arrow column for all. The works are prepared once; then each method says which texts share a run with one.

    incamera gives every run with exact places on both sides; the peers only say yes or no.
    """
    import pyarrow as pa

    works, texts = corpus(works_mb, text_mb, hits)
    column = pa.array(texts, pa.large_string())
    raw_works, raw = sum(w_size(w) for w in works), column.nbytes
    del texts
    index.Index.of(works[:2])
    seconds, built = best(lambda: index.Index.of(works), 2)
    row("incamera, prepare", raw_works, seconds)
    scan.scan_batch(column[:20], built)
    seconds, rows = best(lambda: scan.scan_batch(column, built)[0], 5)
    truth = set(rows.part.tolist())
    row("incamera, scan", raw, seconds, found=len(truth), runs=len(rows))
    fold_seconds, folded = best(lambda: [peer_fold(t) for t in column.to_pylist()], 3)
    row("the peers' fold in Python", raw, fold_seconds)
    folded_works = [peer_fold(w.text) for w in works]
    complete = []
    for name, prepare, query, promises in PEERS:
        # What takes little time is measured again and again over the whole run, so that load falls on all alike.
        seconds, rows = min(((seconds, rows), best(lambda: scan.scan_batch(column, built)[0], 5)), key=lambda timed: timed[0])
        fold_seconds = min(fold_seconds, best(lambda: [peer_fold(t) for t in column.to_pylist()], 1)[0])
        try:
            state_seconds, state = best(lambda prepare=prepare: prepare(folded_works), 1)  # type: ignore[misc]
            taken, found = best(lambda query=query, state=state: query(state, folded), 2)  # type: ignore[misc]
        except ImportError as error:
            print(json.dumps({"name": name, "missing": error.name}))
            continue
        del state
        if promises and found != truth:
            sys.exit(f"{name} and incamera disagree: {len(found ^ truth)} texts")
        row(f"{name}, prepare prefolded works", raw_works, state_seconds)
        row(f"{name}, scan prefolded", raw, taken, found=len(found), of_truth=len(truth), complete=promises)
        row(f"{name}, scan from raw text", raw, taken + fold_seconds)
        if promises:
            complete.append((taken, name))
    mine = row("incamera, scan, best of the whole run", raw, seconds, runs=len(rows))
    taken, peer = min(complete)
    ratio = mine["MB_per_cpu_s"] / (raw / 1e6 / (taken + fold_seconds))
    print(json.dumps({"name": "times the fastest complete peer from raw text", "ratio": round(ratio, 1), "peer": peer}))


# --- growth ----------------------------------------------------------------------------------------------------


def linear(works_mb: float, text_mb: float, hits: float) -> None:
    works, texts = corpus(8 * works_mb, 8 * text_mb, hits)
    index.Index.of(works[:2])
    for times in (1, 2, 4, 8):
        some = works[: len(works) * times // 8]
        seconds, built = best(lambda some=some: index.Index.of(some), 2)  # type: ignore[misc]
        row(f"build, works x{times}", sum(w_size(w) for w in some), seconds)
        packed = pack(texts[: len(texts) // 8])
        touch(packed)
        row(f"scan, works x{times}", int(packed.bounds[-1]), best(lambda b=built, p=packed: scan.scan_batch(p, b), 5)[0])  # type: ignore[misc]
    for times in (1, 2, 4, 8):
        packed = pack(texts[: len(texts) * times // 8])
        touch(packed)
        row(f"scan, text x{times}", int(packed.bounds[-1]), best(lambda p=packed: scan.scan_batch(p, built), 5)[0])  # type: ignore[misc]
    for share in (0.0, 0.1, 1.0):
        packed = pack(make_texts(works, text_mb, share, 3))
        row(f"scan, {share:.0%} of texts match", int(packed.bounds[-1]), best(lambda p=packed: scan.scan_batch(p, built), 5)[0])  # type: ignore[misc]


def sizes(path: str) -> None:
    """Index bytes by part for real works: JSON Lines as `incamera matching index` reads them."""
    from pathlib import Path

    from incamera.clerk.works import read_works

    works = list(read_works([Path(path)]))
    index.Index.of(works[:2])
    seconds, built = best(lambda: index.Index.of(works), 2)
    parts = built.sizes()
    row("index build", parts["works"], seconds)
    finds = (parts["filter"] + parts["table"] + parts["offsets"]) / parts["works"]
    print(
        json.dumps(
            {
                "name": "index bytes per byte of works",
                "finds": round(finds, 3),
                "confirms": round(parts["text"] / parts["works"], 3),
                **parts,
            }
        )
    )


def w_size(work: Work) -> int:
    return len(work.text.encode())


#: How often `cores` searches its text: long enough that starting and asking do not count.
ROUNDS = 6
_SHARED: dict[str, Any] = {}


def _part(number: int) -> int:
    packed, built, cut = _SHARED["packed"], _SHARED["built"], _SHARED["cut"]
    bounds = packed.bounds[cut[number] : cut[number + 1] + 1]
    rows, _ = scan.scan_batch(Packed(packed.data, bounds), built)
    return len(rows)


def cores(works_mb: float, text_mb: float, hits: float) -> None:
    """The same text in sixteen parts, `ROUNDS` times, by one process and by two that share the index's memory."""
    works, texts = corpus(works_mb, text_mb, hits)
    packed = pack(texts)
    cut = np.linspace(0, len(texts), 17).astype(int).tolist()
    _SHARED.update(packed=packed, built=index.Index.of(works), cut=cut)
    total = int(packed.bounds[-1])
    context = multiprocessing.get_context("fork")
    walls = {}
    for count in (1, 2) * 6:  # in turn, and the best of each, so that what else runs falls on neither
        with context.Pool(count) as pool:
            pool.map(_part, range(count))
            start = time.perf_counter()
            rows = sum(pool.map(_part, [*range(16)] * ROUNDS, chunksize=1)) // ROUNDS
            wall = time.perf_counter() - start
        walls[count] = min(walls.get(count, wall), wall)
        print(
            json.dumps(
                {
                    "name": f"{count} process(es)",
                    "wall_s": round(wall, 3),
                    "MB_per_s": round(ROUNDS * total / 1e6 / wall, 1),
                    "rows": rows,
                }
            )
        )
    print(json.dumps({"name": "two cores against one", "ratio": round(walls[1] / walls[2], 2)}))


RUNS = {"ceiling": (stages, 100, 64), "peers": (peers, 16, 16), "linear": (linear, 8, 8), "cores": (cores, 100, 64)}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("run", choices=[*RUNS, "sizes"])
    parser.add_argument("--works", help="JSON Lines of real works, for `sizes`")
    parser.add_argument("--works-mb", type=float)
    parser.add_argument("--text-mb", type=float)
    parser.add_argument("--hits", type=float, default=0.001)
    given = parser.parse_args()
    if given.run == "sizes":
        sizes(given.works)
        return
    run, works_mb, text_mb = RUNS[given.run]
    print(json.dumps({"run": given.run, "fold": fold.VERSION, "lexicon_bytes": builder.LEXICON_BYTES}))
    run(given.works_mb or works_mb, given.text_mb or text_mb, given.hits)


if __name__ == "__main__":
    main()
