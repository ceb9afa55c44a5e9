"""Threat `unmasking-oracle`: somebody claims as "works" what they want to learn, and reads the answers in the protected runs.

Inside a run of 25 or more words a work's own words are not replaced. So a claimed list of names would ask of each name whether
anybody talked about it. Each attempt goes the way of the product: the work is indexed, the conversation scanned, the runs found
are handed to de-identification.
"""

from __future__ import annotations

import secrets

import pytest

from incamera.core.errors import Malformed
from incamera.core.ids import Commitment
from incamera.core.records import Account, Conversation, Part, Turn, Work
from incamera.deid import recipe as recipes
from incamera.deid.apply import apply
from incamera.deid.find import Found, find
from incamera.matching import screen
from incamera.matching.index import Index
from incamera.matching.scan import scan

RECIPE = recipes.load("conservative")
NAMES = [f"{given} {family}" for given in ("Ottilie", "Branwen", "Casimir", "Dymphna", "Eustace", "Fenella") for family in (
    "Vantongeren", "Quillfeather", "Ostrowicka", "Brambleworth", "Thistlewood", "Yarmolenko")]  # fmt: skip
STORY = (
    "The harbour board met on a grey morning, and before anybody had found a chair the chairman, Casimir Yarmolenko, said that "
    "the old ferry would not be mended a fourth time, whatever the islanders wrote to the papers about it. "
    "Those who want an answer may write to quay.office@harbour-board.example until the first of the month."
)


def _talk(*texts: str) -> Conversation:
    turns = tuple(
        Turn(index=i, role="assistant" if i % 2 else "user", parts=(Part(kind="text", path="", text=text),))
        for i, text in enumerate(texts)
    )
    return Conversation(id="c", subject="s", source="test", turns=turns)


def _produced(claimed: str, conversation: Conversation, account: Account | None = None) -> tuple[str, Found]:
    """What would leave, with *claimed* as the one claimed work."""
    runs = scan(conversation, Index.of([Work(work_id="claimed", text=claimed)]))
    found = find(conversation, recipe=RECIPE, protect=runs, account=account)
    redacted = apply(conversation, found, recipe=RECIPE, source=Commitment(secrets.token_hex(32)))
    return "\n".join(part.text for turn in redacted.turns for part in turn.parts), found


@pytest.mark.parametrize("join", ["\n", ", ", " | "])
def test_a_list_of_names_is_no_work(join: str) -> None:
    with pytest.raises(Malformed) as flaw:
        Index.of([Work(work_id="claimed", text=join.join(NAMES))])
    assert flaw.value.code == "matching.no-works"


def test_a_list_of_addresses_is_no_work() -> None:
    claimed = "\n".join(f"{name.lower().replace(' ', '.')}@mail.example +44 20 7946 0{n:03}" for n, name in enumerate(NAMES))
    refused = screen.refuse(Work(work_id="claimed", text=claimed), threshold=8)
    assert refused is not None and refused.code == "matching.work-identifiers"


def test_a_true_work_keeps_its_own_words_or_nothing_here_would_be_tested() -> None:
    out, found = _produced(STORY, _talk("Read me the piece about the ferry.", STORY))
    assert found.waivers and "Casimir Yarmolenko" in out


def test_a_name_planted_in_prose_shows_nothing_of_who_talks_about_it_elsewhere() -> None:
    """The claimed prose names a person; the subject knows that person, and says so outside of the passage too."""
    out, _ = _produced(STORY, _talk("Casimir Yarmolenko is my landlord. What does the paper say of him?", STORY))
    assert "Yarmolenko" not in out and "Casimir" not in out


def test_a_claimed_account_holder_stays_hidden_even_inside_the_passage() -> None:
    account = Account(subject="s", names=("Casimir Yarmolenko",))
    out, _ = _produced(STORY, _talk("Read me the piece about the ferry.", STORY), account)
    assert "Yarmolenko" not in out


def test_an_address_inside_the_passage_is_replaced_whoever_claims_it() -> None:
    out, found = _produced(STORY, _talk("Read me the piece about the ferry.", STORY))
    assert found.waivers and "quay.office" not in out


def test_a_sentence_of_names_is_too_short_to_protect_anything() -> None:
    """Names strewn into prose a few words apart: only a subject who says the same 25 words in order would show one."""
    claimed = STORY + " " + " ".join(f"In the spring {name} went home." for name in NAMES[:12])
    out, found = _produced(claimed, _talk("Has Fenella Thistlewood written?", f"In the spring {NAMES[3]} went home, she says."))
    assert found.waivers == () and "Brambleworth" not in out and "Thistlewood" not in out
