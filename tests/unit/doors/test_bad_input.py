"""Bad input at the command line: a clear code, a place, a documented exit code, no text, and nothing lost."""

from __future__ import annotations

import gzip
import json
import os
import resource
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path

import pytest

from incamera.clerk.desk import Desk
from incamera.clerk.home import Home
from incamera.doors.cli.app import main

SECRET = "Quillon Vesterby of Harrowgate"
Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> Run:
    """The program in this process: (exit code, stdout, stderr)."""
    monkeypatch.setenv("INCAMERA_PASSPHRASE", "a passphrase")
    monkeypatch.setenv("COLUMNS", "200")

    def call(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["incamera", *map(str, arguments)])
        with pytest.raises(SystemExit) as ended:
            main()
        said = capsys.readouterr()
        assert SECRET not in said.out + said.err
        return int(ended.value.code or 0), said.out, said.err

    return call


@pytest.fixture
def home(tmp_path: Path) -> Path:
    path = tmp_path / "home"
    Home.create(path, origin="holder.example/ledger", passphrase="a passphrase").close()
    return path


# --- files -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "code"),
    [
        (lambda p: p.mkdir(), "files.not-a-file"),
        (lambda p: None, "files.not-a-file"),
        (lambda p: p.write_text(""), "files.empty"),
        (lambda p: p.write_text(f'{{"id": "1", "text": "{SECRET}"'), "files.not-json"),
        (lambda p: p.write_text(f'["{SECRET}"]\n'), "files.not-json"),
        (lambda p: p.write_bytes(f'{{"id": "1", "text": "{SECRET}"}}\n'.encode("utf-16")), "files.not-utf8"),
        (lambda p: p.write_bytes(gzip.compress(b'{"id":"1","text":"x"}\n' * 999)[:60]), "files.truncated"),
        (lambda p: p.write_text(f'{{"text": "{SECRET}"}}\n'), "deid.not-a-record"),
    ],
    ids=["directory", "missing", "empty", "truncated-json", "not-an-object", "utf-16", "truncated-gzip", "no-id"],
)
def test_a_flawed_file_is_named_and_leaves_no_output(run: Run, tmp_path: Path, make: Callable[[Path], object], code: str) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    make(source)
    status, _, said = run("deid", "find", source, "-o", out, "--processes", 1)
    assert (status, f"[{code}]" in said) == (3, True), said
    assert "in.jsonl" in said
    assert not out.exists()
    assert list(tmp_path.glob(".*")) == []


def test_errors_are_json_when_asked(run: Run, tmp_path: Path) -> None:
    status, _, said = run("deid", "find", tmp_path / "no", "-o", tmp_path / "out", "--json")
    assert status == 3
    assert json.loads(said)["error"]["code"] == "files.not-a-file"


def test_an_output_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    source = tmp_path / "in.jsonl"
    source.write_text('{"id": "1", "text": "plain words"}\n')
    status, _, said = run("deid", "find", source, "-o", tmp_path / "no" / "out.jsonl")
    assert (status, "[files.not-writable]" in said) == (7, True)


def test_a_work_without_text_is_named_by_line(run: Run, tmp_path: Path) -> None:
    works = tmp_path / "works.jsonl"
    works.write_text(json.dumps({"work_id": "w", "text": " ".join(f"word{n}" for n in range(40))}) + '\n{"work_id": "x"}\n')
    status, _, said = run("matching", "index", works, "-o", tmp_path / "index")
    assert (status, "[works.bad-record]" in said, "works.jsonl:2" in said) == (3, True, True)


def test_usage_errors_exit_with_two(run: Run) -> None:
    assert run("deid", "find")[0] == 2
    assert run("no-such-command")[0] == 2


def test_a_full_disk_leaves_no_half_written_output(tmp_path: Path) -> None:
    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text("".join(json.dumps({"id": str(n), "text": f"word {n} " * 400}) + "\n" for n in range(60)))
    done = subprocess.run(
        [
            sys.executable,
            "-c",
            "from incamera.doors.cli import main; main()",
            "deid",
            "apply",
            source,
            "-o",
            out,
            "--processes",
            "1",
        ],
        capture_output=True,
        text=True,
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (50_000, 50_000)),
        env={**os.environ, "NUMBA_CACHE_DIR": str(tmp_path / "cache")},
    )
    assert done.returncode == 7, done.stderr
    assert "[world.disk-full]" in done.stderr
    assert not out.exists()


# --- homes --------------------------------------------------------------------------------------------------------------


def test_a_home_is_not_overwritten(run: Run, home: Path) -> None:
    before = (home / "home.toml").read_bytes()
    status, _, said = run("init", "other.example/ledger", "--kms", "local", "--home", home)
    assert (status, "[home.exists]" in said) == (4, True)
    assert (home / "home.toml").read_bytes() == before


