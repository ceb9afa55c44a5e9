"""Tile paths and codecs, and an exported ledger made here by hand: honest ones hold, every other history is refused by name."""

from __future__ import annotations

import json
from collections import Counter
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import Tree, leaf_hash
from incamera_verify.note import Algorithm, Checkpoint, Signer, sign_note
from incamera_verify.tiles import (
    BUNDLE_FORMAT,
    check_bundle,
    entries_path,
    pack_entries,
    pack_history,
    split_hashes,
    tile_path,
    tiles_of,
    unpack_entries,
    unpack_history,
)

LOG = Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))
FRESH = Signer("log.example/holder", Algorithm.ED25519, bytes(range(9, 41)))
WITNESS = Signer("witness.example/w1", Algorithm.COSIGNATURE_ED25519, bytes(range(2, 34)))


def test_paths_are_those_of_the_specification():
    assert tile_path(0, 1234067) == "tile/0/x001/x234/067"
    assert tile_path(2, 0, 1) == "tile/2/000.p/1"
    assert entries_path(1000, 255) == "tile/entries/x001/000.p/255"


def test_a_tree_of_70000_has_the_tiles_of_the_specification():
    assert [len(list(tiles_of(70_000, level))) for level in range(4)] == [274, 2, 1, 0]
    assert [list(tiles_of(70_000, level))[-1] for level in range(3)] == [(273, 112), (1, 17), (0, 1)]
    assert list(tiles_of(256, 0)) == [(0, 256)]
    assert list(tiles_of(256, 1)) == [(0, 1)]
    assert list(tiles_of(0)) == []
    assert list(tiles_of(600, 0, 2)) == [(2, 88)]


@given(st.lists(st.binary(max_size=300)))
def test_bundles_of_entries_survive(entries: list[bytes]):
    assert unpack_entries(pack_entries(entries)) == entries


@given(st.binary(max_size=40))
def test_no_bytes_crash_the_codecs(data: bytes):
    for read in (unpack_entries, unpack_history, lambda d: split_hashes(d, 1)):
        with suppress(VerificationError):
            read(data)


def test_truncated_bundles_are_named():
    data = pack_entries([b"one", b"two"])
    for cut in (1, 2, 4, 6, 9):
        with pytest.raises(VerificationError, match=r"tiles\.bad-bundle"):
            unpack_entries(data[:cut])
    with pytest.raises(VerificationError, match=r"tiles\.bad-tile"):
        split_hashes(bytes(33), 1)


@pytest.mark.parametrize("notes", [[], [b"a\nb\n\nsig\n"], [b"a\n\nsig\n", b"c\nd\n\nsig 1\nsig 2\n"]])
def test_histories_survive(notes: list[bytes]):
    assert unpack_history(pack_history(notes)) == notes


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"incamera-checkpoints/2\n",
        b"incamera-checkpoints/1",
        b"incamera-checkpoints/1\nx\n",
        b"incamera-checkpoints/1\n\na\n",
    ],
)
def test_loose_histories_are_refused(data: bytes):
    with pytest.raises(VerificationError, match=r"tiles\.bad-history"):
        unpack_history(data)


# --- an exported ledger -----------------------------------------------------------------------------------------------------


@dataclass
class Made:
    """A log of 300 acts of two matters, and the bundle of one of them; tests spoil one thing each."""

    directory: Path
    leaves: list[bytes] = field(default_factory=list)
    signer: Signer = LOG
    mine: str = "m-1"
    seqs: Counter[str] = field(default_factory=Counter)

    def act(self, matter: str, note: str = "") -> None:
        seq = self.seqs[matter]
        self.seqs[matter] += 1
        self.leaves.append(
            canonical({"v": 1, "matter": matter, "seq": seq, "salt": f"{len(self.leaves):032x}", "fields": {"n": note}})
        )

    @property
    def tree(self) -> Tree:
        return Tree(map(leaf_hash, self.leaves))

    def note(self, size: int, *others: Signer) -> bytes:
        state = Checkpoint(self.signer.name, size, self.tree.root(size))
        return bytes(sign_note(state.text, [self.signer, *others], 1_700_000_000))

    def rows(self) -> list[bytes]:
        return [
            canonical({"index": i, "leaf": leaf.decode()})
            for i, leaf in enumerate(self.leaves)
            if json.loads(leaf)["matter"] == self.mine
        ]

    def put(self, name: str, data: bytes) -> None:
        path = self.directory / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)

    def write(self) -> Made:
        size, tree = len(self.leaves), self.tree
        for index, width in tiles_of(size):
            self.put(tile_path(0, index, width), b"".join(tree.node(0, index * 256 + i) for i in range(width)))
        self.put("entries.jsonl", b"".join(row + b"\n" for row in self.rows()))
        self.put("checkpoints", pack_history([self.note(10), self.note(256)]))
        self.put("checkpoint", self.note(size, WITNESS))
        self.put("format", f"{BUNDLE_FORMAT}\n".encode())
        return self


