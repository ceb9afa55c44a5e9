"""What is the embedded runner's own: resuming, manifests, locks, refusals."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa
import pytest

from incamera.core.errors import Error, Malformed, Unavailable
from incamera.engine import files, worker
from incamera.engine.files import Shelf
from incamera.engine.local import LocalRunner, task_version
from incamera.engine.shuffle import with_hash
from incamera.testing.steps import DOUBLED, ROWS, CountRuns, KillAlways, double, rows

PAIRS = [(f"k{n % 11}", n) for n in range(400)]


def test_finished_fragments_are_not_done_again(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    step = CountRuns(directory=str(seen))
    for _ in range(2):
        found = list(LocalRunner(processes=0, work=tmp_path / "work").map(step, rows(PAIRS, fragments=4), schema=DOUBLED))
        assert sum(batch.num_rows for batch in found) == len(PAIRS)
    assert len(list(seen.iterdir())) == 4


def test_another_version_of_the_step_is_another_task(tmp_path: Path) -> None:
    seen = tmp_path / "seen"
    seen.mkdir()
    for version in ("one", "two"):
        step = CountRuns(directory=str(seen), version=version)
        list(LocalRunner(processes=0, work=tmp_path / "work").map(step, rows(PAIRS, fragments=2), schema=DOUBLED))
    assert len(list(seen.iterdir())) == 4


@pytest.mark.parametrize("flaw", ["flipped", "truncated", "missing", "torn row", "future row"])
def test_a_damaged_result_is_made_again(tmp_path: Path, flaw: str) -> None:
    work = tmp_path / "work"
    first = list(LocalRunner(processes=0, work=work).map(double, rows(PAIRS, fragments=2), schema=DOUBLED))
    data = next(work.glob("*.arrow"))
    row = data.with_suffix(".json")
    match flaw:
        case "flipped":
            raw = bytearray(data.read_bytes())
            raw[len(raw) // 2] ^= 1
            data.write_bytes(raw)
        case "truncated":
            data.write_bytes(data.read_bytes()[:-9])
        case "missing":
            data.unlink()
        case "torn row":
            row.write_bytes(row.read_bytes()[:20])
        case "future row":
            row.write_text(json.dumps(json.loads(row.read_text()) | {"v": "incamera/fragment/9"}))
    again = list(LocalRunner(processes=0, work=work).map(double, rows(PAIRS, fragments=2), schema=DOUBLED))
    assert again == first


def _endless(work: str, seen: str) -> None:
    step = CountRuns(directory=seen, pause=0.2)
    list(LocalRunner(processes=0, work=Path(work)).map(step, rows(PAIRS, fragments=20), schema=DOUBLED))


def test_a_run_killed_in_the_middle_is_resumed(tmp_path: Path) -> None:
    work, seen = tmp_path / "work", tmp_path / "seen"
    seen.mkdir()
    process = multiprocessing.get_context("spawn").Process(target=_endless, args=(str(work), str(seen)))
    process.start()
    deadline = time.monotonic() + 60
    while len(list(work.glob("*.json"))) < 3 and time.monotonic() < deadline:
        time.sleep(0.02)
    os.kill(process.pid or 0, signal.SIGKILL)
    process.join()
    before = len(list(work.glob("*.json")))
    assert 3 <= before < 20
    kept = {path.name: path.stat().st_mtime_ns for path in work.glob("*.arrow")}
    found = list(
        LocalRunner(processes=0, work=work).map(CountRuns(directory=str(seen)), rows(PAIRS, fragments=20), schema=DOUBLED)
    )
    assert [v for b in found for v in b["value"].to_pylist()] == [2 * v for _, v in PAIRS]
    assert sum(path.stat().st_mtime_ns == kept.get(path.name) for path in work.glob("*.arrow")) >= before
    assert not list(work.glob("*.partial"))


def test_two_runs_in_one_directory_are_refused(tmp_path: Path) -> None:
    first = LocalRunner(processes=0, work=tmp_path).map(double, rows(PAIRS, fragments=3), schema=DOUBLED)
    next(first)
    with pytest.raises(Unavailable) as caught:
        list(LocalRunner(processes=0, work=tmp_path).map(double, rows(PAIRS), schema=DOUBLED))
    assert caught.value.code == "engine.busy"


def test_a_closure_is_refused_before_any_worker_starts() -> None:
    with pytest.raises(Malformed) as caught:
        list(LocalRunner(processes=2).map(lambda batches: batches, rows(PAIRS), schema=ROWS))
    assert caught.value.code == "engine.not-picklable"


def test_two_fragments_of_one_id_are_refused() -> None:
    with pytest.raises(Malformed) as caught:
        list(LocalRunner(processes=0).map(double, rows(PAIRS) + rows(PAIRS), schema=DOUBLED))
    assert caught.value.code == "engine.duplicate-fragment"


def test_a_full_disk_is_told_and_finished_fragments_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    source = rows(PAIRS, fragments=3)
    run = LocalRunner(processes=0, work=tmp_path).map(double, source, schema=DOUBLED)
    next(run)
    real = os.fsync
    monkeypatch.setattr(os, "fsync", lambda handle: (_ for _ in ()).throw(OSError(28, "No space left on device")))
    with pytest.raises(Unavailable) as caught:
        list(run)
    assert caught.value.code == "engine.disk-full"
    monkeypatch.setattr(os, "fsync", real)
    again = list(LocalRunner(processes=0, work=tmp_path).map(double, source, schema=DOUBLED))
    assert sum(batch.num_rows for batch in again) == len(PAIRS)


def _exhausted(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    raise MemoryError
    yield from batches


def test_memory_running_out_has_its_own_code() -> None:
    with pytest.raises(Unavailable) as caught:
        list(LocalRunner(processes=0).map(_exhausted, rows(PAIRS), schema=DOUBLED))
    assert caught.value.code == "engine.memory"


def _divided(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    for batch in batches:
        yield batch.slice(0, len(PAIRS) // (batch.num_rows - batch.num_rows))


def test_a_step_that_fails_is_told_by_kind_and_line(tmp_path: Path) -> None:
    line = _divided.__code__.co_firstlineno + 2
    source = rows(PAIRS, fragments=2)
    with pytest.raises(Error) as caught:
        list(LocalRunner(processes=0, work=tmp_path).map(_divided, source, schema=DOUBLED))
    assert caught.value.code == "engine.step-failed"
    assert f"ZeroDivisionError in test_local.py:{line}" in caught.value.hint
    assert caught.value.where == f"fragment {source[0].id}"
    assert not list(tmp_path.glob("*.json"))  # nothing counts as finished


@pytest.mark.parametrize(
    "stated",
    [
        [("key", pa.string())],
        [("key", pa.string()), ("value", pa.int64()), ("more", pa.int64())],
        [("value", pa.int64()), ("key", pa.string())],
        [("key", pa.string()), ("count", pa.int64())],
        [("key", pa.string()), ("value", pa.int32())],
    ],
    ids=["fewer", "more", "order", "name", "type"],
)
def test_columns_other_than_the_stated_are_refused(stated: list[tuple[str, pa.DataType]]) -> None:
    with pytest.raises(Malformed) as caught:
        list(LocalRunner(processes=0).map(double, rows(PAIRS), schema=pa.schema(stated)))
    assert caught.value.code == "engine.wrong-schema"


def test_a_fragment_that_kills_its_worker_is_given_up_and_the_runner_goes_on() -> None:
    source = rows([*PAIRS, ("poison", 1)], fragments=2)
    with LocalRunner(processes=1, attempts=1) as runner:
        with pytest.raises(Unavailable) as caught:
            list(runner.map(KillAlways(key="poison"), source, schema=DOUBLED))
        assert caught.value.code == "engine.worker-died"
        assert caught.value.where == f"fragment {source[-1].id}"
        found = list(runner.map(double, source, schema=DOUBLED))
    assert sum(batch.num_rows for batch in found) == len(PAIRS) + 1


def test_a_directory_that_cannot_be_made_is_told(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(Unavailable) as caught:
        Shelf(tmp_path / "file" / "below")
    assert caught.value.code == "engine.unwritable"


def test_a_result_removed_under_the_reader_is_told(tmp_path: Path) -> None:
    row = Shelf(tmp_path).put("f", "t" * 64, 1, b"data")
    next(tmp_path.glob("*.arrow")).unlink()
    with pytest.raises(Unavailable) as caught:
        LocalRunner._data(worker.Done(rows=1, finished=row), Shelf(tmp_path))
    assert caught.value.code == "engine.result-gone"


@pytest.mark.parametrize(
    ("column", "by", "code"),
    [
        (pa.array(["a", None]), "key", "engine.null-key"),
        (pa.array([1.5, 2.5]), "key", "engine.bad-key"),
    ],
)
def test_keys_that_cannot_group_are_refused(column: pa.Array, by: str, code: str) -> None:
    with pytest.raises(Malformed) as caught:
        with_hash(pa.RecordBatch.from_arrays([column], names=["key"]), by)
    assert caught.value.code == code


def test_a_missing_key_column_is_refused() -> None:
    with pytest.raises(Malformed) as caught:
        list(LocalRunner(processes=0).group(double, rows(PAIRS), by="subject", schema=DOUBLED))
    assert caught.value.code == "engine.no-such-column"


def test_progress_counts_rows_of_resumed_fragments_too(tmp_path: Path) -> None:
    for _ in range(2):
        seen: list[int] = []
        list(LocalRunner(processes=0, work=tmp_path, progress=seen.append).map(double, rows(PAIRS, fragments=4), schema=DOUBLED))
        assert sum(seen) == len(PAIRS)


def test_large_batches_are_sliced_for_the_step(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker, "BATCH_BYTES", 1000)
    batch = next(rows(PAIRS, fragments=1)[0].read())
    pieces = list(worker.sliced(iter([batch])))
    assert len(pieces) > 1
    assert pa.Table.from_batches(pieces).equals(pa.Table.from_batches([batch]))


def test_the_task_names_the_schema_as_well() -> None:
    other = pa.schema([pa.field("key", pa.string())])
    assert task_version(double, DOUBLED) != task_version(double, other)


def test_streams_round_trip() -> None:
    batches = list(rows(PAIRS, size=33)[0].read())
    data, count = files.encode(ROWS, batches)
    assert list(files.decode(data)) == batches
    assert count == sum(batch.num_rows for batch in batches)
