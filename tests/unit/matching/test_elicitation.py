"""Labels as evidence: each from places in works and the order of turns, on invented works and many phrasings."""

from __future__ import annotations

import random
from dataclasses import replace

import pytest

from incamera.core.records import Conversation, Flags, Part, Turn
from incamera.matching.elicitation import LABELS
from incamera.matching.index import Index
from incamera.matching.naming import names
from incamera.matching.scan import scan
from incamera.testing.matching import conversation, cut, prose, work

WORKS = [
    work(
        f"w{i}",
        prose(f"elicit {i}", 1500),
        title=[
            "The Lantern Keepers of Vessel Bay",
            "Marl: A Winter Book",
            "Harbour strike ends after eleven days of talks",
            "Emberly",
        ][i % 4],
        owner=["Quillon, Teresa (1950-)", "The Daily Lantern", "Brask, O. D.", "Imre Valk"][i % 4],
        url=f"https://www.lantern.example/{i}/story",
    )
    for i in range(8)
]
INDEX = Index.of(WORKS)
TEXT = WORKS[0].text


def labels(*turns: tuple[str, str] | tuple[str, str, str], **more: object) -> list[tuple[int, tuple[str, ...]]]:
    return [(m.span.turn, m.elicitation) for m in scan(conversation(*turns, **more), INDEX)]  # type: ignore[arg-type]


def test_a_run_in_the_prompt_is_no_output() -> None:
    assert labels(("user", cut(TEXT, 10, 20)), ("assistant", "Nice.")) == [(0, ("PROMPT",))]
    assert labels(("system", cut(TEXT, 10, 20))) == [(0, ("PROMPT",))]
    assert labels(("user", "hi"), header=[cut(TEXT, 10, 20)]) == [(-1, ("PROMPT",))]


def test_nothing_before_it() -> None:
    assert labels(("user", "Tell me a story."), ("assistant", cut(TEXT, 10, 20))) == [(1, ("SPONTANEOUS",))]


@pytest.mark.parametrize("first,count", [(100, 30), (95, 40), (104, 12), (80, 29), (121, 30)])
def test_copied_from_the_prompt(first: int, count: int) -> None:
    found = dict(labels(("user", cut(TEXT, 100, 30)), ("assistant", "You wrote: " + cut(TEXT, first, count))))
    assert "COPIED-FROM-PROMPT" in found[1]


def test_copied_only_if_the_prompt_came_first() -> None:
    assert labels(("assistant", cut(TEXT, 5, 20)), ("user", cut(TEXT, 5, 20))) == [(0, ("SPONTANEOUS",)), (1, ("PROMPT",))]


@pytest.mark.parametrize("before", [8, 15, 40])
@pytest.mark.parametrize("gap", [0, 3, 30])
def test_continued(before: int, gap: int) -> None:
    found = dict(labels(("user", "Go on: " + cut(TEXT, 200, before)), ("assistant", cut(TEXT, 200 + before + gap, 25))))
    assert found[1] == ("CONTINUED",)


def test_continued_far_away_or_backwards_is_not_continued() -> None:
    assert dict(labels(("user", cut(TEXT, 200, 20)), ("assistant", cut(TEXT, 900, 25))))[1] == ("SPONTANEOUS",)
    assert dict(labels(("user", cut(TEXT, 200, 20)), ("assistant", cut(TEXT, 150, 40))))[1] == ("SPONTANEOUS",)


@pytest.mark.parametrize("lead", [5, 6, 7])
def test_a_lead_too_short_to_be_a_run(lead: int) -> None:
    asked = ("user", "What follows upon “" + cut(TEXT, 300, lead) + "”?")
    assert labels(asked, ("assistant", cut(TEXT, 300 + lead, 25))) == [(1, ("CONTINUED",))]
    assert labels(asked, ("assistant", cut(TEXT, 300, 30))) == [(1, ("CONTINUED",))]
    assert labels(asked, ("assistant", cut(TEXT, 700, 30))) == [(1, ("SPONTANEOUS",))]


def test_echo_and_on() -> None:
    found = dict(labels(("user", cut(TEXT, 400, 20)), ("assistant", cut(TEXT, 410, 40))))
    assert found[1] == ("COPIED-FROM-PROMPT", "CONTINUED")


@pytest.mark.parametrize("gap", [0, 20, 200])
def test_stepwise_from_the_second_step(gap: int) -> None:
    turns: list[tuple[str, str]] = []
    for step in range(4):
        turns += [("user", "more"), ("assistant", cut(TEXT, 100 + step * (25 + gap), 25))]
    found = [x for _, x in labels(*turns)]
    assert found == [("SPONTANEOUS",)] + [("STEPWISE",)] * 3


