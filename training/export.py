"""Quantise a trained network into the file that ships: `python export.py --run DIR/final.pt --shards DIR --out names.bin`.

Scales of activations come from a pass over part of the training text; every row of weights is scaled so that no sum can leave
the range in which float32 is exact (the product checks that again when it loads the file).
"""

from __future__ import annotations

import argparse
import hashlib
import json
from pathlib import Path

import net
import numpy as np
import torch
import train
import zstandard

from incamera.deid import names_kernels as kernels  # net.py put src on the path
from incamera.deid.names_weights import EXACT, MAGIC, STEP, TOP


def table(weight: np.ndarray, limit: int = 127) -> tuple[np.ndarray, float]:
    """One scale for a whole table; the rarest large values are cut."""
    scale = float(np.quantile(np.abs(weight[np.any(weight, axis=1)]), 0.9999)) / limit
    return np.clip(np.rint(weight / scale), -limit, limit).astype(np.int8), scale


def columns(weight: np.ndarray, groups: int = 1) -> tuple[np.ndarray, np.ndarray]:
    """(inputs, outputs) weights as integers, one scale an output; *groups* of columns share their scale (taps of one output)."""
    inputs, width = weight.shape
    outputs = width // groups
    by_output = np.abs(weight).reshape(inputs, groups, outputs)
    budget = (EXACT - (1 << 21)) / TOP
    scale = np.maximum(by_output.max((0, 1)) / 127, by_output.sum((0, 1)) / (budget - inputs * groups / 2))
    return np.rint(weight / np.tile(scale, groups)).astype(np.int8), scale


def activations(model: net.Net, stream: train.Stream) -> dict[str, float]:
    """The largest activations worth keeping, by layer."""
    seen: dict[str, list[float]] = {"embedded": [], "inner": [], "x": []}

    def inner(_: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        seen["embedded"].append(float(inputs[0].abs().max()))
        seen["inner"].append(float(torch.quantile(output.relu().flatten()[:1_000_000], 0.99999)))

    def out(_: object, inputs: tuple[torch.Tensor], output: torch.Tensor) -> None:
        seen["x"].append(float(inputs[0].max()))

    hooks = [model.inner.register_forward_hook(inner), model.out.register_forward_hook(out)]
    model.eval()
    with torch.no_grad():
        for _ in range(20):
            types, of, live, _ = stream.batch(6000)
            model(types, of, live)
    for hook in hooks:
        hook.remove()
    return {name: max(values) * 1.02 for name, values in seen.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--run", type=Path, required=True)
    parser.add_argument("--shards", type=Path, required=True)
    parser.add_argument("--teacher", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument(
        "--stretch", type=float, default=1.0, help="factor of all logits: keeps the dial's meaning from one model to the next"
    )
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    lexicon = np.load(arguments.shards / "lexicon.npz")
    model = net.Net(np.load(arguments.teacher / "vectors.npy"))
    model.load_state_dict(torch.load(arguments.run, weights_only=True))
    top = activations(model, train.Stream(train.read(arguments.shards), 7))
    step = {name: value / TOP for name, value in top.items()}
    state = {name: value.numpy().astype(np.float64) for name, value in model.state_dict().items()}
    for name in ("out.weight", "out.bias", "direct.weight"):
        state[name] *= arguments.stretch

    words = state["words.weight"] + model.vectors.numpy() @ state["lift.weight"].T
    words[0] = 0
    grams, gram_scale = table(state["grams.weight"])
    own, word_scale = table(words)
    features, feature_scale = table(state["features.weight"])
    blend = np.zeros(kernels.MAX_GRAMS + 3, np.int64)
    counts = np.arange(1, kernels.MAX_GRAMS + 1)
    blend[1 : kernels.MAX_GRAMS + 1] = np.rint(gram_scale / step["embedded"] / counts * 65536)
    blend[-2:] = np.rint(np.array([feature_scale, word_scale]) / step["embedded"] * 65536)

    inner, inner_scale = columns(state["inner.weight"].T)
    first, first_scale = columns(state["first.weight"].T, net.TAPS)
    context = [columns(state[f"context.{k}.weight"].T) for k in range(len(net.DILATIONS))]
    out, out_scale = columns(state["out.weight"].T)
    direct, direct_scale = columns(state["direct.weight"].T)

    def bias(values: np.ndarray, scale: np.ndarray, unit: float) -> np.ndarray:
        return np.rint(values / (scale * unit)).astype(np.int32)

    f32 = np.float32
    arrays: dict[str, np.ndarray] = {
        "grams": grams,
        "words": own,
        "features": features,
        "blend": blend,
        "inner": inner,
        "inner_bias": bias(state["inner.bias"], inner_scale, step["embedded"]),
        "inner_rescale": (inner_scale * step["embedded"] / step["inner"]).astype(f32),
        "first": first,
        "first_bias": bias(state["first_bias"], first_scale, step["inner"]),
        "first_rescale": (first_scale * step["inner"] / step["x"]).astype(f32),
        "context": np.stack([w for w, _ in context]),
        "context_bias": np.stack([bias(state[f"context.{k}.bias"], s, step["x"]) for k, (_, s) in enumerate(context)]),
        "context_rescale": np.stack([s for _, s in context]).astype(f32),
        "out": out,
        "out_rescale": (out_scale * step["x"]).astype(f32),
        "direct": direct,
        "direct_rescale": (direct_scale * step["inner"]).astype(f32),
        "out_bias": (np.rint(state["out.bias"] / STEP) * STEP).astype(f32),
        "lexicon_keys": lexicon["keys"],
        "lexicon_flags": lexicon["flags"],
        "lexicon_rows": lexicon["rows"],
    }
    packed = zstandard.ZstdCompressor(level=19).compress(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values()))
    header = {"arrays": [[name, a.dtype.str, list(a.shape)] for name, a in arrays.items()], "dilations": list(net.DILATIONS)}
    rest = json.dumps(header, separators=(",", ":")).encode() + b"\n" + packed
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_bytes(MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest)
    print(f"{arguments.out} {arguments.out.stat().st_size / 1e6:.2f} MB, activations {top}")


if __name__ == "__main__":
    main()
