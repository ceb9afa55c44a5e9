"""The scope of surrogates, attacked: what links one subject's conversations, and what does not."""

from __future__ import annotations

import pytest

from incamera.core.ids import Commitment
from incamera.core.records import Conversation, Part, Turn
from incamera.deid.apply import apply
from incamera.deid.evidence.attacks import linkage
from incamera.deid.find import find
from incamera.deid.recipe import load

PEOPLE = ("Ruth Klinger", "Oskar Brandt", "Maria Delgado", "Piotr Nowak", "Amina Haddad", "Yuki Tanaka")
SAID = ("Dear {}, here is the letter you need.", "Sign it with {}, please, and thank you.")


def shown(subject: str, text: str, recipe) -> list[str]:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    talk = Conversation(id="", subject=subject, source="plain", turns=(turn,))
    redacted = apply(talk, find(talk, recipe=recipe), recipe=recipe, source=Commitment(""), key=bytes(32))
    return [s.replacement for s in redacted.surrogates]


@pytest.mark.parametrize(
    ("changes", "relinked"),
    [
        ({}, 0.0),
        ({"surrogates": "realistic"}, 0.0),
        ({"surrogates": "realistic", "linkage": "subject"}, 1.0),
    ],
)
def test_only_the_ordered_scope_links_conversations(changes, relinked):
    recipe = load().with_(**changes)
    left, right = ({name: shown(name, said.format(name), recipe) for name in PEOPLE} for said in SAID)
    assert all(left.values()) and all(right.values())
    assert linkage(left, right) == relinked