@pytest.fixture
def made(tmp_path: Path) -> Made:
    bundle = Made(tmp_path)
    for i in range(300):
        bundle.act("m-1" if i % 3 else "m-2")
    return bundle.write()


def refused(made: Made, *pinned: Checkpoint, **named) -> str:
    with pytest.raises(VerificationError) as caught:
        check_bundle(made.directory, LOG.verifier, pinned, **named)
    return caught.value.code


def test_an_honest_bundle_holds(made: Made):
    tree = made.tree
    pins = [Checkpoint(LOG.name, size, tree.root(size)) for size in (0, 1, 137, 300)]
    bundle = check_bundle(made.directory, LOG.verifier, pins, witnesses=[WITNESS.verifier], quorum=1)
    assert (bundle.checkpoint.size, bundle.checkpoint.root) == (300, tree.root())
    assert [state.size for state in bundle.history] == [10, 256]
    assert [leaf.index for leaf in bundle.entries] == [i for i in range(300) if i % 3]
    assert all(leaf.raw == made.leaves[leaf.index] == canonical(leaf.value) for leaf in bundle.entries)


def test_without_keys_all_but_the_signer_is_checked(made: Made):
    made.signer = FRESH
    made.write()
    assert check_bundle(made.directory, []).checkpoint.size == 300
    made.put("checkpoint", made.note(299))
    with pytest.raises(VerificationError):
        check_bundle(made.directory, [])


def test_a_history_signed_anew_with_a_fresh_key_is_refused(made: Made):
    made.signer = FRESH
    made.write()
    assert refused(made) == "note.unsigned"


def test_an_altered_history_signed_by_the_true_key_is_refused_by_whoever_saw_the_old_one(made: Made):
    seen = Checkpoint(LOG.name, 256, made.tree.root(256))
    made.leaves[5] = made.leaves[5].replace(b'"n":""', b'"n":"x"')
    made.write()
    assert check_bundle(made.directory, LOG.verifier).checkpoint.size == 300  # the key's owner can rewrite; a pin notices
    assert refused(made, seen) == "bundle.rewritten"


def test_a_truncated_history_is_refused_by_whoever_saw_the_longer_one(made: Made):
    seen = Checkpoint(LOG.name, 300, made.tree.root(300))
    del made.leaves[280:]
    for path in made.directory.rglob("1.p/*"):
        path.unlink()
    made.write()
    assert refused(made, seen) == "bundle.truncated"


def test_a_pin_of_another_log_is_refused(made: Made):
    assert refused(made, Checkpoint("log.example/other", 1, made.tree.root(1))) == "bundle.wrong-log"


def test_reordered_acts_are_refused(made: Made):
    rows = made.rows()
    rows[3], rows[4] = rows[4], rows[3]
    made.put("entries.jsonl", b"\n".join(rows) + b"\n")
    assert refused(made) in ("bundle.out-of-order", "bundle.entry-missing")


def test_two_acts_with_exchanged_places_are_refused(made: Made):
    one, two = json.loads(made.rows()[3]), json.loads(made.rows()[4])
    one["leaf"], two["leaf"] = two["leaf"], one["leaf"]
    rows = made.rows()
    rows[3:5] = canonical(one), canonical(two)
    made.put("entries.jsonl", b"\n".join(rows) + b"\n")
    assert refused(made) == "bundle.entry-altered"


@pytest.mark.parametrize("gone", [0, 1, 77])
def test_an_omitted_act_is_refused(made: Made, gone: int):
    rows = made.rows()
    del rows[gone]
    made.put("entries.jsonl", b"\n".join(rows) + b"\n")
    assert refused(made) == "bundle.entry-missing"


def test_an_altered_act_is_refused(made: Made):
    rows = made.rows()
    rows[7] = rows[7].replace(b'\\"n\\":\\"\\"', b'\\"n\\":\\"x\\"')
    made.put("entries.jsonl", b"\n".join(rows) + b"\n")
    assert refused(made) == "bundle.entry-altered"


