"""Further detectors: found by entry point, bound by the recipe, and never able to clear anything."""

from __future__ import annotations

import json
import pickle
import socket

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.core.errors import Malformed, Unavailable
from incamera.core.records import Conversation, Part, Turn
from incamera.deid import hits as h
from incamera.deid.adapters import MOST, Detected, Detector, agree, ask, identity, names, open_detector
from incamera.deid.adapters.bioes import Bioes, log_softmax
from incamera.deid.adapters.files import digest_of, tree
from incamera.deid.adapters.labels import GLINER, KIND, PRESIDIO, PRIVACY_FILTER, SPACY
from incamera.deid.adapters.windows import windows
from incamera.deid.find import find
from incamera.deid.recipe import load

from . import tiny_models


class Words:
    """Points at every place of some words; small, honest, and enough to test the border."""

    version = "1"
    weights = "ab" * 32

    def __init__(self, *words: str, name: str = "words", label: str = "PERSON") -> None:
        self.name, self._words, self._label = name, words, label

    def detect(self, texts):
        return [
            [Detected(i, i + len(w), self._label, 0.9) for w in self._words for i in range(len(t)) if t.startswith(w, i)]
            for t in texts
        ]


class Answering:
    name, version, weights = "answering", "1", ""

    def __init__(self, answer) -> None:
        self._answer = answer

    def detect(self, texts):
        if isinstance(self._answer, Exception):
            raise self._answer
        return self._answer


def test_shipped_adapters_are_found_by_entry_point():
    assert {"gliner", "presidio", "privacy-filter", "spacy"} <= set(names())


def test_every_label_of_ours_has_a_kind_and_every_foreign_one_a_label_of_ours():
    assert set(KIND) == set(h.LABELS) - {"WITHHELD"}
    for table in (SPACY, PRESIDIO, PRIVACY_FILTER, GLINER):
        assert set(table.values()) <= set(KIND)


def test_hits_say_which_detector_of_the_recipe_made_them():
    first, second = Words("Zorp", name="one"), Words("Blen", name="two", label="HEALTH")
    assert isinstance(first, Detector)
    (found, none) = ask([first, second], ["Zorp saw Blen", ""])
    assert list(h.named(found)) == [
        h.Hit(0, 4, "PERSON", "direct", 0.89, "adapter.1"),
        h.Hit(9, 13, "HEALTH", "sensitive", 0.89, "adapter.2"),
    ]
    assert len(none) == 0


def test_an_unknown_label_is_other_and_direct():
    (found,) = ask([Words("Zorp", label="STARSHIP")], ["Zorp"])
    assert [x[2:4] for x in h.named(found)] == [("OTHER", "direct")]


@pytest.mark.parametrize(
    "span", [(0, 0, "PERSON", 1.0), (-1, 2, "PERSON", 1.0), (2, 99, "PERSON", 1.0), (0, 2, "PERSON", float("nan"))]
)
def test_a_span_outside_its_text_stops_the_run(span):
    with pytest.raises(Malformed, match=r"deid.detector-span"):
        ask([Answering([[Detected(*span)]])], ["abcd"])


def test_an_answer_for_other_texts_stops_the_run():
    with pytest.raises(Malformed, match=r"deid.detector-span"):
        ask([Answering([])], ["abcd"])


def test_a_detector_that_fails_stops_the_run_without_quoting_text():
    with pytest.raises(Unavailable, match=r"deid.detector-failed") as caught:
        ask([Answering(RuntimeError("could not read 'Ruth Klinger'"))], ["Ruth Klinger"])
    assert "Ruth" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__
    assert "RuntimeError" in str(pickle.loads(pickle.dumps(caught.value)))


def test_the_recipe_and_what_is_given_must_agree():
    one, two = Words("a", name="one"), Words("b", name="two")
    agree([one, two], [identity(one), identity(two)])
    agree([], ())
    for given_, named in (([one], ()), ((), (identity(one),)), ([two, one], (identity(one), identity(two)))):
        with pytest.raises(Malformed, match=r"deid.detector-mismatch"):
            agree(given_, named)
    changed = Words("a", name="one")
    changed.weights = "cd" * 32
    with pytest.raises(Malformed, match=r"deid.detector-mismatch"):
        agree([changed], [identity(one)])


def test_more_detectors_than_hits_can_name_are_refused():
    many = [Words("a", name=f"n{i}") for i in range(MOST + 1)]
    with pytest.raises(Malformed, match=r"deid.too-many-detectors"):
        agree(many, [identity(d) for d in many])


