"""Chat-like text with exact labels: templates filled with names, places and firms of many locales.

`python generate.py --check` prints a few documents of each file of templates.
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Iterator
from pathlib import Path

import labels
import pools as pools_
from document import Document, Rendered
from slots import SLOTS
from store import Store

HERE = Path(__file__).resolve().parent
#: Every twelfth template is for the development split only.
HOLD_OUT = 12


def templates() -> dict[str, tuple[list[str], list[str]]]:
    """`{file: (training templates, held-out templates)}`."""
    found = {}
    for path in sorted((HERE / "templates").glob("*.txt")):
        lines = [line for line in path.read_text("utf-8").splitlines() if line and not line.startswith("# One template")]
        found[path.stem] = (
            [t for i, t in enumerate(lines) if i % HOLD_OUT],
            [t for i, t in enumerate(lines) if not i % HOLD_OUT],
        )
    return found


_WEIGHTS = {
    "chat": 30,
    "letters": 10,
    "cv": 5,
    "clinical": 9,
    "court": 9,
    "code": 8,
    "social": 12,
    "languages": 9,
    "negatives": 16,
    "web": 16,
}


def documents(store: Store, count: int, seed: int, *, dev: bool = False) -> Iterator[Rendered]:
    """*count* documents of one to four templates of one kind each."""
    rng = random.Random(seed)
    found = templates()
    kinds, weights = list(_WEIGHTS), list(_WEIGHTS.values())
    for _ in range(count):
        kind = rng.choices(kinds, weights)[0]
        document = Document(store, rng, SLOTS, dev=dev)
        text = ""
        allowed: list[int] = []
        for k in range(rng.choice((1, 1, 2, 2, 3, 4))):
            if k:
                glue = rng.choice((" ", "\n", "\n\n", ". "))
                text += glue
                allowed += [labels.O] * len(glue)
            part, bits = document.render(rng.choice(found[kind][1 if dev else 0]))
            text += part
            allowed += bits
        yield _disturb(text, allowed, rng)


def _disturb(text: str, allowed: list[int], rng: random.Random) -> Rendered:
    """Typing as it is: one document in ten has no punctuation, one in twelve has slips."""
    chance = rng.random()
    if chance < 0.1:
        kept = [i for i, c in enumerate(text) if c not in ".,!?'\":;()"]
    elif chance < 0.18:
        kept = [i for i, c in enumerate(text) if not (c.isalpha() and rng.random() < 0.02)]
        for k in range(1, len(kept)):
            if rng.random() < 0.02 and text[kept[k]].isalpha() and text[kept[k - 1]].isalpha():
                kept[k - 1], kept[k] = kept[k], kept[k - 1]
    else:
        return text, allowed
    return "".join(text[i] for i in kept), [allowed[i] for i in kept]


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", type=int, default=20)
    arguments = parser.parse_args()
    for text, bits in documents(Store(pools_.build(1)), arguments.check, 3):
        print(
            text,
            "\n  labelled:",
            "".join(c if b != labels.O else "·" if not c.isspace() else c for c, b in zip(text, bits, strict=True)),
            "\n-----",
        )
