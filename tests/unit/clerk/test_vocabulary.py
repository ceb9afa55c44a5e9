"""The k-subject vocabulary: counted by keyed hash, kept sealed, and never holding a rare word."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from incamera.clerk import vocabulary as common
from incamera.core.batch import OPENED
from incamera.core.canon import pack
from incamera.core.errors import Malformed, Unverified
from incamera.core.records import Conversation, Part, Turn
from incamera.deid import vocabulary as deid
from incamera.deid.vocabulary import Vocabulary
from incamera.vault import envelope

KEY = bytes(range(32))


def batch(*texts: tuple[int, str]) -> pa.RecordBatch:
    """(subject, text) rows as `vault.within` opens them."""
    rows = []
    for number, (subject, text) in enumerate(texts):
        turn = Turn(index=0, role="user", parts=(Part(kind="text", path="t", text=text),))
        conversation = Conversation(id=str(number), subject=str(subject), source="test", turns=(turn,))
        rows.append(
            {
                "cref": number.to_bytes(16, "big"),
                "uref": subject.to_bytes(16, "big"),
                "conversation": pack(conversation),
                "account": None,
                "ledger_key": bytes(32),
            }
        )
    return pa.RecordBatch.from_pylist(rows, schema=OPENED)


def test_only_words_of_enough_subjects_come_out_and_spilt_rows_hold_no_word() -> None:
    batches = [
        batch((1, "the frobnicator hums"), (1, "frobnicator again"), (2, "my frobnicator broke")),
        batch((3, "a frobnicator and a zyxomat"), (4, "zyxomat")),
    ]
    uses = list(common.HashedUses(key=KEY)(iter(batches)))
    assert not any(b"frobnicator" in column.buffers()[1].to_pybytes() for b in uses for column in b.columns)
    merged = pa.Table.from_batches(uses).combine_chunks().to_batches()
    counts = {row["token"]: row["subjects"] for b in common.count(iter(merged)) for row in b.to_pylist()}
    frequent = {token: n for token, n in counts.items() if n >= 3}
    words = list(common.CommonWords(key=KEY, common=frequent)(iter(batches)))
    found = deid.freeze(words, k=3, subjects=4).words
    assert "frobnicator" in found
    assert "zyxomat" not in found


def test_a_kept_vocabulary_opens_with_its_key_only(tmp_path: Path) -> None:
    kept = Vocabulary(k=50, subjects=12_000, words=frozenset({"frobnicator"}), bits={"frobnicator": 1})
    path = tmp_path / "vocabulary.sealed"
    common.write(path, kept, KEY)
    assert b"frobnicator" not in path.read_bytes()
    assert common.read(path, KEY) == kept
    with pytest.raises(Unverified):
        common.read(path, os.urandom(32))


def test_a_vocabulary_that_lacks_a_field_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.sealed"
    path.write_bytes(envelope.seal(KEY, pack({"k": 50}), b"incamera/vocabulary/1"))
    with pytest.raises(Malformed, match=r"vocabulary\.damaged"):
        common.read(path, KEY)
