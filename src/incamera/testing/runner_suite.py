"""The suite that every Runner must pass: re-batching, shuffling and killing a worker change nothing.

Subclass it in a test module and give `runner`:

    class TestMine(RunnerSuite):
        def runner(self, work=None): return MyRunner(work)
"""

from __future__ import annotations

import hashlib
import random
import traceback
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.testing.steps import (
    DOUBLED,
    SUMMED,
    KillAlways,
    KillOnce,
    double,
    fail_with_text,
    rows,
    total,
)

PAIRS = [(f"key-{n % 37}", n * n % 1009) for n in range(2000)]


def canonical(batches: Any) -> str:
    """A digest of the rows in order, whatever batches they came in."""
    found = [row for batch in batches for row in batch.to_pylist()]
    return hashlib.sha256(repr(found).encode()).hexdigest()


class RunnerSuite:
    """Tests against the two verbs of `core.ports.Runner`."""

    #: Whether the runner survives the loss of a worker process.
    retries_workers = True

    def runner(self, work: Path | None = None) -> Any:
        """A fresh runner; it may offer `close()`."""
        raise NotImplementedError

    @pytest.fixture
    def run(self) -> Any:
        opened = self.runner()
        yield opened
        getattr(opened, "close", lambda: None)()

    def test_map_keeps_order_and_loses_nothing(self, run: Any) -> None:
        found = [row for batch in run.map(double, rows(PAIRS, fragments=7), schema=DOUBLED) for row in batch.to_pylist()]
        assert found == [{"key": key, "value": 2 * value} for key, value in PAIRS]

    def test_rebatching_changes_nothing(self, run: Any) -> None:
        digests = {
            canonical(run.map(double, rows(PAIRS, fragments=n, size=size), schema=DOUBLED))
            for n, size in ((1, 5000), (3, 64), (7, 1), (2, 999))
        }
        assert len(digests) == 1

    def test_groups_are_whole_and_each_comes_once(self, run: Any) -> None:
        out = [row for batch in run.group(total, rows(PAIRS), by="key", schema=SUMMED) for row in batch.to_pylist()]
        truth: dict[str, tuple[int, int]] = {}
        for key, value in PAIRS:
            count, sum_ = truth.get(key, (0, 0))
            truth[key] = (count + 1, sum_ + value)
        assert {row["key"]: (row["rows"], row["total"]) for row in out} == truth
        assert len(out) == len(truth)

    def test_shuffling_rows_and_fragments_changes_nothing_in_groups(self, run: Any) -> None:
        digests = set()
        for seed in range(3):
            pairs = PAIRS[:]
            random.Random(seed).shuffle(pairs)
            digests.add(canonical(run.group(double, rows(pairs, fragments=seed + 2, size=100 + seed), by="key", schema=DOUBLED)))
        assert len(digests) == 1

    def test_an_empty_source_gives_nothing(self, run: Any) -> None:
        assert list(run.map(double, [], schema=DOUBLED)) == []
        assert list(run.group(total, [], by="key", schema=SUMMED)) == []

    def test_an_error_names_the_fragment_and_not_the_text(self, run: Any) -> None:
        name = "Wilhelmina Featherstonehaugh"
        with pytest.raises(Error) as caught:
            list(run.map(fail_with_text, rows([(name, 1)]), schema=DOUBLED))
        told = "".join(traceback.format_exception(caught.value))  # causes, contexts and notes of other processes included
        assert name not in f"{caught.value!r} {told}"
        assert caught.value.code == "engine.step-failed"

    def test_a_wrong_schema_is_refused(self, run: Any) -> None:
        other = pa.schema([pa.field("other", pa.int64())])
        with pytest.raises(Malformed) as caught:
            list(run.map(double, rows(PAIRS[:10]), schema=other))
        assert caught.value.code == "engine.wrong-schema"

    def test_a_killed_worker_changes_nothing(self, run: Any, tmp_path: Path) -> None:
        if not self.retries_workers:
            pytest.skip("this runner has no workers to lose")
        pairs = [*PAIRS, ("poison", 1)]
        step = KillOnce(key="poison", mark=str(tmp_path / "mark"))
        found = canonical(run.map(step, rows(pairs, fragments=5), schema=DOUBLED))
        assert (tmp_path / "mark").exists()
        assert found == canonical(run.map(double, rows(pairs, fragments=5), schema=DOUBLED))

    def test_a_fragment_that_always_kills_is_named_and_refused(self, run: Any) -> None:
        if not self.retries_workers:
            pytest.skip("this runner has no workers to lose")
        source = rows([*PAIRS[:50], ("poison", 1)], fragments=3)
        with pytest.raises(Unavailable) as caught:
            list(run.map(KillAlways(key="poison"), source, schema=DOUBLED))
        assert caught.value.code == "engine.worker-died"
        assert source[-1].id in caught.value.where
