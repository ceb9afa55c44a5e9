"""The evidence report: attacks see replacements where they stand, kinds stay apart, and the page escapes what it shows."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from incamera.clerk import risk
from incamera.clerk.probe import Planted, Probe
from incamera.core.canon import canonical
from incamera.core.errors import Malformed, Refused
from incamera.core.ids import Commitment, Digest, Ref
from incamera.core.records import Part, Redacted, Span, Surrogate, Turn
from incamera_verify import risk as shown
from incamera_verify.errors import VerificationError


def redacted(text: str, *replaced: tuple[int, int, str, str]) -> Redacted:
    """One turn; *replaced* gives source span, label and replacement, left to right, for a text that holds the replacements."""
    spans = tuple(
        Surrogate(span=Span(turn=0, part=0, start=start, end=end), label=label, replacement=word, method="realistic")
        for start, end, label, word in replaced
    )
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="text", text=text),))
    return Redacted(source=Commitment(""), recipe=Digest("r"), header=(), turns=(turn,), surrogates=spans)


def test_an_attacker_of_realistic_surrogates_is_granted_where_they_stand() -> None:
    # "Ann met Bob." was received
    one = redacted("Rosalind met Jo.", (0, 3, "PERSON", "Rosalind"), (8, 11, "PERSON", "Jo"))
    assert risk._with_tags(one) == "[PERSON-1] met [PERSON-1]."
    assert risk._with_tags(redacted("[PERSON-1] met.", (0, 3, "PERSON", "[PERSON-1]"))) == "[PERSON-1] met."


def test_subjects_are_linked_by_their_halves() -> None:
    class Known:
        def __init__(self, subject: str) -> None:
            self.subject = subject

    facts: Any = {Ref(cref): Known(subject) for cref, subject in (("a", "s"), ("b", "s"), ("c", "t"), ("d", "t"), ("e", "u"))}
    apart = {"a": ["Ada"], "b": ["Ada"], "c": ["Bo"], "d": ["Bo"], "e": ["Cy"]}
    assert risk._linked(apart, facts) == (2, 2)
    assert risk._linked({cref: ["[PERSON-1]"] for cref in apart}, facts) == (0, 2)


def probe(missed: bool) -> Probe:
    secret = Planted(type="name", language="fr", context="table", missed=missed)
    return Probe(planted=(secret,), digest="d", recaptured=(6, 2, 2))


def test_canaries_are_counted_by_each_of_their_sides_and_by_all() -> None:
    rows = risk._canaries([probe(True), probe(False), probe(False)])
    assert {(row["what"], row["language"], row["context"], row["count"], row["of"]) for row in rows} == {
        ("all", "", "", 1, 3),
        ("name", "", "", 1, 3),
        ("all", "fr", "", 1, 3),
        ("all", "", "table", 1, 3),
        ("name", "fr", "table", 1, 3),
    }
    assert all(row["kind"] == "canaries" and float(row["low"]) < 1 / 3 < float(row["high"]) for row in rows)


def test_recapture_sums_detectors_over_conversations() -> None:
    rows = {row["what"]: row["count"] for row in risk._recaptured([probe(False)] * 10, None)}
    assert rows == {"rules and lists, and the names model": 60, "rules and lists": 20, "names model": 20, "neither": 7}


EVALUATED: dict[str, Any] = {
    "recipe_digest": "r" * 64,
    "confidence": 0.95,
    "table": [
        {"by": "all mentions", "value": "", "covered": 9, "of": 10, "low": "0.5550", "high": "0.9975"},
        {"by": "language", "value": "en", "covered": 9, "of": 10, "low": "0.5550", "high": "0.9975"},
        {"by": "label", "value": "PERSON", "covered": 9, "of": 10, "low": "0.5550", "high": "0.9975"},
    ],
}


def test_an_evaluation_of_the_same_recipe_stands_beside_the_rest(tmp_path: Path) -> None:
    path = tmp_path / "evaluated.json"
    path.write_text(json.dumps(EVALUATED))
    lines = risk.labelled_lines(path, "r" * 64)
    assert [(line["what"], line["language"], line["count"], line["of"]) for line in lines] == [
        ("all mentions", "", 9, 10),
        ("language", "en", 9, 10),
        ("label: PERSON", "", 9, 10),
    ]
    with pytest.raises(Refused, match=r"answer\.other-recipe"):
        risk.labelled_lines(path, "s" * 64)


@pytest.mark.parametrize("change", [{"value": "a secret? yes!"}, {"covered": "9"}, {"low": None}, {"by": "x" * 61}])
def test_an_evaluation_carries_no_text(tmp_path: Path, change: dict[str, Any]) -> None:
    path = tmp_path / "evaluated.json"
    path.write_text(json.dumps({**EVALUATED, "table": [{**EVALUATED["table"][0], **change}]}))
    with pytest.raises(Malformed, match=r"answer\.bad-evaluation"):
        risk.labelled_lines(path, "r" * 64)
    path.write_text("[]")
    with pytest.raises(Malformed, match=r"answer\.bad-evaluation"):
        risk.labelled_lines(path, "r" * 64)


def report(**changes: Any) -> dict[str, Any]:
    row = risk._line("parrot", "<b>", 1, 2, means="a & b")
    return {
        "version": shown.VERSION, "matter": "m", "order": "o", "recipe": "r", "rows": [row], "notes": ["<script>"], **changes
    }  # fmt: skip


def test_the_page_escapes_what_it_shows_and_names_every_kind() -> None:
    page = shown.page(report()).decode()
    assert "<b>" not in page.partition("</style>")[2] and "<script>" not in page and "a &amp; b" in page
    assert all(name in page for name, _ in shown.KINDS.values())
    assert page.count("None was gathered") == len(shown.KINDS) - 1


def test_a_report_is_read_as_it_was_written() -> None:
    assert shown.parse(canonical(report()) + b"\n", "r") == report()
    for changes in ({"rows": [{}]}, {"notes": [1]}, {"version": "x"}, {"more": 1}):
        with pytest.raises(VerificationError) as caught:
            shown.parse(canonical(report(**changes)) + b"\n", "r")
        assert caught.value.code == "risk.malformed"
