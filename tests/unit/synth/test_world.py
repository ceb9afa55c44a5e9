"""The synthetic world: the same from the same seed, lively, and exactly what its truth says it is."""

from __future__ import annotations

import hashlib
import random
from collections import Counter, defaultdict
from pathlib import Path

import pytest

from incamera.core.records import Conversation
from incamera.ingest import files
from incamera.ingest.report import FIELDS, Report
from incamera.testing.synth import Canary, World, plants, survives, tally, world
from incamera.testing.synth.canary_values import VALUES
from incamera.testing.synth.news import articles
from incamera.text import tokens

SIZE = 1200


@pytest.fixture(scope="module")
def made() -> World:
    return world(20261121, SIZE)


@pytest.fixture(scope="module")
def imported(made: World, tmp_path_factory: pytest.TempPathFactory) -> tuple[dict[str, Conversation], Report]:
    layout = made.write(tmp_path_factory.mktemp("world"))
    report = Report()
    accounts = files.load_accounts(layout.accounts)
    return {c.id: c for c in files.read([layout.conversations], report=report, accounts=accounts)}, report


def words(text: str) -> list[str]:
    return [word for word, _, _ in tokens.words(text)]


def digest(folder: Path) -> dict[str, str]:
    return {
        str(p.relative_to(folder)): hashlib.sha256(p.read_bytes()).hexdigest() for p in sorted(folder.rglob("*")) if p.is_file()
    }


def test_the_same_seed_gives_the_same_bytes_and_another_does_not(tmp_path: Path) -> None:
    first, second, other = (world(seed, 120).write(tmp_path / name).folder for seed, name in ((5, "a"), (5, "b"), (6, "c")))
    assert digest(first) == digest(second)
    assert all(digest(first)[name] != digest(other)[name] for name in digest(first))


