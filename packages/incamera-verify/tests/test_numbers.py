"""Intervals are checked by the equations that define them; figures are compared whatever class they claim."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera_verify import numbers
from incamera_verify.errors import VerificationError


def _row(hits: int, of: int, low: float, high: float) -> dict[str, str]:
    return {"share": f"{hits / of:.15g}", "low": f"{low:.15g}", "high": f"{high:.15g}", "confidence": "0.95"}


@settings(max_examples=150, deadline=None)
@given(st.integers(1, 20_000_000).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_exact_interval_is_accepted_and_a_shifted_one_is_not(pair: tuple[int, int]) -> None:
    stats = pytest.importorskip("scipy.special")
    hits, of = pair
    low = float(stats.betaincinv(hits, of - hits + 1, 0.025)) if hits else 0.0
    high = float(stats.betaincinv(hits + 1, of - hits, 0.975)) if hits < of else 1.0
    numbers.check_interval(hits, of, _row(hits, of, low, high), "here")
    for wrong in (_row(hits, of, low, high * 0.97), _row(hits, of, low * 1.03 if hits else 1e-9, high)):
        with pytest.raises(VerificationError, match=r"numbers\.wrong-table"):
            numbers.check_interval(hits, of, wrong, "here")


def test_a_textbook_interval() -> None:
    # 0 of 3,000: the upper 97.5 % bound is 1 - 0.025^(1/3000), to be found in any table of zero-failure tests.
    numbers.check_interval(0, 3000, _row(0, 3000, 0.0, 1 - 0.025 ** (1 / 3000)), "here")


@pytest.mark.parametrize("change", [{"share": "0.2"}, {"confidence": "0.9"}, {"low": "nan"}, {"high": ""}, {"low": "1e999"}])
def test_other_words_for_a_number_are_refused(change: dict[str, str]) -> None:
    row = _row(1, 10, 0.00252858, 0.44501611) | change
    with pytest.raises(VerificationError, match=r"numbers\.wrong-table"):
        numbers.check_interval(1, 10, row, "here")


def _figure(name: str, value: int | str, kind: str = "recomputable") -> dict[str, object]:
    return {"id": name, "label": name, "value": value, "class": kind, "how": "", "section": "x"}


def test_figures_are_compared_whatever_their_class() -> None:
    count, rest = numbers.check_figures([_figure("a", 1), _figure("b", 2, "attested")], {"a": 1})
    assert (count, [figure["id"] for figure in rest]) == (1, ["b"])
    with pytest.raises(VerificationError, match=r"numbers\.wrong-figure"):
        numbers.check_figures([_figure("a", 2, "attested")], {"a": 1})
    with pytest.raises(VerificationError, match=r"numbers\.wrong-figure"):
        numbers.check_figures([_figure("a", "1")], {"a": 1})
    with pytest.raises(VerificationError, match=r"numbers\.missing-figure"):
        numbers.check_figures([], {"a": 1})
    with pytest.raises(VerificationError, match=r"numbers\.not-recomputable"):
        numbers.check_figures([_figure("a", 1), _figure("made.up", 5)], {"a": 1})


def test_only_runs_in_outputs_count_as_hits() -> None:
    def row(*matches: tuple[int, int, list[str]]) -> dict[str, object]:
        turns = [{"index": 0, "role": "user"}, {"index": 1, "role": "assistant"}, {"index": 2, "role": "tool"}]
        found = [{"turn": t, "words": w, "elicitation": e, "fold": "words/1"} for t, w, e in matches]
        return {"record": {"turns": turns}, "matches": found}

    assert numbers.longest_output_run(row((0, 90, ["PROMPT"]), (2, 80, ["TOOL"]), (-1, 70, []))) == 0
    assert numbers.longest_output_run(row((1, 12, []), (1, 40, ["NAMED"]), (1, 60, ["PROMPT"]))) == 40


def test_characters_of_unspaced_scripts_are_not_words() -> None:
    assert (numbers.run_words(16, "chars/1"), numbers.run_words(16, "words/1")) == (8, 16)


class TestCustody:
    """Counts by who can open a conversation are those of the ledger's acts, and add up."""

    FRAME = ({"operator": 7, "escrowed": 2, "user": 1}, 10)
    DRAW = ({"operator": 3, "escrowed": 0, "user": 1}, 5)

    def stated(self, **changes: int) -> list[dict[str, object]]:
        known = {f"frame.custody.{name}": count for name, count in self.FRAME[0].items()}
        known |= {f"draw.custody.{name}": count for name, count in self.DRAW[0].items()}
        changed = known | {name.replace("_", "."): count for name, count in changes.items()}
        return [_figure(name, value, "neutral") for name, value in changed.items() if value >= 0]

    def check(self, stated: list[dict[str, object]], frame: object = None, draw: object = None) -> None:
        numbers.check_custody(stated, {"frame": frame or self.FRAME, "draw": draw or self.DRAW})  # type: ignore[dict-item]

    def test_what_the_ledger_counted_is_accepted(self) -> None:
        self.check(self.stated())
        self.check([], frame=({}, 10), draw=({}, 5))  # acts written before classes were counted

    @pytest.mark.parametrize("changes", [{"frame_custody_user": 0}, {"draw_custody_operator": 4}])
    def test_another_count_is_refused(self, changes: dict[str, int]) -> None:
        with pytest.raises(VerificationError, match=r"numbers\.wrong-figure"):
            self.check(self.stated(**changes))

    def test_a_count_that_is_left_out_or_that_the_ledger_lacks_is_refused(self) -> None:
        with pytest.raises(VerificationError, match=r"numbers\.missing-figure"):
            self.check(self.stated(frame_custody_user=-1))
        with pytest.raises(VerificationError, match=r"numbers\.wrong-figure"):
            self.check(self.stated(), draw=({}, 5))

    def test_counts_that_do_not_add_up_are_refused(self) -> None:
        for frame, draw in (((self.FRAME[0], 11), None), ((self.FRAME[0], 9), None), (None, (self.DRAW[0], 3))):
            with pytest.raises(VerificationError, match=r"numbers\.wrong-figure"):
                self.check(self.stated(), frame, draw)


def test_what_trustees_did_not_unseal_is_counted_apart() -> None:
    tally = numbers.Tally()
    for code in ("vault.escrow-sealed", "vault.shredded", "vault.escrow-sealed"):
        tally.log("exceptions", {"code": code})
    assert (tally.figures()["exceptions.total"], tally.figures()["exceptions.escrow-sealed"]) == (3, 2)
