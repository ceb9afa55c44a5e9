"""Training: `python train.py --shards DIR --out DIR --minutes 60 --seed 20`.

Loss: minus the log of the probability that the allowed labels get together (a set of one is plain cross entropy). Where O is
allowed with others, the others count for less, so that a partial corpus does not invite guesses. One thread, a checkpoint every
few minutes.
"""

from __future__ import annotations

import argparse
import math
import time
from pathlib import Path

import labels
import net
import numpy as np
import torch

#: Share of the tokens of each source in what is trained on, in the order of `dataset.SOURCES`.
SHARES = {
    "btc": 0.12,
    "wnut17": 0.10,
    "sec": 0.02,
    "snips": 0.05,
    "nlu": 0.05,
    "presidio": 0.03,
    "swapped": 0.15,
    "inserted": 0.09,
    "novels": 0.08,
    "chats": 0.09,
    "generated": 0.22,
}
CASES = (0.52, 0.38, 0.05, 0.05)  # as is, lower, upper, each word capitalised
OTHERS_BESIDE_O = 0.3
#: Keeps logits modest: a model that is sure of its training text ranks unseen names badly.
SMOOTHING = 0.05


class Stream:
    """Draws batches: sequences of random sources, joined, recased, with lexicon flags and word rows sometimes hidden."""

    def __init__(self, shard: Path, seed: int) -> None:
        data = np.load(shard)
        self.data = {name: data[name] for name in data.files}
        self.rng = np.random.default_rng(seed)
        self.by_source = [np.flatnonzero(self.data["source"] == k) for k in range(len(SHARES))]
        lengths = np.diff(self.data["bounds"])
        per_sequence = [share / max(1.0, lengths[s].mean()) for share, s in zip(SHARES.values(), self.by_source, strict=True)]
        self.chances = np.array(per_sequence) / sum(per_sequence)

    def batch(self, size: int) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor]:
        rng, data = self.rng, self.data
        ids = np.zeros(size + 4000, np.int64)
        sets = np.zeros(size + 4000, np.int64)
        at = net.PAD
        while at < size:
            source = rng.choice(len(self.chances), p=self.chances)
            pool = self.by_source[source]
            case = rng.choice(4, p=CASES)
            # A document is often more than one sentence: join up to three of a source.
            for _ in range(rng.integers(1, 4)):
                k = pool[rng.integers(pool.size)]
                start, end = data["bounds"][k], data["bounds"][k + 1]
                length = min(int(end - start), 1200)
                if at + length > ids.size - net.PAD:
                    break
                ids[at : at + length] = data["variants"][data["flat"][start : start + length], case]
                sets[at : at + length] = data["sets"][start : start + length]
                at += length
            at += net.PAD
        ids, sets = ids[:at], sets[:at]
        return (*pack(ids, sets > 0, self.data, rng), torch.from_numpy(sets))


