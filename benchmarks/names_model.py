"""Speed of the names model on one core, beside its named limits: `python benchmarks/names_model.py [TEXTS.jsonl[.gz]]`.

Text: one conversation a line, {"turns": [{"text"}]} or {"text"}. Without a file, a synthetic chat is made up here: it repeats
itself, which flatters the model, so quote figures from real text. Times are CPU seconds of this process.
"""

from __future__ import annotations

import argparse
import gzip
import json
import random
import time
from collections.abc import Callable
from pathlib import Path
from types import ModuleType

import numpy as np

from incamera.deid import names, names_weights


def conversations(path: Path | None) -> list[list[str]]:
    if path is None:
        rng = random.Random(1)
        words = [
            f"{a}{b}" for a in ("ka", "lo", "mi", "stra", "ven", "do", "per") for b in ("rin", "tes", "sal", "ma", "nor", "ble")
        ]
        return [[" ".join(rng.choices(words, k=rng.randint(20, 300))) + "." for _ in range(6)] for _ in range(500)]
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        rows = [json.loads(line) for line in lines]
    return [[t["text"] for t in row["turns"]] if "turns" in row else [row["text"]] for row in rows]


def seconds(work: Callable[[], object], repeats: int = 3) -> float:
    """The best of a few runs: the others tell more about the machine's other work."""
    best = float("inf")
    for _ in range(repeats):
        began = time.process_time()
        work()
        best = min(best, time.process_time() - began)
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("texts", type=Path, nargs="?")
    arguments = parser.parse_args()
    began = time.process_time()
    tagger = names.tagger()
    assert tagger is not None
    print(f"load            {time.process_time() - began:7.2f} s")
    chats = conversations(arguments.texts)
    texts = [text for chat in chats for text in chat]
    size = sum(len(t.encode("utf-8", "surrogatepass")) for t in texts) / 1e6
    tokens = sum(s.starts.size for s in tagger.score_texts(texts))
    together = seconds(lambda: tagger.score_texts(texts))
    apart = seconds(lambda: [tagger.score_texts(chat) for chat in chats])
    cut = seconds(lambda: names_kernels().cut(texts, tagger._lexicon.classes))
    print(f"text            {size:7.2f} MB, {tokens} tokens, {len(chats)} conversations")
    print(f"all together    {size / together:7.2f} MB/s, {tokens / together / 1e3:.0f} thousand tokens/s")
    print(f"one chat a call {size / apart:7.2f} MB/s")
    print(f"limit: cut only {size / cut:7.2f} MB/s")
    print(f"limit: the {len(tagger._weights.dilations)} context layers only {size / (tokens * layer(tagger)):7.2f} MB/s")


def layer(tagger: names.Tagger) -> float:
    """Seconds that all context layers take for one token."""
    from incamera.deid import names_layers_kernels as kernels
    from incamera.deid.products_kernels import ROWS

    layers = tagger._token_layers
    x, y = np.zeros((2, names.WINDOW + ROWS, layers.first_bias.size), np.int16)
    sequence = np.zeros(names.WINDOW, np.int32)
    once = seconds(lambda: kernels._residual(sequence, 0, layers, names_weights.TOP, x, y), 20)
    return once / names.WINDOW * layers.dilations.size


def names_kernels() -> ModuleType:
    from incamera.deid import names_kernels as kernels

    return kernels


if __name__ == "__main__":
    main()
