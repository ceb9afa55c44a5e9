"""Suite: what the names model says of a token depends on no batch, no size of windows, no processor."""

from __future__ import annotations

import hashlib
import os
import random
import subprocess
import sys

import numpy as np
import pytest

from incamera.deid import names

WORDS = [
    "my",
    "the",
    "a",
    "of",
    "Leeds",
    "okonkwo",
    "Thornbury",
    "nurse",
    "3",
    "May",
    "2019",
    ",",
    ".",
    "\n",
    "and",
    "met",
    "Brightwater",
    "Ltd",
    "asked",
    "Zoë",
    "diabetes",
    "i",
    "you",
    "IBM",
    "wrote",
    "from",
    "kitchen",
    "Harrow",
    "why",
    "not",
    "really",
    "González",
    "?",
    "!",
    "@",
    "#",
    "code",
    "(",
    ")",
    "reading",
    "march",
]


def sentences(seed: int, count: int) -> list[list[str]]:
    rng = random.Random(seed)
    return [[rng.choice(WORDS) for _ in range(rng.choice((0, 1, 2, 9, 40, 300)))] for _ in range(count)]


@pytest.fixture(scope="module")
def tagger() -> names.Tagger:
    found = names.tagger()
    assert found is not None
    return found


@pytest.fixture(scope="module")
def alone(tagger: names.Tagger) -> list[bytes]:
    return [tagger.scores([s])[0].tobytes() for s in sentences(1, 130)]


@pytest.mark.parametrize("size", [1, 7, 64, 130])
def test_batches_of_any_size_agree(tagger: names.Tagger, alone: list[bytes], size: int) -> None:
    cases = sentences(1, 130)
    found = [row.tobytes() for start in range(0, len(cases), size) for row in tagger.scores(cases[start : start + size])]
    assert found == alone


@pytest.mark.parametrize("seed", [2, 3, 4])
def test_shuffled_batches_agree(tagger: names.Tagger, alone: list[bytes], seed: int) -> None:
    cases = sentences(1, 130)
    order = list(range(len(cases)))
    random.Random(seed).shuffle(order)
    found = tagger.scores([cases[i] for i in order])
    assert [row.tobytes() for row in found] == [alone[i] for i in order]


@pytest.mark.parametrize(("window", "block"), [(16, 48), (17, 33), (100, 100), (4096, 1 << 20)])
def test_windows_and_blocks_of_any_size_agree(
    tagger: names.Tagger, alone: list[bytes], monkeypatch: pytest.MonkeyPatch, window: int, block: int
) -> None:
    monkeypatch.setattr(names, "WINDOW", window)
    monkeypatch.setattr(names, "BLOCK", block)
    assert [row.tobytes() for row in tagger.scores(sentences(1, 130))] == alone


def test_which_words_are_precomputed_does_not_matter(
    tagger: names.Tagger, alone: list[bytes], monkeypatch: pytest.MonkeyPatch
) -> None:
    for words in ([], ["my"], sorted(set(WORDS))):
        monkeypatch.setattr(tagger, "_common", tagger._precompute(words))
        assert [row.tobytes() for row in tagger.scores(sentences(1, 130))] == alone


def test_a_long_text_equals_its_pieces_away_from_the_cuts(tagger: names.Tagger) -> None:
    tokens = [w for s in sentences(5, 60) for w in s]
    whole = tagger.scores([tokens])[0]
    reach = tagger._weights.reach
    for cut in (100, 1023, 2500):
        left, right = tagger.scores([tokens[:cut], tokens[cut:]])
        assert np.array_equal(left[: cut - reach], whole[: cut - reach])
        assert np.array_equal(right[reach:], whole[cut + reach :])


def test_text_and_tokens_agree(tagger: names.Tagger) -> None:
    texts = [" ".join(s) for s in sentences(6, 40)]
    by_tokens = tagger.scores([names.tokenise(t) for t in texts])
    assert [s.logits.tobytes() for s in tagger.score_texts(texts)] == [row.tobytes() for row in by_tokens]


_SCRIPT = """
import hashlib, sys
sys.path.insert(0, {folder!r})
from test_names_batching import sentences
from incamera.deid import names
print(hashlib.sha256(b"".join(r.tobytes() for r in names.tagger().scores(sentences(1, 130)))).hexdigest())
"""


#: A processor without any of the instructions that the products are written for, and whatever this machine has.
PROCESSORS = {"plain": {"NUMBA_CPU_NAME": "generic", "NUMBA_CPU_FEATURES": ""}, "own": {}}


@pytest.mark.slow
@pytest.mark.parametrize("processor", PROCESSORS)
def test_processes_and_processors_agree(alone: list[bytes], processor: str) -> None:
    script = _SCRIPT.format(folder=os.path.dirname(__file__))  # noqa: PTH120
    done = subprocess.run(
        [sys.executable, "-c", script],
        env=os.environ | PROCESSORS[processor],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == hashlib.sha256(b"".join(alone)).hexdigest()
