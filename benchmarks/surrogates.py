"""What a wider scope of surrogates costs: how many conversations become linkable to another of the same subject.

Generated subjects, each with a name, a partner, a town and an employer, who mention these now and then in several
conversations. Every conversation is redacted under each choice of an order; an attacker sees surrogates only.

- *linkable*: share of conversations that hold a surrogate which another conversation of the subject holds, and nobody else's;
- *relinked*: share of subjects of whom one half of the conversations finds the other half as the single best match.

    python benchmarks/surrogates.py [--subjects 200] [--conversations 6]
"""

from __future__ import annotations

import argparse
import random
from collections.abc import Sequence

from faker import Faker

from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.apply import apply
from incamera.deid.evidence.attacks import linkage
from incamera.deid.find import Request, find_many
from incamera.deid.recipe import Recipe, load

KEY = bytes(range(32))
SAYS = (
    ("My name is {name} and I need a letter to the landlord.", 0.4),
    ("{partner} and I are planning a trip next summer.", 0.4),
    ("We moved to {town} a while ago and look for a school.", 0.3),
    ("I work for {firm} and my shift ends late.", 0.3),
    ("Please write to {mail} when it is done.", 0.15),
)
FILLER = (
    "How do I cook rice?",
    "Explain how a loan works.",
    "Write a short poem about rain.",
    "What is a good way to learn to swim?",
)


def said(subjects: int, conversations: int, seed: int) -> list[Conversation]:
    """Conversations in the order subject by subject."""
    rng, fake = random.Random(seed), Faker("en_US")
    fake.seed_instance(seed)
    made = []
    for s in range(subjects):
        name = f"{fake.first_name()} {fake.last_name()}"
        facts = {
            "name": name,
            "partner": fake.first_name(),
            "town": fake.city(),
            "firm": fake.company(),
            "mail": f"{name.partition(' ')[0].lower()}{rng.randint(10, 99)}@example.org",
        }
        for c in range(conversations):
            lines = [line.format(**facts) for line, chance in SAYS if rng.random() < chance] + [rng.choice(FILLER)]
            turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=" ".join(lines)),))
            made.append(Conversation(id=f"{s}-{c}", subject=str(s), source="generated", turns=(turn,)))
    return made


def surrogates(talks: Sequence[Conversation], recipe: Recipe) -> list[set[str]]:
    """The surrogates of each conversation, as an attacker reads them in the output."""
    found = [f for i in range(0, len(talks), 50) for f in find_many([Request(t) for t in talks[i : i + 50]], recipe=recipe)]
    return [
        {s.replacement for s in apply(talk, one, recipe=recipe, source=Commitment(""), at=recipe.at, key=KEY).surrogates}
        for talk, one in zip(talks, found, strict=True)
    ]


def linkable(talks: Sequence[Conversation], shown: Sequence[set[str]]) -> float:
    """The share of conversations that a surrogate ties to another of their subject and to nobody else."""
    holders: dict[str, list[int]] = {}
    for i, values in enumerate(shown):
        for value in values:
            holders.setdefault(value, []).append(i)
    tied = {i for at in holders.values() if len(at) > 1 and len({talks[i].subject for i in at}) == 1 for i in at}
    return len(tied) / len(talks)


def main() -> None:
    parser = argparse.ArgumentParser(description="what a wider scope of surrogates costs")
    parser.add_argument("--subjects", type=int, default=200)
    parser.add_argument("--conversations", type=int, default=6)
    parser.add_argument("--seed", type=int, default=11)
    args = parser.parse_args()
    talks = said(args.subjects, args.conversations, args.seed)
    plain = load()
    choices = {
        "tags, conversation": plain,
        "tags, utility (coarse)": load("utility"),
        "realistic, conversation": plain.with_(surrogates="realistic"),
        "realistic, subject": plain.with_(surrogates="realistic", linkage="subject"),
    }
    print(f"{args.subjects} subjects x {args.conversations} conversations")
    print(f"{'surrogates, scope':26s} {'linkable':>9s} {'relinked':>9s}")
    for name, recipe in choices.items():
        shown = surrogates(talks, recipe)
        halves: tuple[dict[str, list[str]], dict[str, list[str]]] = ({}, {})
        for i, (talk, values) in enumerate(zip(talks, shown, strict=True)):
            halves[i % 2].setdefault(talk.subject, []).extend(sorted(values))
        print(f"{name:26s} {linkable(talks, shown):9.3f} {linkage(*halves):9.3f}", flush=True)


if __name__ == "__main__":
    main()