def test_a_long_way_forward_is_stepwise_from_the_third_output() -> None:
    turns: list[tuple[str, str]] = []
    for step in range(3):
        turns += [("user", "more"), ("assistant", cut(TEXT, 10 + 500 * step, 25))]
    assert [x for _, x in labels(*turns)] == [("SPONTANEOUS",), ("SPONTANEOUS",), ("STEPWISE",)]


def test_two_runs_of_one_answer_are_no_steps() -> None:
    said = cut(TEXT, 100, 20) + " zz " + cut(TEXT, 121, 20)
    assert [x for _, x in labels(("user", "a"), ("assistant", said))] == [("SPONTANEOUS",)] * 2


def test_tools() -> None:
    page = cut(TEXT, 100, 60)
    found = labels(("user", "look it up"), ("tool", page, "tool_result"), ("assistant", cut(TEXT, 110, 20)))
    assert found == [(1, ("TOOL",)), (2, ("TOOL",))]
    late = labels(("user", "look it up"), ("assistant", cut(TEXT, 110, 20)), ("tool", page, "tool_result"))
    assert late == [(1, ("SPONTANEOUS",)), (2, ("TOOL",))]


def test_a_tools_result_inside_the_assistants_turn() -> None:
    parts = (Part(kind="tool_result", path="", text=cut(TEXT, 100, 60)), Part(kind="text", path="", text=cut(TEXT, 110, 20)))
    talk = replace(conversation(("user", "x")), turns=(Turn(index=0, role="assistant", parts=parts),))
    assert [m.elicitation for m in scan(talk, INDEX)] == [("TOOL",), ("TOOL",)]


def test_a_partys_account() -> None:
    found = labels(("user", cut(TEXT, 5, 20)), ("assistant", cut(TEXT, 700, 20)), party=True)
    assert found == [(0, ("PROMPT",)), (1, ("PARTY",))]


@pytest.mark.parametrize(
    ("number", "asked"),
    [
        (0, "Please read me The Lantern Keepers of Vessel Bay."),
        (0, "i want lantern keepers of vessel bay, first page"),
        (0, "something by Teresa Quillon please"),
        (0, "In Quillon's words?"),
        (0, "open lantern.example/0/story for me"),
        (1, "What does “Marl” begin with?"),
        (1, "The opening of Marl: A Winter Book"),
        (1, "what did the daily lantern print"),
        (2, "That piece on the harbour strike, how it ends after eleven days of talks"),
        (2, "An article by Brask"),
        (3, "Begin the novel Emberly"),
        (3, "Anything Imre Valk wrote"),
        (0, "A Quillon story, please"),
    ],
)
def test_named(number: int, asked: str) -> None:
    assert names(asked, INDEX.entry(0, number))
    assert labels(("user", asked), ("assistant", cut(WORKS[number].text, 10, 20))) == [(1, ("NAMED",))]


@pytest.mark.parametrize(
    ("number", "asked"),
    [
        (0, "Tell me about lanterns and keepers."),
        (0, "See https://other.example/0/story"),
        (1, "The soil here is marl and clay."),
        (2, "The harbour was calm."),
        (3, "The evening was emberly warm."),
        (0, ""),
        (
            2,
            "The harbour is calm. "
            + "Nothing more. " * 30
            + "A strike of luck, which ends well. "
            + "So. " * 60
            + "Eleven days.",
        ),
    ],
)
def test_not_named(number: int, asked: str) -> None:
    assert not names(asked, INDEX.entry(0, number))


def test_named_only_by_people_and_only_before() -> None:
    assert labels(("assistant", "Emberly by Imre Valk: " + cut(WORKS[3].text, 10, 20))) == [(0, ("SPONTANEOUS",))]
    late = labels(("assistant", cut(WORKS[3].text, 10, 20)), ("user", "Was that Emberly by Imre Valk?"))
    assert late == [(0, ("SPONTANEOUS",))]


def test_another_branch_is_not_earlier() -> None:
    asked = Turn(index=0, role="user", parts=(Part(kind="text", path="", text="hi"),))
    pasted = Turn(index=1, role="user", parent=0, parts=(Part(kind="text", path="", text=cut(TEXT, 100, 30)),), active=False)
    said = Turn(index=2, role="assistant", parent=0, parts=(Part(kind="text", path="", text=cut(TEXT, 100, 30)),))
    talk = Conversation(id="c", subject="s", source="t", turns=(asked, pasted, said), flags=Flags())
    assert [m.elicitation for m in scan(talk, INDEX)] == [("PROMPT",), ("SPONTANEOUS",)]