def test_a_home_needs_a_kms_that_is_known(run: Run, tmp_path: Path) -> None:
    status, _, said = run("init", "holder.example/ledger", "--kms", "paper", "--home", tmp_path / "h")
    assert (status, "[vault.kms-address]" in said) == (3, True)


def in_keys(home: Path, sql: str) -> None:
    with closing(sqlite3.connect(home / "keys.db")) as keys, keys:
        keys.execute(sql)


@pytest.mark.parametrize(
    ("spoil", "status", "code"),
    [
        (lambda h: (h / "home.toml").unlink(), 7, "home.missing"),
        (lambda h: (h / "home.toml").write_text("version = 3"), 3, "home.damaged"),
        (lambda h: (h / "home.toml").write_text("]["), 3, "home.damaged"),
        (lambda h: in_keys(h, "DELETE FROM secret WHERE name = 'matter'"), 7, "home.key-missing"),
        (lambda h: in_keys(h, "UPDATE secret SET wrapped = zeroblob(80) WHERE name = 'ledger'"), 5, "vault.not-authentic"),
        (lambda h: (h / "secrets/kms.json").unlink(), 7, "vault.kms-missing"),
        (lambda h: (h / "keys.db").unlink(), 7, "vault.missing-database"),
    ],
    ids=["no-home", "other-version", "not-toml", "no-matter-key", "altered-key", "no-kms-file", "no-key-database"],
)
def test_a_spoilt_home_says_what_is_wrong(run: Run, home: Path, spoil: Callable[[Path], object], status: int, code: str) -> None:
    spoil(home)
    got, _, said = run("vault", "stats", "--home", home)
    assert (got, f"[{code}]" in said) == (status, True), said


def test_a_wrong_passphrase_opens_nothing(run: Run, home: Path, tmp_path: Path) -> None:
    (tmp_path / "wrong").write_text("another passphrase\n")
    (tmp_path / "wrong").chmod(0o600)
    status, _, said = run("vault", "stats", "--home", home, "--passphrase-file", tmp_path / "wrong")
    assert (status, "[vault.kms-passphrase]" in said) == (7, True)


def test_without_a_passphrase_nothing_is_guessed(run: Run, home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("INCAMERA_PASSPHRASE")
    assert "[home.no-passphrase]" in run("vault", "stats", "--home", home)[2]
    assert "[home.no-passphrase]" in run("vault", "stats", "--home", home, "--passphrase-file", tmp_path / "gone")[2]


def test_a_matter_needs_its_kms_said_aloud(run: Run, home: Path, tmp_path: Path) -> None:
    given = ("answer", tmp_path / "order.toml", "--conversations", tmp_path, "--out", tmp_path / "out", "--home", home)
    assert "[home.kms-not-stated]" in run(*given)[2]
    assert "[home.other-kms]" in run(*given, "--kms", "aws")[2]


def test_the_demonstration_does_not_overwrite(run: Run, tmp_path: Path) -> None:
    (tmp_path / "something").write_text("kept")
    status, _, said = run("demo", "--out", tmp_path)
    assert (status, "[demo.exists]" in said) == (4, True)


def test_a_ledger_that_is_not_there(run: Run, tmp_path: Path) -> None:
    status, _, said = run("ledger", "verify", tmp_path / "no", "--key", "k")
    assert (status, "[ledger.not-there]" in said) == (3, True)


def test_a_seed_is_revealed_over_a_root_only(run: Run, tmp_path: Path) -> None:
    status, _, said = run(
        "sample", "reveal", tmp_path / "o", "--seed", tmp_path / "s", "--key", tmp_path / "k",
        "--frame-root", "not-a-root", "--out", tmp_path / "r",
    )  # fmt: skip
    assert (status, "[sample.bad-root]" in said) == (3, True)


def test_an_unexpected_error_tells_where_and_never_what(run: Run, home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(self: Home) -> dict[str, object]:
        raise ValueError(SECRET)

    monkeypatch.setattr(Home, "stats", broken)
    status, _, said = run("vault", "stats", "--home", home)
    assert status == 1
    assert "unexpected [ValueError]" in said
    assert "test_bad_input.py" in said


def test_two_runs_do_not_work_on_one_matter(tmp_path: Path, home: Path) -> None:
    from types import SimpleNamespace
    from typing import cast

    from incamera.core.errors import Refused
    from incamera.governance.terms import Order

    order = cast(Order, SimpleNamespace(matter=SimpleNamespace(id="m-1"), digest="0" * 64))
    with (
        Home.open(home, passphrase="a passphrase") as opened,
        Desk(home=opened, order=order).running("answer"),
        pytest.raises(Refused, match=r"answer\.running"),
        Desk(home=opened, order=order).running("answer"),
    ):
        raise AssertionError("a second run began")
