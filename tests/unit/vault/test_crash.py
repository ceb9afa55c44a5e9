"""Killed at any point: nothing acknowledged is lost, nothing is half there, and putting everything again is safe."""

from __future__ import annotations

import os
import random
import signal
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from incamera.testing.clock import HandClock
from incamera.testing.ledger import MemoryLedger
from incamera.testing.vaults import CHEAP, PASSPHRASE, conversation
from incamera.vault import files, intake
from incamera.vault.intake import Intake
from incamera.vault.keys import Keyring
from incamera.vault.kms import LocalKms
from incamera.vault.shred import Shredder
from incamera.vault.store import Vault


def fresh(home: Path) -> None:
    ledger = MemoryLedger()
    kms = LocalKms.create(home / "kms.json", PASSPHRASE, cost=CHEAP)
    Vault.create(home, kms, appender=ledger, clock=HandClock(), log=[ledger.verifier]).close()


def opened(home: Path) -> Vault:
    ledger = MemoryLedger()
    return Vault.open(
        home, LocalKms.open(home / "kms.json", PASSPHRASE), appender=ledger, clock=HandClock(), log=[ledger.verifier]
    )


def in_child(work: Callable[[Callable[[int], None]], None]) -> tuple[int, int]:
    """Run *work* in a forked child; returns (its pid, the end of a pipe on which it acknowledges numbers)."""
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(reader)
            work(lambda number: os.write(writer, number.to_bytes(4, "big")) and None)
        finally:
            os._exit(0)
    os.close(writer)
    return pid, reader


def acknowledged(reader: int) -> list[int]:
    data = b""
    while chunk := os.read(reader, 65536):
        data += chunk
    os.close(reader)
    return [int.from_bytes(data[n : n + 4], "big") for n in range(0, len(data), 4)]


def assert_sound(home: Path, at_least: int) -> int:
    """Everything acknowledged is there, every row has its key and every key its row, and every byte checks."""
    vault = opened(home)
    stored = vault.stats().conversations
    assert stored >= at_least
    assert vault.check() == stored
    keys = {bytes(c) for (c,) in vault.keyring.database.rows("SELECT cref FROM conversation_key")}
    rows = {bytes(c) for (c,) in vault._state.rows("SELECT cref FROM conversation")}
    assert keys == rows
    subjects = {bytes(u) for (u,) in vault.keyring.database.rows("SELECT uref FROM subject_key")}
    assert subjects == {bytes(u) for (u,) in vault._state.rows("SELECT uref FROM subject")}
    assert vault.keyring.pending() == []
    assert not [p for p in (home / "vault").iterdir() if p.name.endswith(files.PARTIAL)]
    assert len(list((home / "vault").glob("*.parquet"))) == vault.stats().files
    vault.close()
    return stored


def killer(original: Any, *, after: bool) -> Any:
    def die(*args: Any, **options: Any) -> Any:
        if after:
            original(*args, **options)
        os.kill(os.getpid(), signal.SIGKILL)

    return die


POINTS = [
    (Keyring, "insert"),
    (files, "write_parquet"),
    (Intake, "_commit"),
    (Keyring, "settle"),
]


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize(("owner", "name"), POINTS, ids=[name for _, name in POINTS])
def test_killed_between_any_two_steps_of_a_batch(tmp_path: Path, owner: Any, name: str, after: bool) -> None:
    fresh(tmp_path)
    vault = opened(tmp_path)
    vault.put(conversation(n) for n in range(10))
    vault.close()

    def work(_: Callable[[int], None]) -> None:
        child = opened(tmp_path)
        setattr(owner, name, killer(getattr(owner, name), after=after))
        child.put(conversation(n, subjects=12) for n in range(10, 20))

    pid, reader = in_child(work)
    acknowledged(reader)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    assert assert_sound(tmp_path, 10) in (10, 20)
    vault = opened(tmp_path)
    vault.put(conversation(n, subjects=12) for n in range(10, 20))
    vault.close()
    assert assert_sound(tmp_path, 20) == 20


