"""Repeated text is read once, and nothing about the finding shows it."""

from __future__ import annotations

import gc
import secrets

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.records import Account, Conversation, Part, Turn
from incamera.deid import find as finding
from incamera.deid import opinion
from incamera.deid.find import Request, find_many
from incamera.deid.recipe import load
from incamera.deid.repeats import LEAST, Repeats

RECIPE = load()
BOILERPLATE = "As an assistant I cannot help with that, but here is how Ruth Klinger of 12 Elm Row might begin a letter."
TEXTS = (
    BOILERPLATE,
    BOILERPLATE.lower(),
    "Zorblat said hello to everybody in the room, and everybody in the room said hello to zorblat as well.",
    "for i in range(10):\n    print(i)\nfor j in range(10):\n    print(j)\nimport os\nimport sys\nclass A:\n    pass\n",
    "short",
    "",
    "Please write to r.klinger@example.org before Friday; the number is +1 202 555 0143, and may the force be with you.",
)


def conversation(texts, kind="text") -> Conversation:
    turns = tuple(
        Turn(index=i, role=("user", "assistant")[i % 2], parts=(Part(kind=kind, path="text", text=t),))
        for i, t in enumerate(texts)
    )
    return Conversation(id="", subject="", source="plain", turns=turns)


def plain(found):
    return [(f.findings, f.withheld, f.language) for f in found]


conversations = st.lists(
    st.tuples(
        st.lists(st.sampled_from(TEXTS), min_size=1, max_size=4),
        st.sampled_from(("text", "code")),
        st.sampled_from((None, "Friday", "Elm")),
    ),
    min_size=1,
    max_size=4,
)


@settings(max_examples=25, deadline=None)
@given(st.lists(conversations, min_size=1, max_size=3))
def test_memory_changes_no_finding_whatever_was_read_before(batches):
    repeats = Repeats(RECIPE.digest())
    for batch in batches:
        requests = [
            Request(conversation(texts, kind), Account(subject="s", names=(name,)) if name else None)
            for texts, kind, name in batch
        ]
        assert plain(find_many(requests, recipe=RECIPE, repeats=repeats)) == plain(find_many(requests, recipe=RECIPE))


def test_an_equal_text_is_read_once_in_a_batch_and_never_again(monkeypatch):
    read = []
    real = opinion.score
    monkeypatch.setattr(finding.opinion, "score", lambda texts: (read.append(len(texts)), real(texts))[1])
    repeats = Repeats(RECIPE.digest())
    requests = [Request(conversation([BOILERPLATE, BOILERPLATE])), Request(conversation([BOILERPLATE]))]
    find_many(requests, recipe=RECIPE, repeats=repeats)
    find_many(requests, recipe=RECIPE, repeats=repeats)
    assert read == [1, 0]


def test_an_account_and_a_neighbour_never_reach_another_conversation():
    repeats = Repeats(RECIPE.digest())
    text = "the long list of fruit in this text has a quince, a medlar and a date in it, and that is all"
    find_many(
        [Request(conversation([text, "my name is Quince"]), Account(subject="s", names=("Medlar",)))],
        recipe=RECIPE,
        repeats=repeats,
    )
    alone = find_many([Request(conversation([text]))], recipe=RECIPE, repeats=repeats)
    assert repeats.answered
    assert plain(alone) == plain(find_many([Request(conversation([text]))], recipe=RECIPE))


def test_the_memory_of_another_recipe_is_refused():
    with pytest.raises(ValueError):
        find_many([Request(conversation([BOILERPLATE]))], recipe=RECIPE, repeats=Repeats(load("utility").digest()))


def test_it_holds_no_text_and_its_names_are_of_no_use_elsewhere():
    repeats = Repeats(RECIPE.digest())
    secret = f"my neighbour {secrets.token_hex(8)} lives in the house at the end of the road and keeps bees"
    find_many([Request(conversation([secret]))], recipe=RECIPE, repeats=repeats)
    word = secret.split()[2]
    held = [repeats, *repeats.__dict__.values()]
    seen = set()
    while held:
        one = held.pop()
        if id(one) in seen or isinstance(one, type):
            continue
        seen.add(id(one))
        assert word not in one if isinstance(one, str) else True
        assert word.encode() not in one if isinstance(one, bytes) else True
        if isinstance(one, (dict, list, tuple)):
            held += gc.get_referents(one)
    assert word not in repr(repeats)
    assert Repeats(RECIPE.digest()).name(secret, "en", False) != repeats.name(secret, "en", False)


def test_it_stays_within_its_bytes_and_forgets_the_longest_unused():
    repeats = Repeats(RECIPE.digest(), most=3 * 1000)
    texts = [f"{BOILERPLATE} {chr(97 + n) * 9}" for n in range(8)]
    for text in texts:
        find_many([Request(conversation([text]))], recipe=RECIPE, repeats=repeats)
    names = [repeats.name(t, "en", False) for t in texts]
    assert repeats.get(names[0]) is None
    assert repeats.get(names[-1]) is not None
    assert repeats._bytes <= 3000


def test_short_texts_are_not_kept():
    assert Repeats(RECIPE.digest()).name("x" * (LEAST - 1), "en", False) == b""
    assert Repeats(RECIPE.digest()).name("x" * LEAST, "en", False)
