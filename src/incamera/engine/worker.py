"""What runs in a worker process: one fragment through one step, and errors that carry no text."""

from __future__ import annotations

import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol, runtime_checkable

import pyarrow as pa

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.core.ports import Step
from incamera.engine import files
from incamera.engine.files import Finished, Shelf

#: The largest batch a step is handed; larger ones are sliced by rows.
BATCH_BYTES = 64 << 20


@runtime_checkable
class Fragment(Protocol):
    """A piece of a source: picklable, with an id that depends on what it reads only, read in the worker."""

    @property
    def id(self) -> str: ...

    def read(self) -> Iterator[pa.RecordBatch]: ...


@dataclass(frozen=True, kw_only=True, repr=False)
class Task:
    """One fragment's work. Without a *shelf* the result comes back in memory."""

    fragment: Fragment
    step: Step
    version: str
    schema: bytes
    shelf: str | None


@dataclass(frozen=True, kw_only=True, repr=False)
class Done:
    """A finished fragment: its manifest row, or its bytes."""

    rows: int
    finished: Finished | None = None
    data: bytes | None = None


def start() -> None:
    """A worker is one process and one thread: Arrow's own pools would fight the other workers for the cores."""
    pa.set_cpu_count(1)
    pa.set_io_thread_count(1)


def run(task: Task) -> Done:
    """Run *task*.

    Raises:
        Malformed: `engine.wrong-schema`, the step's output is not of the stated schema.
        Unavailable: `engine.disk-full`, `engine.unwritable`, `engine.memory`.
        Error: `engine.step-failed`, with the kind of exception and the line it came from, never its message; and
            whatever error of the house the step raised, as it was.
    """
    flaw: Error
    try:
        schema = pa.ipc.read_schema(pa.py_buffer(task.schema))
        data, rows = files.encode(schema, checked(task.step(sliced(task.fragment.read())), schema))
        if task.shelf is None:
            return Done(rows=rows, data=data)
        return Done(rows=rows, finished=Shelf(Path(task.shelf)).put(task.fragment.id, task.version, rows, data))
    except Error as known:
        flaw = type(known)(known.code, known.hint, where=known.where or f"fragment {task.fragment.id}")
    except MemoryError:
        flaw = Unavailable("engine.memory", "memory is short; use smaller fragments", where=f"fragment {task.fragment.id}")
    except Exception as unknown:  # noqa: BLE001 - a message could quote a conversation, so only its kind and place go on
        flaw = failed(unknown, task.fragment.id)
    # Raised outside the handler: no context, no cause, no traceback with a line of text in it.
    raise flaw


def failed(unknown: Exception, fragment: str) -> Error:
    """What may be told of an exception that is not the house's own."""
    frames = traceback.extract_tb(unknown.__traceback__)
    place = f"{Path(frames[-1].filename).name}:{frames[-1].lineno}" if frames else "an unknown place"
    return Error("engine.step-failed", f"the step failed with {type(unknown).__name__} in {place}", where=f"fragment {fragment}")


def sliced(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Batches of at most `BATCH_BYTES`, though never less than one row."""
    for batch in batches:
        pieces = min(batch.num_rows, -(-batch.nbytes // BATCH_BYTES)) or 1
        size = -(-batch.num_rows // pieces) or 1
        if pieces == 1:
            yield batch
        else:
            yield from (batch.slice(low, size) for low in range(0, batch.num_rows, size))


def checked(batches: Iterator[pa.RecordBatch], schema: pa.Schema) -> Iterator[pa.RecordBatch]:
    """Batches of exactly *schema*; empty ones are dropped, so that re-batching cannot show."""
    for batch in batches:
        if batch.schema.names != schema.names or batch.schema.types != schema.types:
            raise Malformed("engine.wrong-schema", "the step's output does not have the stated columns")
        if batch.num_rows:
            yield batch.cast(schema) if batch.schema != schema else batch
