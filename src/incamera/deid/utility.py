"""The utility contract: what the expert will count, counted on the raw and on the redacted text, and the difference said.

De-identification bends statistics. A contract names the statistics before anybody has seen the text (phrases whose hits are
counted, topics told by their words, lengths), and this says how far each was bent, with counts.

A contract is no search warrant: its words must be words that everybody uses. A name, a number or a rare word in it would turn
the count on the raw text into an answer about a person.
"""

from __future__ import annotations

import re
import tomllib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from incamera.core.canon import canonical
from incamera.core.errors import Malformed
from incamera.core.ids import Digest, digest
from incamera.deid.lexicons import tables as t
from incamera.deid.tokens import TAG

VERSION = "incamera-utility/1"
#: Lists in a contract, phrases in a list, words in a phrase.
MOST_LISTS, MOST_PHRASES, MOST_WORDS = 200, 500, 8
_WORD = re.compile(r"[^\W_]+")
_NAME = re.compile(r"[a-z0-9][a-z0-9-]{0,63}")
#: What stands for a tag while words are counted: one word that no phrase holds.
_GONE = " \ufffc "
_QUANTILES = (10, 50, 90)

Phrases = tuple[tuple[str, ...], ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class Contract:
    """Lists by name. `patterns` are counted hit by hit; a conversation is of a topic if it holds any of the topic's phrases."""

    patterns: Mapping[str, Phrases] = field(default_factory=dict)
    topics: Mapping[str, Phrases] = field(default_factory=dict)

    def digest(self) -> Digest:
        """SHA-256 over the canonical contract."""

        def plain(lists: Mapping[str, Phrases]) -> dict[str, list[str]]:
            return {name: [" ".join(p) for p in phrases] for name, phrases in lists.items()}

        return digest(canonical({"version": VERSION, "patterns": plain(self.patterns), "topics": plain(self.topics)}))


def load(path: Path) -> Contract:
    """The contract in a TOML file (docs/formats/utility.md).

    Raises:
        Malformed: `deid.not-a-contract`, `deid.telling-contract`.
    """
    try:
        return loads(path.read_text("utf-8"), where=path.name)
    except UnicodeDecodeError:
        raise Malformed("deid.not-a-contract", "the file is not UTF-8 text", where=path.name) from None


def loads(text: str, *, where: str) -> Contract:
    """The contract in a TOML document.

    Raises:
        Malformed: `deid.not-a-contract`, `deid.telling-contract`.
    """
    try:
        given = tomllib.loads(text)
    except tomllib.TOMLDecodeError:
        raise Malformed("deid.not-a-contract", "the file is not TOML", where=where) from None
    return parse(given, where=where)


def parse(given: Mapping[str, Any], *, where: str) -> Contract:
    """The contract that *given* states.

    Raises:
        Malformed: `deid.not-a-contract`, `deid.telling-contract`: a phrase holds what may be a name, a number or a rare word.
    """
    if given.get("version") != VERSION or not set(given) <= {"version", "patterns", "topics"}:
        raise Malformed("deid.not-a-contract", f"expected version {VERSION!r}, [patterns] and [topics]", where=where)
    return Contract(
        patterns=_lists(given.get("patterns", {}), f"{where} [patterns]"),
        topics=_lists(given.get("topics", {}), f"{where} [topics]"),
    )


def _lists(given: Any, where: str) -> dict[str, Phrases]:
    if not isinstance(given, dict) or len(given) > MOST_LISTS:
        raise Malformed("deid.not-a-contract", f"expected at most {MOST_LISTS} lists of phrases", where=where)
    lists = {}
    for name, phrases in given.items():
        place = f"{where} {name[:64]}"
        sound = isinstance(phrases, list) and 0 < len(phrases) <= MOST_PHRASES and all(isinstance(p, str) for p in phrases)
        if not _NAME.fullmatch(name) or not sound:
            hint = f"a list has a name of a-z, 0-9 and '-', and 1 to {MOST_PHRASES} phrases"
            raise Malformed("deid.not-a-contract", hint, where=place)
        lists[name] = tuple(_phrase(p, f"{place}, phrase {n}") for n, p in enumerate(phrases, 1))
    return lists


def _phrase(text: str, where: str) -> tuple[str, ...]:
    words = tuple(w.lower() for w in _WORD.findall(text))
    if not 0 < len(words) <= MOST_WORDS:
        raise Malformed("deid.not-a-contract", f"a phrase has 1 to {MOST_WORDS} words", where=where)
    table = t.table("en")
    codes = [table[word] for word in words]
    for n, (word, code) in enumerate(zip(words, codes, strict=True), 1):
        if not word.isalpha() or not code & _EVERYBODYS or (code & t.FIRST and not code & (t.ORDINARY | _CLASSES)):
            hint = f"word {n} may be a name, a number or a rare word: a contract counts words that everybody uses"
            raise Malformed("deid.telling-contract", hint, where=where)
    if len(words) > 1 and all(code & t.NAME for code in codes):
        raise Malformed("deid.telling-contract", "all its words are names too: together they may be somebody's", where=where)
    return words


#: Classes of words written down by hand: trades, kin, illnesses, peoples, titles, firms' and months' names.
_CLASSES = t.OCC | t.KIN | t.HEALTH | t.DEM | t.TITLE | t.BRAND | t.DATE | t.BODY | t.SAFECAP
_EVERYBODYS = t.SAFE_CASED | _CLASSES


# --- counting -----------------------------------------------------------------------------------------------------------


def measure(texts: Iterable[str], contract: Contract) -> dict[str, int]:
    """The statistics of one conversation, by name: `chars`, `words`, `texts`, `pattern:NAME` (hits), `topic:NAME` (0 or 1).

    A tag counts as one word that no phrase holds.

    Cost: one scan, and one look-up a word.
    """
    firsts = _firsts(contract)
    counts: Counter[str] = Counter(chars=0, words=0, texts=0)
    topics: set[str] = set()
    for text in texts:
        plain = TAG.sub(_GONE, text) if "[" in text else text
        words = [w.lower() for w in re.findall(r"[^\W_]+|\ufffc", plain)]
        counts["texts"] += 1
        counts["chars"] += len(text)
        counts["words"] += len(words)
        for name in _hits(words, firsts):
            if name.startswith("topic:"):
                topics.add(name)
            else:
                counts[name] += 1
    named = {f"pattern:{name}": counts[f"pattern:{name}"] for name in contract.patterns}
    told = {f"topic:{name}": int(f"topic:{name}" in topics) for name in contract.topics}
    return {"texts": counts["texts"], "chars": counts["chars"], "words": counts["words"], **named, **told}


def _firsts(contract: Contract) -> dict[str, list[tuple[tuple[str, ...], str]]]:
    """First word -> (phrase, statistic)."""
    index: dict[str, list[tuple[tuple[str, ...], str]]] = {}
    for kind, lists in (("pattern", contract.patterns), ("topic", contract.topics)):
        for name, phrases in lists.items():
            for phrase in phrases:
                index.setdefault(phrase[0], []).append((phrase, f"{kind}:{name}"))
    return index


def _hits(words: Sequence[str], firsts: Mapping[str, list[tuple[tuple[str, ...], str]]]) -> Iterator[str]:
    for i, word in enumerate(words):
        for phrase, name in firsts.get(word, ()):
            if tuple(words[i : i + len(phrase)]) == phrase:
                yield name


@dataclass(frozen=True, slots=True, kw_only=True)
class Difference:
    """One statistic over all conversations. `fell` and `rose` count conversations whose own value changed."""

    name: str
    raw: int
    redacted: int
    fell: int
    rose: int

    @property
    def change(self) -> int:
        return self.redacted - self.raw


class Comparison:
    """Raw beside redacted, conversation by conversation: sums that cancel out would hide what changed."""

    def __init__(self, contract: Contract) -> None:
        self.contract = contract
        self.conversations = 0
        self._raw: Counter[str] = Counter()
        self._redacted: Counter[str] = Counter()
        self._fell: Counter[str] = Counter()
        self._rose: Counter[str] = Counter()
        self._lengths: tuple[list[int], list[int]] = ([], [])

    def add(self, raw: Mapping[str, int], redacted: Mapping[str, int]) -> None:
        """Count one conversation, as `measure` reads it before and after."""
        self.conversations += 1
        for name, before in raw.items():
            after = redacted[name]
            self._raw[name] += before
            self._redacted[name] += after
            self._fell[name] += after < before
            self._rose[name] += after > before
        for lengths, counts in zip(self._lengths, (raw, redacted), strict=True):
            lengths.append(counts["words"])

    def differences(self) -> list[Difference]:
        """Every statistic of the contract, lengths first."""
        return [
            Difference(name=n, raw=self._raw[n], redacted=self._redacted[n], fell=self._fell[n], rose=self._rose[n])
            for n in self._raw
        ]

    def report(self, *, least: int = 0) -> dict[str, Any]:
        """`incamera-utility/1` (docs/formats/utility.md).

        Args:
            least: Statistics of which fewer conversations differ or hold a hit are told as null: a small count on raw text
                could be an answer about somebody. 0 tells all, for whoever holds the text anyway.
        """
        rows = []
        for d in self.differences():
            small = d.name.startswith(("pattern:", "topic:")) and (d.raw < least or 0 < d.fell < least or 0 < d.rose < least)
            told: dict[str, Any] = {"raw": d.raw, "redacted": d.redacted, "change": d.change, "fell": d.fell, "rose": d.rose}
            rows.append({"statistic": d.name, **(dict.fromkeys(told) if small else told)})
        return {
            "version": VERSION,
            "contract": self.contract.digest(),
            "conversations": self.conversations,
            "least": least,
            "words_per_conversation": {
                f"p{q}": {"raw": _quantile(self._lengths[0], q), "redacted": _quantile(self._lengths[1], q)} for q in _QUANTILES
            },
            "statistics": rows,
        }


def _quantile(values: Sequence[int], percent: int) -> int:
    """The smallest value that at least *percent* of *values* do not exceed; 0 of none."""
    ordered = sorted(values)
    return ordered[max(0, -(-percent * len(ordered) // 100) - 1)] if ordered else 0
