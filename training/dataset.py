"""Shards for training: `python dataset.py --data DIR --out DIR`.

Everything becomes token types with their features, so that training touches arrays only.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import time
from array import array
from collections import Counter
from pathlib import Path

import corpora
import generate
import lexicon
import numpy as np
import pools as pools_
from corpora import FOLDS, Sequence, kernels
from document import Document
from slots import SLOTS
from store import Store

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from incamera.deid import names_features as names

#: How often each source is met, relative to its own size in tokens, is set in `train.py`; this is its order in the shards.
SOURCES = ("btc", "wnut17", "sec", "snips", "nlu", "presidio", "swapped", "inserted", "novels", "chats", "generated", "dev")


def keys_of(tokens: list[str]) -> np.ndarray:
    """Lexicon keys of folded tokens."""
    points, starts, ends = names.joined(tokens)
    out = np.empty(len(tokens), np.uint32)
    kernels.keys(points, FOLDS, starts, ends, out)
    return out


def collect(data: Path, seed: int, documents: int) -> tuple[dict[str, list[Sequence]], dict]:
    rng = random.Random(seed)
    pools = pools_.build(seed)
    store = Store(pools)
    found: dict[str, list[Sequence]] = {name: corpora.labelled(data / "ner_train", name) for name in corpora.CORPORA}

    def person(length: int) -> list[str]:
        made = Document(store, rng, SLOTS).person(1)
        text = made.full if length > 1 else rng.choice((made.first, made.last))
        return [text[s:e] for s, e in corpora.pieces(text)]

    def place(length: int) -> list[str]:
        text = rng.choice((store.cities, store.towns, store.countries)[rng.choice((0, 0, 1, 2))])
        return [text[s:e] for s, e in corpora.pieces(text)]

    real = [s for name in corpora.CORPORA for s in found[name] if any(b in (corpora.PERSON, corpora.LOC) for b in s[1])]
    found["swapped"] = [corpora.substitute(s, rng, person, place) for _ in range(4) for s in real]
    found["novels"] = corpora.novels(data, rng, 0.6)
    found["chats"] = corpora.chats(data)

    def firm() -> list[str]:
        text = SLOTS["org"][0](Document(store, rng, SLOTS))
        return [text[s:e] for s, e in corpora.pieces(text)]

    carriers = found["novels"] + 6 * found["chats"] + 2 * found["btc"] + 2 * found["wnut17"]
    found["inserted"] = [made for s in carriers if (made := corpora.inserted(s, rng, person, place, firm)) is not None]
    found["generated"] = [corpora.from_text(*d) for d in generate.documents(store, documents, seed + 1)]
    found["dev"] = [corpora.from_text(*d) for d in generate.documents(store, 1500, seed + 2, dev=True)]
    return found, lexicon.build(pools, set(pools_.LISTED))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--data", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--vocabulary", type=Path, required=True, help="the teacher's word pieces, one a line")
    parser.add_argument("--seed", type=int, default=20)
    parser.add_argument("--documents", type=int, default=100_000)
    parser.add_argument(
        "--known", type=int, default=4, help="a word gets a row of its own if it is met this often outside generated text"
    )
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    began = time.time()
    found, flags = collect(arguments.data, arguments.seed, arguments.documents)
    for name in SOURCES:
        print(f"{name:10} {len(found[name]):7} sequences {sum(len(s[0]) for s in found[name]):9} tokens", flush=True)

    # A word gets a row of its own if it was met often enough, or if the teacher has one for it.
    known = {w for w in arguments.vocabulary.read_text("utf-8").split() if w.isalpha() and w.isascii() and len(w) > 1}
    counts: Counter[str] = Counter(dict.fromkeys(sorted(known), arguments.known))
    for name in SOURCES:
        if name not in ("swapped", "inserted", "generated", "dev"):
            for tokens, _ in found[name]:
                counts.update(t.lower() for t in tokens)
    rows = [word for word, count in counts.most_common(60_000) if count >= arguments.known and len(word) <= 24]

    # The lexicon as it ships: one entry a folded word, flags and row.
    entries = sorted({*flags, *rows})
    entry_keys = keys_of(entries)
    row_of = {word: i + 1 for i, word in enumerate(rows)}
    merged: dict[int, list[int]] = {}
    for word, key in zip(entries, entry_keys.tolist(), strict=True):
        entry = merged.setdefault(key, [0, 0])
        entry[0] |= flags.get(word, 0)
        entry[1] = entry[1] or row_of.get(word, 0)
    order = sorted(merged)
    np.savez(
        arguments.out / "lexicon.npz",
        keys=np.array(order, np.uint32),
        flags=np.array([merged[k][0] for k in order], np.uint16),
        rows=np.array([merged[k][1] for k in order], np.uint16),
    )

    ids: dict[str, int] = {}
    flat, sets, source, bounds = array("i"), array("h"), array("b"), array("q", [0])
    for number, name in enumerate(SOURCES):
        for tokens, allowed in found[name]:
            flat.extend([ids.setdefault(t, len(ids)) for t in tokens])
            sets.extend(allowed)
            source.append(number)
            bounds.append(len(flat))
    base = list(ids)
    variants = np.empty((len(base), 4), np.int32)  # as is, lower, upper, capitalised
    for i, token in enumerate(base):
        for k, form in enumerate((token, token.lower(), token.upper(), token.capitalize())):
            variants[i, k] = ids.setdefault(form if len(form) == len(token) else token, len(ids))
    lex = names.Lexicon.build(order, [merged[k][0] for k in order], [merged[k][1] for k in order])
    types = names.types_of(list(ids), lex)
    (arguments.out / "types.json").write_text(json.dumps(list(ids)), "utf-8")
    (arguments.out / "words.json").write_text(json.dumps(rows), "utf-8")
    np.savez(
        arguments.out / "shard.npz",
        flat=np.array(flat, np.int32),
        sets=np.array(sets, np.int16),
        source=np.array(source, np.int8),
        bounds=np.array(bounds, np.int64),
        variants=variants,
        grams=types.grams.astype(np.uint16),
        gram_counts=types.gram_counts.astype(np.uint8),
        features=types.rows.astype(np.int16),
        feature_counts=types.row_counts.astype(np.uint8),
        words=types.words.astype(np.uint16),
    )
    print(f"{len(ids)} types, {len(rows)} rows, {len(order)} lexicon entries, {time.time() - began:.0f} s")


if __name__ == "__main__":
    main()
