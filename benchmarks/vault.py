"""The vault's figures, each beside the limit that names what it cannot beat.

    python benchmarks/vault.py [--conversations 50000] [--keys 1000000] [--rounds 3] [--out FILE.json]

Times are CPU seconds of this process, broker thread included; where a comparison is stated, both sides run in turns and
the best round of each counts. Made-up text; no network; a temporary home.
"""

from __future__ import annotations

import argparse
import gc
import hashlib
import json
import os
import random
import shutil
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import zstandard
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from incamera.core.batch import OPENED
from incamera.core.canon import pack
from incamera.core.records import Conversation, Part, Turn
from incamera.testing.grants import issue
from incamera.testing.places import Place
from incamera.vault import bodies, envelope
from incamera.vault.database import Database
from incamera.vault.keys import Keyring, SystemClock

LETTERS = "etaoinshrdlucmfwypvbgkjqxz"
NEEDLE = b"a phrase nobody wrote"


def conversations(count: int, *, per_subject: int = 20, seed: int = 1) -> Iterator[Conversation]:
    """Eight turns of Zipf-distributed made-up words, about 4.1 kB packed; zstd ratio about 2.4, as real chat has."""
    rng = random.Random(seed)
    words = ["".join(rng.choices(LETTERS, weights=range(26, 0, -1), k=rng.randint(2, 10))) for _ in range(8000)]
    weights = [1 / (rank + 3) for rank in range(len(words))]
    pool = [" ".join(rng.choices(words, weights=weights, k=46)) for _ in range(4000)]
    for n in range(count):
        turns = tuple(
            Turn(index=t, role="assistant" if t % 2 else "user", parts=(Part(kind="text", path=f"{t}", text=rng.choice(pool)),))
            for t in range(8)
        )
        started = datetime(2025, 1 + n % 12, 1 + n % 28, tzinfo=UTC)
        yield Conversation(id=f"c{n}", subject=f"s{n // per_subject}", source="bench", started_at=started, turns=turns)


