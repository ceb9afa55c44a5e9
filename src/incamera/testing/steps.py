"""Small steps and sources for tests of engines: importable, hence picklable, and with nothing private in them."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

ROWS = pa.schema([pa.field("key", pa.string()), pa.field("value", pa.int64())])
DOUBLED = pa.schema([pa.field("key", pa.string()), pa.field("value", pa.int64())])
SUMMED = pa.schema([pa.field("key", pa.string()), pa.field("rows", pa.int64()), pa.field("total", pa.int64())])


@dataclass(frozen=True, kw_only=True)
class Rows:
    """An in-memory fragment: (key, value) pairs, in batches of *size*."""

    id: str
    pairs: tuple[tuple[str, int], ...]
    size: int = 1000

    def read(self) -> Iterator[pa.RecordBatch]:
        for low in range(0, len(self.pairs), self.size):
            some = self.pairs[low : low + self.size]
            yield pa.RecordBatch.from_arrays(
                [pa.array([key for key, _ in some], pa.string()), pa.array([value for _, value in some], pa.int64())], schema=ROWS
            )


def rows(pairs: list[tuple[str, int]], *, fragments: int = 4, size: int = 1000) -> list[Rows]:
    """*pairs* as a source of several fragments, whose ids depend on the content."""
    width = max(1, -(-len(pairs) // fragments))
    pieces = [tuple(pairs[low : low + width]) for low in range(0, len(pairs), width)]
    return [Rows(id=hashlib.sha256(repr((n, p)).encode()).hexdigest()[:16], pairs=p, size=size) for n, p in enumerate(pieces)]


def double(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Each value twice as large."""
    for batch in batches:
        values = pa.array([2 * value for value in batch["value"].to_pylist()], pa.int64())
        yield pa.RecordBatch.from_arrays([batch["key"], values], schema=DOUBLED)


def total(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """One row per batch: for `group`, one row per group."""
    for batch in batches:
        values = batch["value"].to_pylist()
        yield pa.RecordBatch.from_pylist(
            [{"key": batch["key"][0].as_py(), "rows": len(values), "total": sum(values)}], schema=SUMMED
        )


def fail_with_text(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Fails as careless code does: the message quotes the data."""
    for batch in batches:
        if batch.num_rows:
            raise ValueError(f"cannot read {batch['key'][0].as_py()}")
        yield batch


@dataclass(frozen=True, kw_only=True)
class KillOnce:
    """Kills its own worker the first time it meets *key*; later runs find the *mark* and go on."""

    key: str
    mark: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if self.key in batch["key"].to_pylist() and not Path(self.mark).exists():
                Path(self.mark).touch()
                os.kill(os.getpid(), signal.SIGKILL)
            yield from double(iter([batch]))


@dataclass(frozen=True, kw_only=True)
class KillAlways:
    """Kills its worker whenever it meets *key*."""

    key: str

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            if self.key in batch["key"].to_pylist():
                os.kill(os.getpid(), signal.SIGKILL)
            yield from double(iter([batch]))


@dataclass(frozen=True, kw_only=True)
class CountRuns:
    """Doubles, and leaves one file per run in *directory*: how often was a fragment really worked on?"""

    directory: str
    version: str = "count-runs/1"
    pause: float = 0.0

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        Path(self.directory, f"{os.getpid()}-{time.monotonic_ns()}").touch()
        time.sleep(self.pause)
        yield from double(batches)
