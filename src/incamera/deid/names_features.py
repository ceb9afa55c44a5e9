"""What the names model sees of a token: hashed n-grams, shape, lexicon flags and how frequent the word is.

Names and places come from the model's own lexicon (`names_model/`), frequencies from wordfreq, an ordinary dependency of
the product: its lists are share-alike and therefore not part of the model. `Lexicon.digest` covers both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import version
from unicodedata import unidata_version

import numpy as np
from numpy.typing import ArrayLike, NDArray

from incamera.core.canon import canonical
from incamera.core.ids import digest as digest_of
from incamera.deid import cache

U8 = NDArray[np.uint8]
I32 = NDArray[np.int32]
U32 = NDArray[np.uint32]

#: Of what the cache keeps: another number for every change of features, folds or tables.
FORMAT = "names-lexicon/1"

#: Languages whose ordinary words the model knows, besides English and Spanish; all of one bucket.
OTHER_LANGUAGES = (
    "fr", "de", "it", "pt", "nl", "ca", "pl", "sv", "da", "nb", "fi", "cs", "ro", "hu", "tr", "id", "ru", "uk", "bg", "el",
)  # fmt: skip
#: Lower bounds in zipf (log10 of occurrences in a thousand million words) of buckets 1, 2, 3 ...
ENGLISH_BOUNDS = (3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0)
OTHER_BOUNDS = (3.3, 4.2, 5.2)

COMMON_ENGLISH, COMMON_SPANISH = 5000, 1000

#: Bits of a word's facts: flags, then what buckets its frequency has in each kind of language.
_FLAG_BITS = 16
_SHIFTS = {"english": (16, 3), "spanish": (19, 2), "other": (21, 2)}


def joined(tokens: Sequence[str]) -> tuple[U32, I32, I32]:
    """Code points of *tokens* one after another, and the bounds of each."""
    from incamera.deid import names_kernels as kernels

    points = kernels.code_points("".join(tokens))
    ends = np.cumsum(np.fromiter(map(len, tokens), np.int64, len(tokens))).astype(np.int32)
    return points, np.concatenate((np.zeros(1, np.int32), ends[:-1])) if len(tokens) else ends, ends


@dataclass(frozen=True, slots=True)
class Table:
    """An open-addressed table from 32-bit keys to integers."""

    keys: U32
    used: U8
    values: I32

    @classmethod
    def empty(cls, size: int) -> Table:
        """Room for *size* keys, three slots in four filled at most."""
        slots = 1 << max(10, (size + size // 3).bit_length())
        return cls(np.zeros(slots, np.uint32), np.zeros(slots, np.uint8), np.zeros(slots, np.int32))

    def arrays(self) -> tuple[U32, U8, I32]:
        return self.keys, self.used, self.values

    def put(self, keys: U32, values: I32, *, shift: int, width: int) -> None:
        from incamera.deid import names_kernels as kernels

        kernels.build(self.keys.size, self.keys, self.used, self.values, keys, values, shift, width)

    def get(self, keys: U32) -> I32:
        from incamera.deid import names_kernels as kernels

        out = np.empty(keys.size, np.int32)
        kernels.look_up(keys, self.keys, self.used, self.values, out)
        return out


@dataclass(frozen=True, slots=True)
class Lexicon:
    """What is known of a folded word: 16 flags and a row (shipped), and its frequency (from wordfreq, when it is built)."""

    digest: str
    classes: U8
    folds: U32
    facts: Table
    rows: Table
    common: list[str]

    @classmethod
    def build(cls, keys: ArrayLike, flags: ArrayLike, rows: ArrayLike) -> Lexicon:
        """Cost: about half a second, most of it wordfreq's own lists."""
        from incamera.deid import names_kernels as kernels

        classes, folds = kernels.tables()
        array, own = np.asarray(keys, np.uint32), np.asarray(rows, np.int32)
        row_table = Table.empty(int((own > 0).sum()))
        row_table.put(array[own > 0], own[own > 0], shift=0, width=16)
        lists = _frequencies()
        facts = Table.empty(array.size + sum(len(words) for words, _, _ in lists))
        facts.put(array, np.asarray(flags, np.int32), shift=0, width=_FLAG_BITS)
        digest = hashlib.sha256()
        for words, buckets, kind in lists:
            points, starts, ends = joined(words)
            found = np.empty(len(words), np.uint32)
            kernels.keys(points, folds, starts, ends, found)
            shift, width = _SHIFTS[kind]
            facts.put(found, buckets, shift=shift, width=width)
            digest.update(found.tobytes() + buckets.tobytes())
        return cls(digest.hexdigest(), classes, folds, facts, row_table, common_words())

    @classmethod
    def kept(cls, model: str, keys: ArrayLike, flags: ArrayLike, rows: ArrayLike) -> Lexicon:
        """The same, mapped from the cache where an earlier process left it; *model* is the digest of the model's file."""
        made_from = {"format": FORMAT, "model": model, "wordfreq": version("wordfreq"), "unicode": unidata_version}

        def make() -> bytes:
            made = cls.build(keys, flags, rows)
            digest, common = bytes.fromhex(made.digest), "\0".join(made.common).encode()
            texts = [np.frombuffer(piece, np.uint8) for piece in (digest, common)]
            return cache.packed([*texts, made.classes, made.folds, *made.facts.arrays(), *made.rows.arrays()])

        payload = cache.kept("names-lexicon", digest_of(canonical(made_from)), make)
        digest, common, classes, folds, *tables = cache.unpacked(payload)
        facts, own = Table(*tables[:3]), Table(*tables[3:])
        return cls(digest.tobytes().hex(), classes, folds, facts, own, common.tobytes().decode().split("\0"))