def test_labels_keep_their_order() -> None:
    turns = [("user", "From Emberly: " + cut(WORKS[3].text, 100, 20)), ("assistant", cut(WORKS[3].text, 110, 40))]
    found = dict(labels(*turns, party=True))  # type: ignore[arg-type]
    assert found[1] == ("COPIED-FROM-PROMPT", "CONTINUED", "NAMED", "PARTY")
    assert list(found[1]) == sorted(found[1], key=LABELS.index)


# --- a generator of its own ----------------------------------------------------------------------------------------------

# Phrasings for measuring only; no rule was written while looking at them.
WRAP = ["{}", "As requested:\n\n{}", "> {}", "Well… {} …and so forth", "1. {}", "{}\n\n(end of excerpt)", "```\n{}\n```"]
ASK = ["carry on", "weiter bitte", "then what", "give me what comes after", "…", "next bit", "keep reciting"]
OPEN = ["Spiel mir etwas vor", "can u entertain me", "I'm bored, surprise me", "What's new?", "Erzähl was"]
ASK_NAMED = ["could you recite {}", "{} — full text pls", "I lost my copy of {}. Type it out.", "Zitiere aus {}"]


def generate(rng: random.Random) -> tuple[Conversation, dict[int, str]]:
    """A conversation and, for each turn with a run, the label that must stand there."""
    w = rng.choice(WORKS)
    n, at = rng.randint(9, 60), rng.randint(80, 700)
    wrap = rng.choice(WRAP).format
    kind = rng.choice(["copied", "named", "tool", "party", "none", "prefix", "stepwise", "lead"])
    opening, turns, want = ("user", rng.choice(OPEN)), [], {}  # type: ignore[var-annotated]
    if kind == "copied":
        turns = [
            ("user", rng.choice(WRAP).format(cut(w.text, at, n))),
            ("assistant", wrap(cut(w.text, at + n // 4, max(8, n // 2)))),
        ]
        want = {0: "PROMPT", 1: "COPIED-FROM-PROMPT"}
    elif kind == "named":
        turns, want = [("user", rng.choice(ASK_NAMED).format(w.title)), ("assistant", wrap(cut(w.text, at, n)))], {1: "NAMED"}
    elif kind == "tool":
        result = ("tool", cut(w.text, at - 20, n + 60), "tool_result")
        turns, want = [opening, result, ("assistant", wrap(cut(w.text, at, n)))], {1: "TOOL", 2: "TOOL"}  # type: ignore[list-item]
    elif kind == "prefix":
        before = rng.randint(8, 50)
        turns = [("user", cut(w.text, at - before, before) + " " + rng.choice(ASK)), ("assistant", wrap(cut(w.text, at, n)))]
        want = {0: "PROMPT", 1: "CONTINUED"}
    elif kind == "lead":
        turns, want = [("user", cut(w.text, at - 6, 6) + "…?"), ("assistant", wrap(cut(w.text, at, n)))], {1: "CONTINUED"}
    elif kind == "stepwise":
        for step in range(3):
            turns += [("user", rng.choice(ASK)), ("assistant", wrap(cut(w.text, at, n)))]
            want[2 * step + 1] = "STEPWISE" if step else "SPONTANEOUS"
            at += n + rng.randint(0, 60)
    else:
        turns = [opening, ("assistant", wrap(cut(w.text, at, n)))]
        want = {1: "PARTY" if kind == "party" else "SPONTANEOUS"}
    return conversation(*turns, party=kind == "party"), want


def test_precision_and_recall_on_the_generator() -> None:
    rng = random.Random(99)
    right, given, wanted = dict.fromkeys(LABELS, 0), dict.fromkeys(LABELS, 0), dict.fromkeys(LABELS, 0)
    for _ in range(500):
        talk, want = generate(rng)
        for match in scan(talk, INDEX):
            must = want[match.span.turn]
            wanted[must] += 1
            for found in match.elicitation:
                given[found] += found == must or not (found == "NAMED" and must != "SPONTANEOUS")
                right[found] += found == must
    for name in LABELS:
        assert wanted[name] >= 20, name
        assert right[name] >= 0.95 * wanted[name], (name, right[name], wanted[name])
        assert right[name] >= 0.95 * given[name], (name, right[name], given[name])
