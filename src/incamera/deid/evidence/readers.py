"""Readers: people who look at a random draw of the output and mark what identifies. The only bound on this production.

A draw is stratified and keyed by secret randomness of the run; the rows go out as JSONL and come back with `leaks`.
Some rows go to two readers; their agreement is stated. Without readers the certificate says *not established*.
"""

from __future__ import annotations

import hmac
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any, Literal

from incamera.core.errors import Malformed
from incamera.stats.intervals import CountInterval, hypergeometric

NOT_ESTABLISHED = "not established"
Class = Literal["structured", "names"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Assignment:
    """One conversation to read, in one stratum, by one reader."""

    conversation: str
    stratum: str
    reader: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Bound:
    """At most `interval.high` of `interval.population` conversations of *stratum* leak something of *kind*."""

    stratum: str
    kind: str
    interval: CountInterval


def draw(
    strata: Mapping[str, Sequence[str]], *, per_stratum: int, readers: Sequence[str], double: float, key: bytes
) -> list[Assignment]:
    """A random draw of *per_stratum* conversations of each stratum, a share of *double* of them read twice.

    Args:
        key: Fresh secret randomness; the rank of a conversation is its HMAC, so nobody can steer who is read.

    Raises:
        Malformed: `deid.no-readers`, double reading needs two readers.
    """
    if not readers or (double > 0 and len(readers) < 2):
        raise Malformed("deid.no-readers", "a draw needs a reader, double annotation needs two")
    assignments: list[Assignment] = []
    for stratum, ids in sorted(strata.items()):
        ranked = sorted(ids, key=lambda c: hmac.new(key, c.encode(), sha256).digest())[:per_stratum]
        twice = round(len(ranked) * double)
        for n, conversation in enumerate(ranked):
            chosen = [readers[n % len(readers)]] + ([readers[(n + 1) % len(readers)]] if n < twice else [])
            assignments += (Assignment(conversation=conversation, stratum=stratum, reader=r) for r in chosen)
    return assignments


def rows_out(assignments: Iterable[Assignment], texts: Mapping[str, Sequence[str]]) -> list[dict[str, Any]]:
    """What a reader gets: produced text only, no finding, no label, no hint of what was replaced why."""
    return [
        {"conversation": a.conversation, "reader": a.reader, "turns": list(texts[a.conversation]), "leaks": None}
        for a in assignments
    ]


def bounds(
    assignments: Sequence[Assignment], marked: Iterable[Mapping[str, Any]], sizes: Mapping[str, int], *, confidence: float = 0.95
) -> tuple[list[Bound], float | None]:
    """(exact upper bounds, share of double readings that agree).

    Bounds are per stratum and for the whole, for structured identifiers, names and anything.

    *marked* rows are `{"conversation","reader","leaks":[{"kind":"structured"|"names", ...}]}`. A conversation read
    twice leaks if either reader says so.

    Raises:
        Malformed: `deid.reading-incomplete`, a row that was drawn did not come back, or came back unread: leaving
            out what is hard to read would flatter the bound.
    """
    read: dict[tuple[str, str], set[str]] = {}
    for row in marked:
        if isinstance(row.get("leaks"), list):
            read[row["conversation"], row["reader"]] = {str(leak.get("kind")) for leak in row["leaks"]}
    verdicts: dict[str, dict[str, set[str]]] = defaultdict(lambda: defaultdict(set))
    pairs: dict[str, list[bool]] = defaultdict(list)
    for a in assignments:
        if (a.conversation, a.reader) not in read:
            raise Malformed(
                "deid.reading-incomplete",
                "every drawn row must come back with its leaks listed",
                where=f"conversation {a.conversation!r}",
            )
        kinds = read[a.conversation, a.reader]
        verdicts[a.stratum][a.conversation] |= kinds
        pairs[a.conversation].append(bool(kinds))
    twice = [p for p in pairs.values() if len(p) == 2]
    agreement = sum(a == b for a, b in twice) / len(twice) if twice else None
    found: list[Bound] = []
    for kind in ("structured", "names", "any"):
        leaked = {s: sum(bool(k) if kind == "any" else kind in k for k in v.values()) for s, v in verdicts.items()}
        for stratum, k in sorted(leaked.items()):
            interval = hypergeometric(k, len(verdicts[stratum]), sizes[stratum], confidence, "upper")
            found.append(Bound(stratum=stratum, kind=kind, interval=interval))
        found.append(_whole(kind, leaked, {s: len(v) for s, v in verdicts.items()}, sizes, confidence))
    return found, agreement


def _whole(kind: str, leaked: Mapping[str, int], read: Mapping[str, int], sizes: Mapping[str, int], confidence: float) -> Bound:
    """The whole by a union bound over strata (each at 1 - alpha/strata): wide, and right whatever the strata are.

    A stratum that nobody read counts as leaking throughout.
    """
    each = 1 - (1 - confidence) / max(len(read), 1)
    high = sum(hypergeometric(leaked[s], read[s], sizes[s], each, "upper").high for s in read) + sum(
        n for s, n in sizes.items() if s not in read
    )
    interval = CountInterval(
        k=sum(leaked.values()),
        n=sum(read.values()),
        population=sum(sizes.values()),
        low=sum(leaked.values()),
        high=high,
        confidence=confidence,
        side="upper",
    )
    return Bound(stratum="", kind=kind, interval=interval)


def sentence(bound: Bound | None) -> str:
    """The line of the certificate."""
    if bound is None:
        return f"Leak bound: {NOT_ESTABLISHED} (no reader looked at this production)."
    i = bound.interval
    return (
        f"At most {i.high} of {i.population} conversations leak ({bound.kind}) at {i.confidence:.0%} confidence; "
        f"{i.k} of {i.n} read did."
    )
