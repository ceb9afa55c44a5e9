"""The k-subject vocabulary at rest: sealed, and refused where damaged."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from incamera.clerk import vocabulary as common
from incamera.core.canon import pack
from incamera.core.errors import Malformed, Unverified
from incamera.deid.vocabulary import Vocabulary
from incamera.vault import envelope

KEY = bytes(range(32))


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
