"""Killed at any moment, the ledger keeps every act it acknowledged, and the next opening goes on from there."""

from __future__ import annotations

import os
import random
import shutil
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

import pytest

from incamera.ledger import History, Ledger, verify
from incamera.ledger.store import JOURNAL, Store


class RealClock:
    def now(self) -> datetime:
        return datetime.now(UTC)


class Killed(BaseException):
    """Stands for the end of the process: nothing catches it."""


class Fuse:
    """Lets the first *limit* disk operations through and ends the process at the next."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, limit: int) -> None:
        self.left = limit
        for name in ("pwrite", "fdatasync", "fsync", "ftruncate"):
            monkeypatch.setattr(os, name, self.guarded(getattr(os, name), half=name == "pwrite"))
        for name in ("replace", "unlink", "rmdir", "mkdir"):
            monkeypatch.setattr(Path, name, self.guarded(getattr(Path, name), half=False))

    def guarded(self, true, *, half: bool):
        def call(*arguments, **named):
            if self.left == 0:
                if half:
                    handle, data, at = arguments
                    true(handle, data[: len(data) // 2], at)
                raise Killed
            self.left -= 1
            return true(*arguments, **named)

        return call


def ended_at_operations(tmp_path: Path, signers, keys, clock, act, limits: range) -> None:
    """Three rounds of append and publish across a full tile, cut at the given operations until a run gets through."""
    with Ledger.create(tmp_path / "start", signers, clock) as ledger:
        ledger.append_many([act() for _ in range(253)])
    for limit in limits:
        home = shutil.copytree(tmp_path / "start", tmp_path / str(limit))
        ledger = Ledger.open(home, signers, clock)
        acknowledged = [ledger.root]
        finished = False
        with pytest.MonkeyPatch.context() as patch:
            Fuse(patch, limit)
            try:
                for count in (1, 2, 3):
                    acknowledged += [receipt.leaf for receipt in ledger.append_many([act() for _ in range(count)])]
                    ledger.publish()
                finished = True
            except Killed:
                pass
        with Ledger.open(home, signers, clock) as again:
            assert again.root_at(254).hex() == acknowledged[0]
            hashes = [value.hex() for value in again.leaf_hashes(254, again.size)]
            assert [leaf for leaf in hashes if leaf in acknowledged] == acknowledged[1:]
            again.append(act())
        verify(home, keys)
        shutil.rmtree(home)
        if finished:
            assert limit > 40, "the fuse saw the operations it is meant to cut"
            return
    pytest.fail("no run ever got through")


def test_an_end_at_some_disk_operations_loses_nothing(tmp_path: Path, signers, keys, clock, act):
    ended_at_operations(tmp_path, signers, keys, clock, act, range(1, 1000, 7))


@pytest.mark.slow
def test_an_end_at_every_single_disk_operation_loses_nothing(tmp_path: Path, signers, keys, clock, act):
    ended_at_operations(tmp_path, signers, keys, clock, act, range(1000))


def test_a_creation_that_was_cut_short_can_be_made_again(tmp_path: Path, signers, keys, clock):
    for limit in range(0, 100, 3):
        home = tmp_path / str(limit)
        finished = False
        with pytest.MonkeyPatch.context() as patch:
            Fuse(patch, limit)
            try:
                Ledger.create(home, signers, clock).close()
                finished = True
            except Killed:
                pass
        again = Ledger.open(home, signers, clock) if (home / JOURNAL).exists() else Ledger.create(home, signers, clock)
        with again:
            acts = [r.entry.act for r in again.entries()]
        assert acts in (["log.created"], ["log.created", "ledger.repaired"], ["ledger.repaired", "log.created"])
        verify(home, keys)
        if finished:
            assert limit > 10
            return
    pytest.fail("no creation ever got through")


@pytest.mark.parametrize("cut", [1, 10, 23, 24, 200, -33, -1])
def test_a_torn_end_is_set_aside_recorded_and_harmless(home: Path, signers, keys, clock, act, cut: int):
    ledger = Ledger.create(home, signers, clock)
    ledger.append(act())
    whole = (home / JOURNAL).read_bytes()
    ledger.append(act())
    torn = (home / JOURNAL).read_bytes()[len(whole) :][:cut]
    (home / JOURNAL).write_bytes(whole + torn)
    assert History(home, keys).size == 2, "a reader looks past it"
    with Ledger.open(home, signers, clock) as again:
        last = again.entry(2)
        assert last.entry.act == "ledger.repaired"
        assert last.entry.fields["dropped_bytes"] == len(torn)
    kept = [path.read_bytes() for path in (home / "dropped").iterdir()]
    assert kept == [torn]
    assert verify(home, keys).size == 3


def test_a_torn_end_left_by_another_process_is_set_aside_too(home: Path, signers, keys, clock, act):
    ledger = Ledger.create(home, signers, clock)
    with (home / JOURNAL).open("ab") as file:
        file.write(b"IJB1" + bytes(8))
    receipt = ledger.append(act())
    assert [r.entry.act for r in ledger.entries()] == ["log.created", "ledger.repaired", "run.started"]
    assert receipt.index == 2
    verify(home, keys)


NURSERY = """
import os, sys
from datetime import UTC, datetime
from pathlib import Path
from incamera.core.ids import new_ref
from incamera.core.records import Entry
from incamera.ledger import Ledger
from incamera_verify.note import Algorithm, Signer

