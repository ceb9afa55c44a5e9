"""Who is who: the compiled clusters are those that plain Python written for the purpose makes."""

from __future__ import annotations

import re
from itertools import accumulate

from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.deid.aliases import Aliases, key
from incamera.deid.hits import LABEL_CODE, matrix
from incamera.deid.lexicons import terms

WORDS = (
    *("anna", "Anna", "ANNA", "lee", "Lee", "b", "B.", "k.", "Mr", "Dr.", "Frau", "Maria", "maria", "annalee", "alee", "Klee"),
    *("o'neill", "O'Neill", "ann-lee", "12", "Σοφος", "ΣΟΦΟΣ", "Müller", "müller", "MÜLLER", "s", "_", "@", "İpek", "ipek", "I."),
    *("\u2603", "\U0001f600"),
)
SURFACES = st.lists(st.sampled_from(WORDS), min_size=1, max_size=4).map(" ".join)
LABELS = st.sampled_from(["PERSON"] * 6 + ["ACCOUNT", "ORG"])
Thing = tuple[str, str]


def _aliases(things: list[Thing]) -> Aliases:
    ends = list(accumulate(len(surface) for _, surface in things))
    rows = [(end - len(surface), end, LABEL_CODE[label], 0, 500, 0) for (label, surface), end in zip(things, ends, strict=True)]
    return Aliases("".join(surface for _, surface in things), matrix(rows))


def _clusters(*surfaces: str) -> list[int]:
    return _aliases([("PERSON", surface) for surface in surfaces]).of


def _short_for(short: list[str], full: list[str]) -> bool:
    at, whole = 0, False
    for word in short:
        for i in range(at, len(full)):
            if word == full[i] or (len(word) == 1 and full[i][0] == word):
                whole |= word == full[i]
                at = i + 1
                break
        else:
            return len(short) == 1 and len(full) > 1 and word in ("".join(full), full[0][0] + full[-1])
    return whole


def _plainly(things: list[Thing]) -> list[int]:
    """The same in plain Python, every name against every other."""
    labelled = [("PERSON" if label == "ACCOUNT" else label, key(surface)) for label, surface in things]
    names = {form: [w for w in form.split(" ") if w not in terms.TITLES | {"s"}] for label, form in labelled if label == "PERSON"}
    leader: dict[str, str] = {}
    for name, words in names.items():
        near = [
            full
            for full, theirs in names.items()
            if full != name
            and len(theirs) > 1
            and len(theirs) >= len(words)
            and {*words} & {*theirs, "".join(theirs), theirs[0][0] + theirs[-1]}
            and _short_for(words, theirs)
        ]
        tops = [f for f in near if not any(len(names[g]) > len(names[f]) and _short_for(names[f], names[g]) for g in near)]
        if len(tops) == 1 or len(near) == 1:
            leader[name] = (tops if len(near) > 1 else near)[0]
    numbers: dict[Thing, int] = {}
    led = [(label, leader.get(form, form) if label == "PERSON" else form) for label, form in labelled]
    return [numbers.setdefault(thing, len(numbers)) for thing in led]


@settings(deadline=None, max_examples=400)
@given(st.lists(st.tuples(LABELS, SURFACES), max_size=9))
def test_the_kernel_clusters_as_plain_python_does(things: list[Thing]) -> None:
    aliases = _aliases(things)
    assert aliases.of == _plainly(things)
    for n, (label, surface) in enumerate(things):
        assert (aliases.found_as(n), aliases.surface(n)) == (label, surface)


@settings(deadline=None, max_examples=200)
@given(st.lists(st.tuples(st.just("ORG"), st.text(min_size=1, max_size=8)), max_size=6))
def test_other_things_are_one_where_their_words_are(things: list[Thing]) -> None:
    of = _aliases(things).of
    for a, (_, one) in enumerate(things):
        for b, (_, other) in enumerate(things[:a]):
            if max(one + other) < "\U00020000" and re.search(r"[^\W_]", one + other) and not re.search("[ςσΣ]", one + other):
                assert (of[a] == of[b]) == (key(one) == key(other))


def test_forms_of_a_name_are_one_person() -> None:
    assert _clusters("Anna Lee", "Anna", "annalee", "alee", "Mrs Lee", "Bob") == [0, 0, 0, 0, 0, 1]
    assert _clusters("A. Lee", "Anna Lee") == [0, 0]


def test_who_may_be_two_people_is_neither() -> None:
    assert _clusters("Anna Lee", "Anna Moore", "Anna") == [0, 1, 2]


def test_the_fullest_name_leads() -> None:
    aliases = _aliases([("PERSON", "Lee"), ("PERSON", "Anna Lee"), ("PERSON", "Anna Maria Lee")])
    assert aliases.of == [0, 0, 0]
    assert (len(aliases), aliases.labels[0], aliases.leader(0)) == (1, "PERSON", "anna maria lee")


def test_the_holder_s_account_is_a_person() -> None:
    assert _aliases([("ACCOUNT", "Anna Lee"), ("PERSON", "Anna"), ("ORG", "Anna")]).of == [0, 0, 1]


def test_case_punctuation_and_the_dotted_capital_do_not_part() -> None:
    assert _clusters("O'Neill", "o neill", "O-NEILL") == [0, 0, 0]
    assert _aliases([("LOC", "İzmir"), ("LOC", "Izmir"), ("LOC", "IZMIR")]).of == [0, 0, 0]


def test_no_findings_are_no_clusters() -> None:
    aliases = _aliases([])
    assert (aliases.of, len(aliases)) == ([], 0)