@pytest.mark.parametrize("name", ["_tell_shredded", "_destroy", "_bury", "_forget_facts"])
@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
def test_a_shred_killed_half_way_is_finished_at_the_next_opening(tmp_path: Path, name: str, after: bool) -> None:
    fresh(tmp_path)
    vault = opened(tmp_path)
    vault.put(conversation(n) for n in range(14))
    who = conversation(1).subject
    subject = vault.subjects([who])[who]
    vault.close()

    def work(_: Callable[[int], None]) -> None:
        child = opened(tmp_path)
        setattr(Shredder, name, killer(getattr(Shredder, name), after=after))
        child.shred_subject(subject, actor="holder", reason="request")  # type: ignore[arg-type]

    pid, reader = in_child(work)
    acknowledged(reader)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    vault = opened(tmp_path)
    stats = vault.stats()
    assert (stats.conversations, stats.shredded, stats.pending_shred) == (12, 2, 0)
    assert vault.shredder.pending() == 0
    vault.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("name", ["_roll_secrets", "_roll_subjects", "destroy"])
def test_a_roll_killed_half_way_is_finished_by_the_next(tmp_path: Path, name: str, after: bool) -> None:
    fresh(tmp_path)
    vault = opened(tmp_path)
    vault.put(conversation(n) for n in range(14))
    vault.close()

    def work(_: Callable[[int], None]) -> None:
        child = opened(tmp_path)
        setattr(Keyring, name, killer(getattr(Keyring, name), after=after))
        child.roll_epoch(actor="holder")

    pid, reader = in_child(work)
    acknowledged(reader)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    vault = opened(tmp_path)
    assert vault.check() == 14
    report = vault.roll_epoch(actor="holder")
    assert vault.check() == 14
    left = vault.keyring.database.rows("SELECT number FROM epoch WHERE destroyed_at IS NULL")
    assert left == [(report.epoch,)]
    vault.close()


@pytest.mark.parametrize("after", [False, True], ids=["before", "after"])
@pytest.mark.parametrize("owner", [files], ids=["file"])
@pytest.mark.parametrize("name", ["write_parquet", "remove"])
def test_a_compaction_killed_half_way_loses_nothing(tmp_path: Path, owner: Any, name: str, after: bool) -> None:
    fresh(tmp_path)
    vault = opened(tmp_path)
    vault.put(conversation(n) for n in range(14))
    who = conversation(1).subject
    vault.shred_subject(vault.subjects([who])[who], actor="holder", reason="request")  # type: ignore[arg-type]
    vault.close()

    def work(_: Callable[[int], None]) -> None:
        child = opened(tmp_path)
        setattr(owner, name, killer(getattr(owner, name), after=after))
        child.compact()

    pid, reader = in_child(work)
    acknowledged(reader)
    assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
    vault = opened(tmp_path)
    assert vault.check() in (12, 14)
    vault.compact()
    assert vault.check() == 12
    assert len(list((tmp_path / "vault").glob("*.parquet"))) == 1
    vault.close()


def _kill_at_random(home: Path, rounds: int, seed: int) -> None:
    chance = random.Random(seed)
    fresh(home)
    total = landed = 0
    intake.BATCH_ROWS, kept = 8, intake.BATCH_ROWS
    try:
        for _ in range(rounds):

            def work(tell: Callable[[int], None], start: int = total) -> None:
                child = opened(home)
                tell(0)  # ready: from here on, any moment may be the last
                number = start
                while True:
                    child.put(conversation(n, subjects=40) for n in range(number, number + 20))
                    number += 20
                    tell(number)

            pid, reader = in_child(work)
            assert os.read(reader, 4) == bytes(4)
            time.sleep(chance.uniform(0.0, 0.3))
            os.kill(pid, signal.SIGKILL)
            assert os.WIFSIGNALED(os.waitpid(pid, 0)[1])
            told = acknowledged(reader)
            landed += len(told)
            total = max([total, *told])
            assert_sound(home, total)
    finally:
        intake.BATCH_ROWS = kept
    assert landed, "every writer was killed before its first acknowledgement: the test shows nothing"


def test_killed_at_random_points(tmp_path: Path) -> None:
    _kill_at_random(tmp_path, 8, seed=1)


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(2, 10))
def test_killed_at_random_points_two_hundred_times(tmp_path: Path, seed: int) -> None:
    """Eight vaults, 25 times each."""
    _kill_at_random(tmp_path, 25, seed)


def test_two_processes_put_at_once_and_lose_nothing(tmp_path: Path) -> None:
    fresh(tmp_path)

    def work(_: Callable[[int], None]) -> None:
        opened(tmp_path).put(conversation(n) for n in range(0, 60))

    def other(_: Callable[[int], None]) -> None:
        opened(tmp_path).put(conversation(n) for n in range(30, 90))

    children = [in_child(work), in_child(other)]
    for pid, reader in children:
        acknowledged(reader)
        assert os.waitpid(pid, 0)[1] == 0
    assert assert_sound(tmp_path, 90) == 90
