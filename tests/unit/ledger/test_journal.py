"""The journal's codec: whole batches come back, a cut-off write is told from damage, and no byte crashes it."""

from __future__ import annotations

import hashlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Unverified
from incamera.ledger.journal import FORMAT, Head, pack_batch, pack_head, unpack_batches, unpack_head

LEAVES = st.lists(st.binary(min_size=1, max_size=50), min_size=1, max_size=5)
BATCHES = st.lists(st.tuples(LEAVES, st.binary(max_size=80)), max_size=4)


@given(BATCHES, st.integers(0, 1000))
def test_batches_survive(batches: list, offset: int):
    data = b"".join(pack_batch(leaves, note) for leaves, note in batches)
    read, ending = unpack_batches(data, offset)
    assert [(batch.leaves, batch.note) for batch in read] == batches
    assert ending == "clean"
    assert not read or read[-1].end == offset + len(data)


@given(BATCHES, LEAVES, st.data())
def test_every_cut_of_the_last_batch_is_torn_and_loses_none_before(batches: list, last: list, data):
    before = b"".join(pack_batch(leaves, note) for leaves, note in batches)
    whole = pack_batch(last, b"note")
    cut = data.draw(st.integers(1, len(whole) - 1))
    read, ending = unpack_batches(before + whole[:cut])
    assert ([(b.leaves, b.note) for b in read], ending) == (batches, "torn")


def test_zeros_after_the_end_are_torn():
    """What some file systems leave when the length was written and the data was not."""
    one = pack_batch([b"leaf"], b"note")
    assert unpack_batches(one + bytes(4096))[1] == "torn"
    assert unpack_batches(one + bytes(3))[1] == "torn"


@pytest.mark.parametrize("bit", range(0, len(pack_batch([b"leaf"], b"note")) * 8, 3))
def test_a_flipped_bit_is_damage_wherever_it_stands(bit: int):
    """Also in a length: the header has its own sum, so an altered length cannot pass for a cut-off write."""
    data = bytearray(pack_batch([b"leaf"], b"note"))
    data[bit // 8] ^= 1 << bit % 8
    assert unpack_batches(bytes(data) + pack_batch([b"more"], b"note")) == ([], "damaged")


@given(st.binary())
def test_no_bytes_crash_the_reader(data: bytes):
    unpack_batches(data)
    with pytest.raises(Unverified):
        unpack_head(data)


def test_heads_survive():
    head = Head(300, 1234, {"": 5, "m-1": 295})
    assert unpack_head(pack_head(head) + b"rest") == (head, len(pack_head(head)))


def headed(lines: bytes) -> bytes:
    return lines + hashlib.sha256(lines).hexdigest().encode() + b"\n"


@pytest.mark.parametrize(
    "data",
    [
        FORMAT,
        headed(b"incamera-journal/2\n{}\n"),
        headed(FORMAT + b"{}\n"),
        headed(FORMAT + b'{"base":-1,"history":0,"seqs":{}}\n'),
        headed(FORMAT + b'{"base":1,"history":0,"seqs":[]}\n'),
        headed(FORMAT + b'{"base": 1,"history":0,"seqs":{}}\n'),
        headed(FORMAT + b'{"base":1,"history":0,"seqs":{"m":true}}\n'),
        FORMAT + b'{"base":1,"history":0,"seqs":{}}\n',
        pack_head(Head(1, 0, {}))[:-1],
        pack_head(Head(1, 0, {})).replace(b"1,", b"2,"),
    ],
)
def test_loose_heads_are_refused(data: bytes):
    with pytest.raises(Unverified, match=r"ledger\.bad-journal"):
        unpack_head(data)
