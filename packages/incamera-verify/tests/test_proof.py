"""tlog-proof files and receipts: what was made opens, and nothing else does."""

from __future__ import annotations

from contextlib import suppress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.merkle import Tree, leaf_hash
from incamera_verify.note import Algorithm, Checkpoint, Signer, sign_note
from incamera_verify.proof import FORMAT, Proof, open_receipt

LOG = Signer("log.example/holder", Algorithm.ED25519, bytes(range(32)))
WITNESS = Signer("witness.example/w1", Algorithm.COSIGNATURE_ED25519, bytes(range(2, 34)))
LEAVES = [canonical({"v": 1, "n": i}) for i in range(11)]
TREE = Tree(map(leaf_hash, LEAVES))
NOTE = bytes(sign_note(Checkpoint(LOG.name, 11, TREE.root()).text, [LOG, WITNESS], 1_700_000_000))


def receipt(index: int) -> bytes:
    return bytes(Proof(index, tuple(TREE.inclusion_path(index)), NOTE, LEAVES[index]))


def code_of(data: bytes, **named) -> str:
    with pytest.raises(VerificationError) as caught:
        open_receipt(data, [LOG.verifier], **named)
    return caught.value.code


@pytest.mark.parametrize("index", range(11))
def test_receipts_open(index: int):
    leaf, state = open_receipt(receipt(index), [LOG.verifier], witnesses=[WITNESS.verifier], quorum=1)
    assert (leaf.index, leaf.raw, leaf.value["n"], state.size) == (index, LEAVES[index], index, 11)


def test_a_proof_without_extra_proves_a_leaf_that_one_has():
    proof = Proof.parse(bytes(Proof(3, tuple(TREE.inclusion_path(3)), NOTE)))
    assert proof.extra == b""
    assert proof.verify(LEAVES[3], [LOG.verifier]).size == 11
    with pytest.raises(VerificationError, match=r"merkle\.root-mismatch"):
        proof.verify(LEAVES[4], [LOG.verifier])


def test_no_flipped_bit_survives():
    data = receipt(5)
    for bit in range(len(data) * 8):
        forged = data[: bit // 8] + bytes([data[bit // 8] ^ 1 << bit % 8]) + data[bit // 8 + 1 :]
        with pytest.raises(VerificationError):
            open_receipt(forged, [LOG.verifier], witnesses=[WITNESS.verifier], quorum=1)


def test_flaws_are_named():
    assert code_of(receipt(5).replace(b"index 5", b"index 6")) == "merkle.root-mismatch"
    assert code_of(receipt(5).replace(b"index 5", b"index 05")) == "proof.malformed"
    assert code_of(receipt(5).replace(b"index 5", b"index 11")) == "merkle.out-of-range"
    assert code_of(receipt(5), witnesses=[WITNESS.verifier], quorum=2) == "note.quorum"
    assert code_of(bytes(Proof(5, tuple(TREE.inclusion_path(5)), NOTE))) == "merkle.root-mismatch"
    loose = [*LEAVES[:5], b'{"v": 1}']
    tree = Tree(map(leaf_hash, loose))
    note = bytes(sign_note(Checkpoint(LOG.name, 6, tree.root()).text, [LOG]))
    assert code_of(bytes(Proof(5, tuple(tree.inclusion_path(5)), note, loose[5]))) == "proof.no-leaf"


@pytest.mark.parametrize(
    "head",
    [
        "",
        FORMAT,
        f"{FORMAT}\nindex",
        f"{FORMAT}\nindex x",
        f"{FORMAT}\nindex 1\nAAAA",
        f"{FORMAT}\nextra \nindex 1",
        "c2sp.org/tlog-proof@v2\nindex 1",
        f"{FORMAT}\nindex 1\nindex 1",
        f"{FORMAT}\nindex 1" + f"\n{'A' * 43}=" * 64,
        f"{FORMAT}\nindex ١",
        f"{FORMAT}\nextra ****\nindex 1",
    ],
)
def test_loose_proofs_are_refused(head: str):
    with pytest.raises(VerificationError, match=r"proof\.malformed"):
        Proof.parse(head.encode() + b"\n\n" + NOTE)


@given(st.integers(0, 2**62), st.lists(st.binary(min_size=32, max_size=32), max_size=63), st.binary(max_size=99))
def test_proofs_survive(index: int, path: list[bytes], extra: bytes):
    proof = Proof(index, tuple(path), NOTE, extra)
    assert Proof.parse(bytes(proof)) == proof


@given(st.binary())
def test_no_bytes_crash_the_parser(data: bytes):
    with suppress(VerificationError):
        Proof.parse(FORMAT.encode() + b"\n" + data)
