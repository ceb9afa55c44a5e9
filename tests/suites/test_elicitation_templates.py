"""Labels on a second set of phrasings, apart from those beside the rules: other titles and wrappings, and lookalikes."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from incamera.core.records import Conversation
from incamera.matching.elicitation import LABELS
from incamera.matching.index import Index
from incamera.matching.scan import scan
from incamera.testing.matching import conversation, cut, prose, work

FACTS = [
    ("Corrody", "Wainscot, Philippa (1811-1874)"),
    ("The Tallow Road: Being an Account of Two Winters", "Ambrose Yelling"),
    ("Salt and After, part 3 of 12: CHAPTER THE THIRD", "Denholm-Pryce, Ada"),
    ("Council votes to drain the old basin before spring tides", "The Weir Courier"),
    ("Is Nobody Going to Wind the Clock?", "Ostler, Jem [pseud.] (1902-1966)"),
    ("Mrs. Pargeter's Umbrella, or The Wrong Train", "Tolliver, K. R."),
    ("Nine Letters from Quern — a novel", "Ines Maltravers"),
    ("Ferry operator fined over unlit landing stage", "North Reach Press"),
]
WORKS = [
    work(f"t{n}", prose(f"templates {n}", 1600), title=title, owner=owner, url=f"https://reach.example/archive/{n}")
    for n, (title, owner) in enumerate(FACTS)
]
MAIN = [
    "Corrody",
    "The Tallow Road",
    "Salt and After",
    "Council votes to drain the old basin",
    "Is Nobody Going to Wind the Clock?",
    "Mrs. Pargeter's Umbrella",
    "Nine Letters from Quern",
    "ferry operator fined over unlit landing stage",
]
INDEX = Index.of(WORKS)

WRAP = [
    "Of course! Here you are: {}",
    "{} [...]",
    "*{}*",
    "(1) {}",
    "Here's how it goes —\n\n\t{}\n\nShall I go on?",
    "<p>{}</p>",
    "| {} |",
    "It runs: ‘{}’, if memory serves.",
    "Page 2\n{}\nPage 3",
]
OPENERS = [
    "Morning! Anything on your mind?",
    "write me a long paragraph about nothing in particular",
    "Qué tal, cuéntame algo",
    "fill this page",
    "I can't sleep.",
    "Draft a diary entry for a fisherman",
    "test test",
]
NAMED = [
    "Would you mind quoting a chunk of {}?",
    "Type out {} for me, I left my book on the train",
    "my teacher wants two pages of {} by tomorrow",
    "Where in {} does the storm come? Paste that bit.",
    "The beginning of {}, unabridged",
    "Show the whole text: {}",
    "Was steht am Anfang von {}?",
    "pls give {} text",
    "Open {} anywhere and read aloud",
]
GO_ON = [
    "mm-hm, next?",
    "and?",
    "Keep going, don't summarise.",
    "suivant",
    "don't stop there",
    "What follows that?",
    "👍",
    "read on please",
]
PASTE = [
    "Fix the commas: {}",
    "{}\n\n^ who wrote this?",
    "Translate into Welsh:\n{}",
    "What's the mood here?\n---\n{}\n---",
    "compare: {} / and yours",
]
LEADS = ["{}", "Finish this off: {}", "complete →{}", "{} ___", "The text so far:\n{}\n(now you)"]
LOOKALIKES = [
    "The old clock needs winding and nobody is going to do it.",
    "Is there salt? And after that, pepper?",
    "A ferry, a road, an umbrella.",
    "The council votes next week, I think.",
    "We drove the coast road last winter.",
    "I fined myself for being late, an operator said.",
]


def case(rng: random.Random, kind: str) -> tuple[Conversation, dict[int, str]]:
    """A conversation and the label that must stand at each turn with a run."""
    number = rng.randrange(len(WORKS))
    text, n, at = WORKS[number].text, rng.randint(9, 70), rng.randint(120, 800)

    def said(first: int, count: int) -> tuple[str, str]:
        return "assistant", rng.choice(WRAP).format(cut(text, first, count))

    if kind == "copied":
        return conversation(
            ("user", rng.choice(PASTE).format(cut(text, at, n))),
            said(at + rng.randint(0, n // 4), max(8, n * 3 // 4) - n // 4 or 8),
        ), {0: "PROMPT", 1: "COPIED-FROM-PROMPT"}
    if kind == "named":
        name = rng.choice([MAIN[number], WORKS[number].title, f"“{MAIN[number]}”"])
        return conversation(("user", rng.choice(NAMED).format(name)), said(at, n)), {1: "NAMED"}
    if kind == "tool":
        result = ("tool", f'{{"hits": 1, "text": "{cut(text, at - 15, n + 40)}"}}', "tool_result")
        return conversation(("user", rng.choice(OPENERS)), result, said(at, n)), {1: "TOOL", 2: "TOOL"}
    if kind == "continued":
        before, gap = rng.randint(8, 60), rng.choice([0, 0, 0, 5, 20])
        lead = rng.choice(LEADS).format(cut(text, at - gap - before, before))
        return conversation(("user", lead), said(at, n)), {0: "PROMPT", 1: "CONTINUED"}
    if kind == "stepwise":
        turns: list[tuple[str, str]] = []
        for _ in range(4):
            turns += [("user", rng.choice(GO_ON)), said(at, n)]
            at += n + rng.choice([0, 0, 3, 30, 120])
        return conversation(*turns), {1: "SPONTANEOUS", 3: "STEPWISE", 5: "STEPWISE", 7: "STEPWISE"}
    if kind == "party":
        return conversation(("user", rng.choice(OPENERS)), said(at, n), party=True), {1: "PARTY"}
    if kind == "lookalike":
        return conversation(("user", rng.choice(LOOKALIKES)), said(at, n)), {1: "SPONTANEOUS"}
    if kind == "far":  # a paste from elsewhere in the work, behind the run or long before it
        first = rng.choice([at + n + 60, at - 110])
        return conversation(("user", rng.choice(PASTE).format(cut(text, first, 12))), said(at, n)), {
            0: "PROMPT",
            1: "SPONTANEOUS",
        }
    return conversation(("user", rng.choice(OPENERS)), said(at, n)), {1: "SPONTANEOUS"}


KINDS = ["copied", "named", "tool", "continued", "stepwise", "party", "lookalike", "far", "none"]


@pytest.mark.parametrize("seed", [3, 5])
def test_each_label_is_right_and_complete(seed: int) -> None:
    rng = random.Random(seed)
    wanted, given, right = Counter[str](), Counter[str](), Counter[str]()
    for _ in range(60):
        for kind in KINDS:
            talk, want = case(rng, kind)
            for match in scan(talk, INDEX):
                must = want[match.span.turn]
                wanted[must] += 1
                given.update(match.elicitation)
                right[must] += must in match.elicitation
    for name in LABELS:
        assert right[name] >= 0.95 * wanted[name] > 0, f"recall of {name}: {right[name]} of {wanted[name]}"
        assert right[name] >= 0.95 * given[name], f"precision of {name}: {right[name]} of {given[name]}"
