"""One opening of each conversation serves matching and de-identification: the Step that runs inside `vault.within`."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import pyarrow as pa

from incamera.clerk.probe import Probe
from incamera.core.batch import EXAMINED
from incamera.core.canon import canonical, pack, unpack
from incamera.core.errors import Malformed
from incamera.core.ids import Commitment, Digest, commit, digest
from incamera.core.records import HEADER, Account, Conversation, Match, Redacted, Silent, Span, produced
from incamera.deid.recipe import Recipe
from incamera.deid.utility import Contract
from incamera.governance.responsive import Reuse

#: Conversations open together in a worker.
BATCH_ROWS = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """Counts of one conversation; no text, no offsets. `chars` and `replaced` count code points by role.

    `raw` and `redacted` are the statistics of the order's utility contract before and after; empty without one.
    """

    chars: Mapping[str, int] = field(default_factory=dict)
    replaced: Mapping[str, int] = field(default_factory=dict)
    labels: Mapping[str, int] = field(default_factory=dict)
    waivers: int = 0
    unread: Mapping[str, int] = field(default_factory=dict)
    outputs: int = 0
    outputs_missing: Mapping[str, int] = field(default_factory=dict)
    bytes: int = 0
    raw: Mapping[str, int] = field(default_factory=dict)
    redacted: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Examined(Silent):
    """What an examination hands back: the redacted conversation, its matches (source offsets), its counts."""

    redacted: Redacted
    matches: tuple[Match, ...]
    reuse: tuple[Reuse, ...]
    tally: Tally
    language: str | None

    @property
    def digest(self) -> Digest:
        return redacted_digest(self.redacted)


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class Outcome(Silent):
    """An examination's result: the examined conversation, or the code of the error that kept it from being examined.

    `probe` is what was measured beside it, where a canary stood there.
    """

    examined: Examined | None = None
    failed: str = ""
    probe: Probe | None = None

    @property
    def digest(self) -> Digest:
        return self.examined.digest if self.examined else Digest("0" * 64)


def redacted_digest(redacted: Redacted) -> Digest:
    """SHA-256 of the public form: what a decision is about, and what the bulk lane's reader recomputes."""
    return digest(canonical(produced(redacted)))


