"""Appending and reading back: receipts prove, nothing is lost between processes and openings, and trouble is named."""

from __future__ import annotations

import errno
import os
import subprocess
import sys
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from incamera.core.errors import Malformed, Unavailable, Unverified
from incamera.core.records import Entry, Receipt
from incamera.ledger import History, Ledger, verify
from incamera.ledger import log as log_module
from incamera_verify.merkle import leaf_hash, verify_consistency, verify_inclusion
from incamera_verify.note import Algorithm, Checkpoint, Signer, open_checkpoint


def proven(receipt: Receipt, keys: list) -> Checkpoint:
    state = open_checkpoint(receipt.checkpoint.encode(), keys)
    path = [bytes.fromhex(step) for step in receipt.path]
    verify_inclusion(bytes.fromhex(receipt.leaf), receipt.index, state.size, path, state.root)
    return state


def test_a_ledger_begins_with_its_own_creation(ledger: Ledger, keys):
    first = ledger.entry(0)
    assert (first.entry.act, first.entry.fields["origin"]) == ("log.created", "log.example/holder")
    assert ledger.size == 1
    assert open_checkpoint(ledger.checkpoint().encode(), keys).size == 1


def test_every_receipt_proves_its_act(ledger: Ledger, keys, act):
    receipts = [ledger.append(act()) for _ in range(5)]
    receipts += ledger.append_many([act(f"m-{i}") for i in range(300)])
    assert [receipt.index for receipt in receipts] == list(range(1, 306))
    for receipt in receipts:
        proven(receipt, keys)
        assert receipt.leaf == leaf_hash(ledger.entry(receipt.index).leaf).hex()


def test_inclusion_and_consistency_hold_at_every_size(ledger: Ledger, keys, act):
    states = [proven(ledger.append(act()), keys) for _ in range(20)]
    ledger.publish()
    states += [proven(ledger.append(act()), keys) for _ in range(20)]
    for old in states:
        for new in states[states.index(old) :]:
            path = [bytes.fromhex(step) for step in ledger.consistency(old.size, new.size)]
            verify_consistency(old.size, new.size, path, old.root, new.root)
            assert ledger.root_at(old.size) == old.root
    for index in range(ledger.size):
        assert proven(ledger.inclusion(index), keys).size == ledger.size


def test_acts_come_back_by_matter_and_in_order(ledger: Ledger, act):
    acts = [act(f"m-{i % 3}") for i in range(600)]
    ledger.append_many(acts[:400])
    ledger.publish()
    ledger.append_many(acts[400:])
    assert [r.entry for r in ledger.entries()][1:] == acts
    mine = list(ledger.entries("m-1"))
    assert [r.entry for r in mine] == acts[1::3]
    assert [r.seq for r in mine] == list(range(200))
    assert [r.index for r in mine] == list(range(2, 600, 3))


def test_a_closed_ledger_opens_as_it_was(home: Path, signers, keys, clock, act):
    acts = [act() for _ in range(700)]
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append_many(acts)
        size, root = ledger.size, ledger.root
    with Ledger.open(home, signers, clock) as ledger:
        assert (ledger.size, ledger.root) == (size, root)
        assert ledger.append(act()).index == size
    with History(home, keys) as history:
        assert [r.entry for r in history.entries()][1:701] == acts
        assert len(list(history.checkpoints())) == 4
    assert verify(home, keys).size == 702


def test_an_open_ledger_needs_no_close(home: Path, signers, keys, clock, act):
    """A process may die: what was acknowledged is in the journal."""
    ledger = Ledger.create(home, signers, clock)
    ledger.append_many([act() for _ in range(10)])
    assert History(home, keys).size == 11
    assert verify(home, keys).size == 11


def test_both_kinds_of_signature_are_made_and_asked_for(home: Path, signers, keys, clock, act):
    quantum = Signer(signers[0].name, Algorithm.COSIGNATURE_MLDSA44, bytes(range(1, 33)))
    with Ledger.create(home, [*signers, quantum], clock) as ledger:
        proven(ledger.append(act()), [*keys, quantum.verifier])
    other = Signer(signers[0].name, Algorithm.COSIGNATURE_MLDSA44, bytes(32))
    with pytest.raises(Unverified, match=r"ledger\.wrong-key"):
        History(home, [*keys, other.verifier])


def test_nothing_appended_is_nothing_written(ledger: Ledger):
    assert ledger.append_many([]) == []
    assert ledger.size == 1