def test_an_unknown_detector_is_named_with_those_there_are():
    with pytest.raises(Malformed, match=r"deid.unknown-detector.*spacy"):
        open_detector("no-such-detector")


def test_a_missing_package_is_said_so(monkeypatch, tmp_path):
    import sys

    (tmp_path / "meta.json").write_text("{}")
    (tmp_path / "config.cfg").write_text("")
    monkeypatch.setitem(sys.modules, "spacy", None)
    with pytest.raises(Unavailable, match=r"deid.detector-missing.*spacy"):
        open_detector("spacy", str(tmp_path))


@pytest.mark.parametrize("name", ["spacy", "presidio", "gliner", "privacy-filter"])
def test_files_of_another_kind_are_refused(name, tmp_path):
    (tmp_path / "readme.txt").write_text("nothing here")
    with pytest.raises(Malformed, match=r"deid.detector-files"):
        open_detector(name, str(tmp_path))


def test_a_digest_covers_names_sizes_and_bytes(tmp_path):
    (tmp_path / "a").write_bytes(b"xy")
    (tmp_path / "b").write_bytes(b"z")
    before = digest_of(tmp_path, tree(tmp_path))
    assert before == digest_of(tmp_path, reversed(tree(tmp_path)))
    (tmp_path / "a").write_bytes(b"x")
    (tmp_path / "b").write_bytes(b"yz")
    assert digest_of(tmp_path, tree(tmp_path)) != before


# --- pieces ---------------------------------------------------------------------------------------------------------


@given(st.text(alphabet="ab \n", max_size=300), st.integers(8, 40), st.integers(0, 3))
def test_windows_cover_the_text_and_share_their_ends(text, size, overlap):
    pieces = list(windows(text, size, overlap))
    assert all(text[at : at + len(piece)] == piece and len(piece) <= size for at, piece in pieces)
    ends = [at + len(piece) for at, piece in pieces]
    assert ends[-1] == len(text)
    assert [at for at, _ in pieces[1:]] == [end - overlap for end in ends[:-1]]


LABELS = ["O", "B-x", "I-x", "E-x", "S-x", "B-y", "I-y", "E-y", "S-y"]


def _legal(decoder: Bioes, path) -> bool:
    open_kind = None
    for code in path:
        tag, kind = decoder.tags[code]
        if open_kind is not None and (tag not in "IE" or kind != open_kind):
            return False
        if open_kind is None and tag in "IE":
            return False
        open_kind = kind if tag in "BI" else None
    return open_kind is None


@given(st.lists(st.lists(st.integers(-5, 5), min_size=9, max_size=9), max_size=5))
def test_the_decoder_finds_the_best_legal_labelling(rows):
    from itertools import product

    decoder = Bioes(LABELS)
    scores = log_softmax(np.array(rows, np.float32).reshape(-1, 9))
    best = decoder.best(scores)
    assert _legal(decoder, best)
    if len(rows) <= 3:
        total = sum(float(scores[i, c]) for i, c in enumerate(best))
        every = (p for p in product(range(9), repeat=len(rows)) if _legal(decoder, p))
        assert total == pytest.approx(max(sum(float(scores[i, c]) for i, c in enumerate(p)) for p in every), abs=1e-4)


def test_spans_of_a_labelling():
    decoder = Bioes(LABELS)
    path = [LABELS.index(x) for x in ("O", "B-x", "I-x", "E-x", "S-y", "O", "B-y", "E-y")]
    assert list(decoder.spans(path)) == [(1, 4, "x"), (4, 5, "y"), (6, 8, "y")]


@pytest.mark.parametrize("label", ["X-x", "B", "B-", "person"])
def test_labels_of_another_scheme_are_refused(label):
    with pytest.raises(ValueError):
        Bioes(["O", label])


# --- real formats ---------------------------------------------------------------------------------------------------


@pytest.fixture
def no_network(monkeypatch):
    def refuse(*_args, **_kwargs):
        raise AssertionError("a detector opened a socket")

    monkeypatch.setattr(socket.socket, "connect", refuse)
    monkeypatch.setattr(socket, "getaddrinfo", refuse)


def _needs(*packages: str) -> None:
    for package in packages:
        pytest.importorskip(package, reason=f"the dependency group detectors-test is not installed ({package})")


