"""The utility contract: counted before and after, conversation by conversation, and never a question about a person."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.clerk.files import deid, deid_compare
from incamera.clerk.watch import Silent
from incamera.core.errors import Malformed
from incamera.deid.utility import VERSION, Comparison, Contract, load, measure, parse


def contract(**lists):
    return parse({"version": VERSION, **lists}, where="c.toml")


TERMS = contract(
    patterns={"apology": ["I am sorry", "i apologise"], "copying": ["word for word"]}, topics={"medicine": ["hospital", "nurse"]}
)


def test_hits_topics_and_lengths():
    counts = measure(["I'm, no: I am sorry! I am sorry.", "copied Word-for-word at the hospital, the hospital"], TERMS)
    assert counts == {
        "texts": 2,
        "chars": 82,
        "words": 18,
        "pattern:apology": 2,
        "pattern:copying": 1,
        "topic:medicine": 1,
    }


def test_a_tag_is_one_word_that_no_phrase_holds():
    assert measure(["[PERSON-1] said"], TERMS)["words"] == 2
    assert measure(["i am [PERSON-1] sorry"], TERMS)["pattern:apology"] == 0
    named = contract(patterns={"x": ["person"]})
    assert measure(["[PERSON-1] and a person"], named)["pattern:x"] == 1


@given(st.lists(st.sampled_from(["i", "am", "sorry", "word", "for", "hospital", "."]), max_size=30))
def test_counting_agrees_with_looking(words):
    text = " ".join(words)
    plain = [w for w in words if w != "."]
    sorry = sum(plain[i : i + 3] == ["i", "am", "sorry"] for i in range(len(plain)))
    counts = measure([text], TERMS)
    assert counts["pattern:apology"] == sorry
    assert counts["topic:medicine"] == int("hospital" in plain)
    assert counts["words"] == len(plain)


def test_changes_that_cancel_out_are_told():
    compared = Comparison(TERMS)
    for before, after in ((["i am sorry"], ["i am [OTHER-1]"]), (["nothing"], ["i am sorry"])):
        compared.add(measure(before, TERMS), measure(after, TERMS))
    (row,) = [d for d in compared.differences() if d.name == "pattern:apology"]
    assert (row.raw, row.redacted, row.change, row.fell, row.rose) == (1, 1, 0, 1, 1)


def test_small_counts_are_not_told_where_text_is_not_held():
    compared = Comparison(TERMS)
    for _ in range(12):
        compared.add(measure(["i am sorry"], TERMS), measure(["i am sorry"], TERMS))
    compared.add(measure(["the nurse, word for word"], TERMS), measure(["the [OCC-1]"], TERMS))
    rows = {row["statistic"]: row for row in compared.report(least=10)["statistics"]}
    assert rows["pattern:apology"]["raw"] == 12
    assert rows["topic:medicine"]["raw"] is None
    assert rows["pattern:copying"]["fell"] is None
    assert rows["words"]["raw"] == 41
    assert all(row["raw"] is not None for row in compared.report()["statistics"])


def test_quantiles_of_words():
    compared = Comparison(Contract())
    for n in range(1, 11):
        counts = measure(["word " * n], Contract())
        compared.add(counts, counts)
    assert compared.report()["words_per_conversation"]["p50"] == {"raw": 5, "redacted": 5}
    assert Comparison(Contract()).report()["words_per_conversation"]["p90"] == {"raw": 0, "redacted": 0}


@pytest.mark.parametrize("phrase", ["Emma", "smith", "klinger", "ruth klinger", "42", "r2d2", "zorblat", "rose may"])
def test_a_contract_is_no_question_about_a_person(phrase):
    with pytest.raises(Malformed, match=r"deid.telling-contract") as caught:
        contract(patterns={"x": ["hello there", phrase]})
    assert phrase.lower() not in str(caught.value).lower()
    assert "phrase 2" in str(caught.value)


@pytest.mark.parametrize("phrase", ["doctor", "in the style of", "verbatim", "nurse", "my mother", "rose", "jewish"])
def test_words_that_everybody_uses_are_counted(phrase):
    assert contract(topics={"x": [phrase]}).topics["x"] == (tuple(phrase.split()),)


@pytest.mark.parametrize(
    "given_",
    [
        {},
        {"version": "incamera-utility/2"},
        {"version": VERSION, "extra": {}},
        {"version": VERSION, "topics": ["hospital"]},
        {"version": VERSION, "topics": {"Bad Name": ["hospital"]}},
        {"version": VERSION, "topics": {"x": []}},
        {"version": VERSION, "topics": {"x": [1]}},
        {"version": VERSION, "topics": {"x": ["..."]}},
        {"version": VERSION, "topics": {"x": ["word " * 9]}},
        {"version": VERSION, "topics": {f"x{i}": ["word"] for i in range(201)}},
    ],
)
def test_what_is_no_contract_is_refused(given_):
    with pytest.raises(Malformed, match=r"deid.not-a-contract"):
        parse(given_, where="c.toml")


def test_a_file_and_its_digest(tmp_path):
    path = tmp_path / "c.toml"
    path.write_text(f'version = "{VERSION}"\n[topics]\nmedicine = ["Hospital"]\n')
    assert load(path) == contract(topics={"medicine": ["hospital"]})
    assert load(path).digest() != Contract().digest()
    path.write_bytes(b"\xff")
    with pytest.raises(Malformed, match=r"deid.not-a-contract"):
        load(path)


def test_file_mode(tmp_path):
    raw, redacted, out, terms = (tmp_path / n for n in ("raw.jsonl", "red.jsonl", "report.json", "c.toml"))
    rows = [
        {"id": "1", "text": "Ruth Klinger met a nurse"},
        {
            "id": "2",
            "turns": [{"role": "user", "text": "i am sorry, Ruth"}, {"role": "assistant", "text": "you can put the table there"}],
        },
    ]
    raw.write_text("".join(json.dumps(r) + "\n" for r in rows))
    terms.write_text(f'version = "{VERSION}"\n[patterns]\nsorry = ["i am sorry"]\n[topics]\nmixed = ["nurse", "table"]\n')
    deid("apply", raw, redacted, recipe="conservative", accounts=None, processes=1, watch=Silent())
    report = deid_compare(raw, redacted, contract=terms, out=out, watch=Silent())
    assert json.loads(out.read_text()) == report
    rows_ = {r["statistic"]: r for r in report["statistics"]}
    assert rows_["pattern:sorry"] == {"statistic": "pattern:sorry", "raw": 1, "redacted": 1, "change": 0, "fell": 0, "rose": 0}
    assert (rows_["topic:mixed"]["raw"], rows_["topic:mixed"]["fell"]) == (2, 1)
    redacted.write_text(redacted.read_text().splitlines()[0] + "\n")
    with pytest.raises(Malformed, match=r"deid.pair-mismatch"):
        deid_compare(raw, redacted, contract=None, out=None, watch=Silent())
    redacted.write_text('{"id": "1", "turns": [{"text": "a"}, {"text": "b"}]}\n')
    with pytest.raises(Malformed, match=r"deid.pair-mismatch"):
        deid_compare(raw, redacted, contract=None, out=None, watch=Silent())
    redacted.write_text('{"id": "1", "turns": 3}\n')
    with pytest.raises(Malformed, match=r"deid.not-a-record"):
        deid_compare(raw, redacted, contract=None, out=None, watch=Silent())
