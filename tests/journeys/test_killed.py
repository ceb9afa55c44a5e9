"""A run that is killed is run again with the same command: it finishes, loses nothing, doubles nothing, and the ledger tells."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import delivered
import pytest
from parties import PASSPHRASE, Matter, conversation, log, small_log

#: What must exist in the matter's directory for the run to be killed there; the last kills inside the production.
MOMENTS = [
    "stages/matter.json",
    "stages/collect.json",
    "frame.map",
    "frame.jsonl.gz",
    "draw.jsonl",
    "grant.json",
    "works.index",
    "examined",
    "examined.arrow",
    "../../../out/.production.partial",
    "../../../out/production",
]


def command(matter: Matter, *more: object) -> list[str]:
    program = [sys.executable, "-c", "from incamera.doors.cli import main; main()"]
    given = [
        "answer", matter.order, "--conversations", matter.conversations, "--works", matter.works, "--out", matter.out,
        "--home", matter.home_path, "--kms", "local", "--processes", 1, *more,
    ]  # fmt: skip
    return [*program, *map(str, given)]


def environment() -> dict[str, str]:
    return {**os.environ, "INCAMERA_PASSPHRASE": PASSPHRASE}


def kill_at(arguments: list[str], moment: Path) -> bool:
    """Start the command and kill -9 its whole process group as soon as *moment* exists; whether it was killed in time."""
    process = subprocess.Popen(
        arguments, env=environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True
    )
    deadline = time.monotonic() + 240
    while process.poll() is None and time.monotonic() < deadline:
        if moment.exists():
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
            return True
        time.sleep(0.002)
    process.wait()
    return False


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_killed_at_every_stage_it_finishes_without_loss_or_duplicate(tmp_path: Path) -> None:
    path = tmp_path / "matter"
    path.mkdir()
    many = [*small_log(), *(conversation(f"more{n}", ("user", f"say {n}"), ("assistant", f"it is {n}")) for n in range(40))]
    from parties import article_works

    matter = Matter(
        path=path, conversations=log(path / "log.jsonl", many), works=log(path / "works.jsonl", article_works()), size=30
    )
    with matter.new_home() as home:
        where = home.matter_path("26-cv-9001")
    killed = [moment for moment in MOMENTS[:4] if kill_at(command(matter), where / moment)]
    # As far as the reveals it goes by itself.
    assert subprocess.run(command(matter), env=environment(), capture_output=True).returncode == 8
    with matter.open_home() as home:
        root = matter.frame_root(home)
        approvals = [argument for role in ("counsel", "privacy") for argument in ("--approval", matter.approve(role, home))]
    reveals = [argument for party in matter.parties for argument in ("--reveal", matter.reveal(root, party))]
    whole = command(matter, *reveals, *approvals)
    killed += [moment for moment in MOMENTS[4:] if kill_at(whole, where / moment)]
    last = subprocess.run(whole, env=environment(), capture_output=True, text=True)
    assert last.returncode == 0, last.stderr
    assert len(killed) >= len(MOMENTS) - 2, f"only killed at {killed}"

    assert delivered.verified(matter.out).established
    rows = [row["conversation"] for row in delivered.rows(matter.out)]
    assert len(rows) == len(set(rows)) == 30
    with matter.open_home() as home:
        acts = [past.entry.act for past in home.ledger.entries("26-cv-9001")]
        assert home.vault.stats().conversations == len(many)
        assert home.vault.check() == len(many)
    assert acts.count("run.started") == 1
    assert acts.count("run.resumed") >= len(killed)
    for once in ("matter.opened", "frame.committed", "draw.made"):
        assert acts.count(once) == 1, once