def test_an_unknown_act_is_refused_before_anything_is_written(ledger: Ledger, act):
    with pytest.raises(Malformed, match=r"ledger\.unknown-act"):
        ledger.append_many([act(), Entry(act="no.such", matter="", actor="a", fields={})])
    assert ledger.size == 1


def test_an_act_too_long_is_refused_alone(ledger: Ledger, act):
    long = Entry(
        act="matter.opened",
        matter="m-1",
        actor="a",
        fields={"order": "ab" * 32, "protocol": "ab" * 32, "holds": ["h" * 80] * 900},
    )
    with pytest.raises(Malformed, match=r"ledger\.too-long"):
        ledger.append_many([act(), long])
    assert ledger.size == 1
    ledger.append(act())
    assert [r.seq for r in ledger.entries("m-1")] == [0]


# --- bad openings ----------------------------------------------------------------------------------------------------------


def test_a_second_ledger_in_one_place_is_refused(home: Path, ledger: Ledger, signers, clock):
    with pytest.raises(Malformed, match=r"ledger\.exists"):
        Ledger.create(home, signers, clock)


@pytest.mark.parametrize("left", ["checkpoint", "tile/entries/000.p/4"])
def test_a_ledger_that_lost_its_journal_is_not_overwritten(grown, signers, clock, left: str):
    home = grown(3)
    kept = (home / left).read_bytes()
    for name in {"journal", "checkpoint"} - {left}:
        (home / name).unlink()
    with pytest.raises(Malformed, match=r"ledger\.exists"):
        Ledger.create(home, signers, clock)
    assert (home / left).read_bytes() == kept


def test_a_closed_ledger_says_so_and_may_be_closed_again(ledger: Ledger, act):
    ledger.close()
    for call in (lambda: ledger.append(act()), ledger.refresh, ledger.publish):
        with pytest.raises(Unavailable, match=r"ledger\.closed"):
            call()
    ledger.close()


def test_a_missing_ledger_is_named(home: Path, keys, signers, clock):
    for directory in (home, home / "deeper"):
        with pytest.raises(Unavailable, match=r"ledger\.missing"):
            History(directory, keys)
        with pytest.raises(Unavailable, match=r"ledger\.missing"):
            Ledger.open(directory, signers, clock)
    assert not home.exists(), "looking for a ledger makes none"


def test_a_file_where_the_directory_should_be(home: Path, keys, signers, clock):
    home.write_text("not a directory")
    with pytest.raises(Unavailable):
        History(home, keys)
    with pytest.raises(Unavailable):
        Ledger.create(home, signers, clock)


def test_a_wrong_key_is_refused(grown, clock):
    home = grown(3)
    for key in (
        Signer("log.example/holder", Algorithm.ED25519, bytes(32)),
        Signer("log.example/other", Algorithm.ED25519, bytes(range(32))),
    ):
        with pytest.raises(Unverified, match=r"ledger\.wrong-key"):
            Ledger.open(home, [key], clock)
        with pytest.raises(Unverified, match=r"ledger\.wrong-key"):
            History(home, [key.verifier])


def test_keys_of_one_ledger_share_its_name(home: Path, signers, clock):
    other = Signer("log.example/other", Algorithm.ED25519, bytes(32))
    for keys in ([], [*signers, other]):
        with pytest.raises(Malformed, match=r"ledger\.bad-keys"):
            Ledger.create(home, keys, clock)
        with pytest.raises(Malformed, match=r"ledger\.bad-keys"):
            History(home, [key.verifier for key in keys])
    with pytest.raises(Malformed, match=r"ledger\.bad-keys"):
        Ledger.create(home, [Signer("Jane@Roe", Algorithm.ED25519, bytes(32))], clock)


def test_indices_and_sizes_are_checked(ledger: Ledger):
    for index in (-1, 1):
        with pytest.raises(Malformed, match=r"ledger\.no-such-entry"):
            ledger.inclusion(index)
        with pytest.raises(Malformed, match=r"ledger\.no-such-entry"):
            ledger.entry(index)
    for old, new in ((2, None), (-1, 1), (1, 0), (0, 2)):
        with pytest.raises(Malformed, match=r"ledger\.no-such-size"):
            ledger.consistency(old, new)
    with pytest.raises(Malformed, match=r"ledger\.no-such-size"):
        ledger.root_at(2)


# --- the clock -------------------------------------------------------------------------------------------------------------


def test_a_clock_that_steps_back_a_little_is_held_still(ledger: Ledger, clock, act):
    ledger.append(act())
    clock.at -= timedelta(minutes=2)
    ledger.append(act())
    times = [r.at for r in ledger.entries()]
    assert times == sorted(times)


