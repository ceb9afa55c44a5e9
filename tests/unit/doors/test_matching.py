"""`incamera matching`: an index kept over time, a search that can be killed, a report that shows no word but the works'."""

from __future__ import annotations

import csv
import gzip
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from incamera.clerk import partial
from incamera.core.errors import Refused, Unavailable
from incamera.doors.cli.app import main
from incamera.testing.matching import cut, prose

Run = Callable[..., tuple[int, dict[str, Any]]]

A, B = prose("works a", 500), prose("works b", 500)
NAME = "Ottilie Marrabel"
#: Three words changed in thirty: one passage of three runs.
EDITED = f"{cut(A, 40, 9)} yes {cut(A, 50, 10)} no {cut(A, 61, 9)}"


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program in this process: (exit code, its JSON)."""

    def call(*arguments: object) -> tuple[int, dict[str, Any]]:
        monkeypatch.setattr(sys, "argv", ["incamera", "matching", *map(str, arguments), "--json"])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        code = int(ended.value.code or 0)
        return code, json.loads(said.out) if code == 0 else json.loads(said.err) if code != 2 else {}

    return call


def lines(path: Path, *rows: dict[str, Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), "utf-8")
    return path


def read(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines()]


def talk(id_: str, said: str, asked: str = "Go on.") -> dict[str, Any]:
    return {"id": id_, "turns": [{"role": "user", "text": asked}, {"role": "assistant", "text": said}]}


@pytest.fixture
def works(tmp_path: Path) -> Path:
    row = {"work_id": "a", "title": "On Ferries", "owner": "Alpha", "text": A}
    return lines(tmp_path / "works.jsonl", row, {"work_id": "b", "owner": "Beta", "text": B})


@pytest.fixture
def talks(tmp_path: Path) -> Path:
    return lines(
        tmp_path / "talks.jsonl",
        talk("t1", f"{NAME} wrote: {cut(A, 10, 30)}"),
        talk("t2", EDITED),
        talk("t3", "There is nothing of the kind."),
        talk("t4", "Thanks.", asked=cut(B, 5, 12)),
        talk("t5", cut(B, 100, 60)),
    )


@pytest.fixture
def index(run: Run, works: Path, tmp_path: Path) -> Path:
    assert run("index", works, "-o", tmp_path / "index")[0] == 0
    return tmp_path / "index"


# --- the index -----------------------------------------------------------------------------------------------------------


def test_an_index_is_added_to_pruned_and_compacted(run: Run, index: Path, talks: Path, tmp_path: Path) -> None:
    def found() -> set[str]:
        assert run("scan", talks, "--index", index, "-o", tmp_path / "runs.jsonl")[0] == 0
        return {row["work_id"] for row in read(tmp_path / "runs.jsonl")}

    more = lines(tmp_path / "more.jsonl", {"work_id": "c", "text": cut(B, 100, 60)}, {"work_id": "a", "text": A})
    assert found() == {"a", "b"}
    code, said = run("add", more, "--index", index)
    assert (code, said["works"]) == (0, 1)
    assert said["refused"] == [{"work_id": "a", "code": "matching.work-duplicate-id"}]
    assert found() == {"a", "b", "c"}
    assert run("remove", "b", "--index", index) == (0, {"removed": 1, "out": str(index)})
    assert found() == {"a", "c"}
    code, said = run("compact", "--index", index)
    assert (code, said["works"]) == (0, 2)
    assert found() == {"a", "c"}
    code, said = run("remove", "b", "--index", index)
    assert (code, said["error"]["code"]) == (3, "matching.unknown-work")


def test_an_encrypted_index_needs_its_key(run: Run, works: Path, talks: Path, tmp_path: Path) -> None:
    key, other, short = (tmp_path / name for name in ("key", "other", "short"))
    key.write_bytes(bytes(range(32)))
    other.write_bytes(bytes(32))
    short.write_bytes(b"a key")
    sealed = tmp_path / "sealed"
    assert run("index", works, "-o", sealed, "--key-file", key)[0] == 0
    scan = ("scan", talks, "--index", sealed, "-o", tmp_path / "runs.jsonl")
    assert run(*scan)[1]["error"]["code"] == "matching.key-needed"
    assert run(*scan, "--key-file", other)[1]["error"]["code"] == "matching.wrong-key"
    assert run(*scan, "--key-file", short)[1]["error"]["code"] == "matching.bad-key"
    assert run(*scan, "--key-file", tmp_path / "none")[0] == 7
    assert not (tmp_path / "runs.jsonl").exists()
    code, said = run(*scan, "--key-file", key)
    assert code == 0 and said["rows"] > 0


# --- the search ----------------------------------------------------------------------------------------------------------


def test_passages_near_windows_and_a_background_have_their_own_files(run: Run, index: Path, talks: Path, tmp_path: Path) -> None:
    phrases = lines(tmp_path / "phrases.jsonl", {"work_id": "p", "text": cut(A, 0, 45)})
    assert run("index", phrases, "-o", tmp_path / "common")[0] == 0
    out, passages, near = (tmp_path / name for name in ("runs.jsonl", "passages.jsonl", "near.jsonl"))
    code, said = run(
        "scan", talks, "--index", index, "-o", out, "--passages", passages, "--near", near, "--background", tmp_path / "common"
    )
    assert code == 0 and said["background"] == "common"
    rows, chained = read(out), read(passages)
    assert (said["rows"], said["passages"], said["near"]) == (len(rows), len(chained), len(read(near)))
    assert [r["commonness"]["background"] for r in rows if r["conversation"] == "t1"] == [1]
    assert [r["words"] for r in rows if r["conversation"] == "t2"] == [9, 10, 9]
    (edited,) = (p for p in chained if p["conversation"] == "t2")
    assert (edited["format"], edited["runs"], edited["words"], edited["longest"]) == ("passages/1", 3, 28, 10)
    assert EDITED[edited["start"] : edited["end"]] == EDITED.rstrip(".,")
    assert all(row["method"].startswith("near/1") and "incomplete" in row["method"] for row in read(near))


def test_the_150_character_mode_leaves_short_passages_out(run: Run, index: Path, talks: Path, tmp_path: Path) -> None:
    passages = tmp_path / "passages.jsonl"
    arguments = ("scan", talks, "--index", index, "-o", tmp_path / "runs.jsonl")
    assert run(*arguments, "--characters-150")[0] == 2
    assert run(*arguments, "--passages", passages)[0] == 0
    whole = read(passages)
    assert run(*arguments, "--passages", passages, "--characters-150")[0] == 0
    assert read(passages) == [p for p in whole if p["characters"] >= 150] != whole


def test_a_run_in_a_script_without_spaces_names_its_fold(run: Run, tmp_path: Path) -> None:
    text = "渡し船は四度目の修理を受けないと役員会は言った。川の向こうでは誰も驚かなかったという話である。"
    works = lines(tmp_path / "works.jsonl", {"work_id": "j", "text": text}, {"work_id": "a", "text": A})
    talks = lines(tmp_path / "talks.jsonl", talk("t1", text[:30]), talk("t2", cut(A, 3, 20)))
    assert run("index", works, "-o", tmp_path / "index")[0] == 0
    assert run("scan", talks, "--index", tmp_path / "index", "-o", tmp_path / "runs.jsonl.gz")[0] == 0
    rows = [json.loads(line) for line in gzip.decompress((tmp_path / "runs.jsonl.gz").read_bytes()).splitlines()]
    assert [(r["work_id"], r.get("fold")) for r in rows] == [("j", "chars/1"), ("a", None)]


# --- killed and run again -------------------------------------------------------------------------------------------------

#: The program with a search that goes ten conversations at a time, slowly, and puts each on disk.
SLOW = """
import time
from incamera.clerk import partial, reuse
from incamera.doors.cli import main
from incamera.matching import scan
partial.EVERY, scan.BATCH_CHARACTERS = 0, 2_000
of = reuse._Rows.of
def slow(*given):
    time.sleep(0.01)
    return of(*given)
