"""The frozen vocabulary of a draw at rest: sealed under the matter's key. `deid.vocabulary` counts and freezes it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

import pyarrow as pa

from incamera.clerk.home import write_atomically
from incamera.core.canon import pack, unpack
from incamera.core.errors import Malformed
from incamera.core.records import Silent
from incamera.deid.vocabulary import WORDS, CommonWords, Vocabulary
from incamera.vault import envelope

_AAD = b"incamera/vocabulary/1"
#: What the second pass hands back: an engine keeps its fragments on disk, so the words leave it sealed.
SEALED_WORDS = pa.schema([pa.field("words", pa.binary(), nullable=False)], metadata={b"incamera": b"sealed-words/1"})


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class SealedWords(Silent):
    """`CommonWords`, its rows sealed under the matter's key, a batch in one piece."""

    inner: CommonWords
    key: bytes

    @property
    def version(self) -> str:
        """Finished fragments are kept only for the same set of common words."""
        return f"sealed-words/1:{sha256(b''.join(sorted(self.inner.common))).hexdigest()}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for found in self.inner(batches):
            sealed = envelope.seal(self.key, pack(found.to_pylist()), _AAD)
            yield pa.RecordBatch.from_arrays([pa.array([sealed], pa.binary())], schema=SEALED_WORDS)


def opened(batches: Iterable[pa.RecordBatch], key: bytes) -> Iterator[pa.RecordBatch]:
    """The `WORDS` rows of sealed ones.

    Raises:
        Unverified: `vault.not-authentic`.
    """
    for batch in batches:
        for sealed in batch.column("words").to_pylist():
            found = unpack(envelope.unseal(key, sealed, _AAD, where="vocabulary"), list[dict[str, Any]])
            yield pa.RecordBatch.from_pylist(found, schema=WORDS)


def write(path: Path, vocabulary: Vocabulary, key: bytes) -> None:
    """Keep a frozen vocabulary, sealed under the matter's key: words of k people, but of this draw's people."""
    body = {"k": vocabulary.k, "subjects": vocabulary.subjects, "words": sorted(vocabulary.words), "bits": dict(vocabulary.bits)}
    write_atomically(path, envelope.seal(key, pack(body), _AAD), mode=0o600)


def read(path: Path, key: bytes) -> Vocabulary:
    """The vocabulary that `write` kept.

    Raises:
        Unverified: `vault.not-authentic`. Malformed: `vocabulary.damaged`.
    """
    body = unpack(envelope.unseal(key, path.read_bytes(), _AAD, where=path.name), dict)
    try:
        return Vocabulary(k=body["k"], subjects=body["subjects"], words=frozenset(body["words"]), bits=body["bits"])
    except KeyError:
        raise Malformed("vocabulary.damaged", "the sealed vocabulary lacks a field", where=path.name) from None
