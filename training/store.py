"""What generated documents draw from: pools of names, ordinary words of seven languages, places, census names."""

from __future__ import annotations

from dataclasses import dataclass, field
from itertools import accumulate

import lexicon
import pools as pools_
import wordfreq


@dataclass
class Store:
    """Everything that documents draw from."""

    pools: dict[str, dict[str, list[str]]]
    train: list[str] = field(default_factory=list)
    dev: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.cities, self.towns, self.countries = pools_.cities()
        self.census = {kind: lexicon._census(kind) for kind in ("first:male", "first:female", "last")}
        usable = [loc for loc in self.pools if self.pools[loc]["first"] and self.pools[loc]["last"]]
        base = set(self.pools["en_US"]["first"])
        # Faker falls back to American names where a locale has none.
        usable = [loc for loc in usable if loc == "en_US" or set(self.pools[loc]["first"]) != base]
        self.train = [loc for loc in usable if loc not in pools_.HELD_OUT]
        self.dev = [loc for loc in usable if loc in pools_.HELD_OUT]
        self.inventors = {
            loc: (pools_.Inventor(self.pools[loc]["first"]), pools_.Inventor(self.pools[loc]["last"])) for loc in usable
        }
        flags = lexicon.build(self.pools, set(pools_.LISTED))
        namelike = sum(
            1 << lexicon.FLAGS.index(f) for f in ("first-common", "city-large", "country", "demonym", "date", "illness", "title")
        )
        rarer = sum(1 << lexicon.FLAGS.index(f) for f in ("first", "surname-common", "city"))
        self.words = {}
        self.frequent: dict[str, tuple[list[str], list[float]]] = {}
        for lang in ("en", "es", "fr", "de", "it", "pt", "nl"):
            top = [w for w in wordfreq.top_n_list(lang, 9000) if w.isalpha() and len(w) > 2]
            ranked = [w for w in wordfreq.top_n_list(lang, 25_000) if w.isalpha()]
            ranked = [w for k, w in enumerate(ranked) if not flags.get(w, 0) & (namelike if k < 3000 else namelike | rarer)]
            self.frequent[lang] = ranked, list(accumulate((k + 8) ** -0.75 for k in range(len(ranked))))
            self.words[lang] = [w for w in top if not flags.get(w, 0) & namelike or (lang == "en" and w in AMBIGUOUS)]


#: Ordinary words that are also names; they must be met as ordinary words too.
AMBIGUOUS = {
    "will",
    "may",
    "mark",
    "bill",
    "grace",
    "hope",
    "faith",
    "joy",
    "rose",
    "dawn",
    "summer",
    "amber",
    "ruby",
    "pearl",
    "ivy",
    "lily",
    "violet",
    "daisy",
    "victor",
    "frank",
    "grant",
    "rich",
    "art",
    "gene",
    "rob",
    "pat",
    "sue",
    "jack",
    "chase",
    "drew",
    "wade",
    "dale",
    "glen",
    "heath",
    "cliff",
    "rusty",
    "sandy",
    "penny",
    "miles",
    "chance",
    "hunter",
    "mason",
    "cook",
    "baker",
    "turkey",
    "china",
    "jersey",
    "reading",
    "bath",
    "nice",
    "mobile",
    "orange",
    "phoenix",
    "buffalo",
    "lincoln",
    "march",
    "april",
    "august",
    "jordan",
    "chad",
    "georgia",
}
