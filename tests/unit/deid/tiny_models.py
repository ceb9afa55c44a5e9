"""Small models in the real file formats, made on the spot: a spaCy pipeline, a token classifier and a span model in ONNX."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np

CLASSES = (
    "account_number",
    "private_address",
    "private_date",
    "private_email",
    "private_person",
    "private_phone",
    "private_url",
    "secret",
)
LABELS = ["O", *(f"{tag}-{kind}" for kind in CLASSES for tag in "BIES")]
WORDS = ["[UNK]", "write", "to", "Zorp", "Quill", "of", "Blen", "please", "<<ENT>>", "<<SEP>>", "."]


def spacy_pipeline(folder: Path) -> Path:
    """A blank pipeline with an entity ruler that knows one person and one place, and a span ruler for a people."""
    import spacy

    pipeline = spacy.blank("en")
    ruler = pipeline.add_pipe("entity_ruler")
    ruler.add_patterns([{"label": "PERSON", "pattern": "zorp quill"}, {"label": "GPE", "pattern": "blen"}])
    pipeline.add_pipe("span_ruler", config={"spans_key": "ruler"}).add_patterns([{"label": "NORP", "pattern": "quillish"}])
    pipeline.to_disk(folder)
    return folder


def tokenizer(folder: Path) -> dict[str, int]:
    """A word tokenizer over `WORDS` in `tokenizer.json`."""
    from tokenizers import Tokenizer, models, pre_tokenizers

    vocabulary = {word: i for i, word in enumerate(WORDS)}
    made = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    made.pre_tokenizer = pre_tokenizers.Whitespace()
    made.add_special_tokens(["<<ENT>>", "<<SEP>>"])
    made.save(str(folder / "tokenizer.json"))
    return vocabulary


def _save(graph, path: Path) -> None:
    import onnx
    from onnx import helper

    model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)], ir_version=9)
    onnx.checker.check_model(model)
    path.parent.mkdir(parents=True, exist_ok=True)
    onnx.save(model, str(path))


def token_classifier(folder: Path, *, biases: dict[str, float] | None = None) -> Path:
    """A token classifier whose weights are one table: logits of a token are the row of its id."""
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = tokenizer(folder)
    table = np.full((len(WORDS), len(LABELS)), -4.0, np.float32)
    table[:, 0] = 4.0
    # An inside label where only a beginning is legal: the decoder, not the model, makes a span of it.
    table[vocabulary["Zorp"], LABELS.index("I-private_person")] = 9.0
    table[vocabulary["Zorp"], LABELS.index("B-private_person")] = 8.0
    table[vocabulary["Quill"], LABELS.index("E-private_person")] = 9.0
    table[vocabulary["Blen"], LABELS.index("S-private_address")] = 4.5
    graph = helper.make_graph(
        [helper.make_node("Gather", ["table", "input_ids"], ["logits"])],
        "classifier",
        [helper.make_tensor_value_info(n, TensorProto.INT64, ["batch", "tokens"]) for n in ("input_ids", "attention_mask")],
        [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "tokens", len(LABELS)])],
        [numpy_helper.from_array(table, "table")],
    )
    _save(graph, folder / "onnx/model.onnx")
    (folder / "config.json").write_text(json.dumps({"id2label": {str(i): label for i, label in enumerate(LABELS)}}))
    if biases is not None:
        from incamera.deid.adapters.bioes import BIASES

        full = {f"transition_bias_{name}": biases.get(name, 0.0) for name in BIASES}
        point = {"operating_points": {"default": {"biases": full}}}
        (folder / "viterbi_calibration.json").write_text(json.dumps(point))
    return folder


def span_model(folder: Path, *, kinds: int, width: int = 3, longest: int = 8) -> Path:
    """A GLiNER-shaped graph: the score of a run for kind 0 is made of the ids of its first and last word's tokens.

    It gathers the first token of every word through `words_mask`, as the real one does, so a wrong mask finds nothing.
    """
    from onnx import TensorProto, helper, numpy_helper

    folder.mkdir(parents=True, exist_ok=True)
    vocabulary = tokenizer(folder)
    begins = np.zeros((len(WORDS),), np.float32)
    ends = np.zeros((len(WORDS),), np.float32)
    begins[vocabulary["Zorp"]] = 1.0
    ends[vocabulary["Quill"]] = 1.0
    const = {
        "begins": begins,
        "ends": ends,
        "one": np.array([1], np.int64),
        "zero": np.array([0], np.int64),
        "last_axis": np.array([-1], np.int64),
        "two_axes": np.array([0, 2], np.int64),
        "ten": np.array(10.0, np.float32),
        "fifteen": np.array(15.0, np.float32),
        "kinds": np.concatenate((np.zeros(1, np.float32), np.full(kinds - 1, -30.0, np.float32))),
        "shape": np.array([1, -1, width, kinds], np.int64),
        "starts0": np.array([0], np.int64),
        "starts1": np.array([1], np.int64),
        "ends2": np.array([2], np.int64),
    }
    nodes = [
        # words[w] = sum over tokens of id * (words_mask == w + 1)
        helper.make_node("ReduceMax", ["words_mask"], ["n_scalar"], keepdims=0),
        helper.make_node("Cast", ["n_scalar"], ["n"], to=TensorProto.INT64),
        helper.make_node("Constant", [], ["from"], value=numpy_helper.from_array(np.array(1, np.int64), "f")),
        helper.make_node("Add", ["n", "from"], ["after"]),
        helper.make_node("Range", ["from", "after", "from"], ["numbers"]),
        helper.make_node("Unsqueeze", ["numbers", "last_axis"], ["column"]),
        helper.make_node("Squeeze", ["words_mask", "zero"], ["flat_mask"]),
        helper.make_node("Unsqueeze", ["flat_mask", "zero"], ["row"]),
        helper.make_node("Equal", ["column", "row"], ["is_word"]),
        helper.make_node("Cast", ["is_word"], ["is_word_i"], to=TensorProto.INT64),
        helper.make_node("Mul", ["is_word_i", "input_ids"], ["picked"]),
        helper.make_node("ReduceSum", ["picked", "last_axis"], ["words"], keepdims=0),
        # score of (first, last) = 10 * (begins[first] + ends[last]) - 15, nothing where the mask says so
        helper.make_node("Squeeze", ["span_idx", "zero"], ["spans"]),
        helper.make_node("Slice", ["spans", "starts0", "starts1", "one"], ["firsts2"]),
        helper.make_node("Slice", ["spans", "starts1", "ends2", "one"], ["lasts2"]),
        helper.make_node("Squeeze", ["firsts2", "one"], ["firsts"]),
        helper.make_node("Squeeze", ["lasts2", "one"], ["lasts"]),
        helper.make_node("Gather", ["words", "firsts"], ["first_ids"]),
        helper.make_node("Gather", ["words", "lasts"], ["last_ids"]),
        helper.make_node("Gather", ["begins", "first_ids"], ["b"]),
        helper.make_node("Gather", ["ends", "last_ids"], ["e"]),
        helper.make_node("Add", ["b", "e"], ["be"]),
        helper.make_node("Mul", ["be", "ten"], ["scaled"]),
        helper.make_node("Sub", ["scaled", "fifteen"], ["scores"]),
        helper.make_node("Unsqueeze", ["scores", "last_axis"], ["scores_c"]),
        helper.make_node("Add", ["scores_c", "kinds"], ["all"]),
        helper.make_node("Reshape", ["all", "shape"], ["logits"]),
    ]
    inputs = [
        helper.make_tensor_value_info("input_ids", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("attention_mask", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("words_mask", TensorProto.INT64, ["batch", "tokens"]),
        helper.make_tensor_value_info("text_lengths", TensorProto.INT64, ["batch", 1]),
        helper.make_tensor_value_info("span_idx", TensorProto.INT64, ["batch", "spans", 2]),
        helper.make_tensor_value_info("span_mask", TensorProto.BOOL, ["batch", "spans"]),
    ]
    outputs = [helper.make_tensor_value_info("logits", TensorProto.FLOAT, ["batch", "words", width, kinds])]
    held = [numpy_helper.from_array(value, name) for name, value in const.items()]
    _save(helper.make_graph(nodes, "spans", inputs, outputs, held), folder / "model.onnx")
    (folder / "gliner_config.json").write_text(json.dumps({"max_width": width, "max_len": longest, "span_mode": "markerV0"}))
    return folder
