"""The k-subject vocabulary at rest: sealed, and refused where damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pyarrow as pa
import pytest

from incamera.clerk import vocabulary as kept
from incamera.core.batch import OPENED
from incamera.core.canon import pack
from incamera.core.errors import Malformed, Unverified
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.vocabulary import CommonWords, Vocabulary, hashed
from incamera.vault import envelope

KEY = bytes(range(32))


def test_a_kept_vocabulary_opens_with_its_key_only(tmp_path: Path) -> None:
    frozen = Vocabulary(k=50, subjects=12_000, words=frozenset({"frobnicator"}), bits={"frobnicator": 1})
    path = tmp_path / "vocabulary.sealed"
    kept.write(path, frozen, KEY)
    assert b"frobnicator" not in path.read_bytes()
    assert kept.read(path, KEY) == frozen
    with pytest.raises(Unverified):
        kept.read(path, os.urandom(32))


def test_a_vocabulary_that_lacks_a_field_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "vocabulary.sealed"
    path.write_bytes(envelope.seal(KEY, pack({"k": 50}), b"incamera/vocabulary/1"))
    with pytest.raises(Malformed, match=r"vocabulary\.damaged"):
        kept.read(path, KEY)


def test_words_leave_the_second_pass_sealed_and_open_again() -> None:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="t", text="my frobnicator hums"),))
    talk = Conversation(id="1", subject="1", source="test", turns=(turn,))
    row = {"cref": bytes(16), "uref": bytes(16), "conversation": pack(talk), "account": None, "ledger_key": bytes(32)}
    step = kept.SealedWords(inner=CommonWords(key=KEY, common={hashed(KEY, "frobnicator"): 7}), key=KEY)
    sealed = list(step(iter([pa.RecordBatch.from_pylist([row], schema=OPENED)])))
    assert not any(b"frobnicator" in cell for batch in sealed for cell in batch.column("words").to_pylist())
    assert [r for batch in kept.opened(sealed, KEY) for r in batch.to_pylist()] == [{"token": "frobnicator", "subjects": 7}]
    with pytest.raises(Unverified, match=r"vault\.not-authentic"):
        list(kept.opened(sealed, bytes(32)))
    other = kept.SealedWords(inner=CommonWords(key=KEY, common={}), key=KEY)
    assert step.version != other.version
