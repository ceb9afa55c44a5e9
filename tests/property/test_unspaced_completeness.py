"""`chars/1` misses no shared run of 16 characters: invented texts in scripts without spaces, against brute force."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.matching.index import Index
from incamera.matching.scan import scan
from incamera.testing.matching import conversation, work
from incamera.text.offsets import pack
from incamera.text.tokens import tokenise

SCRIPTS = {"han": "天地玄黄宇宙洪荒日月盈昃辰宿列張", "kana": "いろはにほへとちりぬるをわかよた", "thai": "กขคงจฉชซญดตถทธนบ"}
#: What may stand between two characters without ending a run, and what a writer may put for one.
BETWEEN = ["", "", "", "", "\u200b", "，", "\n", " ", "。"]


def invented(rng: random.Random, letters: str, count: int) -> str:
    """Text whose neighbours repeat seldom enough that only planted runs are long."""
    return "".join(rng.choice(letters) for _ in range(count))


def runs(text: str, there: str, least: int) -> set[tuple[int, int, int, int]]:
    """(start, end, start there, end there) of every maximal common run with *least* characters of unspaced scripts."""
    a, b = (tokenise(pack([t]), chars=True) for t in (text, there))
    one, two = ([t.word(i) for i in range(len(t.hashes))] for t in (a, b))
    out = set()
    for i in range(len(one)):
        for j in range(len(two)):
            if one[i] != two[j] or (i and j and one[i - 1] == two[j - 1]):
                continue
            n = 1
            while i + n < len(one) and j + n < len(two) and one[i + n] == two[j + n]:
                n += 1
            if int(a.solo[i : i + n].sum()) >= least:
                out.add((int(a.starts[i]), int(a.ends[i + n - 1]), int(b.starts[j]), int(b.ends[j + n - 1])))
    return out


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32), st.sampled_from(sorted(SCRIPTS)), st.integers(12, 40))
def test_invented_texts_against_brute_force(seed: int, script: str, count: int) -> None:
    rng = random.Random(seed)
    letters = SCRIPTS[script]
    there = invented(rng, letters, 300)
    first = rng.randrange(0, 300 - count)
    planted = "".join(c + rng.choice(BETWEEN) for c in there[first : first + count])
    said = invented(rng, letters, rng.randrange(0, 60)) + " hello " + planted + invented(rng, letters, rng.randrange(0, 60))
    found = scan(conversation(("assistant", said)), Index.of([work("w", there)]))
    assert {(m.span.start, m.span.end, m.work_start, m.work_end) for m in found if m.fold == "chars/1"} == runs(said, there, 16)


@pytest.mark.parametrize("count", [15, 16])
def test_the_threshold_is_sixteen_characters(count: int) -> None:
    rng = random.Random(1)
    there = invented(rng, SCRIPTS["han"] + SCRIPTS["kana"], 200)
    for first in range(40, 60):  # every phase of the sampling
        found = scan(conversation(("assistant", "x " + there[first : first + count] + " y")), Index.of([work("w", there)]))
        assert [(m.work_start, m.words) for m in found] == ([(first, 16)] if count == 16 else [])
