"""The teacher: the lower layers of MiniLM, a transformer, trained to label tokens and then asked about single words.

It is far too slow to ship. What it knows of ordinary words, which our own corpora are too small to teach, reaches the product
as a vector for each word that has a row of its own.

`python teacher.py --shards DIR --minilm DIR --out DIR`
"""

from __future__ import annotations

import argparse
import json
import struct
import time
import unicodedata
from pathlib import Path

import net
import numpy as np
import torch
import train
from torch import Tensor, nn
from torch.nn import functional

WIDTH, HEADS = 384, 12
#: The first of MiniLM's six: the others mostly serve whole sentences, and cost as much.
LAYERS = 4
#: Word pieces of a token beyond these tell nothing more.
PIECES = 4
#: Word pieces that the teacher sees at a time; sequences are cut there.
SPAN = 192
CLS, SEP, PADDING, UNKNOWN = 101, 102, 0, 100


def word_pieces(tokens: list[str], vocabulary: list[str]) -> np.ndarray:
    """Greedy longest-match pieces of each token, lower-cased and without accents: (tokens, `PIECES`), 0 where none."""
    of = {piece: k for k, piece in enumerate(vocabulary)}
    found = np.zeros((len(tokens), PIECES), np.int32)
    for row, token in zip(found, tokens, strict=True):
        word = "".join(c for c in unicodedata.normalize("NFD", token.lower()) if unicodedata.category(c) != "Mn")[:32]
        at, k = 0, 0
        while at < len(word) and k < PIECES:
            end = next((e for e in range(len(word), at, -1) if ("##" if at else "") + word[at:e] in of), 0)
            if not end:
                row[0], row[1:] = UNKNOWN, 0
                break
            row[k] = of[("##" if at else "") + word[at:end]]
            at, k = end, k + 1
        if not row[0]:
            row[0] = of["."] if token.isspace() else UNKNOWN
    return found


