"""What an examination derives from conversations: registered with its key and reach, and not readable anywhere on disk."""

from __future__ import annotations

import re

import delivered
import pytest
from parties import Matter, article_works, conversation, log

from incamera.clerk import examine, vocabulary, works
from incamera.clerk.desk import Desk
from incamera.core.errors import Malformed, Refused
from incamera.deid import adapters
from incamera.deid import vocabulary as common
from incamera.governance import order as orders

BOILERPLATE = "As an assistant I cannot give legal advice, but here is how such a letter might begin, in quiet and plain words."
FORMS = (BOILERPLATE.encode(), b"such a letter might begin", b"frobnicator")


def repeated(path, turns=24):
    """Many subjects, one answer: a brand word of everybody and a word of one."""
    return log(
        path,
        [
            conversation(
                f"c{n}",
                ("user", f"my frobnicator is loud{', quuxling' if n == 3 else ''}, what now"),
                ("assistant", BOILERPLATE),
                subject=f"subject-{n}",
            )
            for n in range(turns)
        ],
    )


@pytest.fixture
def repeating(tmp_path) -> Matter:
    path = tmp_path / "matter"
    path.mkdir()
    return Matter(path=path, conversations=repeated(path / "log.jsonl"), works=log(path / "works.jsonl", article_works()))


def on_disk(home) -> list[str]:
    """Files of the home in which a form of the text stands."""
    return [str(p) for p in home.rglob("*") if p.is_file() and any(form in p.read_bytes() for form in FORMS)]


def test_repeated_text_is_remembered_in_the_worker_only(repeating: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    made = []
    real = examine._repeats.__wrapped__
    kept = {}
    monkeypatch.setattr(examine, "_repeats", lambda recipe: made.append(recipe) or kept.setdefault(recipe, real(recipe)))
    with repeating.new_home() as home:
        repeating.finish(home)
        listed = {d.name.partition(": ")[2]: d for d in home.vault.register.all()}
    (memory,) = kept.values()
    assert memory.asked >= 24
    assert len(memory._kept) < 12  # the one text of twenty-four answers, and the canaries planted among them
    assert {name: d.reach for name, d in listed.items()}.items() >= {
        "examined": "dies-with-key",
        "vocabulary": "ages-out",
        "repeated text": "ages-out",
    }.items()
    assert "kept nowhere" in listed["repeated text"].key_path
    assert on_disk(repeating.home_path) == []


def test_a_vocabulary_of_the_draw_is_counted_frozen_and_sealed(repeating: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(common, "MIN_SUBJECTS", 20)
    repeating.more = "[deidentification]\nk = 20\n"
    repeating.write_order()
    with repeating.new_home() as home:
        repeating.finish(home)
        (path,) = repeating.home_path.rglob("vocabulary.sealed")
        frozen = vocabulary.read(path, works.index_key(Desk(home=home, order=orders.load(repeating.order))))
        built = [past.entry.fields for past in home.ledger.entries("26-cv-9001") if past.entry.act == "vocabulary.built"]
    assert frozen.on
    assert "frobnicator" in frozen.words
    assert "quuxling" not in frozen.words
    assert [(one["subjects"], one["k"], one["vocabulary"]) for one in built] == [(24, 20, frozen.digest())]
    assert on_disk(repeating.home_path) == []


def test_what_the_expert_counts_is_told_before_and_after(repeating: Matter) -> None:
    repeating.more = '[deidentification]\nutility = "utility.toml"\n'
    (repeating.path / "utility.toml").write_text(
        'version = "incamera-utility/1"\n[patterns]\nadvice = ["legal advice"]\nrare = ["what now is loud"]\n'
        '[topics]\nletters = ["letter"]\n'
    )
    repeating.write_order()
    with repeating.new_home() as home:
        repeating.finish(home)
    rows = {row["statistic"]: row for row in delivered.table(repeating.out, "utility")}
    assert rows["texts"]["raw"] == rows["texts"]["redacted"] == "48"
    assert (rows["pattern:advice"]["raw"], rows["topic:letters"]["raw"]) == ("24", "24")
    assert rows["pattern:rare"]["raw"] == ""  # fewer than ten: an answer about somebody
    delivered.verified(repeating.out)


def test_an_order_cannot_count_a_person(repeating: Matter) -> None:
    repeating.more = '[deidentification]\nutility = "utility.toml"\n'
    (repeating.path / "utility.toml").write_text('version = "incamera-utility/1"\n[patterns]\nx = ["ruth klinger"]\n')
    repeating.write_order()
    with repeating.new_home() as home, pytest.raises(Malformed, match=r"deid\.telling-contract"):
        repeating.finish(home)


def test_the_detectors_of_the_order_are_asked_and_no_others(repeating: Matter, monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []

    class Noisy:
        name, version, weights = "noisy", "1", ""

        def detect(self, texts):
            asked.extend(texts)
            return [[adapters.Detected(m.start(), m.end(), "CODE", 0.5) for m in re.finditer("loud", t)] for t in texts]

    def opened(given):
        return [Noisy() for _ in given]

    monkeypatch.setattr(adapters, "opened", opened)
    examine._detectors.cache_clear()
    repeating.more = '[deidentification]\ndetectors = ["noisy"]\n'
    repeating.write_order()
    with repeating.new_home() as home:
        for wrong in ((), ("other",), ("noisy", "noisy")):
            with pytest.raises(Refused, match=r"answer\.detectors-differ"):
                repeating.finish(home, detectors=wrong)
        assert asked == []
        repeating.finish(home, detectors=("noisy=somewhere",))
    examine._detectors.cache_clear()
    assert asked
    assert "loud" not in str(delivered.rows(repeating.out))
