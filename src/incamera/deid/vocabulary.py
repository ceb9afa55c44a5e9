"""Words that many different people use: the k-subject vocabulary of a draw.

A word used by at least k distinct subjects is the world's word, not a person's: products, places of public talk,
terms of a trade. It then survives the gate where a static list would replace it, unless it is a name (every first
name is used by k people at scale, so commonness alone never clears one). Frozen and hashed into the recipe; off
below 10,000 subjects, where rare words of a few large accounts would pass for common ones.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field

import pyarrow as pa

from incamera.core.canon import canonical, unpack
from incamera.core.ids import Digest, digest
from incamera.core.records import Conversation
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import blank_tags, tokenise
from incamera.text.normalize import view

MIN_SUBJECTS = 10_000
VERSION = "incamera-vocabulary/1"

#: Rows of the first pass: one for each distinct (word, subject) of a batch.
USES = pa.schema(
    [pa.field("token", pa.string(), nullable=False), pa.field("uref", pa.binary(16), nullable=False)],
    metadata={b"incamera": b"uses/1"},
)
#: Rows of the second: how many distinct subjects use a word.
COUNTS = pa.schema(
    [pa.field("token", pa.string(), nullable=False), pa.field("subjects", pa.int64(), nullable=False)],
    metadata={b"incamera": b"counts/1"},
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


def uses(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Step over `OPENED` batches: the distinct (word, subject) pairs of each batch.

    Privacy: emits words of conversations; its output exists only sealed or inside the vault's border.
    """
    for batch in batches:
        pairs: set[tuple[str, bytes]] = set()
        for row in batch.select(["uref", "conversation"]).to_pylist():
            conversation = unpack(row["conversation"], Conversation)
            pairs.update((w, row["uref"]) for w in words_of(p.text for _, _, p in conversation.parts()))
        ordered = sorted(pairs)
        yield pa.RecordBatch.from_arrays(
            [pa.array([w for w, _ in ordered], pa.string()), pa.array([u for _, u in ordered], pa.binary(16))], schema=USES
        )


def count(batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
    """Step for `Runner.group(by="token")` over `USES`: distinct subjects of each word."""
    for batch in batches:
        subjects: dict[str, set[bytes]] = {}
        for token, uref in zip(batch.column("token").to_pylist(), batch.column("uref").to_pylist(), strict=True):
            subjects.setdefault(token, set()).add(uref)
        tokens = sorted(subjects)
        yield pa.RecordBatch.from_arrays(
            [pa.array(tokens, pa.string()), pa.array([len(subjects[w]) for w in tokens], pa.int64())], schema=COUNTS
        )


def freeze(counts: Iterable[pa.RecordBatch], *, k: int, subjects: int) -> Vocabulary:
    """The vocabulary of words with at least *k* subjects. Names never enter it."""
    table = t.table("en")
    chosen: set[str] = set()
    for batch in counts:
        for token, n in zip(batch.column("token").to_pylist(), batch.column("subjects").to_pylist(), strict=True):
            if n >= k and not table[token] & t.NAME:
                chosen.add(token)
    clear = t.SAFE_CASED | t.SAFE_UNCASED | t.SAFE_START | t.SAFE_MID
    return Vocabulary(k=k, subjects=subjects, words=frozenset(chosen), bits=dict.fromkeys(chosen, clear))
