"""What k buys: the k-subject vocabulary on generated data of many subjects.

*World words* (brands, products, terms of a trade that the shipped lists do not clear in small letters, taken from the installed
frequency list by their frequency there) ought to survive. *Planted words* identify (a village, a code name, an in-joke): coined,
so that no list can know them, each used by a known number of subjects. *Coined names* are planted alike, after "mr".
Names of the registers ("emma") are used by everybody and must never be cleared.

Both passes are the product's own Steps; the masked share is what `find` leaves of conversations that were not counted, with
the default recipe. A planted word used by exactly c subjects is a leak at every k <= c: the table shows what that means.

    python benchmarks/vocabulary.py --subjects 1000 10000 100000
"""

from __future__ import annotations

import argparse
import random
import time
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import pyarrow as pa

from incamera.core.batch import OPENED
from incamera.core.canon import pack
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.find import Request, find_many
from incamera.deid.lexicons import tables
from incamera.deid.recipe import load
from incamera.deid.vocabulary import MIN_SUBJECTS, CommonWords, HashedUses, Vocabulary, count, freeze

KEY = bytes(range(32))
KS = (5, 10, 20, 50, 100, 200)
#: How many subjects use a planted word, and how many words are planted for each count.
PLANTED_AT = (1, 2, 5, 10, 20, 49, 50, 100, 200)
PLANTED = 100
WORLD = 20_000
WORLD_WORDS = 40
LETTERS = range(4, 15)
FIRST_NAMES = ("emma", "oliver", "sofia", "ahmed", "yuki", "anna", "pedro", "ivan")
ASKS = (
    "please explain how {0} works with {1} and why it fails",
    "i tried {0} after {1} and the result was not what i wanted",
    "what is the difference between {0} and {1} in this example",
    "can you write a short text about {0} for people who know {1}",
)


def worldly() -> tuple[list[str], list[float]]:
    """Real words that the gate does not clear in small letters, and how often people use them."""
    from wordfreq import top_n_list, word_frequency

    table = tables.table("en")
    known = tables.SAFE_UNCASED | tables.NAME
    words = [w for w in top_n_list("en", 400_000) if w.isascii() and w.isalpha() and len(w) in LETTERS and not table[w] & known]
    return words[:WORLD], [word_frequency(w, "en") for w in words[:WORLD]]


def coined(rng: random.Random, n: int, taken: set[str]) -> list[str]:
    """*n* pronounceable words that no list of ours knows."""
    table = tables.table("en")
    out: list[str] = []
    while len(out) < n:
        word = "".join(rng.choice("bdfgklmnprstvz") + rng.choice("aeiou") for _ in range(rng.randint(2, 4))) + rng.choice(
            "lnrstk"
        )
        if word not in taken and not table[word]:
            taken.add(word)
            out.append(word)
    return out


@dataclass
class Data:
    """The words and who uses them."""

    world: list[str]
    weights: list[float]
    planted: dict[int, list[str]]
    names: dict[int, list[str]]
    uses: dict[int, list[str]]
    rng: random.Random

    def said(self, subject: int) -> str:
        """One subject's text: world words by Zipf, a first name, and what was planted with this subject."""
        words = self.rng.choices(self.world, self.weights, k=WORLD_WORDS) + self.uses.get(subject, [])
        lines = [self.rng.choice(ASKS).format(*words[i : i + 2], "it") for i in range(0, len(words) - 1, 2)]
        if len(words) % 2:
            lines.append(f"what about {words[-1]}")
        return ". ".join(lines) + f". thanks, {self.rng.choice(FIRST_NAMES)}"


def make(subjects: int, seed: int) -> Data:
    rng = random.Random(seed)
    world, weights = worldly()
    taken = set(world)
    planted = {c: coined(rng, PLANTED, taken) for c in PLANTED_AT}
    names = {c: coined(rng, PLANTED, taken) for c in PLANTED_AT}
    uses: dict[int, list[str]] = {}
    for kind in (planted, names):
        for c, words in kind.items():
            for word in words:
                for subject in rng.sample(range(subjects), c):
                    uses.setdefault(subject, []).append(word if kind is planted else f"mr {word}")
    return Data(world, weights, planted, names, uses, rng)


def conversation(text: str) -> Conversation:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    return Conversation(id="", subject="", source="generated", turns=(turn,))