@pytest.mark.parametrize("reopened", [False, True])
def test_a_clock_that_steps_back_far_is_refused(home: Path, signers, clock, act, reopened: bool):
    ledger = Ledger.create(home, signers, clock)
    ledger.append(act())
    if reopened:
        ledger.close()
        ledger = Ledger.open(home, signers, clock)
    clock.at -= timedelta(hours=1)
    with pytest.raises(Unavailable, match=r"ledger\.clock-backwards"):
        ledger.append(act())
    clock.at += timedelta(hours=1)
    assert ledger.append(act()).index == 2


# --- the disk --------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("call", "number", "code"),
    [("fdatasync", errno.ENOSPC, "disk-full"), ("pwrite", errno.ENOSPC, "disk-full"), ("pwrite", errno.EDQUOT, "disk-full")],
)
def test_a_full_disk_promises_nothing_and_loses_nothing(
    home: Path, ledger: Ledger, keys, act, monkeypatch, call: str, number: int, code: str
):
    ledger.append(act())
    before = (home / "journal").read_bytes()
    true, calls = getattr(os, call), []

    def failing(*arguments):
        calls.append(1)
        if len(calls) == 1:
            if call == "pwrite":
                true(arguments[0], arguments[1][:7], arguments[2])  # a part got through
            raise OSError(number, os.strerror(number))
        return true(*arguments)

    monkeypatch.setattr(os, call, failing)
    with pytest.raises(Unavailable, match=rf"ledger\.{code}"):
        ledger.append(act())
    assert (home / "journal").read_bytes() == before
    assert ledger.append(act()).index == 2
    assert verify(home, keys).size == 3


def test_after_an_input_output_error_the_ledger_wants_to_be_opened_again(
    home: Path, ledger: Ledger, signers, keys, clock, act, monkeypatch
):
    """A failed fsync may have dropped pages that a second one would report as written."""

    def failing(handle: int) -> None:
        monkeypatch.undo()
        raise OSError(errno.EIO, "")

    monkeypatch.setattr(os, "fdatasync", failing)
    with pytest.raises(Unavailable, match=r"ledger\.io"):
        ledger.append(act())
    with pytest.raises(Unavailable, match=r"ledger\.needs-reopening"):
        ledger.append(act())
    with Ledger.open(home, signers, clock) as again:
        assert again.append(act()).index == 1


def test_a_write_that_cannot_be_taken_back_is_said_so(home: Path, ledger: Ledger, signers, clock, act, monkeypatch):
    def failing(*_: object) -> None:
        raise OSError(errno.ENOSPC, "")

    with monkeypatch.context() as patch:
        patch.setattr(os, "fdatasync", failing)
        patch.setattr(os, "ftruncate", failing)
        with pytest.raises(Unavailable, match=r"ledger\.cannot-undo"):
            ledger.append(act())
    with pytest.raises(Unavailable, match=r"ledger\.needs-reopening"):
        ledger.append(act())
    with Ledger.open(home, signers, clock) as again:
        assert again.size in (1, 2), "the act may stand announced; it was never acknowledged"


@pytest.mark.parametrize(
    ("number", "code"),
    [
        (errno.EACCES, "ledger.no-access"),
        (errno.EROFS, "ledger.no-access"),
        (errno.ENOENT, "ledger.missing"),
        (errno.EIO, "ledger.io"),
        (errno.EFBIG, "ledger.disk-full"),
    ],
)
def test_the_disks_refusals_are_told_apart(home: Path, ledger: Ledger, keys, monkeypatch, number: int, code: str):
    def failing(*_: object, **__: object) -> int:
        raise OSError(number, os.strerror(number))

    monkeypatch.setattr(os, "open", failing)
    with pytest.raises(Unavailable) as caught:
        History(home, keys)
    monkeypatch.undo()
    assert caught.value.code == code


FULL = """
import resource, signal, sys
from pathlib import Path
sys.argv = ["", sys.argv[1], "m-full", "100000"]
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
resource.setrlimit(resource.RLIMIT_FSIZE, (30_000, 30_000))
"""


def test_a_real_limit_on_file_size_promises_nothing_and_loses_nothing(grown, keys):
    """The kernel itself refuses the write here, as it does on a full disk."""
    home = grown(3)
    writer = subprocess.run(
        [sys.executable, "-c", FULL + WRITER, str(home)], capture_output=True, text=True, timeout=120, check=False
    )
    assert writer.returncode == 1
    assert "[ledger.disk-full]" in writer.stderr
    assert verify(home, keys).size > 20


