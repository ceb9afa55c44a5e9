"""The names model's file: integers, and the checks that make their sums exact. Described in `docs/formats/names-model.md`."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, Final

import numpy as np
from numpy.typing import NDArray

from incamera.core.errors import Malformed

if TYPE_CHECKING:
    from incamera.deid.names_layers_kernels import TokenLayers, TypeLayers

F32 = NDArray[np.float32]

#: First line of the model file; `docs/formats/names-model.md` describes the rest.
MAGIC: Final = b"incamera-names/1\n"
FILE: Final = "names.bin"

LABELS: Final = ("O", "PERSON", "ORG", "LOC", "DATE", "DEM", "OCC", "HEALTH", "OTHER")

#: Logits are multiples of this.
STEP: Final = 1 / 64
#: Every sum of products stays below this, where float32 is exact.
EXACT: Final = 1 << 24
#: Activations are integers from 0 (embeddings: from the negative) to this.
TOP: Final = 2047


@dataclass(frozen=True, slots=True)
class Weights:
    """Quantised weights as the file holds them, and the multipliers between layers."""

    grams: NDArray[np.int8]
    words: NDArray[np.int8]
    features: NDArray[np.int8]
    blend: NDArray[np.int64]  # 16-bit fixed point: one for each number of n-grams, then features, then words
    inner: NDArray[np.int8]
    inner_bias: NDArray[np.int32]
    inner_rescale: F32
    first: NDArray[np.int8]
    first_bias: NDArray[np.int32]
    first_rescale: F32
    context: NDArray[np.int8]  # (layers, 3 x hidden, hidden)
    context_bias: NDArray[np.int32]
    context_rescale: F32
    out: NDArray[np.int8]
    out_rescale: F32
    direct: NDArray[np.int8]
    direct_rescale: F32
    out_bias: F32
    dilations: tuple[int, ...]

    @property
    def taps(self) -> int:
        return int(self.first.shape[1] // self.first_bias.size)

    @property
    def reach(self) -> int:
        """How many tokens on either side can change a token's logits."""
        return self.taps // 2 + sum(self.dilations)


def read(blob: bytes) -> tuple[dict[str, NDArray[np.generic]], tuple[int, ...]]:
    """Arrays of a model file. Its second line is the digest of the rest, its third names each array, dtype and shape."""
    import zstandard

    if not blob.startswith(MAGIC):
        raise Malformed("names.version", "This is no names model of version 1; reinstall incamera.", where=FILE)
    digest, _, rest = blob[len(MAGIC) :].partition(b"\n")
    if hashlib.sha256(rest).hexdigest().encode() != digest:
        raise Malformed("names.damaged", "The names model is damaged; reinstall incamera.", where=FILE)
    line, _, packed = rest.partition(b"\n")
    header = json.loads(line)
    sizes = [int(np.prod(shape)) * np.dtype(dtype).itemsize for _, dtype, shape in header["arrays"]]
    body = zstandard.ZstdDecompressor().decompress(packed, max_output_size=sum(sizes))
    ends = np.cumsum([0, *sizes]).tolist()
    arrays = {
        name: np.frombuffer(body[start:end], dtype).reshape(shape)
        for (name, dtype, shape), (start, end) in zip(header["arrays"], pairwise(ends), strict=True)
    }
    return arrays, tuple(header["dilations"])


def weights(arrays: dict[str, NDArray[np.generic]], dilations: tuple[int, ...]) -> Weights:
    """The weights of a file.

    Raises:
        Malformed: `names.range`, where some sum could leave the range in which float32 is exact, whatever the text.
    """
    found = {name: array for name, array in arrays.items() if not name.startswith("lexicon_")}
    weights = Weights(**found, dilations=dilations)  # type: ignore[arg-type]
    hidden = weights.first_bias.size
    by_tap = _size(weights.first).sum(0).reshape(weights.taps, hidden).sum(0)
    largest = max(
        int((_size(w).sum(0) * TOP + _size(b)).max())
        for w, b in (
            (weights.inner, weights.inner_bias), (weights.out, np.zeros(1)), (weights.direct, np.zeros(1)),
            *zip(weights.context, weights.context_bias, strict=True), (by_tap[None], weights.first_bias),
        )
    )  # fmt: skip
    if largest >= EXACT:
        raise Malformed("names.range", "A sum of the names model could leave the range in which it is exact.", where=FILE)
    return weights


def _size(integers: NDArray[np.generic]) -> NDArray[np.int64]:
    return np.abs(integers.astype(np.int64))


def layers(weights: Weights) -> tuple[TypeLayers, TokenLayers]:
    """The same for the kernels: matrices packed for their products, rows filled up to whole vectors."""
    from incamera.deid.names_layers_kernels import TokenLayers, TypeLayers
    from incamera.deid.products_kernels import COLUMNS, packed
    from incamera.deid.vectors_kernels import LANES

    def filled(row: NDArray[Any], width: int = LANES) -> NDArray[Any]:
        return np.pad(row, (0, -row.size % width))

    w = weights
    return (
        TypeLayers(
            w.grams, w.features, w.words, w.blend, packed(w.inner),
            filled(w.inner_bias, COLUMNS), filled(w.inner_rescale, COLUMNS), packed(w.first),
            packed(w.direct), filled(w.direct_rescale),
        ),
        TokenLayers(
            w.first_bias, w.first_rescale, w.taps, np.array(w.dilations, np.int64),
            np.stack([packed(each) for each in w.context]), w.context_bias, w.context_rescale,
            packed(w.out), filled(w.out_rescale), filled(w.out_bias),
        ),
    )  # fmt: skip