def _frequencies() -> list[tuple[list[str], I32, str]]:
    """Words and their frequency buckets, by kind of language."""
    import wordfreq

    found = []
    for language, kind in (("en", "english"), ("es", "spanish"), *((other, "other") for other in OTHER_LANGUAGES)):
        words: list[str] = []
        buckets: list[int] = []
        bounds = ENGLISH_BOUNDS if kind == "english" else OTHER_BOUNDS
        for centibels, bucket in enumerate(wordfreq.get_frequency_list(language, wordlist="small")):
            zipf = 9.0 - centibels / 100
            level = sum(zipf >= bound for bound in bounds)
            if level:
                words += bucket
                buckets += [level] * len(bucket)
        found.append((words, np.asarray(buckets, np.int32), kind))
    return found


def common_words() -> list[str]:
    """Distinct words and signs that are worth computing once a process: which they are changes speed, never a result."""
    import wordfreq

    english = [word for word in wordfreq.top_n_list("en", COMMON_ENGLISH, wordlist="small") if word.isalnum()]
    spanish = [word for word in wordfreq.top_n_list("es", COMMON_SPANISH, wordlist="small") if word.isalnum()]
    capitals = [word.capitalize() for word in english[: COMMON_ENGLISH // 6]]
    return list(dict.fromkeys([*".,:;!?'\"()-/…’#*`=_&", "...", "\n", *english, *spanish, *capitals]))


@dataclass(frozen=True, slots=True)
class Types:
    """Features of distinct tokens, one row each; see `names_kernels.features`."""

    grams: I32
    gram_counts: I32
    rows: I32
    row_counts: I32
    words: I32


def features(points: U32, starts: I32, ends: I32, lexicon: Lexicon) -> Types:
    """Features of the tokens that *starts* and *ends* bound."""
    from incamera.deid import names_kernels as kernels

    n = starts.size
    keys = np.empty(n, np.uint32)
    kernels.keys(points, lexicon.folds, starts, ends, keys)
    grams, gram_counts = np.zeros((n, kernels.MAX_GRAMS), np.int32), np.zeros(n, np.int32)
    rows, row_counts = np.zeros((n, kernels.DENSE_FEATURES + kernels.FLAGS), np.int32), np.zeros(n, np.int32)
    facts = lexicon.facts.get(keys)
    kernels.features(
        points, lexicon.classes, lexicon.folds, starts, ends, facts, _FLAG_BITS, grams, gram_counts, rows, row_counts
    )
    return Types(grams, gram_counts, rows, row_counts, lexicon.rows.get(keys))


def types_of(tokens: Sequence[str], lexicon: Lexicon) -> Types:
    """Features of each of *tokens*."""
    return features(*joined(tokens), lexicon)