def _surfaces(detector, text):
    return sorted((text[d.start : d.end], d.label) for d in detector.detect([text])[0])


def test_spacy_pipeline_from_disk(tmp_path, no_network):
    _needs("spacy")
    detector = open_detector("spacy", str(tiny_models.spacy_pipeline(tmp_path / "p")))
    assert _surfaces(detector, "Did zorp quill go to blen? He is quillish.") == [
        ("blen", "LOC"),
        ("quillish", "DEM"),
        ("zorp quill", "PERSON"),
    ]
    assert identity(detector).startswith("spacy/")
    assert len(detector.weights) == 64


def test_spacy_reads_past_the_end_of_one_document(tmp_path):
    _needs("spacy")
    detector = open_detector("spacy", str(tiny_models.spacy_pipeline(tmp_path / "p")))
    text = "word " * 45_000 + "zorp quill"
    assert ("zorp quill", "PERSON") in _surfaces(detector, text)


def test_spacy_keeps_no_word_of_a_text(tmp_path):
    _needs("spacy")
    from incamera.deid.adapters.spacy import SpacyDetector

    detector = SpacyDetector(tiny_models.spacy_pipeline(tmp_path / "p"))
    detector.detect(["my neighbour Xylbrennikov"])
    assert "Xylbrennikov" not in detector._pipeline.vocab.strings


def test_presidio_without_a_pipeline_finds_shapes_and_opens_no_socket(no_network):
    _needs("presidio_analyzer", "spacy")
    detector = open_detector("presidio")
    found = _surfaces(detector, "write to r.klinger@example.org from 192.0.2.7")
    assert ("r.klinger@example.org", "EMAIL") in found
    assert ("192.0.2.7", "IP") in found
    assert detector.weights == ""


def test_presidio_over_a_pipeline_finds_its_names(tmp_path, no_network):
    _needs("presidio_analyzer", "spacy")
    detector = open_detector("presidio", str(tiny_models.spacy_pipeline(tmp_path / "p")))
    assert ("zorp quill", "PERSON") in _surfaces(detector, "Did zorp quill call?")


def test_privacy_filter_decodes_legal_spans(tmp_path, no_network):
    _needs("onnxruntime", "tokenizers", "onnx")
    detector = open_detector("privacy-filter", str(tiny_models.token_classifier(tmp_path / "m")))
    assert _surfaces(detector, "write to  Zorp Quill of Blen please") == [("Blen", "ADDRESS"), ("Zorp Quill", "PERSON")]
    assert detector.detect(["", "   ", "please"]) == [[], [], []]
    assert all(0.5 < d.score <= 1.0 for d in detector.detect(["Zorp Quill"])[0])


def test_privacy_filter_windows_change_nothing(tmp_path, monkeypatch):
    _needs("onnxruntime", "tokenizers", "onnx")
    from incamera.deid.adapters import privacy_filter

    detector = open_detector("privacy-filter", str(tiny_models.token_classifier(tmp_path / "m")))
    text = " ".join(["write to Zorp Quill of Blen please"] * 40)
    whole = detector.detect([text])
    monkeypatch.setattr(privacy_filter, "_WINDOW", 7)
    monkeypatch.setattr(privacy_filter, "_MARGIN", 2)
    assert detector.detect([text]) == whole


def test_privacy_filter_obeys_its_calibration(tmp_path):
    _needs("onnxruntime", "tokenizers", "onnx")
    eager = tiny_models.token_classifier(tmp_path / "eager", biases={})
    shy = tiny_models.token_classifier(tmp_path / "shy", biases={"background_to_start": -3.0})
    text = "write to Blen please"
    one, two = open_detector("privacy-filter", str(eager)), open_detector("privacy-filter", str(shy))
    assert _surfaces(one, text) == [("Blen", "ADDRESS")]
    assert _surfaces(two, text) == []
    assert one.weights != two.weights


def test_privacy_filter_refuses_a_damaged_calibration_and_other_labels(tmp_path):
    _needs("onnxruntime", "tokenizers", "onnx")
    bent = tiny_models.token_classifier(tmp_path / "bent", biases={})
    (bent / "viterbi_calibration.json").write_text('{"operating_points": {"default": {"biases": {}}}}')
    other = tiny_models.token_classifier(tmp_path / "other")
    (other / "config.json").write_text(json.dumps({"id2label": {"0": "O", "1": "PER"}}))
    broken = tiny_models.token_classifier(tmp_path / "broken")
    (broken / "onnx/model.onnx").write_bytes(b"not a graph")
    for folder in (bent, other, broken):
        with pytest.raises(Malformed, match=r"deid.detector-files"):
            open_detector("privacy-filter", str(folder))