reuse._Rows.of = slow
main()
"""


def done(record: Path) -> int:
    """How many conversations a record says are done, as far as it is whole."""
    whole = record.read_bytes().rpartition(b"\n")[0].splitlines() if record.exists() else []
    return int(json.loads(whole[-1]).get("done", 0)) if whole else 0


def killed(arguments: list[str], record: Path, at: int) -> None:
    process = subprocess.Popen([sys.executable, "-c", SLOW, *arguments], stderr=subprocess.DEVNULL, start_new_session=True)
    deadline = time.monotonic() + 120
    while process.poll() is None and done(record) < at and time.monotonic() < deadline:
        time.sleep(0.002)
    assert process.poll() is None, "the search ended before it could be killed"
    os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def test_a_killed_search_goes_on_and_gives_the_same_bytes(run: Run, index: Path, tmp_path: Path) -> None:
    many = [talk(f"t{n}", cut(A, n, 12) if n % 3 else prose(n, 40) + " " + cut(B, n, 9 + n % 20)) for n in range(300)]
    talks = lines(tmp_path / "many.jsonl", *many)
    (tmp_path / "once").mkdir()
    (tmp_path / "twice").mkdir()

    def arguments(folder: str, *more: object) -> list[str]:
        out = tmp_path / folder
        given = ("scan", talks, "--index", index, "-o", out / "runs.jsonl.gz", "--passages", out / "passages.jsonl", *more)
        return ["matching", *map(str, given)]

    assert run(*arguments("once")[1:])[1]["resumed_after"] == 0
    record = tmp_path / "twice/.runs.jsonl.gz.record"
    killed(arguments("twice"), record, 40)
    killed(arguments("twice"), record, 120)
    with (tmp_path / "twice/.passages.jsonl.partial").open("ab") as torn, record.open("ab") as also:
        torn.write(b'{"conversation":')
        also.write(b'{"done":9')
    assert not (tmp_path / "twice/runs.jsonl.gz").exists()
    code, said = run(*arguments("twice")[1:])
    assert (code, said["conversations"]) == (0, 300) and said["resumed_after"] >= 120
    assert said["rows"] == len(gzip.decompress((tmp_path / "twice/runs.jsonl.gz").read_bytes()).splitlines())
    for name in ("runs.jsonl.gz", "passages.jsonl"):
        assert (tmp_path / "twice" / name).read_bytes() == (tmp_path / "once" / name).read_bytes()
    assert {p.name for p in (tmp_path / "twice").iterdir()} == {"runs.jsonl.gz", "passages.jsonl"}


def test_another_search_starts_anew(run: Run, index: Path, talks: Path, tmp_path: Path) -> None:
    out = tmp_path / "runs.jsonl"
    with pytest.raises(KeyboardInterrupt), partial.growing({"runs": out}, {"of": "another search"}) as files:
        files.write("runs", {"conversation": "of another search"})
        files.advance()
        raise KeyboardInterrupt
    assert (tmp_path / ".runs.jsonl.record").exists() and not out.exists()
    code, said = run("scan", talks, "--index", index, "-o", out)
    assert (code, said["resumed_after"]) == (0, 0)
    assert {row["conversation"] for row in read(out)} == {"t1", "t2", "t4", "t5"}
    assert not list(tmp_path.glob(".runs*"))


def test_what_is_interrupted_goes_on_and_what_never_began_leaves_nothing(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with pytest.raises(ZeroDivisionError), partial.growing({"rows": out}, {}) as files:
        files.write("rows", {"n": 0})
        raise ZeroDivisionError
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(ZeroDivisionError), partial.growing({"rows": out}, {}) as files:
        files.write("rows", {"n": 0})
        files.counts["rows"] += 1
        files.advance()
        raise ZeroDivisionError
    assert (tmp_path / ".rows.jsonl.partial").stat().st_mode & 0o777 == 0o600
    with partial.growing({"rows": out}, {}) as files:
        assert (files.done, files.counts["rows"]) == (1, 1)
        files.write("rows", {"n": 1})
    assert read(out) == [{"n": 0}, {"n": 1}]


def test_two_runs_do_not_write_one_output(tmp_path: Path) -> None:
    out = tmp_path / "rows.jsonl"
    with (
        partial.growing({"rows": out}, {}),
        pytest.raises(Refused, match=r"files\.in-use"),
        partial.growing({"rows": out}, {}),
    ):
        pass
    with pytest.raises(Unavailable, match=r"files\.not-writable"), partial.growing({"rows": tmp_path / "none/rows"}, {}):
        pass


# --- the report ----------------------------------------------------------------------------------------------------------


def test_the_report_counts_all_and_shows_no_name(run: Run, index: Path, talks: Path, tmp_path: Path) -> None:
    with talks.open("a", encoding="utf-8") as more:
        more.write('{"id": "t6", "turns": [{"role": "user", "text": "Anyone?"}]}\n')
    out, who = tmp_path / "report", tmp_path / "who.jsonl"
    code, said = run("report", talks, "--index", index, "-o", out, "--show", 2, "--who", who)
    assert code == 0
    assert (said["conversations"], said["with_output"], said["shown"]) == (6, 5, 2)
    with (out / "hits.csv").open(newline="") as file:
        hits = {row["min_words"]: row for row in csv.DictReader(file) if row["by"] == "all"}
    assert [(hits[t]["conversations"], hits[t]["of"]) for t in ("8", "25", "50")] == [("3", "5"), ("2", "5"), ("1", "5")]
    assert 0 < float(hits["50"]["low"]) < 0.2 < float(hits["50"]["high"]) < 1
    with (out / "coverage.csv").open(newline="") as file:
        coverage = {row["what"]: row["count"] for row in csv.DictReader(file)}
    assert coverage["conversations"] == "6" and coverage["conversations without an output"] == "1"
    assert pq.read_table(out / "matches.parquet").num_rows == said["rows"] == 6
    assert [row["name"] for row in read(who)] == ["r1", "r2", "r4", "r5"]
    page = (out / "report.html").read_text("utf-8")
    assert page.count("<div class=pair>") == 2
    assert page.index("r5 ·") < page.index("r1 ·") and "r2 ·" not in page
    assert "2 of 3 conversations" in page and "On Ferries" in page
    for name in sorted(out.iterdir()):
        assert b"Ottilie" not in name.read_bytes() and b"Marrabel" not in name.read_bytes()


def test_the_report_counts_only_lengths_that_the_index_promises(run: Run, works: Path, talks: Path, tmp_path: Path) -> None:
    assert run("index", works, "-o", tmp_path / "index", "--min-words", 20)[0] == 0
    assert run("report", talks, "--index", tmp_path / "index", "-o", tmp_path / "report", "--show", 0)[0] == 0
    with (tmp_path / "report/hits.csv").open(newline="") as file:
        assert {row["min_words"] for row in csv.DictReader(file)} == {"25", "50", "100"}


@pytest.mark.parametrize("command", ["scan", "report"])
def test_an_output_inside_what_is_read_is_refused(run: Run, index: Path, talks: Path, tmp_path: Path, command: str) -> None:
    source = tmp_path / "logs"
    source.mkdir()
    talks.rename(source / talks.name)
    for out in (source / "out", source / "deeper" / "out", index / "out"):
        code, said = run(command, source, "--index", index, "-o", out)
        assert code != 0
        assert said["error"]["code"] == "files.out-in-source"
        assert not out.exists()


def test_a_turn_of_50_megabytes(run: Run, index: Path, tmp_path: Path) -> None:
    long = "filler and more of it, " * 2_200_000 + cut(A, 40, 12)
    code, said = run("scan", lines(tmp_path / "long.jsonl", talk("long", long)), "--index", index, "-o", tmp_path / "rows.jsonl")
    assert (code, said["rows"]) == (0, 1)
    (row,) = read(tmp_path / "rows.jsonl")
    assert (row["end"], row["words"]) == (len(long), 12)


def test_answers_that_are_missing_or_empty_are_no_obstacle(run: Run, index: Path, tmp_path: Path) -> None:
    odd = [
        {"id": "a", "turns": [{"role": "user", "text": "hi"}]},
        talk("b", ""),
        {"id": "c", "turns": []},
        talk("d", cut(A, 40, 12)),
    ]
    code, said = run("scan", lines(tmp_path / "odd.jsonl", *odd), "--index", index, "-o", tmp_path / "rows.jsonl")
    assert (code, said["rows"]) == (0, 1)