@dataclass(frozen=True, slots=True, kw_only=True, repr=False)
class MatchThenRedact(Silent):
    """The examination, as a Step: `OPENED` batches in, `EXAMINED` batches out.

    Matching runs first and on raw text; runs of at least `protect_words` words are handed to de-identification as
    protected. Plain parameters only, so that any engine can pickle it; the index and the recogniser tables are opened
    once per process. `key` opens the matter's index and vocabulary and keys realistic surrogates.

    Privacy: reads raw text; emits redacted text, offsets and counts, which the vault seals again.
    """

    index: str
    index_digest: str
    vocabulary: str | None
    key: bytes
    surrogate_key: bytes
    recipe: Recipe
    min_words: int
    protect_words: int
    min_run: int
    contract: Contract | None = None
    detectors: tuple[str, ...] = ()

    @property
    def version(self) -> str:
        """Finished fragments are kept only while everything that decides their content is the same."""
        parts = [self.index_digest, self.recipe.digest(), self.min_words, self.protect_words, self.min_run]
        parts += [self.contract.digest()] if self.contract else []
        return f"match-then-redact/1:{digest(canonical(parts))}"

    def __call__(self, batches: Iterator[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        for batch in batches:
            for first in range(0, batch.num_rows, BATCH_ROWS):
                done = self._some(batch.slice(first, BATCH_ROWS).to_pylist())
                yield pa.RecordBatch.from_pylist(done, schema=EXAMINED)

    def _some(self, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Some conversations, open together: the kernels and the names model read them in one call each."""
        from incamera.matching.scan import scan_all

        index = _index(self.index, self.key)
        conversations = [unpack(row["conversation"], Conversation) for row in rows]
        matches = [tuple(m) for _, m in scan_all(conversations, index, min_words=self.min_words)]
        accounts = [unpack(row["account"], Account) if row["account"] else None for row in rows]
        sources = [commit(row["ledger_key"], row["conversation"]) for row in rows]
        outcomes = self._outcomes(conversations, matches, accounts, sources)
        return [
            {"cref": row["cref"], "digest": bytes.fromhex(one.digest), "result": pack(one)}
            for row, one in zip(rows, outcomes, strict=True)
        ]

    def _outcomes(
        self,
        conversations: list[Conversation],
        matches: list[tuple[Match, ...]],
        accounts: list[Account | None],
        sources: list[Commitment],
    ) -> list[Outcome]:
        """One flawed conversation does not keep the others from being examined: it is named, with its code, and not produced."""
        try:
            return _sound(self.examine(conversations, matches, accounts, sources))
        except Malformed as flaw:
            if len(conversations) == 1:
                return [Outcome(failed=flaw.code)]
        return [
            self._outcomes([c], [m], [a], [s])[0] for c, m, a, s in zip(conversations, matches, accounts, sources, strict=True)
        ]

    def examine(
        self,
        conversations: Sequence[Conversation],
        matches: Sequence[tuple[Match, ...]],
        accounts: Sequence[Account | None],
        sources: Sequence[Commitment],
    ) -> list[Examined]:
        """Conversations already open and already searched: matches come from what was received."""
        from incamera.deid.apply import apply
        from incamera.deid.find import Request, find_many

        protected = [tuple(m for m in found if m.words >= self.protect_words) for found in matches]
        requests = [Request(*one) for one in zip(conversations, accounts, protected, strict=True)]
        found = find_many(
            requests,
            vocabulary=_vocabulary(self.vocabulary, self.key),
            recipe=self.recipe,
            detectors=_detectors(self.detectors),
            repeats=_repeats(self.recipe.digest()),
        )
        examined = []
        for conversation, runs, one, source in zip(conversations, matches, found, sources, strict=True):
            redacted = apply(conversation, one, recipe=self.recipe, source=source, at=self.recipe.at, key=self.surrogate_key)
            examined.append(
                Examined(
                    redacted=redacted,
                    matches=runs,
                    reuse=tuple(reuse(conversation, runs, self.min_run)),
                    tally=tally(conversation, redacted, self.contract),
                    language=one.language,
                )
            )
        return examined


def _sound(examined: Sequence[Examined]) -> list[Outcome]:
    """Outcomes whose public form can be hashed: what cannot be put into canonical bytes cannot be decided about."""
    for one in examined:
        _ = one.digest
    return [Outcome(examined=one) for one in examined]


def reuse(conversation: Conversation, matches: Sequence[Match], min_run: int) -> Iterator[Reuse]:
    """Per turn, the runs of at least *min_run* words and how many of the turn's words they cover together."""
    from incamera.text.tokens import words

    for turn in conversation.turns:
        runs = tuple(m for m in matches if m.span.turn == turn.index and m.words >= min_run)
        if not runs:
            continue
        total = covered = 0
        for p, part in enumerate(turn.parts):
            spans = [(m.span.start, m.span.end) for m in runs if m.span.part == p]
            for _, start, end in words(part.text):
                total += 1
                covered += any(a <= start and end <= b for a, b in spans)
        yield Reuse(turn=turn.index, role=turn.role, words=total, covered=covered, runs=runs)


def tally(conversation: Conversation, redacted: Redacted, contract: Contract | None = None) -> Tally:
    """The counts behind `coverage.csv`, `masked_share.csv`, `missing_outputs.csv` and `utility.csv`."""
    roles: dict[int, str] = {turn.index: turn.role for turn in conversation.turns}
    chars: Counter[str] = Counter()
    size = 0
    for turn, _, part in conversation.parts():
        chars[roles.get(turn, "header")] += len(part.text)
        size += len(part.text.encode("utf-8", "replace"))
    replaced: Counter[str] = Counter()
    labels: Counter[str] = Counter()
    for s in redacted.surrogates:
        replaced["header" if s.span.turn == HEADER else roles[s.span.turn]] += _width(s.span)
        labels[s.label] += 1
    unread: Counter[str] = Counter()
    for span, code in redacted.withheld:
        unread[code] += _width(span)
    return Tally(
        chars=dict(chars),
        replaced=dict(replaced),
        labels=dict(labels),
        waivers=len(redacted.waivers),
        unread=dict(unread),
        outputs=sum(turn.role == "assistant" for turn in conversation.turns),
        outputs_missing=dict(conversation.outputs_missing),
        bytes=size,
        raw=_measured(conversation, contract),
        redacted=_measured(redacted, contract),
    )


def _measured(text: Conversation | Redacted, contract: Contract | None) -> dict[str, int]:
    """The contract's statistics over every part of the turns; withheld parts count by their slips."""
    if contract is None:
        return {}
    from incamera.deid.utility import measure

    return measure((part.text for turn in text.turns for part in turn.parts), contract)


def _width(span: Span) -> int:
    return span.end - span.start


@lru_cache(maxsize=2)
def _index(path: str, key: bytes) -> Any:
    from incamera.matching.index import Index

    return Index.open(Path(path), key=key)


@lru_cache(maxsize=1)
def _detectors(given: tuple[str, ...]) -> Any:
    """The further detectors, opened once per process; `find_many` holds them to the recipe's versions and weights."""
    from incamera.deid.adapters import opened

    return opened(given)


@lru_cache(maxsize=1)
def _repeats(recipe: Digest) -> Any:
    """What this worker remembers of repeated text; it ends with the worker (see the vault's register of derived data)."""
    from incamera.deid.repeats import Repeats

    return Repeats(recipe)


@lru_cache(maxsize=2)
def _vocabulary(path: str | None, key: bytes) -> Any:
    if path is None:
        return None
    from incamera.clerk.vocabulary import read

    return read(Path(path), key)