def test_an_act_beyond_the_log_is_refused(made: Made):
    row = json.loads(made.rows()[-1])
    made.put("entries.jsonl", b"\n".join([*made.rows()[:-1], canonical({**row, "index": 300})]))
    assert refused(made) == "bundle.entry-altered"


def test_an_act_of_another_matter_is_refused(made: Made):
    made.put("entries.jsonl", made.rows()[0] + b"\n" + canonical({"index": 3, "leaf": made.leaves[3].decode()}) + b"\n")
    assert refused(made) == "bundle.bad-format"


@pytest.mark.parametrize(
    "line",
    [
        b"",
        b"[]",
        b"{}",
        b"null",
        b"\xff",
        b'{"index":true,"leaf":"{}"}',
        b'{"index":1,"leaf":"[]"}',
        b'{"index":1,"leaf":"{ }"}',
        b'{"index":1,"leaf":5}',
        b'{"index":1,"leaf":"{}","more":1}',
        b'{"index":1.0,"leaf":"{}"}',
        b"[" * 100_000,
    ],
    ids=range(12),
)
def test_loose_lines_are_refused(made: Made, line: bytes):
    made.put("entries.jsonl", line + b"\n" + b"\n".join(made.rows()))
    assert refused(made) == "bundle.bad-format"


def test_a_forked_checkpoint_in_the_history_is_refused(made: Made):
    fork = bytes(sign_note(Checkpoint(LOG.name, 10, bytes(32)).text, [LOG]))
    made.put("checkpoints", pack_history([fork]))
    assert refused(made) == "bundle.history-forked"
    longer = bytes(sign_note(Checkpoint(LOG.name, 301, bytes(32)).text, [LOG]))
    made.put("checkpoints", pack_history([longer]))
    assert refused(made) == "bundle.history-forked"
    made.put("checkpoints", pack_history([made.note(256), made.note(10)]))
    assert refused(made) == "bundle.out-of-order"


@pytest.mark.parametrize("name", ["tile/0/000", "tile/0/001.p/44"])
def test_leaf_hashes_of_another_log_are_refused(made: Made, name: str):
    """Also of leaves of other matters, of which the bundle shows nothing but the hash."""
    tile = bytearray((made.directory / name).read_bytes())
    tile[0] ^= 1
    made.put(name, bytes(tile))
    assert refused(made) == "bundle.root-mismatch"


def test_the_history_is_signed_too(made: Made):
    text = Checkpoint(LOG.name, 10, made.tree.root(10)).text
    made.put("checkpoints", pack_history([bytes(sign_note(text, [FRESH]))]))
    assert refused(made) == "note.unsigned"


def test_a_missing_witness_is_refused(made: Made):
    made.put("checkpoint", made.note(300))
    assert refused(made, witnesses=[WITNESS.verifier], quorum=1) == "note.quorum"


@pytest.mark.parametrize("name", ["format", "checkpoint", "checkpoints", "entries.jsonl", "tile/0/000", "tile/0/001.p/44"])
def test_a_missing_file_is_named(made: Made, name: str):
    (made.directory / name).unlink()
    assert refused(made) == "bundle.missing-file"


def test_another_version_is_refused(made: Made):
    made.put("format", b"incamera-ledger-bundle/2\n")
    assert refused(made) == "bundle.bad-format"


@pytest.mark.parametrize("name", ["format", "checkpoint", "checkpoints", "entries.jsonl", "tile/0/000", "tile/0/001.p/44"])
def test_no_file_survives_a_flipped_bit(made: Made, name: str):
    data = (made.directory / name).read_bytes()
    for bit in range(0, len(data) * 8, max(1, len(data) * 8 // 97)):
        made.put(name, data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :])
        with pytest.raises(VerificationError):
            check_bundle(made.directory, LOG.verifier, witnesses=[WITNESS.verifier], quorum=1)


def test_every_length_of_every_file_but_the_whole_is_refused(made: Made):
    for name in ("checkpoint", "checkpoints", "tile/0/001.p/44", "format"):
        data = (made.directory / name).read_bytes()
        for cut in range(0, len(data), max(1, len(data) // 50)):
            made.put(name, data[:cut])
            with pytest.raises(VerificationError):
                check_bundle(made.directory, LOG.verifier, witnesses=[WITNESS.verifier], quorum=1)
        made.put(name, data)
