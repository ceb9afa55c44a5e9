"""The k-subject vocabulary of a draw: two passes under the same grant, and no rare word ever leaves the vault.

First every word is counted by a keyed hash of fixed size, so that what an engine spills to disk holds no word. Only then
are the words themselves collected, and only those that at least k subjects use.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pyarrow as pa

from incamera.clerk.home import write_atomically
from incamera.core.canon import pack, unpack
from incamera.core.errors import Malformed
from incamera.core.records import Conversation, Silent
from incamera.deid import vocabulary as deid
from incamera.deid.vocabulary import Vocabulary
from incamera.vault import envelope

_AAD = b"incamera/vocabulary/1"
USES = pa.schema([pa.field("token", pa.binary(16), nullable=False), pa.field("uref", pa.binary(16), nullable=False)])
COUNTS = pa.schema([pa.field("token", pa.binary(16), nullable=False), pa.field("subjects", pa.int64(), nullable=False)])
WORDS = pa.schema([pa.field("token", pa.string(), nullable=False), pa.field("subjects", pa.int64(), nullable=False)])


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HashedUses(Silent):
    """Step over `OPENED`: the distinct (word, subject) pairs of a batch, each word as a keyed hash."""

    key: bytes

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pairs = {(_hash(self.key, word), uref) for uref, word in _uses(batch)}
            ordered = sorted(pairs)
            columns = [pa.array([t for t, _ in ordered], pa.binary(16)), pa.array([u for _, u in ordered], pa.binary(16))]
            yield pa.RecordBatch.from_arrays(columns, schema=USES)


def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Step for `Runner.group(by="token")`: how many distinct subjects use each hashed word."""
    for batch in batches:
        subjects: dict[bytes, set[bytes]] = {}
        for token, uref in zip(batch["token"].to_pylist(), batch["uref"].to_pylist(), strict=True):
            subjects.setdefault(token, set()).add(uref)
        rows = [{"token": token, "subjects": len(found)} for token, found in sorted(subjects.items())]
        yield pa.RecordBatch.from_pylist(rows, schema=COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CommonWords(Silent):
    """Step over `OPENED`: the words themselves whose hash at least k subjects share; `subjects` repeats that count."""

    key: bytes
    common: dict[bytes, int]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            words = sorted({word for _, word in _uses(batch) if _hash(self.key, word) in self.common})
            rows = [{"token": word, "subjects": self.common[_hash(self.key, word)]} for word in words]
            yield pa.RecordBatch.from_pylist(rows, schema=WORDS)


def _uses(batch: pa.RecordBatch) -> Iterator[tuple[bytes, str]]:
    for uref, packed in zip(batch["uref"].to_pylist(), batch["conversation"].to_pylist(), strict=True):
        conversation = unpack(packed, Conversation)
        for word in deid.words_of(part.text for _, _, part in conversation.parts()):
            yield uref, word


def _hash(key: bytes, word: str) -> bytes:
    return hmac.new(key, word.encode("utf-8", "surrogatepass"), hashlib.sha256).digest()[:16]


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
