"""Training: `python train.py --shards DIR --teacher DIR --out DIR --steps 3000 --seed 20`.

Loss: minus the log of the probability that the allowed labels get together (a set of one is plain cross entropy). Where O is
allowed with others, the others count for less, so that a partial corpus does not invite guesses. The weights that are kept are
a running mean over the last steps. One thread, a checkpoint every few minutes.
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

    def __init__(self, data: dict[str, np.ndarray], seed: int) -> None:
        self.data = data
        self.rng = np.random.default_rng(seed)
        self.by_source = [np.flatnonzero(data["source"] == k) for k in range(len(SHARES))]
        lengths = np.diff(data["bounds"])
        per_sequence = [share / max(1.0, lengths[s].mean()) for share, s in zip(SHARES.values(), self.by_source, strict=True)]
        self.chances = np.array(per_sequence) / sum(per_sequence)

    def draw(self) -> tuple[np.ndarray, np.ndarray]:
        """Types and allowed sets of one to three sequences of a source, in one case: documents are often more than a sentence."""
        data = self.data
        source = self.rng.choice(len(self.chances), p=self.chances)
        pool, bounds = self.by_source[source], data["bounds"]
        case = int(self.rng.choice(4, p=CASES))
        drawn = pool[self.rng.integers(pool.size, size=self.rng.integers(1, 4))]
        at = np.concatenate([np.arange(bounds[k], min(bounds[k + 1], bounds[k] + 1200)) for k in drawn])
        return data["variants"][data["flat"][at], case], data["sets"][at]

    def batch(self, size: int) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor, torch.Tensor]:
        """Features of types, the type of each place, whether it is live, and its allowed set."""
        gap = np.zeros(net.PAD, np.int64)
        ids, sets, count = [gap], [gap], 0
        while count < size:
            drawn, allowed = self.draw()
            ids += [drawn.astype(np.int64), gap]
            sets += [allowed.astype(np.int64), gap]
            count += drawn.size
        wanted = np.concatenate(sets)
        return (*pack(np.concatenate(ids), wanted > 0, self.data, self.rng), torch.from_numpy(wanted))


def features_of(kinds: np.ndarray, data: dict[str, np.ndarray], rng: np.random.Generator | None) -> tuple[np.ndarray, np.ndarray]:
    """Feature rows of types and which of them count. With *rng* four types in ten lose their flags, and with them the feature
    that groups the flags: what remains must do, as it must for names never met."""
    shown = np.arange(data["features"].shape[1]) < data["feature_counts"][kinds].astype(np.int64)[:, None]
    rows = data["features"][kinds].astype(np.int64)
    if rng is not None:
        hide = rng.random(kinds.size) < 0.4
        shown[hide, net.kernels.DENSE_FEATURES :] = False
        rows[hide, 5] = net.kernels._GROUP_BY_ENGLISH + (rows[hide, 5] - net.kernels._GROUP_BY_ENGLISH) % net.kernels.ENGLISH
    return rows, shown


def pack(
    ids: np.ndarray, live: np.ndarray, data: dict[str, np.ndarray], rng: np.random.Generator | None
) -> tuple[dict[str, torch.Tensor], torch.Tensor, torch.Tensor]:
    kinds, of = np.unique(ids, return_inverse=True)
    met = np.arange(data["grams"].shape[1]) < data["gram_counts"][kinds].astype(np.int64)[:, None]
    words = data["words"][kinds].astype(np.int64)
    own = np.ones(kinds.size, np.float32)
    if rng is not None:
        # One n-gram in five is missing, one type in five lacks its vector, and two in three what was learnt of it alone.
        met &= rng.random(met.shape) >= 0.2
        words[rng.random(kinds.size) < 0.2] = 0
        own[rng.random(kinds.size) < 0.65] = 0
    rows, shown = features_of(kinds, data, rng)
    gram_counts, counts = met.sum(1), shown.sum(1)
    types = {
        "grams": torch.from_numpy(data["grams"][kinds].astype(np.int64)[met]),
        "gram_offsets": torch.from_numpy(np.concatenate(([0], np.cumsum(gram_counts)[:-1]))),
        "features": torch.from_numpy(rows[shown]),
        "feature_offsets": torch.from_numpy(np.concatenate(([0], np.cumsum(counts)[:-1]))),
        "words": torch.from_numpy(words),
        "own": torch.from_numpy(own),
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


def read(shards: Path) -> dict[str, np.ndarray]:
    data = np.load(shards / "shard.npz")
    return {name: data[name] for name in data.files}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True, help="where `teacher.py` left its vectors")
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
    stream = Stream(read(arguments.shards), arguments.seed)
    model = net.Net(np.load(arguments.teacher / "vectors.npy"))
    if arguments.start:
        model.load_state_dict(torch.load(arguments.start, weights_only=True))
    tables = [model.grams.weight, model.words.weight]
    dense = [p for p in model.parameters() if all(p is not t for t in tables)]
    optimisers = [
        torch.optim.AdamW(dense, lr=arguments.rate, weight_decay=0.01, betas=(0.9, 0.98)),
        torch.optim.SparseAdam(tables, lr=arguments.rate),
    ]
    kept = [p.detach().clone() for p in model.parameters()]
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
        with torch.no_grad():
            torch._foreach_lerp_(kept, [p.detach() for p in model.parameters()], min(1.0, max(0.003, 1 - done * 1.2)))
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
    with torch.no_grad():
        for weight, mean in zip(model.parameters(), kept, strict=True):
            weight.copy_(mean)
    torch.save(model.state_dict(), arguments.out / "final.pt")
    print(f"steps {step} tokens {seen} {dev(model, stream, len(SHARES))}")


if __name__ == "__main__":
    main()
