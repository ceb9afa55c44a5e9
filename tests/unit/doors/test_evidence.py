"""`incamera deid evaluate` and `incamera deid certify`: evidence over files, from the command line."""

from __future__ import annotations

import csv
import gzip
import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incamera.doors.cli.app import main

Run = Callable[..., tuple[int, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program in this process: (exit code, what it printed or said)."""

    def call(*arguments: object) -> tuple[int, str]:
        monkeypatch.setattr(sys, "argv", ["incamera", "deid", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        shown = capsys.readouterr()
        return int(ended.value.code or 0), shown.out if not ended.value.code else shown.err

    return call


def lines(path: Path, rows: list[dict[str, Any]]) -> Path:
    data = "".join(json.dumps(row) + "\n" for row in rows).encode()
    path.write_bytes(gzip.compress(data) if path.suffix == ".gz" else data)
    return path


def gold(text: str, *surfaces: str, **more: Any) -> dict[str, Any]:
    spans = [{"start": text.index(s), "end": text.index(s) + len(s), "label": "PERSON"} for s in surfaces]
    return {"id": f"d{abs(hash(text)) % 10**9}", "text": text, "spans": spans, **more}


GOLD = [
    gold("Please write to Wenzel Habergast about the rent.", "Wenzel Habergast", lang="en"),
    gold("El señor Wenzel Habergast no contesta.", "Wenzel Habergast", lang="es"),
    gold("name;town\nWenzel Habergast;none;x", "Wenzel Habergast", lang="en"),
]


def test_a_recipe_is_measured_on_labelled_text(run: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "gold.jsonl.gz", GOLD)
    code, said = run("evaluate", source, "-o", tmp_path / "table.csv", "--processes", 1, "--json")
    done = json.loads(said)
    assert (code, done["documents"], done["recipe"]) == (0, 3, "conservative")
    cells = {(row["by"], row["value"]): (row["covered"], row["of"]) for row in done["table"]}
    assert cells["all mentions", ""] == (3, 3)
    assert cells["language", "es"] == cells["context", "table"] == (1, 1)
    assert cells["documents without a direct leak", ""] == (3, 3)
    assert "Habergast" not in said
    with (tmp_path / "table.csv").open(newline="") as table:
        assert [row["of"] for row in csv.DictReader(table)] == [str(row["of"]) for row in done["table"]]


def test_an_output_is_measured_as_it_is(run: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "gold.jsonl", GOLD)
    output = lines(tmp_path / "found.jsonl", [{"id": row["id"], "findings": []} for row in GOLD])
    code, said = run("evaluate", source, output)
    assert code == 0
    assert "all mentions" in said and "0.7076" in said  # 0 of 3: the interval says how little that is


@pytest.mark.parametrize(
    ("rows", "found", "code"),
    [
        ([{"id": "a", "text": "x"}], [{"id": "a", "findings": []}], "deid.not-gold"),
        ([{"id": "a", "text": "x", "spans": [{"start": 0, "end": 1}]}], [{"id": "a", "findings": []}], "deid.not-gold"),
        ([{"id": "a", "text": "x", "spans": []}], [{"id": "a"}], "deid.not-findings"),
    ],
)
def test_what_is_no_gold_is_named_by_its_line(
    run: Run, tmp_path: Path, rows: list[dict[str, Any]], found: list[dict[str, Any]], code: str
) -> None:
    exit_code, said = run("evaluate", lines(tmp_path / "g.jsonl", rows), lines(tmp_path / "f.jsonl", found))
    assert (exit_code, code in said) == (3, True)


# --- readers over files -----------------------------------------------------------------------------------------------

TALK = [
    {
        "id": f"c{n}",
        "tier": "free" if n % 2 else "plus",
        "turns": [{"role": "user", "text": f"the note says Ann Lee {n} was here"}],
    }
    for n in range(30)
]


def marked(directory: Path, name: str, marks: Callable[[dict[str, Any]], list[dict[str, Any]]]) -> None:
    path = directory / f"{name}.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    lines(path, [rows[0], *({**row, "marks": marks(row)} for row in rows[1:])])


def test_readers_of_raw_files_bound_what_the_output_leaks(run: Run, tmp_path: Path) -> None:
    source, out = lines(tmp_path / "talk.jsonl", TALK), tmp_path / "draw"
    code, said = run(
        "certify", "draw", source, "--reader", "Ann R.", "--reader", "Bo", "-o", out, "--by", "tier", "--read", 15, "--json"
    )
    assert (code, json.loads(said)["read"]) == (0, 30)
    packet = (out / "Ann-R.jsonl").read_text()
    assert "Ann Lee" in packet and "findings" not in packet and "surrogates" not in packet
    code, said = run("certify", "score", out)
    assert (code, "deid.reading-incomplete" in said) == (3, True)
    for name in ("Ann-R", "Bo"):
        marked(out, name, lambda row: [{"kind": "names", "quote": "Ann Lee"}])
    code, said = run("certify", "score", out)
    assert (code, "deid.no-output" in said) == (3, True)
    good = {"turn": 0, "part": 0, "start": 14, "end": 21}
    output = lines(tmp_path / "out.jsonl", [{"id": row["id"], "findings": [good] if row["id"] != "c7" else []} for row in TALK])
    code, said = run("certify", "score", out, "--against", output, "--json")
    done = json.loads(said)
    assert (code, done["conversations_with_a_leak"], done["holds"]) == (0, ["c7"], False)
    assert done["bound"] == "At most 1 of 30 conversations at 95 % leak; 1 of 30 read did."
    assert done["read_twice"] == done["agreed"] == 4
    code, said = run("certify", "score", out, "--against", output)
    assert "At most 1 of 30" in said
    lines(tmp_path / "out.jsonl", [{"id": "c1", "findings": []}])
    code, said = run("certify", "score", out, "--against", output)
    assert (code, "deid.no-output" in said) == (3, True)


def test_a_draw_is_made_once_and_scored_whole(run: Run, tmp_path: Path) -> None:
    source, out = lines(tmp_path / "talk.jsonl", TALK), tmp_path / "draw"
    given = ("certify", "draw", source, "--reader", "a", "--reader", "b", "-o", out, "--text", "redacted", "--rate", 0.2)
    assert run(*given)[0] == 0
    code, said = run(*given)
    assert (code, "deid.draw-exists" in said) == (4, True)
    for name in ("a", "b"):
        marked(out, name, lambda row: [])
    code, said = run("certify", "score", out, "--json")
    assert (code, json.loads(said)["holds"]) == (0, True)
    code, said = run("certify", "score", out, out / "a.jsonl")
    assert (code, "deid.reading-incomplete" in said) == (3, True)
    kept = (out / "a.jsonl").read_text()
    (out / "a.jsonl").write_text("\n".join(line for n, line in enumerate(kept.splitlines()) if n != 1) + "\n")
    assert "deid.reading-incomplete" in run("certify", "score", out)[1]
    (out / "a.jsonl").write_text(kept.replace('"reader": "a"', '"reader": "z"'))
    assert "deid.other-draw" in run("certify", "score", out)[1]
    (out / "plan.json").write_text("{}")
    assert "deid.other-draw" in run("certify", "score", out)[1]
    assert "files.not-a-file" in run("certify", "score", tmp_path)[1]


def test_readers_must_be_two_to_read_twice_and_rows_must_be_apart(run: Run, tmp_path: Path) -> None:
    source = lines(tmp_path / "talk.jsonl", TALK)
    code, said = run("certify", "draw", source, "--reader", "a", "-o", tmp_path / "d")
    assert (code, "deid.no-readers" in said) == (3, True)
    doubled = lines(tmp_path / "doubled.jsonl", [TALK[0], TALK[0]])
    code, said = run("certify", "draw", doubled, "--reader", "a", "--twice", 0, "-o", tmp_path / "e")
    assert (code, "deid.gold-doubled" in said) == (3, True)
    odd = lines(tmp_path / "odd.jsonl", [{"id": 5}])
    code, said = run("certify", "draw", odd, "--reader", "a", "--twice", 0, "-o", tmp_path / "f")
    assert (code, "deid.not-a-record" in said) == (3, True)
