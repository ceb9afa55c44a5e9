"""Words that many different people use: the k-subject vocabulary of a draw.

A word used by at least k distinct subjects is the world's word, not a person's: products, places of public talk,
terms of a trade. It then survives the gate where a static list would replace it, unless it is a name (every first
name is used by k people at scale, so commonness alone never clears one). Frozen and hashed into the recipe; off
below 10,000 subjects, where rare words of a few large accounts would pass for common ones.
"""

from __future__ import annotations

import hmac
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from hashlib import sha256

import pyarrow as pa

from incamera.core.canon import canonical, unpack
from incamera.core.ids import Digest, digest
from incamera.core.records import Conversation, Silent
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import blank_tags, tokenise
from incamera.text.normalize import view

MIN_SUBJECTS = 10_000
VERSION = "incamera-vocabulary/1"

#: Rows of the first pass: one for each distinct (word, subject) of a batch, the word as a keyed hash.
USES = pa.schema(
    [pa.field("token", pa.binary(16), nullable=False), pa.field("uref", pa.binary(16), nullable=False)],
    metadata={b"incamera": b"uses/2"},
)
#: How many distinct subjects use each hashed word.
COUNTS = pa.schema(
    [pa.field("token", pa.binary(16), nullable=False), pa.field("subjects", pa.int64(), nullable=False)],
    metadata={b"incamera": b"counts/2"},
)
#: Rows of the second pass: words that enough subjects use, in the clear.
WORDS = pa.schema(
    [pa.field("token", pa.string(), nullable=False), pa.field("subjects", pa.int64(), nullable=False)],
    metadata={b"incamera": b"words/1"},
)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Vocabulary:
    """Frozen words with the number of subjects they were counted over.

    `on` is False below `MIN_SUBJECTS`; then `bits` is ignored and the recipe says why.
    """

    k: int
    subjects: int
    words: frozenset[str]
    bits: Mapping[str, int] = field(default_factory=dict)

    @property
    def on(self) -> bool:
        return self.subjects >= MIN_SUBJECTS

    def digest(self) -> Digest:
        return digest(canonical({"version": VERSION, "k": self.k, "subjects": self.subjects, "words": sorted(self.words)}))

    def note(self) -> str:
        """One line for certificate and log."""
        if self.on:
            return f"vocabulary: {len(self.words)} words used by at least {self.k} of {self.subjects} subjects"
        return f"vocabulary: off, {self.subjects} subjects are fewer than {MIN_SUBJECTS}"


def words_of(texts: Iterable[str]) -> set[str]:
    """The words of one subject's text that could be cleared: letters only, not already ordinary, no names."""
    table = t.table("en")
    found: set[str] = set()
    for text in texts:
        tokens = tokenise(blank_tags(view(text).text), table)
        found.update(
            low
            for low, code in zip(tokens.lows, tokens.codes, strict=True)
            if low.isalpha() and 2 < len(low) <= 30 and not code & t.SAFE_UNCASED
        )
    return found


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class HashedUses(Silent):
    """Step over `OPENED` batches, first pass: the distinct (word, subject) pairs of each batch.

    Privacy: emits keyed hashes of fixed size, so what an engine spills to disk holds no word; who holds *key* can test guesses.
    """

    key: bytes

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            pairs = sorted({(hashed(self.key, word), uref) for uref, word in _uses(batch)})
            columns = [pa.array([t for t, _ in pairs], pa.binary(16)), pa.array([u for _, u in pairs], pa.binary(16))]
            yield pa.RecordBatch.from_arrays(columns, schema=USES)


def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Step for `Runner.group(by="token")` over `USES`: distinct subjects of each hashed word."""
    for batch in batches:
        subjects: dict[bytes, set[bytes]] = {}
        for token, uref in zip(batch.column("token").to_pylist(), batch.column("uref").to_pylist(), strict=True):
            subjects.setdefault(token, set()).add(uref)
        rows = [{"token": token, "subjects": len(found)} for token, found in sorted(subjects.items())]
        yield pa.RecordBatch.from_pylist(rows, schema=COUNTS)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class CommonWords(Silent):
    """Step over `OPENED` batches, second pass: the words themselves, but only those whose hash is in *common*.

    `subjects` of a row repeats the count of the first pass.

    Privacy: emits words that at least k subjects of the draw use, and no other.
    """

    key: bytes
    common: Mapping[bytes, int]

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            words = sorted({word for _, word in _uses(batch) if hashed(self.key, word) in self.common})
            rows = [{"token": word, "subjects": self.common[hashed(self.key, word)]} for word in words]
            yield pa.RecordBatch.from_pylist(rows, schema=WORDS)


def _uses(batch: pa.RecordBatch) -> Iterator[tuple[bytes, str]]:
    for uref, packed in zip(batch.column("uref").to_pylist(), batch.column("conversation").to_pylist(), strict=True):
        conversation = unpack(packed, Conversation)
        for word in words_of(part.text for _, _, part in conversation.parts()):
            yield uref, word


def hashed(key: bytes, word: str) -> bytes:
    """The keyed hash by which a word is counted: 16 bytes, whatever the word."""
    return hmac.new(key, word.encode("utf-8", "surrogatepass"), sha256).digest()[:16]


def freeze(words: Iterable[pa.RecordBatch], *, k: int, subjects: int) -> Vocabulary:
    """The vocabulary of the `WORDS` rows with at least *k* subjects. Names never enter it."""
    table = t.table("en")
    chosen: set[str] = set()
    for batch in words:
        for token, n in zip(batch.column("token").to_pylist(), batch.column("subjects").to_pylist(), strict=True):
            if n >= k and not table[token] & t.NAME:
                chosen.add(token)
    clear = t.SAFE_CASED | t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID
    return Vocabulary(k=k, subjects=subjects, words=frozenset(chosen), bits=dict.fromkeys(chosen, clear))