def batches(data: Data, subjects: int) -> Iterator[pa.RecordBatch]:
    for first in range(0, subjects, 1000):
        rows = [
            {
                "cref": s.to_bytes(16, "big"),
                "uref": s.to_bytes(16, "big"),
                "conversation": pack(conversation(data.said(s))),
                "account": None,
                "ledger_key": bytes(32),
            }
            for s in range(first, min(first + 1000, subjects))
        ]
        yield pa.RecordBatch.from_pylist(rows, schema=OPENED)


def counted(data: Data, subjects: int) -> list[pa.RecordBatch]:
    """Every word that at least the smallest k subjects use, with its count: both passes, one group."""
    all_batches = list(batches(data, subjects))
    uses = pa.Table.from_batches(list(HashedUses(key=KEY)(iter(all_batches)))).combine_chunks().to_batches()
    found = {row["token"]: row["subjects"] for b in count(iter(uses)) for row in b.to_pylist()}
    common = {token: n for token, n in found.items() if n >= min(KS)}
    return list(CommonWords(key=KEY, common=common)(iter(all_batches)))


def masked(texts: list[str], world: set[str], vocabulary: Vocabulary | None, *, names: bool = True) -> float:
    """The share of world words in *texts*, use by use, that `find` replaces; with the names model, or by the gate alone."""
    recipe = load().with_(names=names)
    total = gone = 0
    for first in range(0, len(texts), 50):
        some = texts[first : first + 50]
        found = find_many([Request(conversation(t)) for t in some], recipe=recipe, vocabulary=vocabulary)
        for text, one in zip(some, found, strict=True):
            at = 0
            covered = [(f.span.start, f.span.end) for f in one.findings]
            for word in text.split(" "):
                bare = word.strip(".,")
                if bare in world:
                    total += 1
                    gone += any(a <= at and at + len(bare) <= b for a, b in covered)
                at += len(word) + 1
    return gone / total


def main() -> None:
    parser = argparse.ArgumentParser(description="what the k-subject vocabulary buys")
    parser.add_argument("--subjects", type=int, nargs="+", default=[1_000, 10_000, 100_000])
    parser.add_argument("--sample", type=int, default=300, help="conversations whose masked share is measured")
    parser.add_argument("--seed", type=int, default=7)
    args = parser.parse_args()
    kinds = " ".join(f"{f'{c}u':>5s}" for c in PLANTED_AT)
    for subjects in args.subjects:
        begun = time.process_time()
        data = make(subjects, args.seed)
        rows = counted(data, subjects)
        seconds = time.process_time() - begun
        world = set(data.world)
        held_out = [data.said(-1) for _ in range(args.sample)]
        state = "on" if subjects >= MIN_SUBJECTS else f"OFF below {MIN_SUBJECTS} subjects; figures show what on would do"
        print(f"\n{subjects} subjects, vocabulary {state}; counted in {seconds:.0f} CPU s")
        print(f"  {'':14s} masked share   gate alone  precision  registers   planted words cleared, of {PLANTED}")
        print(f"  {'k':>4s} {'words':>7s} {'':60s} {kinds}")
        print(f"  {'none':>4s} {0:7d} {masked(held_out, world, None):14.3f} {masked(held_out, world, None, names=False):12.3f}")
        for k in KS:
            vocabulary = freeze(rows, k=k, subjects=max(subjects, MIN_SUBJECTS))
            planted = {c: sum(w in vocabulary.words for w in words) for c, words in data.planted.items()}
            named = {c: sum(w in vocabulary.words for w in words) for c, words in data.names.items()}
            safe = sum(w in world for w in vocabulary.words)
            leaks = sum(planted.values()) + sum(named.values())
            precision = safe / (safe + leaks) if safe + leaks else 1.0
            first = sum(name in vocabulary.words for name in FIRST_NAMES)
            cleared = " ".join(f"{planted[c]:5d}" for c in PLANTED_AT)
            share, alone = masked(held_out, world, vocabulary), masked(held_out, world, vocabulary, names=False)
            print(
                f"  {k:4d} {len(vocabulary.words):7d} {share:14.3f} {alone:12.3f} {precision:10.4f} {first:10d} {'':11s}",
                cleared,
                flush=True,
            )
        spoken = Counter(w.strip(".,") for t in held_out for w in t.split(" "))
        print(f"  world words in the sample: {sum(n for w, n in spoken.items() if w in world)} uses")


if __name__ == "__main__":
    main()
