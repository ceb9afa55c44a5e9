"""ONNX graphs on one thread, and the fast tokenizer beside them."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray


class Graph:
    """One ONNX file. One thread, in order: the same input gives the same output whatever else the machine does."""

    def __init__(self, path: Path) -> None:
        import onnxruntime

        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        options.execution_mode = onnxruntime.ExecutionMode.ORT_SEQUENTIAL
        options.log_severity_level = 3
        self._session: Any = onnxruntime.InferenceSession(str(path), options, providers=["CPUExecutionProvider"])
        self.inputs = frozenset(given.name for given in self._session.get_inputs())
        self.version = f"onnxruntime-{onnxruntime.__version__}"

    def __call__(self, feeds: Mapping[str, NDArray[Any]]) -> NDArray[np.float32]:
        """The first output for those of *feeds* that the graph asks for."""
        out: NDArray[np.float32] = self._session.run(None, {k: v for k, v in feeds.items() if k in self.inputs})[0]
        return out.astype(np.float32, copy=False)


def tokenizer_of(path: Path) -> Any:
    """The fast tokenizer of a `tokenizer.json`, without truncation or padding."""
    from tokenizers import Tokenizer

    tokenizer = Tokenizer.from_file(str(path))
    tokenizer.no_truncation()
    tokenizer.no_padding()
    return tokenizer