def read(path: Path) -> dict[str, Tensor]:
    """Tensors of a safetensors file."""
    blob = path.read_bytes()
    (size,) = struct.unpack("<Q", blob[:8])
    header = json.loads(blob[8 : 8 + size])
    found = {}
    for name, entry in header.items():
        if name != "__metadata__" and entry["dtype"] == "F32":
            start, end = entry["data_offsets"]
            array = np.frombuffer(blob, np.float32, (end - start) // 4, 8 + size + start)
            found[name] = torch.from_numpy(array.copy()).reshape(entry["shape"])
    return found


class Layer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.mix = nn.Linear(WIDTH, 3 * WIDTH)
        self.mixed = nn.Linear(WIDTH, WIDTH)
        self.wide, self.narrow = nn.Linear(WIDTH, 4 * WIDTH), nn.Linear(4 * WIDTH, WIDTH)
        self.norms = nn.ModuleList(nn.LayerNorm(WIDTH, eps=1e-12) for _ in range(2))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        """*mask* is added to what places think of each other. Written out: short sequences are faster so than fused."""
        batch, length, _ = x.shape
        q, k, v = self.mix(x).view(batch, length, 3, HEADS, WIDTH // HEADS).permute(2, 0, 3, 1, 4)
        weight = torch.softmax(q @ k.transpose(2, 3) * (WIDTH // HEADS) ** -0.5 + mask, 3)
        x = self.norms[0](x + self.mixed((weight.to(v.dtype) @ v).transpose(1, 2).reshape(x.shape)))
        return self.norms[1](x + self.narrow(functional.gelu(self.wide(x))))


class Teacher(nn.Module):
    """MiniLM over word pieces; casing and lexicon, which its pieces lack, are added at the first piece of each token."""

    def __init__(self) -> None:
        super().__init__()
        self.pieces = nn.Embedding(30522, WIDTH)
        self.places = nn.Embedding(512, WIDTH)
        self.features = nn.EmbeddingBag(net.kernels.FEATURE_ROWS, WIDTH, mode="sum")
        nn.init.zeros_(self.features.weight)
        self.norm = nn.LayerNorm(WIDTH, eps=1e-12)
        self.layers = nn.ModuleList(Layer() for _ in range(LAYERS))
        self.out = nn.Linear(WIDTH, net.LABELS)
        nn.init.normal_(self.out.weight, std=0.02)

    def load_minilm(self, path: Path) -> None:
        state = read(path)
        kind = state["embeddings.token_type_embeddings.weight"][0]
        self.pieces.weight.data.copy_(state["embeddings.word_embeddings.weight"])
        self.places.weight.data.copy_(state["embeddings.position_embeddings.weight"] + kind)
        self.norm.weight.data.copy_(state["embeddings.LayerNorm.weight"])
        self.norm.bias.data.copy_(state["embeddings.LayerNorm.bias"])
        for k, layer in enumerate(self.layers):
            at = f"encoder.layer.{k}."
            three = [f"{at}attention.self.{name}" for name in ("query", "key", "value")]
            layer.mix.weight.data.copy_(torch.cat([state[f"{name}.weight"] for name in three]))
            layer.mix.bias.data.copy_(torch.cat([state[f"{name}.bias"] for name in three]))
            for mine, theirs in (
                (layer.mixed, "attention.output.dense"), (layer.norms[0], "attention.output.LayerNorm"),
                (layer.wide, "intermediate.dense"), (layer.narrow, "output.dense"), (layer.norms[1], "output.LayerNorm"),
            ):  # fmt: skip
                mine.weight.data.copy_(state[f"{at}{theirs}.weight"])
                mine.bias.data.copy_(state[f"{at}{theirs}.bias"])

    def embed(self, pieces: Tensor, features: Tensor, offsets: Tensor, first: Tensor) -> Tensor:
        x = self.pieces(pieces) + self.places(torch.arange(pieces.shape[1]))
        x = x.flatten(0, 1).index_add(0, first, self.features(features, offsets)).view(x.shape)
        return self.norm(x)

    def forward(self, batch: dict[str, Tensor], drop: float = 0.0) -> tuple[Tensor, Tensor]:
        """Vectors and logits of the tokens of a batch, in order."""
        x = self.embed(batch["pieces"], batch["features"], batch["offsets"], batch["first"])
        mask = torch.where(batch["pieces"] != PADDING, 0.0, -1e4)[:, None, None, :].bfloat16()
        x = functional.dropout(x, drop, self.training)
        with torch.autocast("cpu", torch.bfloat16):
            for layer in self.layers:
                x = layer(x, mask)
        found = x.float().flatten(0, 1)[batch["first"]]
        return found, self.out(found)


class Text:
    """Training sequences as the teacher sees them."""

    def __init__(self, shards: Path, minilm: Path) -> None:
        self.data = train.read(shards)
        tokens = json.loads((shards / "types.json").read_text("utf-8"))
        self.pieces = word_pieces(tokens, (minilm / "vocab.txt").read_text("utf-8").split("\n"))
        self.lengths = (self.pieces > 0).sum(1)

    def cut(self, ids: np.ndarray) -> list[tuple[int, int]]:
        """Bounds of stretches of *ids* that fit into `SPAN`."""
        sizes = np.cumsum(self.lengths[ids])
        bounds, start = [], 0
        while start < len(ids):
            used = sizes[start - 1] if start else 0
            end = max(start + 1, int(np.searchsorted(sizes, used + SPAN - 2, "right")))
            bounds.append((start, end))
            start = end
        return bounds

    def batch(self, sequences: list[np.ndarray], rng: np.random.Generator | None) -> dict[str, Tensor]:
        """Sequences of ids as one padded batch; with *rng*, lexicon flags are hidden as the student's are."""
        sizes = [int(self.lengths[ids].sum()) + 2 for ids in sequences]
        length = max(sizes)
        pieces = np.zeros((len(sequences), length), np.int64)
        first = []
        for k, ids in enumerate(sequences):
            rows = self.pieces[ids]
            flat = rows[rows > 0]
            pieces[k, 0], pieces[k, 1 : flat.size + 1], pieces[k, flat.size + 1] = CLS, flat, SEP
            counts = self.lengths[ids]
            first.append(k * length + 1 + np.cumsum(counts) - counts)
        ids = np.concatenate(sequences)
        kinds, of = np.unique(ids, return_inverse=True)
        rows, shown = train.features_of(kinds, self.data, rng)
        rows, shown = rows[of], shown[of]
        counts = shown.sum(1)
        return {
            "pieces": torch.from_numpy(pieces),
            "first": torch.from_numpy(np.concatenate(first)),
            "features": torch.from_numpy(rows[shown]),
            "offsets": torch.from_numpy(np.concatenate(([0], np.cumsum(counts)[:-1]))),
        }


def learn(teacher: Teacher, text: Text, steps: int, size: int, rate: float, seed: int) -> None:
    """Train on tokens drawn as the student's are, in place."""
    stream = train.Stream(text.data, seed)
    optimiser = torch.optim.AdamW(teacher.parameters(), lr=rate, weight_decay=0.01, betas=(0.9, 0.98))
    began, total, seen = time.time(), 0.0, 0
    teacher.train()
    for step in range(steps):
        for group in optimiser.param_groups:
            group["lr"] = rate * min(1.0, (step + 1) / 100) * (0.02 + 0.98 * (1 - step / steps))
        sequences, sets = [], []
        while sum(map(len, sequences)) < size:
            ids, bits = stream.draw()
            for start, end in text.cut(ids):
                sequences.append(ids[start:end])
                sets.append(bits[start:end])
        order = np.argsort([text.lengths[ids].sum() for ids in sequences])
        parts = np.array_split(order, 4)  # by length, so that little is padding
        count = sum(map(len, sets))
        for part in parts:
            _, logits = teacher(text.batch([sequences[k] for k in part], stream.rng), 0.1)
            wanted = torch.from_numpy(np.concatenate([sets[k] for k in part]).astype(np.int64))
            loss = train.loss_of(logits, wanted).sum() / count
            loss.backward()
            total += loss.item()
        seen += count
        nn.utils.clip_grad_norm_(teacher.parameters(), 1.0)
        optimiser.step()
        optimiser.zero_grad(set_to_none=True)
        if step % 50 == 49:
            print(f"step {step + 1} loss {total / 50:.4f} tokens/s {seen / (time.time() - began):.0f}", flush=True)
            total = 0.0


@torch.no_grad()
def vectors(teacher: Teacher, minilm: Path, words: list[str]) -> np.ndarray:
    """For each word what MiniLM knew before (mean of its pieces) and what the teacher makes of it when it stands alone."""
    teacher.eval()
    vocabulary = (minilm / "vocab.txt").read_text("utf-8").split("\n")
    pieces = word_pieces(words, vocabulary)
    before = read(minilm / "model.safetensors")["embeddings.word_embeddings.weight"].numpy()
    held = (pieces > 0)[:, :, None]
    mean = (before[pieces] * held).sum(1) / held.sum(1)
    after = np.empty_like(mean)
    counts = (pieces > 0).sum(1)
    for count in range(1, PIECES + 1):
        rows = np.flatnonzero(counts == count)
        for part in np.array_split(rows, max(1, rows.size // 500)):
            if not part.size:
                continue
            ends = np.full((part.size, 1), CLS), np.full((part.size, 1), SEP)
            inside = torch.from_numpy(np.concatenate([ends[0], pieces[part, :count], ends[1]], 1).astype(np.int64))
            x = teacher.norm(teacher.pieces(inside) + teacher.places(torch.arange(inside.shape[1])))
            for layer in teacher.layers:
                x = layer(x, torch.zeros(()))
            after[part] = x[:, 1].numpy()
    return np.concatenate([_standard(mean), _standard(after)], 1).astype(np.float32)


def _standard(x: np.ndarray) -> np.ndarray:
    x = x - x.mean(0)
    return x / np.sqrt((x**2).mean())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--minilm", type=Path, required=True, help="folder with model.safetensors and vocab.txt")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--batch", type=int, default=4000, help="tokens a step")
    parser.add_argument("--rate", type=float, default=2e-4)
    parser.add_argument("--seed", type=int, default=20)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(arguments.seed)
    arguments.out.mkdir(parents=True, exist_ok=True)
    text = Text(arguments.shards, arguments.minilm)
    teacher = Teacher()
    teacher.load_minilm(arguments.minilm / "model.safetensors")
    learn(teacher, text, arguments.steps, arguments.batch, arguments.rate, arguments.seed)
    torch.save(teacher.state_dict(), arguments.out / "teacher.pt")
    words = json.loads((arguments.shards / "words.json").read_text("utf-8"))
    np.save(arguments.out / "vectors.npy", vectors(teacher, arguments.minilm, words))


if __name__ == "__main__":
    main()