def test_it_is_read_without_a_flaw(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, report = imported
    assert len(found) == SIZE and not report.exceptions and not report.drift and not report.subjects_inferred
    assert report.conversations.keys() == {"chatgpt", "openai_chat"}
    assert repr(made) == f"<World seed=20261121 conversations={SIZE}>"


def test_the_frame_has_every_stratum(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, report = imported
    everyone = list(found.values())
    months = Counter((c.started_at.year, c.started_at.month) for c in everyone if c.started_at)
    assert len(months) == 24 and min(months) == (2022, 12) and max(months) == (2024, 11)
    assert {"EEA", "UK", "CH", "US", None} <= {c.region for c in everyone}
    assert {"free", "plus", "team", "enterprise", "api", None} <= {c.tier for c in everyone}
    assert 0.01 < sum(c.flags.temporary for c in everyone) / SIZE < 0.08
    assert 0.01 < sum(c.flags.deletion_requested_at is not None for c in everyone) / SIZE < 0.08
    assert report.outputs_missing["no_output"] > 3 and report.outputs_missing["error"] > 1
    assert sum(any(not t.active for t in c.turns) for c in everyone) > 10
    assert sum(bool(c.header) for c in everyone) > SIZE / 2
    assert len({c.subject for c in everyone}) > 100
    assert {name: report.lacks(name) for name in FIELDS} == dict.fromkeys(FIELDS, ())


def test_canaries_stand_where_the_truth_says(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, _ = imported
    for canary in made.canaries:
        turn = found[canary.conversation].turns[canary.turn]
        text = "\n".join(p.text for p in turn.parts)
        assert survives(canary.value, text), (canary.type, canary.context)
    assert {c.type for c in made.canaries} == VALUES.keys()
    assert {c.language for c in made.canaries} == {"en", "es", "fr", "de", "it", "pt"}
    assert {c.context for c in made.canaries} == {"prose", "code", "table", "translation"}


def test_canary_numbers_have_valid_check_digits() -> None:
    rng = random.Random(3)
    for language in ("en", "es", "fr", "de", "it", "pt"):
        for _ in range(20):
            iban = VALUES["IBAN"](rng, language).replace(" ", "")
            assert int("".join(str(int(c, 36)) for c in iban[4:] + iban[:4])) % 97 == 1
            card = [int(d) for d in VALUES["CARD"](rng, language) if d.isdigit()]
            assert sum(d if i % 2 else d * 2 - 9 * (d > 4) for i, d in enumerate(card)) % 10 == 0 and len(card) == 16


def test_identities_stand_where_the_truth_says(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, _ = imported
    assert len(made.identities) > SIZE
    for identity in made.identities:
        conversation = found[identity.conversation]
        parts = conversation.header if identity.turn == -1 else conversation.turns[identity.turn].parts
        assert any(identity.value in p.text for p in parts), (identity.label, identity.turn)


def test_plants_are_exact(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, _ = imported
    works = {work.work_id: work.text for work in made.works}
    assert {p.kind for p in made.plants} == plants.KINDS.keys()
    used = {p.disguise for p in made.plants}
    assert used <= {"plain", *plants.DISGUISES} and len(used) >= 4
    for plant in made.plants:
        turn = found[plant.conversation].turns[plant.turn]
        assert turn.role == plant.role
        said = words(turn.parts[0].text[plant.start : plant.end])
        written = words(works[plant.work_id][plant.work_start : plant.work_end])
        assert said == written and len(written) == plant.words >= 8
        if plant.disguise == "plain":
            assert turn.parts[0].text[plant.start : plant.end] == works[plant.work_id][plant.work_start : plant.work_end]


def test_the_party_asks_from_its_own_accounts(made: World, imported: tuple[dict[str, Conversation], Report]) -> None:
    found, _ = imported
    asked = {found[p.conversation].subject for p in made.plants if p.kind == "party"}
    assert asked <= set(made.parties) and asked
    assert not {c.subject for c in found.values()} & set(made.parties) - asked


def test_all_other_talk_shares_no_run_of_eight_words_with_a_work(
    made: World, imported: tuple[dict[str, Conversation], Report]
) -> None:
    found, _ = imported
    grams = set()
    for work in made.works:
        spoken = words(work.text)
        grams.update(tuple(spoken[i : i + 8]) for i in range(len(spoken) - 7))
    planted = {p.conversation for p in made.plants}
    for conversation in found.values():
        if conversation.id not in planted:
            for _, _, part in conversation.parts():
                spoken = words(part.text)
                assert not any(tuple(spoken[i : i + 8]) in grams for i in range(len(spoken) - 7)), conversation.id


def test_works_are_long_and_differ(made: World) -> None:
    assert len(made.works) >= 60
    holders: defaultdict[tuple[str, ...], set[str]] = defaultdict(set)
    for work in made.works:
        spoken = words(work.text)
        assert 300 <= len(spoken) <= 900
        for i in range(len(spoken) - 7):
            holders[tuple(spoken[i : i + 8])].add(work.work_id)
    shared = sum(len(works) > 1 for works in holders.values())
    assert shared / len(holders) < 0.005
    assert len({w.title for w in made.works}) > 60 and len({w.owner for w in made.works}) >= 4
    assert [w.text for w in articles(20261121, 5)] == [w.text for w in made.works[:5]]


def test_tally_counts_what_is_left() -> None:
    canaries = [
        Canary("c1", 0, "IBAN", "de", "prose", "DE89370400440532013000"),
        Canary("c1", 0, "PERSON", "de", "prose", "Wolke Hackbarth"),
        Canary("c2", 0, "PERSON", "en", "code", "Grace Field"),
        Canary("c3", 0, "PERSON", "en", "code", "Joy Pond"),
        Canary("c2", 0, "ADDRESS", "en", "code", "7 Lamplighter Row, Tolleymere"),
        Canary("c2", 0, "EMAIL", "en", "code", "pond_12@kelu-mo.test"),
        Canary("c2", 0, "PHONE", "en", "code", "+44 20 7946 0123"),
        Canary("c2", 0, "RECORD_NUMBER", "en", "code", "MRN-2021-553311"),
    ]
    produced = {
        "c1": "[IBAN-1] und Frau HACKBARTH",
        "c2": "a field of [PERSON-1], [NUMBER-1], tolleymere; pond_12 at work; 20 7946 0000; no. 553311",
    }
    counted = {(t.type, t.language): (t.planted, t.missed) for t in tally(canaries, produced.get)}
    assert counted == {
        ("IBAN", "de"): (1, 0),
        ("PERSON", "de"): (1, 1),
        ("PERSON", "en"): (1, 0),
        ("ADDRESS", "en"): (1, 1),
        ("EMAIL", "en"): (1, 1),
        ("PHONE", "en"): (1, 0),
        ("RECORD_NUMBER", "en"): (1, 1),
    }


@pytest.mark.parametrize(
    ("value", "text", "left"),
    [
        ("DE89 3704 0044 0532", "x de8937040044 0532 y", True),
        ("4539 1488 0343 6467", "4539-1488-0343-6467", True),
        ("Ada Lind", "ADA  LIND's", True),
        ("Ada Lind", "Ada Lindholm", False),
        ("@tovu_31", "see @[HANDLE-1]", False),
        ("", "anything", False),
    ],
)
def test_survival_ignores_case_and_separators(value: str, text: str, left: bool) -> None:
    assert survives(value, text) is left


def test_small_worlds_have_one_of_each_kind() -> None:
    small = world(1, 60)
    assert {p.kind for p in small.plants} == plants.KINDS.keys() and small.canaries
    assert len(small.exports) + len(small.calls) == 60


def test_nothing_of_the_world_makes_keys() -> None:
    folder = Path(plants.__file__).parent
    for path in folder.glob("*.py"):
        source = path.read_text(encoding="utf-8")
        assert "core.crypto" not in source and "cryptography" not in source and "import secrets" not in source