def test_an_onnx_file_may_be_named_itself(tmp_path):
    _needs("onnxruntime", "tokenizers", "onnx")
    folder = tiny_models.token_classifier(tmp_path / "m")
    named = open_detector("privacy-filter", str(folder / "onnx/model.onnx"))
    assert identity(named) == identity(open_detector("privacy-filter", str(folder)))


def test_gliner_span_model(tmp_path, no_network):
    _needs("onnxruntime", "tokenizers", "onnx")
    detector = open_detector("gliner", str(tiny_models.span_model(tmp_path / "m", kinds=len(GLINER))))
    assert _surfaces(detector, "write to Zorp Quill, please") == [("Zorp Quill", "PERSON")]
    assert detector.detect([""]) == [[]]
    long = "please " * 30 + "Zorp of Quill"
    assert _surfaces(detector, long) == [("Zorp of Quill", "PERSON")]


def test_gliner_refuses_a_graph_of_another_form(tmp_path):
    _needs("onnxruntime", "tokenizers", "onnx")
    folder = tiny_models.token_classifier(tmp_path / "m")
    (folder / "gliner_config.json").write_text("{}")
    with pytest.raises(Malformed, match=r"deid.detector-files"):
        open_detector("gliner", str(folder))


# --- the union ------------------------------------------------------------------------------------------------------


def _conversation(*texts: str) -> Conversation:
    turns = tuple(Turn(index=i, role="user", parts=(Part(kind="text", path="text", text=t),)) for i, t in enumerate(texts))
    return Conversation(id="1", subject="", source="plain", turns=turns)


def test_what_a_detector_finds_is_followed_and_nothing_is_cleared():
    plain = load()
    extra = Words("kettle")
    asked = plain.with_(detectors=(identity(extra),))
    talk = _conversation("Ruth Klinger keeps the kettle on the table", "where is the kettle, e-mail r.klinger@example.org")
    without, with_ = find(talk, recipe=plain), find(talk, recipe=asked, detectors=[extra])
    assert plain.digest() != asked.digest()

    def covered(found):
        return {(f.span.turn, i) for f in found.findings for i in range(f.span.start, f.span.end)}

    assert covered(with_) > covered(without)
    assert [(f.span.turn, f.detector) for f in with_.findings if f.detector == "adapter.1"] == [
        (0, "adapter.1"),
        (1, "adapter.1"),
    ]


def test_a_detector_s_offsets_are_mapped_back_to_the_text_as_received():
    extra = Words("kettle")
    text = "the k\u200bettle &amp; the \uff4b\uff45\uff54\uff54\uff4c\uff45"
    found = find(_conversation(text), recipe=load().with_(detectors=(identity(extra),)), detectors=[extra])
    surfaces = [text[f.span.start : f.span.end] for f in found.findings]
    assert "k\u200bettle" in surfaces
    assert "\uff4b\uff45\uff54\uff54\uff4c\uff45" in surfaces


def test_a_recipe_with_detectors_does_not_run_without_them():
    extra = Words("kettle")
    with pytest.raises(Malformed, match=r"deid.detector-mismatch"):
        find(_conversation("a kettle"), recipe=load().with_(detectors=(identity(extra),)))
    with pytest.raises(Malformed, match=r"deid.detector-mismatch"):
        find(_conversation("a kettle"), recipe=load(), detectors=[extra])


def test_file_mode_asks_the_detectors_it_is_given(tmp_path):
    _needs("spacy")
    from incamera.clerk.files import deid
    from incamera.clerk.watch import Silent

    source, out = tmp_path / "in.jsonl", tmp_path / "out.jsonl"
    source.write_text(json.dumps({"id": "1", "text": "the blen is a table"}) + "\n")
    folder = tiny_models.spacy_pipeline(tmp_path / "p")

    def run(*detectors):
        return deid("find", source, out, recipe="conservative", accounts=None, processes=1, watch=Silent(), detectors=detectors)

    with_ = run(f"spacy={folder}")
    assert "adapter.1" in {f["detector"] for f in json.loads(out.read_text())["findings"]}
    assert run()["recipe_digest"] != with_["recipe_digest"]
    with pytest.raises(Malformed, match=r"deid.unknown-detector"):
        run("no-such")
