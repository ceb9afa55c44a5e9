"""The network: an embedding of each token type, three convolutions over a flat stream, nine logits.

Streams are flat: sequences one after another with `PAD` empty places between them, so that no sequence sees its neighbour.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional

sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "src"))
from incamera.deid import names_kernels as kernels

LABELS = 9
EMBEDDING = 64
INNER = 96  # of a type
HIDDEN = 64  # of a place: its cost is paid for every token
TAPS = 7  # of the first convolution; its cost is paid once a type
DILATIONS = (2, 5)
PAD = TAPS // 2 + sum(DILATIONS)


class Net(nn.Module):
    def __init__(self, vectors: np.ndarray) -> None:
        """*vectors*: what the teacher knows of each word that has a row; they stay as they are, only their lift is learnt."""
        super().__init__()
        blank = np.zeros((1, vectors.shape[1]), np.float32)
        self.register_buffer("vectors", torch.from_numpy(np.concatenate([blank, vectors])), persistent=False)
        self.lift = nn.Linear(vectors.shape[1], EMBEDDING, bias=False)
        words = len(vectors)
        self.grams = nn.EmbeddingBag(kernels.GRAM_ROWS, EMBEDDING, mode="mean", sparse=True)
        self.words = nn.Embedding(words + 1, EMBEDDING, sparse=True)
        self.features = nn.EmbeddingBag(kernels.FEATURE_ROWS, EMBEDDING, mode="sum")
        for table, spread in ((self.grams, 0.3), (self.words, 0.05), (self.features, 0.1)):
            nn.init.normal_(table.weight, std=spread)
        nn.init.normal_(self.lift.weight, std=0.3 * vectors.shape[1] ** -0.5)
        self.inner = nn.Linear(EMBEDDING, INNER)
        self.first = nn.Linear(INNER, TAPS * HIDDEN, bias=False)
        nn.init.normal_(self.first.weight, std=(2 / (TAPS * INNER)) ** 0.5)
        self.first_bias = nn.Parameter(torch.zeros(HIDDEN))
        self.context = nn.ModuleList(nn.Linear(3 * HIDDEN, HIDDEN) for _ in DILATIONS)
        self.out = nn.Linear(HIDDEN, LABELS)
        self.direct = nn.Linear(INNER, LABELS, bias=False)

    def forward(self, types: dict[str, Tensor], of: Tensor, live: Tensor, drop: float = 0.0) -> Tensor:
        """Logits (places, labels). *of* is the type of each place (any type at a dead place), *live* is 1.0 or 0.0."""
        embedded = self.grams(types["grams"], types["gram_offsets"]) + self.features(types["features"], types["feature_offsets"])
        embedded = embedded + self.lift(self.vectors[types["words"]])
        embedded = embedded + self.words(types["words"]) * (types["own"] * (types["words"] > 0)).unsqueeze(1)
        inner = functional.relu(self.inner(embedded))
        inner = functional.dropout(inner, drop, self.training)
        mask = live.unsqueeze(1)
        # The product computes each tap once a type and adds up; one product over the neighbours is faster to differentiate.
        own = inner[of] * mask
        near = torch.cat([_shifted(own, tap - TAPS // 2) for tap in range(TAPS)], 1)
        weight = self.first.weight.view(TAPS, HIDDEN, INNER).permute(1, 0, 2).reshape(HIDDEN, TAPS * INNER)
        x = functional.relu(functional.linear(near, weight, self.first_bias)) * mask
        for layer, dilation in zip(self.context, DILATIONS, strict=True):
            seen = torch.cat([_shifted(x, -dilation), x, _shifted(x, dilation)], 1)
            x = (x + functional.relu(layer(seen))) * mask
        return self.out(x) + self.direct(own)


def _shifted(x: Tensor, by: int) -> Tensor:
    """Row t becomes row t + *by* of *x*; zeros beyond the ends."""
    if by == 0:
        return x
    blank = x.new_zeros(abs(by), x.shape[1])
    return torch.cat([x[by:], blank]) if by > 0 else torch.cat([blank, x[:by]])
