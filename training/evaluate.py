"""Recall of the model alone over the recall dial: `python evaluate.py --deid DIR [--model names.bin] [--sets ewt,btc]`.

For each development set and each bias: mentions all of whose letters and digits lie in tokens that the model would take (any
label other than O), and the share of word tokens taken. Types that a set does not mark count against precision, so compare
precision within one set only.
"""

from __future__ import annotations

import argparse
import gzip
import json
import sys
import time
from collections import defaultdict
from pathlib import Path

import numpy as np

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from incamera.deid import names

FILES = {
    "ewt": "ewt_dev.jsonl",
    "wnut17": "wnut17_dev.jsonl",
    "btc": "btc_dev.jsonl",
    "tab": "tab_dev.jsonl",
    "presidio_v2": "presidio_v2_dev.jsonl",
    "meddocan": "meddocan_dev.jsonl.gz",
    "pupa": "pupa_dev.jsonl.gz",
}
#: What a names model answers for; numbers and codes are the patterns' business.
WANTED = {
    "wnut17": {"person", "location", "corporation", "group"},
    "tab": {"PERSON", "ORG", "LOC", "DEM", "DATETIME"},
    "presidio_v2": {"PERSON", "GPE", "ORGANIZATION", "STREET_ADDRESS", "NRP", "TITLE", "DATE_TIME"},
    "meddocan": {
        "NOMBRE_SUJETO_ASISTENCIA",
        "NOMBRE_PERSONAL_SANITARIO",
        "TERRITORIO",
        "CALLE",
        "HOSPITAL",
        "PAIS",
        "FAMILIARES_SUJETO_ASISTENCIA",
        "INSTITUCION",
        "FECHAS",
        "PROFESION",
        "CENTRO_SALUD",
    },
}
#: Operating points that can be compared between models: the share of word tokens taken.
SHARES = (0.10, 0.15, 0.20, 0.25)
BIASES = (0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0)


def lower(text: str) -> str:
    return "".join(c.lower() if len(c.lower()) == 1 else c for c in text)


def read(path: Path) -> list[dict]:
    with gzip.open(path, "rt", encoding="utf-8") if path.suffix == ".gz" else path.open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def measure(
    tagger: names.Tagger, documents: list[dict], wanted: set[str] | None, among: tuple[str, ...], *, small: bool
) -> list[dict]:
    texts = [lower(d["text"]) if small else d["text"] for d in documents]
    began = time.process_time()
    scored = tagger.score_texts(texts)
    seconds = time.process_time() - began
    # A mention is as weak as its weakest token; a token counts if it has a letter or digit.
    weakest: dict[str, list[float]] = defaultdict(list)
    tokens, gold = [], []
    for document, text, (starts, ends, logits) in zip(documents, texts, scored, strict=True):
        margin = names.margins(logits, among=among)
        at = np.full(len(text) + 1, np.inf)
        for start, end, m in zip(starts, ends, margin, strict=True):
            at[start:end] = m
        solid = np.array([c.isalnum() for c in text] + [False])
        inside = np.zeros(len(text) + 1, bool)
        for span in document["spans"]:
            chars = solid[span["start"] : span["end"]]
            inside[span["start"] : span["end"]] = True
            if chars.any() and (wanted is None or span["label"] in wanted):
                weakest[span["label"]].append(float(at[span["start"] : span["end"]][chars].min()))
        words = solid[starts]
        tokens.append(margin[words])
        gold.append(inside[starts][words])
    taken, marked = np.concatenate(tokens), np.concatenate(gold)
    every = np.concatenate([np.array(v) for v in weakest.values()])

    def at(bias: float, **more: object) -> dict:
        """The operating point at one position of the dial."""
        found = {"bias": round(bias, 2), "recall": float((every > -bias).mean()), "share": float((taken > -bias).mean())}
        found["precision"] = float(marked[taken > -bias].mean())
        return {k: round(v, 4) for k, v in found.items()} | more

    size = sum(len(t.encode("utf-8", "surrogatepass")) for t in texts)
    by_share = [at(float(-np.quantile(taken, 1 - share))) for share in SHARES]
    labels = {k: np.array(v) for k, v in sorted(weakest.items()) if len(v) >= 10}
    by_bias = [at(b, by_label={k: round(float((v > -b).mean()), 3) for k, v in labels.items()}) for b in BIASES]
    return by_share, by_bias, f"{every.size} mentions, {round(size / seconds / 1e6, 2)} MB/s"


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--deid", type=Path, required=True)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--sets", default=",".join(FILES))
    parser.add_argument("--among", default=",".join(names.LABELS[1:]), help="the labels that count as taken")
    parser.add_argument("--brief", action="store_true", help="only recall at fixed shares")
    arguments = parser.parse_args()
    tagger = names.Tagger(arguments.model.read_bytes()) if arguments.model else names.tagger()
    if tagger is None:
        raise SystemExit("no model installed; name one with --model")
    among = tuple(arguments.among.split(","))
    print(tagger, *among)
    for name in arguments.sets.split(","):
        documents = read(arguments.deid / FILES[name])
        for small in (False, True):
            by_share, by_bias, about = measure(tagger, documents, WANTED.get(name), among, small=small)
            label = f"{name} {'lower' if small else 'cased'}"
            print(
                label,
                about,
                *(f"recall {r['recall']:.4f} at share {r['share']:.2f} (bias {r['bias']});" for r in by_share),
            )
            for row in [] if arguments.brief else by_bias:
                print(label, json.dumps(row))


if __name__ == "__main__":
    main()