def pack(
    ids: np.ndarray, live: np.ndarray, data: dict[str, np.ndarray], rng: np.random.Generator | None
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    kinds, of = np.unique(ids, return_inverse=True)
    gram_counts = data["gram_counts"][kinds].astype(np.int64)
    met = np.arange(data["grams"].shape[1]) < gram_counts[:, None]
    if rng is not None:
        met &= rng.random(met.shape) >= 0.2
        gram_counts = met.sum(1)
    grams = data["grams"][kinds].astype(np.int64)[met]
    counts = data["feature_counts"][kinds].astype(np.int64)
    shown = np.arange(data["features"].shape[1]) < counts[:, None]
    rows = data["features"][kinds].astype(np.int64)
    words = data["words"][kinds].astype(np.int64)
    if rng is not None:
        # Four types in ten lose their flags, and with them the feature that groups the flags; two in three their own row; and one
        # n-gram in five is missing: what remains must do, as it must for names never met.
        hide = rng.random(kinds.size) < 0.4
        shown[hide, net.kernels.DENSE_FEATURES :] = False
        rows[hide, 5] = net.kernels._GROUP_BY_ENGLISH + (rows[hide, 5] - net.kernels._GROUP_BY_ENGLISH) % net.kernels.ENGLISH
        words[rng.random(kinds.size) < 0.65] = 0
    counts = shown.sum(1)
    types = {
        "grams": torch.from_numpy(grams),
        "gram_offsets": torch.from_numpy(np.concatenate(([0], np.cumsum(gram_counts)[:-1]))),
        "features": torch.from_numpy(rows[shown]),
        "feature_offsets": torch.from_numpy(np.concatenate(([0], np.cumsum(counts)[:-1]))),
        "words": torch.from_numpy(words),
    }
    return types, torch.from_numpy(of.astype(np.int64)), torch.from_numpy(live.astype(np.float32))


WEIGHT = torch.zeros(1 << net.LABELS, net.LABELS)
for _bits in range(1, 1 << net.LABELS):
    for _label in range(net.LABELS):
        if _bits >> _label & 1:
            WEIGHT[_bits, _label] = OTHERS_BESIDE_O if _bits & labels.O and _label else 1.0
#: A set that allows everything teaches nothing.
WEIGHT[labels.ANY] = 1.0


def loss_of(logits: torch.Tensor, sets: torch.Tensor) -> torch.Tensor:
    wanted = torch.log(WEIGHT[sets].clamp_min(1e-6))
    log_p = torch.log_softmax(logits, 1)
    return -(1 - SMOOTHING) * torch.logsumexp(log_p + wanted, 1) - SMOOTHING * log_p.mean(1)


def dev(model: net.Net, stream: Stream, source: int) -> str:
    """Token cover and precision on the generated development split: templates and locales never trained on."""
    model.eval()
    data = stream.data
    out = []
    with torch.no_grad():
        for case, name in ((0, "cased"), (1, "lower")):
            hit = gold = said = 0
            ids, sets = [], []
            for k in np.flatnonzero(data["source"] == source)[:400]:
                start, end = data["bounds"][k], data["bounds"][k + 1]
                ids += [np.zeros(net.PAD, np.int64), data["variants"][data["flat"][start:end], case].astype(np.int64)]
                sets += [np.zeros(net.PAD, np.int64), data["sets"][start:end].astype(np.int64)]
            flat, wanted = np.concatenate(ids), np.concatenate(sets)
            logits = model(*pack(flat, wanted > 0, data, None)).numpy()
            found = logits.argmax(1) > 0
            name_like = np.isin(wanted, (labels.PERSON, labels.ORG, labels.LOC))
            sure_o = wanted == labels.O
            hit, gold, said = (found & name_like).sum(), name_like.sum(), (found & sure_o).sum()
            out.append(f"{name} cover {hit / gold:.4f} false {said / sure_o.sum():.4f}")
    model.train()
    return "; ".join(out)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument(
        "--steps", type=int, default=0, help="stop after this many steps instead, for a run that can be repeated exactly"
    )
    parser.add_argument("--batch", type=int, default=6000)
    parser.add_argument("--rate", type=float, default=2e-3)
    parser.add_argument("--drop", type=float, default=0.4, help="dropout of the hidden layer of types")
    parser.add_argument("--start", type=Path, help="go on from these weights, with a schedule of its own")
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    stream = Stream(arguments.shards / "shard.npz", arguments.seed)
    model = net.Net(int(np.load(arguments.shards / "lexicon.npz")["rows"].max()))
    if arguments.start:
        model.load_state_dict(torch.load(arguments.start, weights_only=True))
    tables = [model.grams.weight, model.words.weight]
    dense = [p for p in model.parameters() if all(p is not t for t in tables)]
    optimisers = [
        torch.optim.AdamW(dense, lr=arguments.rate, weight_decay=0.01, betas=(0.9, 0.98)),
        torch.optim.SparseAdam(tables, lr=arguments.rate),
    ]
    began, seen, step, total, saved = time.time(), 0, 0, 0.0, time.time()
    while True:
        done = step / arguments.steps if arguments.steps else (time.time() - began) / (60 * arguments.minutes)
        if done >= 1:
            break
        rate = arguments.rate * min(1.0, (step + 1) / 200) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * done)))
        types, of, live, sets = stream.batch(arguments.batch)
        losses = loss_of(model(types, of, live, arguments.drop), sets)
        loss = (losses * live).sum() / live.sum()
        for optimiser in optimisers:
            optimiser.param_groups[0]["lr"] = rate
            optimiser.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(dense, 1.0)
        for optimiser in optimisers:
            optimiser.step()
        step += 1
        seen += int(live.sum())
        total += loss.item()
        if step % 200 == 0:
            measured = dev(model, stream, len(SHARES)) if step % 1000 == 0 else ""
            print(
                f"step {step} loss {total / 200:.4f} tokens/s {seen / (time.time() - began):.0f} done {done:.3f} {measured}",
                flush=True,
            )
            total = 0.0
        if time.time() - saved > 180:
            torch.save(model.state_dict(), arguments.out / "checkpoint.pt")
            saved = time.time()
    torch.save(model.state_dict(), arguments.out / "final.pt")
    print(f"steps {step} tokens {seen} {dev(model, stream, len(SHARES))}")


if __name__ == "__main__":
    main()
