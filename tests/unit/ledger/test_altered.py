"""Files that were altered, lost or rolled back: reading refuses, `examine` says what and where, `repair` mends what it may."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from incamera.core.errors import Unverified
from incamera.ledger import History, Ledger, examine, repair, verify
from incamera.ledger.journal import pack_head, unpack_head
from incamera_verify.merkle import Tree
from incamera_verify.note import Algorithm, Checkpoint, Note, Signer, sign_note
from incamera_verify.tiles import pack_entries, pack_history, unpack_entries, unpack_history

FILES = [
    "checkpoint",
    "checkpoints",
    "journal",
    "tile/0/000",
    "tile/0/002.p/89",
    "tile/1/000.p/2",
    "tile/entries/000",
    "tile/entries/002.p/89",
]


@pytest.fixture
def six_hundred(grown: Callable[[int], Path]) -> Path:
    return grown(600)


def read_all(home: Path, keys) -> list[bytes]:
    with History(home, keys) as history:
        list(history.entries())
        return [leaf for _, leaf in history.leaves()]


def flip(path: Path, at: int) -> None:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(bytes(data))


def test_the_files_are_those_of_a_tiled_log(six_hundred: Path):
    there = {str(p.relative_to(six_hundred)) for p in six_hundred.rglob("*") if p.is_file()}
    assert there == {*FILES, "tile/0/001", "tile/entries/001", "lock", "publish.lock"}


@pytest.mark.parametrize("name", FILES)
def test_one_flipped_bit_in_any_file_is_found(six_hundred: Path, keys, name: str):
    length = (six_hundred / name).stat().st_size
    for at in range(0, length, max(1, length // 11)):
        flip(six_hundred / name, at)
        with pytest.raises(Unverified):
            verify(six_hundred, keys)
        flip(six_hundred / name, at)
    assert verify(six_hundred, keys).flaws == ()


@pytest.mark.parametrize("name", [name for name in FILES if name != "checkpoints"])
def test_what_a_reader_reads_is_proven_first(six_hundred: Path, keys, name: str):
    length = (six_hundred / name).stat().st_size
    for at in range(0, length, max(1, length // 11)):
        flip(six_hundred / name, at)
        with pytest.raises(Unverified):
            read_all(six_hundred, keys)
        flip(six_hundred / name, at)
    assert len(read_all(six_hundred, keys)) == 601


@pytest.mark.parametrize("name", FILES)
def test_a_lost_file_is_found_and_named(six_hundred: Path, keys, name: str):
    (six_hundred / name).unlink()
    report = examine(six_hundred, keys)
    assert report.flaws
    assert name.partition(".p/")[0] in " ".join(flaw.where for flaw in report.flaws)


@pytest.mark.parametrize("name", ["tile/0/000", "tile/entries/001"])
def test_two_tiles_exchanged_are_found(six_hundred: Path, keys, name: str):
    one, two = six_hundred / name, six_hundred / name.replace("000", "x").replace("001", "000").replace("x", "001")
    one_data, two_data = one.read_bytes(), two.read_bytes()
    one.write_bytes(two_data)
    two.write_bytes(one_data)
    with pytest.raises(Unverified):
        read_all(six_hundred, keys)
    assert {flaw.code for flaw in examine(six_hundred, keys).flaws} >= {"ledger.altered"}


def test_every_flaw_is_reported_not_only_the_first(six_hundred: Path, keys):
    flip(six_hundred / "tile/0/000", 5)
    flip(six_hundred / "tile/1/000.p/2", 5)
    (six_hundred / "tile/0/001").unlink()
    report = examine(six_hundred, keys)
    assert [(flaw.code, flaw.where) for flaw in report.flaws] == [
        ("ledger.altered", "tile/0/000"),
        ("ledger.missing-tile", "tile/0/001"),
        ("ledger.altered", "tile/1/000.p/2"),
    ]
    assert (report.size, report.torn_bytes) == (601, 0)


# --- a rewriter with the disk ------------------------------------------------------------------------------------------------


def test_an_older_copy_of_the_files_is_refused_by_whoever_saw_the_newer_state(home: Path, signers, keys, clock, act):
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
    old = {path: path.read_bytes() for path in home.rglob("*") if path.is_file()}
    with Ledger.open(home, signers, clock) as ledger:
        ledger.append(act())
        seen = Checkpoint.parse(Note.parse(ledger.checkpoint().encode()).text)
    for path, data in old.items():
        path.write_bytes(data)
    with pytest.raises(Unverified, match=r"ledger\.truncated"):
        verify(home, keys, [seen])
    assert verify(home, keys).size == 2, "alone, an old copy is a sound ledger: only a pin or a witness tells"


def test_a_journal_cut_at_a_batch_is_noticed_if_more_was_published(home: Path, signers, keys, clock, act):
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
    empty = (home / "journal").read_bytes()
    with Ledger.open(home, signers, clock) as ledger:
        ledger.append(act())
    head, _ = unpack_head(empty)
    assert head.base == 2
    (home / "journal").write_bytes(empty)
    with pytest.raises(Unverified, match=r"ledger\.truncated"):
        History(home, keys)
    assert "ledger.truncated" in {flaw.code for flaw in examine(home, keys).flaws}


def test_an_open_ledger_notices_that_its_files_were_rolled_back(home: Path, signers, keys, clock, act):
    ledger = Ledger.create(home, signers, clock)
    ledger.append(act())
    older = (home / "journal").read_bytes()
    ledger.append(act())
    (home / "journal").write_bytes(older)
    with pytest.raises(Unverified, match=r"ledger\.truncated"):
        ledger.append(act())
    with pytest.raises(Unverified, match=r"ledger\.truncated"):
        ledger.refresh()


def test_an_open_reader_notices_another_history(tmp_path: Path, home: Path, signers, keys, clock, act):
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
        reader = History(home, keys)
        other_home = tmp_path / "other"
        with Ledger.create(other_home, signers, clock) as other:
            other.append_many([act(), act()])
    for path in sorted(other_home.rglob("*")):
        if path.is_file():
            target = home / path.relative_to(other_home)
            target.parent.mkdir(parents=True, exist_ok=True)
            target.unlink(missing_ok=True)
            target.write_bytes(path.read_bytes())
    with pytest.raises(Unverified, match=r"ledger\.altered"):
        reader.refresh()


def test_acts_that_nobody_signed_are_refused(home: Path, signers, keys, clock, act):
    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
        other = Signer("log.example/holder", Algorithm.ED25519, bytes(32))
    from incamera.ledger.entry import encode, timestamp
    from incamera.ledger.journal import pack_batch
    from incamera_verify.merkle import leaf_hash

    leaf = encode(act(), at=timestamp(clock.now()), seq=1, salt="ab" * 16)
    with History(home, keys) as history:
        tree = Tree([*history.leaf_hashes(0, 2), leaf_hash(leaf)])
    note = bytes(sign_note(Checkpoint("log.example/holder", 3, tree.root()).text, [other]))
    with (home / "journal").open("ab") as file:
        file.write(pack_batch([leaf], note))
    with pytest.raises(Unverified, match=r"ledger\.wrong-key"):
        History(home, keys)
    assert {flaw.code for flaw in examine(home, keys).flaws} == {"ledger.wrong-key", "ledger.unsigned"}


def test_an_act_out_of_its_matters_count_is_refused(home: Path, signers, keys, clock, act):
    """Even with the log's own key: the count of a matter's acts is part of every leaf."""
    from incamera.ledger.entry import encode, timestamp
    from incamera.ledger.journal import pack_batch
    from incamera_verify.merkle import leaf_hash

    with Ledger.create(home, signers, clock) as ledger:
        ledger.append(act())
    leaf = encode(act(), at=timestamp(clock.now()), seq=5, salt="ab" * 16)
    with History(home, keys) as history:
        tree = Tree([*history.leaf_hashes(0, 2), leaf_hash(leaf)])
    note = bytes(sign_note(Checkpoint("log.example/holder", 3, tree.root()).text, signers))
    with (home / "journal").open("ab") as file:
        file.write(pack_batch([leaf], note))
    with pytest.raises(Unverified, match=r"ledger\.bad-seq"):
        History(home, keys)
    assert {flaw.code for flaw in examine(home, keys).flaws} == {"ledger.bad-seq"}


def test_a_history_of_checkpoints_with_a_fork_is_refused(six_hundred: Path, signers, keys):
    notes = unpack_history((six_hundred / "checkpoints").read_bytes())
    fork = bytes(sign_note(Checkpoint("log.example/holder", 1, bytes(32)).text, signers))
    (six_hundred / "checkpoints").write_bytes(pack_history([fork, *notes[1:]]))
    assert {flaw.code for flaw in examine(six_hundred, keys).flaws} == {"ledger.altered"}


def test_a_head_that_counts_other_acts_is_refused(six_hundred: Path, keys):
    head, _ = unpack_head((six_hundred / "journal").read_bytes())
    (six_hundred / "journal").write_bytes(pack_head(replace(head, seqs={**head.seqs, "m-1": 7})))
    assert {flaw.code for flaw in examine(six_hundred, keys).flaws} == {"ledger.bad-journal"}
    (six_hundred / "journal").write_bytes(pack_head(replace(head, history=0)))
    (six_hundred / "checkpoints").write_bytes(pack_history([]))
    assert {flaw.code for flaw in examine(six_hundred, keys).flaws} == {"ledger.bad-history"}


def test_a_pin_of_another_log_is_refused(six_hundred: Path, keys):
    with pytest.raises(Unverified, match=r"ledger\.wrong-log"):
        verify(six_hundred, keys, [Checkpoint("log.example/other", 0, bytes(32))])


def test_a_list_of_checkpoints_that_is_none_is_refused(six_hundred: Path, keys):
    (six_hundred / "checkpoints").write_bytes(b"incamera-checkpoints/2\n")
    with pytest.raises(Unverified, match=r"ledger\.bad-history"), History(six_hundred, keys) as history:
        list(history.checkpoints())


# --- repair ------------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/002.p/89", "tile/1/000.p/2"])
@pytest.mark.parametrize("lost", [True, False])
def test_hash_tiles_are_rebuilt_from_the_acts(six_hundred: Path, signers, keys, clock, name: str, lost: bool):
    before = (six_hundred / name).read_bytes()
    if lost:
        (six_hundred / name).unlink()
    else:
        flip(six_hundred / name, 40)
    with repair(six_hundred, signers, clock) as ledger:
        assert ledger.entry(601).entry.act == "ledger.repaired"
        assert (six_hundred / name).read_bytes() == before
    assert verify(six_hundred, keys).size == 602


def test_acts_are_never_invented(six_hundred: Path, signers, clock):
    name = "tile/entries/000"
    leaves = unpack_entries((six_hundred / name).read_bytes())
    (six_hundred / name).write_bytes(pack_entries([*leaves[:5], leaves[6], leaves[5], *leaves[7:]]))
    with pytest.raises(Unverified):
        repair(six_hundred, signers, clock)
    (six_hundred / name).unlink()
    with pytest.raises(Unverified, match=r"ledger\.missing-tile"):
        repair(six_hundred, signers, clock)


def test_a_damaged_journal_end_stops_everything_until_a_person_repairs(home: Path, signers, keys, clock, act):
    ledger = Ledger.create(home, signers, clock)
    whole = (home / "journal").read_bytes()
    ledger.append(act())
    flip(home / "journal", len(whole) + 60)
    damaged = (home / "journal").read_bytes()[len(whole) :]
    for opening in (lambda: History(home, keys), lambda: Ledger.open(home, signers, clock)):
        with pytest.raises(Unverified, match=r"ledger\.damaged"):
            opening()
    assert [flaw.code for flaw in examine(home, keys).flaws] == ["ledger.damaged"]
    with repair(home, signers, clock) as repaired:
        assert [r.entry.act for r in repaired.entries()] == ["log.created", "ledger.repaired"]
    assert [path.read_bytes() for path in (home / "dropped").iterdir()] == [damaged]
    assert verify(home, keys).size == 2


def test_a_sound_ledger_is_not_touched_by_repair(six_hundred: Path, signers, keys, clock):
    repair(six_hundred, signers, clock).close()
    assert verify(six_hundred, keys).size == 601


def test_a_torn_end_is_reported_but_is_no_flaw(six_hundred: Path, keys):
    with (six_hundred / "journal").open("ab") as file:
        file.write(b"IJB1\0")
    report = verify(six_hundred, keys)
    assert (report.size, report.torn_bytes) == (601, 5)
