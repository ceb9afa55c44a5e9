"""The tagger: exact arithmetic, a file that is checked before use, and what it finds in made-up sentences."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from importlib import resources
from pathlib import Path

import numpy as np
import pytest
import zstandard

from incamera.core.errors import Malformed
from incamera.deid import names, names_features, names_kernels, names_weights
from incamera.deid.names_features import Lexicon, types_of

SENTENCES = [
    ["my", "name", "is", "Ayesha", "Thornbury", "and", "i", "moved", "to", "Leeds", "last", "year", "."],
    [
        "dear",
        "mr",
        "okonkwo",
        ",",
        "your",
        "claim",
        "against",
        "Brightwater",
        "Holdings",
        "Ltd",
        "was",
        "refused",
        "on",
        "3",
        "May",
        "2019",
    ],
    ["hello"],
    [],
    ["IS", "THIS", "THE", "HOUSE", "OF", "MAGDA", "KOVÁCS", "?"],
]


@pytest.fixture(scope="module")
def tagger() -> names.Tagger:
    found = names.tagger()
    assert found is not None, "the model ships with the product"
    return found


def shipped() -> bytes:
    return (resources.files("incamera.deid") / "names_model" / names.FILE).read_bytes()


def repacked(change: dict[str, np.ndarray]) -> bytes:
    """The shipped file with some arrays replaced and its digest made right again."""
    arrays, dilations = names_weights.read(shipped())
    arrays |= change
    packed = zstandard.ZstdCompressor().compress(b"".join(np.ascontiguousarray(a).tobytes() for a in arrays.values()))
    head = {"arrays": [[name, a.dtype.str, list(a.shape)] for name, a in arrays.items()], "dilations": list(dilations)}
    rest = json.dumps(head).encode() + b"\n" + packed
    return names_weights.MAGIC + hashlib.sha256(rest).hexdigest().encode() + b"\n" + rest


def by_hand(tagger: names.Tagger, tokens: list[str]) -> np.ndarray:
    """The same network in 64-bit integers, one token at a time: an independent reading of the file."""
    w, top = tagger._weights, names_weights.TOP
    types = types_of(tokens, tagger._lexicon)

    def unit(total: np.ndarray, scale: np.ndarray) -> np.ndarray:
        value = np.maximum(total, 0).astype(np.float32) * scale
        return np.minimum(np.floor(value + np.float32(0.5)).astype(np.int64), top)

    inner = []
    for t in range(len(tokens)):
        count = int(types.gram_counts[t])
        total = w.grams[types.grams[t, :count]].astype(np.int64).sum(0) * w.blend[count]
        total += w.features[types.rows[t, : types.row_counts[t]]].astype(np.int64).sum(0) * w.blend[-2]
        total += w.words[types.words[t]].astype(np.int64) * w.blend[-1]
        embedded = np.clip((total + 32768) >> 16, -top, top)
        inner.append(unit(embedded @ w.inner.astype(np.int64) + w.inner_bias.astype(np.int64), w.inner_rescale))
    hidden = w.first_bias.size
    first = w.first.astype(np.int64).reshape(-1, w.taps, hidden)
    x = []
    for t in range(len(tokens)):
        total = w.first_bias.astype(np.int64)
        for tap in range(w.taps):
            near = t + tap - w.taps // 2
            if 0 <= near < len(tokens):
                total = total + inner[near] @ first[:, tap]
        x.append(unit(total, w.first_rescale))
    for layer, dilation in enumerate(w.dilations):
        matrix = w.context[layer].astype(np.int64).reshape(3, hidden, hidden)
        y = []
        for t in range(len(tokens)):
            total = w.context_bias[layer].astype(np.int64)
            for k, near in enumerate((t - dilation, t, t + dilation)):
                if 0 <= near < len(tokens):
                    total = total + x[near] @ matrix[k]
            y.append(np.minimum(x[t] + unit(total, w.context_rescale[layer]), top))
        x = y
    rows = []
    for t in range(len(tokens)):
        seen = (x[t] @ w.out.astype(np.int64)).astype(np.float32) * w.out_rescale
        own = (inner[t] @ w.direct.astype(np.int64)).astype(np.float32) * w.direct_rescale
        rows.append(np.rint((seen + own + w.out_bias) * np.float32(1 / names_weights.STEP)) * np.float32(names_weights.STEP))
    return np.array(rows, np.float32).reshape(len(tokens), len(names.LABELS))


def test_the_fast_way_equals_integers_by_hand(tagger: names.Tagger) -> None:
    for tokens, logits in zip(SENTENCES, tagger.scores(SENTENCES), strict=True):
        assert np.array_equal(logits, by_hand(tagger, tokens))


def test_logits_are_multiples_of_the_step(tagger: names.Tagger) -> None:
    logits = np.concatenate(tagger.scores(SENTENCES))
    assert np.array_equal(logits / names_weights.STEP, np.rint(logits / names_weights.STEP))
    assert logits.dtype == np.float32


def test_labels_begin_with_o(tagger: names.Tagger) -> None:
    assert tagger.labels[0] == "O"
    assert tagger.scores([["a", "b"]])[0].shape == (2, len(tagger.labels))


@pytest.mark.parametrize(
    ("sentence", "surface", "label"),
    [
        ("my name is Ayesha Thornbury and I live in Leeds", "Ayesha Thornbury", "PERSON"),
        ("hi this is kofi mensah from the night shift", "kofi mensah", "PERSON"),
        ("Dear Mr Wojciechowski , thank you for your letter", "Wojciechowski", "PERSON"),
        ("we moved from rotterdam to antwerp", "rotterdam", "LOC"),
        ("I was born on 3 May 1987 in Porto", "3 May 1987", "DATE"),
        ("me llamo Lucía Ferrándiz y vivo en Zaragoza", "Lucía Ferrándiz", "PERSON"),
    ],
)
def test_names_of_made_up_people_are_found(tagger: names.Tagger, sentence: str, surface: str, label: str) -> None:
    tokens = sentence.split()
    found = {" ".join(tokens[s.start : s.end]): s.label for s in tagger.spans(tokens)}
    assert found.get(surface) == label


@pytest.mark.parametrize(
    "sentence",
    [
        "can you explain how photosynthesis works in simple words ?",
        "The function returns a list of integers . However , it fails on empty input .",
        "please write a short poem about rain and old houses",
    ],
)
def test_ordinary_sentences_stay_whole(tagger: names.Tagger, sentence: str) -> None:
    assert tagger.spans(sentence.split()) == []


def test_the_dial_only_adds(tagger: names.Tagger) -> None:
    for tokens, logits in zip(SENTENCES, tagger.scores(SENTENCES), strict=True):
        taken: set[int] = set()
        for bias in (0.0, 1.0, 2.5, 5.0, 20.0):
            now = {i for s in names.merge(tokens, logits, bias=bias) for i in range(s.start, s.end)}
            assert taken <= now
            assert now == {i for i, m in enumerate(names.margins(logits)) if m > -bias}
            taken = now
        assert taken == set(range(len(tokens)))


def test_blanks_belong_to_no_span(tagger: names.Tagger) -> None:
    tokens = names.tokenise("Maria\nMaria")
    assert all(tokens[i] != "\n" for s in tagger.spans(tokens, bias=50.0) for i in range(s.start, s.end))


def test_bounds_of_a_text_are_code_points(tagger: names.Tagger) -> None:
    text = "😀 Zoë\u0301 met\u2003Bob"
    (scored,) = tagger.score_texts([text])
    assert [text[a:b] for a, b in zip(scored.starts, scored.ends, strict=True)] == ["😀", "Zoë\u0301", "met", "Bob"]


def test_nothing_in_nothing_out(tagger: names.Tagger) -> None:
    assert tagger.scores([]) == []
    assert tagger.score_texts([]) == []
    assert [s.logits.shape for s in tagger.score_texts(["", " \t "])] == [(0, 9), (0, 9)]


def test_hostile_text_is_scored_like_any_other(tagger: names.Tagger) -> None:
    for text in ("\x00" * 50, "\ud800 lone", "[" * 10_000, "a" * 200_000, "\u202eabc", "é" * 3 + "\u0301" * 500):
        (scored,) = tagger.score_texts([text])
        assert scored.logits.shape == (scored.starts.size, 9)
        assert np.isfinite(scored.logits).all()


def test_repr_names_the_digest_and_nothing_else(tagger: names.Tagger) -> None:
    tagger.spans(["canary", "Quillfeather", "lives", "here"])
    assert repr(tagger) == f"<Tagger {tagger.digest[:12]}>"
    assert len(tagger.digest) == 64


def test_a_file_of_another_version_is_refused() -> None:
    with pytest.raises(Malformed) as caught:
        names.Tagger(b"incamera-names/2\n{}\n")
    assert caught.value.code == "names.version"


@pytest.mark.parametrize("position", [30, 400, 5000, -1])
def test_one_changed_byte_is_refused(position: int) -> None:
    blob = bytearray(shipped())
    blob[position] ^= 1
    with pytest.raises(Malformed) as caught:
        names.Tagger(bytes(blob))
    assert caught.value.code == "names.damaged"


@pytest.mark.parametrize("size", [20, 500, 10_000])
def test_a_truncated_file_is_refused(size: int) -> None:
    with pytest.raises(Malformed) as caught:
        names.Tagger(shipped()[:size])
    assert caught.value.code == "names.damaged"


def test_a_repacked_file_is_the_same_model(tagger: names.Tagger) -> None:
    again = names.Tagger(repacked({}))
    assert [a.tobytes() for a in again.scores(SENTENCES)] == [a.tobytes() for a in tagger.scores(SENTENCES)]


def test_weights_that_could_leave_the_exact_range_are_refused(tagger: names.Tagger) -> None:
    context = np.full(tagger._weights.context.shape, 127, np.int8)
    with pytest.raises(Malformed) as caught:
        names.Tagger(repacked({"context": context}))
    assert caught.value.code == "names.range"


def test_the_model_is_small() -> None:
    size = len(shipped())
    assert size <= 12_000_000


def test_features_of_a_type_ignore_its_neighbours(tagger: names.Tagger) -> None:
    alone = types_of(["Thornbury"], tagger._lexicon)
    among = types_of(["x", "Thornbury", "yy"], tagger._lexicon)
    for name in ("grams", "gram_counts", "rows", "row_counts", "words"):
        assert np.array_equal(getattr(alone, name)[0], getattr(among, name)[1])
    assert names_kernels.GRAM_ROWS == 1 << 16


def test_a_lexicon_from_the_cache_is_the_one_that_was_built(
    tagger: names.Tagger, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    arrays, _ = names_weights.read(shipped())
    shared = [arrays[f"lexicon_{name}"] for name in ("keys", "flags", "rows")]
    monkeypatch.setenv("INCAMERA_CACHE", str(tmp_path))
    built = Lexicon.kept("f" * 64, *shared)
    assert len(list(tmp_path.iterdir())) == 1
    monkeypatch.setattr(names_features, "_frequencies", lambda: pytest.fail("the lists were read again"))
    again = Lexicon.kept("f" * 64, *shared)
    assert (built.digest, built.common) == (again.digest, again.common) == (tagger._lexicon.digest, tagger._lexicon.common)
    for table, same in ((built.facts, again.facts), (built.rows, again.rows)):
        assert all(np.array_equal(a, b) for a, b in zip(table.arrays(), same.arrays(), strict=True))
    words = ["Thornbury", "leeds", "water", "qzx"]
    assert np.array_equal(types_of(words, built).rows, types_of(words, again).rows)


def test_without_a_model_there_is_no_tagger(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(names, "FILE", "absent.bin")
    assert names.tagger.__wrapped__() is None


def test_a_dial_for_some_labels_only(tagger: names.Tagger) -> None:
    (logits,) = tagger.scores([["Ayesha", "moved", "to", "Leeds", "on", "3", "May"]])
    people, all_labels = names.margins(logits, among=("PERSON",)), names.margins(logits)
    assert (people <= all_labels).all()
    assert people[0] > max(people[2], people[4])  # a first name is likelier a person than "to" or "on"
    assert np.array_equal(people, logits[:, names.LABELS.index("PERSON")] - logits[:, 0])


def test_a_call_leaves_nothing_behind(tagger: names.Tagger) -> None:
    def state() -> str:
        digest = hashlib.sha256()
        values: list[object] = [*tagger._common.shares, *tagger._type_layers, *tagger._token_layers]
        for holder in (tagger._common, tagger._weights, tagger._lexicon.facts, tagger._lexicon.rows):
            values += [getattr(holder, field.name) for field in dataclasses.fields(holder) if field.name != "shares"]
        for value in values:
            digest.update(value.tobytes() if isinstance(value, np.ndarray) else repr(value).encode())
        return digest.hexdigest()

    before, attributes = state(), set(vars(tagger))
    tagger.score_texts(["canary Quillfeather-Montrose, 12 Larch Close"])
    assert state() == before
    assert set(vars(tagger)) == attributes