class Clock:
    def now(self):
        return datetime.now(UTC)

def say(*words):
    # One write to the pipe: a line is there whole or not at all, however suddenly its writer dies.
    os.write(1, (" ".join(map(str, words)) + "\\n").encode())

def write():
    signer = Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))
    with Ledger.open(Path(sys.argv[1]), [signer], Clock()) as ledger:
        for i in range(100_000):
            entry = Entry(act="run.started", matter="m", actor="a", fields={"run": new_ref(), "stage": "x"})
            for receipt in ledger.append_many([entry] * (i % 5 + 1)):
                say(receipt.index, receipt.leaf)
            if i % 7 == 6:
                ledger.publish()

for _ in sys.stdin:
    child = os.fork()
    if child == 0:
        write()
        os._exit(1)
    say("pid", child)
    os.waitpid(child, 0)
    say("dead")
"""


def killed_often(home: Path, signers, keys, times: int) -> int:
    """Have a writer born and kill it at a random moment, so many times; returns how many acts were acknowledged."""
    chance = random.Random(7)
    acknowledged: dict[int, str] = {}
    with subprocess.Popen(
        [sys.executable, "-c", NURSERY, str(home)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, bufsize=1
    ) as nursery:
        assert nursery.stdin is not None
        assert nursery.stdout is not None
        for number in range(times):
            nursery.stdin.write("go\n")
            nursery.stdin.flush()
            child = 0
            for line in nursery.stdout:
                first, _, second = line.strip().partition(" ")
                if first == "dead":
                    break
                if first == "pid":
                    child = int(second)
                else:
                    acknowledged[int(first)] = second
                if child and (first != "pid" or number % 4 == 0):  # a quarter of them dies while opening, the rest while writing
                    time.sleep(chance.uniform(0, 0.05))
                    os.kill(child, signal.SIGKILL)
                    child = 0
        nursery.stdin.close()
    with Ledger.open(home, signers, RealClock()) as ledger:
        hashes = [value.hex() for value in ledger.leaf_hashes(0, ledger.size)]
        assert all(hashes[index] == leaf for index, leaf in acknowledged.items())
        repairs = sum(recorded.entry.act == "ledger.repaired" for recorded in ledger.entries())
    verify(home, keys)
    print(f"{times} kills, {len(acknowledged)} acts acknowledged, {len(hashes)} in the log, {repairs} torn ends set aside")
    return len(acknowledged)


def test_kill_9_loses_nothing_acknowledged(home: Path, signers, keys):
    Ledger.create(home, signers, RealClock()).close()
    assert killed_often(home, signers, keys, 10) > 0


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_kill_9_three_hundred_times_loses_nothing_acknowledged(home: Path, signers, keys):
    Ledger.create(home, signers, RealClock()).close()
    assert killed_often(home, signers, keys, 300) > 1000


def test_a_temporary_file_left_by_a_crash_is_no_part_of_the_ledger(grown, keys):
    home = grown(10)
    (home / ".journal.1234.new").write_bytes(b"half")
    assert verify(home, keys).size == 11
    assert Store(home).read(JOURNAL) != b"half"
