"""The embedded engine: worker processes over fragments, one manifest row per finished fragment, results in order."""

from __future__ import annotations

import hashlib
import multiprocessing
import pickle
import tempfile
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import nullcontext
from pathlib import Path

import pyarrow as pa

from incamera.core.errors import Malformed, Unavailable
from incamera.core.ports import Step
from incamera.engine import files, shuffle, worker
from incamera.engine.files import Shelf, Spill
from incamera.engine.shuffle import Groups
from incamera.engine.worker import Done, Fragment, Task


class LocalRunner:
    """`core.ports.Runner` on one machine.

    Args:
        processes: Worker processes; 0 runs every fragment in the calling process.
        work: Directory for finished fragments. A run that was killed and is started again over the same directory, task
            and source takes finished fragments from there. Without it nothing is kept and results return in memory.
        attempts: How often one fragment may bring its worker down before the run is refused.
        progress: Called with the number of rows whenever a fragment is finished, also for one taken from *work*.

    A source is a sequence of fragments (`id`, `read()`). Give it a `version` where the step's import path does not say
    enough: parameters that change results belong into the step's own `version`.
    Privacy: fragments and results are on disk as the step and the source have them; steps around `vault.within` are sealed.
    """

    def __init__(
        self,
        processes: int = 2,
        *,
        work: Path | None = None,
        attempts: int = 3,
        progress: Callable[[int], None] | None = None,
    ) -> None:
        self._processes = processes
        self._work = work
        self._attempts = attempts
        self._progress = progress
        self._pool: ProcessPoolExecutor | None = None

    def __enter__(self) -> LocalRunner:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def close(self) -> None:
        """End the worker processes. Idempotent; the runner may be used again."""
        if self._pool is not None:
            self._pool.shutdown(wait=True, cancel_futures=True)
            self._pool = None

    # --- the two verbs ------------------------------------------------------------------------------------------

    def map(self, step: Step, source: Iterable[Fragment], *, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Apply *step* to every fragment; batches come in the order of fragments, whatever finished first.

        Raises:
            Malformed: `engine.duplicate-fragment`, `engine.not-picklable`, `engine.wrong-schema`.
            Unavailable: `engine.worker-died`, naming the fragment; `engine.disk-full`, `engine.memory`.
            Error: `engine.step-failed`; or the step's own.
        """
        fragments = list(source)
        if len({fragment.id for fragment in fragments}) != len(fragments):
            raise Malformed("engine.duplicate-fragment", "two fragments of the source have one id")
        shelf = Shelf(self._work) if self._work is not None else None
        version = task_version(step, schema)
        stated = schema.serialize().to_pybytes()
        tasks = [
            Task(fragment=f, step=step, version=version, schema=stated, shelf=str(shelf.directory) if shelf else None)
            for f in fragments
        ]
        self._check_picklable(tasks[:1])
        with shelf.mine() if shelf is not None else nullcontext():
            for done in self._finish(tasks, shelf):
                if self._progress is not None:
                    self._progress(done.rows)
                yield from files.decode(self._data(done, shelf))

    def group(self, step: Step, source: Iterable[Fragment], *, by: str, schema: pa.Schema) -> Iterator[pa.RecordBatch]:
        """Apply *step* to whole groups: each batch it is handed holds all rows of one value of *by*.

        Groups come in the order of a hash of their key, rows in the order of their columns: neither batching nor the
        order of rows in the source can be seen. A group must fit in memory.

        Raises:
            Malformed: `engine.no-such-column`, `engine.null-key`, `engine.bad-key`; and as `map`.
        """
        fragments = list(source)
        label = hashlib.sha256("\n".join([by, *(fragment.id for fragment in fragments)]).encode()).hexdigest()[:24]
        with tempfile.TemporaryDirectory(prefix=files.SPILL, dir=self._shelf_directory()) as place:
            spill: Spill | None = None
            for fragment in fragments:
                spill = shuffle.scatter(
                    worker.sliced(fragment.read()), spill, by, lambda found: Spill(Path(place), found, shuffle.PARTITIONS)
                )
            partitions = spill.close() if spill is not None else []
            groups = [Groups(id=f"{label}-{number:03d}", path=str(path), by=by) for number, path in partitions]
            yield from self.map(step, groups, schema=schema)

    # --- running ------------------------------------------------------------------------------------------------

    def _finish(self, tasks: Sequence[Task], shelf: Shelf | None) -> Iterator[Done]:
        """Every task's outcome in order, at most two fragments a worker ahead of the reader."""
        waiting = deque(tasks)
        running: deque[tuple[Task, Future[Done] | Done | None]] = deque()
        ahead = max(1, 2 * self._processes)
        while waiting or running:
            while waiting and len(running) < ahead:
                task = waiting.popleft()
                running.append((task, self._begin(task, shelf)))
            task, outcome = running.popleft()
            if isinstance(outcome, Future):
                try:
                    outcome = outcome.result()
                except BrokenProcessPool:
                    self.close()
                    # Any of those in flight may be to blame: each runs alone, so that the blame is sure.
                    lost = [task, *(t for t, future in running if _lost(future))]
                    alone = {t.fragment.id: self._alone(t) for t in lost}
                    outcome = alone[task.fragment.id]
                    running = deque((t, alone.get(t.fragment.id, future)) for t, future in running)
            if outcome is None:
                outcome = worker.run(task)
            yield outcome

    def _begin(self, task: Task, shelf: Shelf | None) -> Future[Done] | Done | None:
        """Take a fragment from the shelf, or hand it to a worker; None leaves it to the calling process."""
        row = shelf.finished(task.fragment.id, task.version) if shelf is not None else None
        if row is not None and shelf is not None and shelf.get(row) is not None:
            return Done(rows=row.rows, finished=row)
        if self._processes == 0:
            return None
        try:
            return self._workers().submit(worker.run, task)
        except BrokenProcessPool:
            self.close()
            return self._workers().submit(worker.run, task)

    def _alone(self, task: Task) -> Done:
        """One fragment in a worker of its own, a bounded number of times."""
        for _ in range(self._attempts):
            with _new_pool(1) as pool:
                try:
                    return pool.submit(worker.run, task).result()
                except BrokenProcessPool:
                    continue
        raise Unavailable(
            "engine.worker-died",
            f"the worker was killed {self._attempts} times on this fragment; memory may be short",
            where=f"fragment {task.fragment.id}",
        )

    def _shelf_directory(self) -> Path | None:
        return Shelf(self._work).directory if self._work is not None else None

    def _workers(self) -> ProcessPoolExecutor:
        if self._pool is None:
            self._pool = _new_pool(self._processes)
        return self._pool

    @staticmethod
    def _data(done: Done, shelf: Shelf | None) -> bytes:
        if done.data is not None:
            return done.data
        data = shelf.get(done.finished) if shelf is not None and done.finished is not None else None
        if data is None:
            name = done.finished.fragment if done.finished else ""
            raise Unavailable(
                "engine.result-gone", "a finished fragment was altered or removed; run again", where=f"fragment {name}"
            )
        return data

    def _check_picklable(self, tasks: Sequence[Task]) -> None:
        if self._processes == 0:
            return
        try:
            for task in tasks:
                pickle.dumps(task)
        except (pickle.PicklingError, AttributeError, TypeError):
            raise Malformed(
                "engine.not-picklable", "a step is named by its import path and plain parameters; closures cannot travel"
            ) from None


def _lost(outcome: Future[Done] | Done | None) -> bool:
    """Whether a fragment in flight was taken down with its pool."""
    if not isinstance(outcome, Future):
        return False
    return not outcome.done() or outcome.cancelled() or isinstance(outcome.exception(), BrokenProcessPool)


def _new_pool(processes: int) -> ProcessPoolExecutor:
    # Workers come from a clean server process: a plain fork would copy open databases, sockets and locks held by threads.
    context = multiprocessing.get_context("forkserver")
    return ProcessPoolExecutor(max_workers=processes, mp_context=context, initializer=worker.start)


def task_version(step: Step, schema: pa.Schema) -> str:
    """SHA-256 over the step's version (or import path) and the output schema: finished work of another task is not used."""
    stated = getattr(step, "version", None)
    if not isinstance(stated, str):
        kind = step if hasattr(step, "__qualname__") else type(step)
        stated = f"{kind.__module__}.{kind.__qualname__}"
    return hashlib.sha256(stated.encode() + b"\n" + schema.serialize().to_pybytes()).hexdigest()