def search(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """The least a scan does: look for one phrase in every conversation."""
    for batch in batches:
        found = [NEEDLE in text.as_buffer().to_pybytes() for text in batch["conversation"]]
        yield pa.RecordBatch.from_arrays([batch["cref"], pa.array(found)], names=["cref", "found"])


def cpu(work: Callable[[], Any]) -> float:
    began = time.process_time()
    work()
    return time.process_time() - began


def best(rounds: int, *works: Callable[[], Any]) -> list[float]:
    """The best CPU time of each, taken in turns so that a noisy minute hits all of them."""
    times: list[list[float]] = [[] for _ in works]
    for _ in range(rounds):
        for place, work in enumerate(works):
            times[place].append(cpu(work))
    return [min(found) for found in times]


def limits(packed: list[bytes], place: Path, rounds: int) -> dict[str, Any]:
    """What the machine can do: raw zstd, raw AES-GCM, raw fsync."""
    compressor, decompressor = zstandard.ZstdCompressor(level=bodies.LEVEL), zstandard.ZstdDecompressor()
    frames = [compressor.compress(p) for p in packed]
    key, nonce = os.urandom(32), os.urandom(12)
    sealed = [AESGCM(key).encrypt(nonce, f, b"") for f in frames]
    shrink, grow, encrypt, decrypt = best(
        rounds,
        lambda: [compressor.compress(p) for p in packed],
        lambda: [decompressor.decompress(f) for f in frames],
        lambda: [AESGCM(key).encrypt(nonce, f, b"") for f in frames],
        lambda: [AESGCM(key).decrypt(nonce, s, b"") for s in sealed],
    )
    with (place / "sync").open("wb") as sink:
        began = time.perf_counter()
        for _ in range(100):
            sink.write(b"x")
            sink.flush()
            os.fsync(sink.fileno())
        syncs = 100 / (time.perf_counter() - began)
    n = len(packed)
    return {
        "bytes a conversation": round(sum(map(len, packed)) / n),
        "zstd ratio": round(sum(map(len, packed)) / sum(map(len, frames)), 2),
        "raw zstd compress, conv/s": round(n / shrink),
        "raw zstd decompress, conv/s": round(n / grow),
        "raw AES-256-GCM encrypt, fresh key, conv/s": round(n / encrypt),
        "raw AES-256-GCM decrypt, fresh key, conv/s": round(n / decrypt),
        "raw fsync/s (wall)": round(syncs),
    }


def ingest(place: Path, items: list[Conversation], rounds: int) -> tuple[dict[str, Any], Place]:
    times, walls = [], []
    home: Place | None = None
    for n in range(rounds):
        if home is not None:
            home.vault.close()
        (place / f"home{n}").mkdir()
        home = Place.make(place / f"home{n}")
        wall = time.perf_counter()
        times.append(cpu(lambda: home.vault.put(items)))
        walls.append(time.perf_counter() - wall)
    assert home is not None
    stored = sum(path.stat().st_size for path in home.home.glob("vault/*.parquet"))
    home.vault.keyring.database.checkpoint()
    home.vault._state.checkpoint()
    n = len(items)
    return {
        "ingest, conv/s/core": round(n / min(times)),
        "ingest, conv/s wall": round(n / min(walls)),
        "target": 10_000,
        "data file bytes a conversation": round(stored / n),
        "state.db bytes a conversation": round((home.home / "state.db").stat().st_size / n),
        "keys.db bytes a conversation": round((home.home / "keys.db").stat().st_size / n),
    }, home


def scan(home: Place, packed: list[bytes], place: Path, rounds: int) -> dict[str, Any]:
    """The whole vault through `within`, against the same pipeline without keys and AEAD, and against plain Parquet.

    The peer reads an unencrypted Parquet file of the same four columns, values and row groups (1,024 rows, pages stored raw,
    because `body` holds a zstd frame already, of the vault's own level and without a dictionary); decompresses each body with
    one context that it keeps, by its stated content size; builds the same `OPENED` batches, and runs the same step over
    them. It has no grant, no receipt, no key, no AEAD, no padding, no process border.

    The floor adds to the peer nothing but the library calls that the scheme cannot do without: per conversation one AES-GCM
    under a fresh key, one unwrap under a subject's, one SHA-256 (the commitment) and one row of keys.db.
    """
    frames = zstandard.ZstdCompressor(level=bodies.LEVEL)
    decompressor = zstandard.ZstdDecompressor()
    crefs = [os.urandom(16) for _ in packed]
    bare = pa.table(
        {
            "cref": pa.array(crefs, pa.binary(16)),
            "uref": pa.array(crefs, pa.binary(16)),
            "commit": pa.array([os.urandom(32) for _ in packed], pa.binary(32)),
            "body": pa.array([frames.compress(p) for p in packed], pa.large_binary()),
        }
    )
    pq.write_table(bare, place / "bare.parquet", compression="none", use_dictionary=False, row_group_size=1024)
    plain = pa.table({"cref": bare["cref"], "conversation": pa.array(packed, pa.large_binary())})
    pq.write_table(plain, place / "plain.parquet", compression="zstd", use_dictionary=False, row_group_size=1024)

    def rows(name: str) -> Iterator[pa.RecordBatch]:
        file = pq.ParquetFile(place / name)
        for group in range(file.num_row_groups):
            yield from file.read_row_group(group, use_threads=False).combine_chunks().to_batches()

    def unencrypted() -> int:
        def opened() -> Iterator[pa.RecordBatch]:
            for batch in rows("bare.parquet"):
                texts = [decompressor.decompress(body) for body in batch["body"].to_pylist()]
                key = bytes(32)
                arrays = [
                    batch["cref"],
                    batch["uref"],
                    pa.array(texts, pa.large_binary()),
                    pa.array([None] * len(texts), pa.large_binary()),
                    pa.array([key] * len(texts), pa.binary(32)),
                ]
                yield pa.RecordBatch.from_arrays(arrays, schema=OPENED)

        return sum(batch.num_rows for batch in search(opened()))

    def pages() -> int:
        return sum(batch.num_rows for batch in search(rows("plain.parquet")))

    def vault() -> int:
        grant = issue(home.vault.grant_key, home.ledger, now=home.clock.now(), max_records=10**9)
        step = home.vault.within(grant, search)
        return sum(batch.num_rows for fragment in home.vault.fragments() for batch in step(fragment.read()))

    assert vault() == unencrypted() == pages() == len(packed)
    gc.collect()
    gc.freeze()  # the conversations that were put are still in this process; a scan's own process never has them
    sealed, same, paged, calls = best(rounds, vault, unencrypted, pages, primitives(home, bare["body"].to_pylist()))
    n = len(packed)
    return {
        "vault scan, conv/s/core": round(n / sealed),
        "same pipeline unencrypted, conv/s/core": round(n / same),
        "CPU ratio to the same pipeline": round(sealed / same, 2),
        "target": 1.7,
        "floor: the peer and bare library calls": round((same + calls) / same, 2),
        "plain Parquet with zstd pages, conv/s/core": round(n / paged),
        "CPU ratio to plain Parquet": round(sealed / paged, 2),
    }


def primitives(home: Place, frames: list[bytes]) -> Callable[[], Any]:
    """The calls of AES-GCM, SHA-256 and SQLite behind a scan, and nothing around them."""
    key, nonce, aad = os.urandom(32), os.urandom(12), bytes(96)
    sealed = [AESGCM(key).encrypt(nonce, frame, aad) for frame in frames]
    wrapping = AESGCM(key)
    wrapped = wrapping.encrypt(nonce, key, aad)
    buffer = memoryview(bytearray(max(map(len, sealed))))
    rows = "SELECT slot, cref, uref, wrapped, version, class FROM conversation_key WHERE state = 'live' ORDER BY slot"

    def work() -> None:
        for body in sealed:
            hashlib.sha256(key).digest()
            wrapping.decrypt(nonce, wrapped, aad)
            AESGCM(key).decrypt_into(nonce, body, aad, buffer[: len(body) - 16])
        for _ in home.vault.keyring.database.stream(rows):
            pass

    return work


def keys(place: Path, count: int) -> dict[str, Any]:
    """A million subject keys: unwrap all of them, then roll the epoch."""
    from incamera.testing.vaults import CHEAP, PASSPHRASE
    from incamera.vault.kms import LocalKms

    database = Database.at(place / "keys.db", "keys", create=True)
    keyring = Keyring.create(database, LocalKms.create(place / "kms.json", PASSPHRASE, cost=CHEAP), clock=SystemClock())
    began = time.process_time()
    for number in range(1, -(-count // 100_000) + 1):
        rows = [keyring.new_subject(os.urandom(16), number)[1] for _ in range(min(100_000, count))]
        keyring.insert(number, sorted(rows), [])
        keyring.settle(number, stored=True)
    made = time.process_time() - began
    every = "SELECT uref, epoch, version, wrapped FROM subject_key"
    opened = cpu(lambda: sum(1 for _ in keyring.subject_keys(database.stream(every))))
    rows = database.rows("SELECT uref, epoch, version, wrapped FROM subject_key LIMIT 100000")
    epoch = AESGCM(keyring.epoch_key(1))
    bare = cpu(lambda: [epoch.decrypt(w[:12], w[12:], keyring.bind(b"subject-key", uref=u, version=v)) for u, _, v, w in rows])
    wall = time.perf_counter()
    rolled = cpu(lambda: keyring.roll())
    wall = time.perf_counter() - wall
    total = database.one("SELECT count(*) FROM subject_key")[0]
    return {
        "keys": total,
        "make and store, keys/s/core": round(total / made),
        "unwrap all from SQLite, CPU s": round(opened, 2),
        "unwrap all, target CPU s": 5,
        "limit: AES-GCM unwrap alone, keys/s/core": round(len(rows) / bare),
        "roll the epoch, CPU s": round(rolled, 2),
        "roll the epoch, wall s": round(wall, 2),
        "roll, target s": 30,
        "data bytes rewritten": 0,
    }


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--conversations", type=int, default=50_000)
    parser.add_argument("--keys", type=int, default=1_000_000)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    place = Path(tempfile.mkdtemp(prefix="incamera-bench-"))
    try:
        items = list(conversations(options.conversations))
        packed = [pack(item) for item in items]
        figures: dict[str, Any] = {"machine": f"{os.cpu_count()} cores, load {os.getloadavg()[0]:.1f}"}
        figures["limits"] = limits(packed[:20_000], place, options.rounds)
        figures["ingest"], home = ingest(place, items, options.rounds)
        figures["scan"] = scan(home, packed, place, options.rounds)
        home.vault.close()
        (place / "keys").mkdir()
        figures["keys"] = keys(place / "keys", options.keys)
        figures["expansion, bytes a conversation"] = {
            "nonce": envelope.NONCE_BYTES,
            "tag": envelope.TAG_BYTES,
            "commitment": 32,
            "wrapped key": envelope.WRAPPED_BYTES,
            "sum": envelope.NONCE_BYTES + envelope.TAG_BYTES + 32 + envelope.WRAPPED_BYTES,
            "target": 130,
            "apart: references": 32,
        }
    finally:
        shutil.rmtree(place, ignore_errors=True)
    text = json.dumps(figures, indent=1)
    print(text)
    if options.out:
        options.out.write_text(text + "\n")


if __name__ == "__main__":
    main()