# --- threads and processes ---------------------------------------------------------------------------------------------------


def test_threads_share_commits_and_lose_nothing(home: Path, signers, keys, clock, act, monkeypatch):
    syncs: list[int] = []
    true = os.fdatasync

    def slow(handle: int) -> None:
        syncs.append(handle)
        threading.Event().wait(0.002)
        true(handle)

    monkeypatch.setattr(os, "fdatasync", slow)
    receipts: list[Receipt] = []
    with Ledger.create(home, signers, clock) as ledger:

        def work(matter: str) -> None:
            for _ in range(25):
                receipts.append(ledger.append(act(matter)))  # noqa: PERF401

        threads = [threading.Thread(target=work, args=(f"m-{i}",)) for i in range(8)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert sorted(receipt.index for receipt in receipts) == list(range(1, 201))
    assert len(syncs) < 150, "200 acts of 8 threads shared their fsyncs"
    for receipt in receipts:
        proven(receipt, keys)
    with History(home, keys) as history:
        for i in range(8):
            assert [r.seq for r in history.entries(f"m-{i}")] == list(range(25))
    verify(home, keys)


def test_a_failure_reaches_every_waiting_thread_and_only_them(ledger: Ledger, act, monkeypatch):
    gate = threading.Event()
    true = os.fdatasync

    def failing(handle: int) -> None:
        gate.wait()
        monkeypatch.setattr(os, "fdatasync", true)
        raise OSError(errno.ENOSPC, "")

    monkeypatch.setattr(os, "fdatasync", failing)
    outcomes: list[object] = []

    def work() -> None:
        try:
            outcomes.append(ledger.append(act()))
        except Unavailable as flaw:
            outcomes.append(flaw)

    threads = [threading.Thread(target=work) for _ in range(6)]
    for thread in threads:
        thread.start()
    threading.Event().wait(0.05)
    gate.set()
    for thread in threads:
        thread.join()
    receipts = [o for o in outcomes if isinstance(o, Receipt)]
    assert len(receipts) < 6
    assert len(outcomes) == 6
    assert ledger.size == 1 + len(receipts)


def test_two_openings_see_each_other(home: Path, signers, keys, clock, act):
    first = Ledger.create(home, signers, clock)
    second = Ledger.open(home, signers, clock)
    reader = History(home, keys)
    for i in range(10):
        (first, second)[i % 2].append(act())
        if i == 4:
            first.publish()
        if i == 6:
            second.publish()
    reader.refresh()
    assert [r.seq for r in reader.entries("m-1")] == list(range(10))
    first.refresh()
    assert first.root == second.root == reader.root
    second.close()
    first.append(act())
    first.close()
    assert verify(home, keys).size == 12


WRITER = """
import sys
from datetime import UTC, datetime
from pathlib import Path
from incamera.core.ids import new_ref
from incamera.core.records import Entry
from incamera.ledger import Ledger
from incamera_verify.note import Algorithm, Signer

class Clock:
    def now(self):
        return datetime.now(UTC)

home, matter, count = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
with Ledger.open(home, [Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))], Clock()) as ledger:
    for i in range(count):
        ledger.append(Entry(act="run.started", matter=matter, actor="a", fields={"run": new_ref(), "stage": "x"}))
        if i % 20 == 19:
            ledger.publish()
"""


def test_two_processes_take_turns(grown, keys):
    home = grown(3)
    writers = [subprocess.Popen([sys.executable, "-c", WRITER, str(home), f"p-{i}", "30"]) for i in range(2)]
    assert [writer.wait(timeout=120) for writer in writers] == [0, 0]
    report = verify(home, keys)
    assert report.size == 4 + 60
    with History(home, keys) as history:
        for i in range(2):
            assert [r.seq for r in history.entries(f"p-{i}")] == list(range(30))


def test_a_long_journal_is_published_in_the_background(home: Path, signers, keys, clock, act, monkeypatch):
    monkeypatch.setattr(log_module, "JOURNAL_BYTES", 20_000)
    with Ledger.create(home, signers, clock) as ledger:
        for _ in range(400):
            ledger.append(act())
    assert verify(home, keys).size == 401
    assert (home / "tile/entries/000").exists()
    assert not (home / "tile/entries/000.p").exists(), "partial tiles go once the full one is there"
    with Ledger.open(home, signers, clock) as ledger:
        assert ledger.append(act()).index == 401
