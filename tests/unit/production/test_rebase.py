"""Offsets move as `Redacted.rebase` moves them, and hit the text they should."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from incamera.core.ids import Commitment, Digest
from incamera.core.records import Part, Redacted, Span, Surrogate, Turn
from incamera.production.rebase import Rebase


@st.composite
def redactions(draw: st.DrawFn) -> tuple[str, str, list[Surrogate]]:
    """Source text, produced text, and the surrogates between them."""
    source, produced, surrogates = "", "", []
    for _ in range(draw(st.integers(0, 6))):
        kept = draw(st.text("abc ", max_size=5))
        source, produced = source + kept, produced + kept
        found, put = draw(st.text("XYZ", min_size=1, max_size=6)), draw(st.text("[]-1", max_size=6))
        span = Span(turn=0, part=0, start=len(source), end=len(source) + len(found))
        surrogates.append(Surrogate(span=span, label="PERSON", replacement=put, method="tag"))
        source, produced = source + found, produced + put
    tail = draw(st.text("abc ", max_size=5))
    return source + tail, produced + tail, surrogates


def _redacted(produced: str, surrogates: list[Surrogate], withheld: tuple[tuple[Span, str], ...] = ()) -> Redacted:
    turn = Turn(index=0, role="user", parts=(Part(kind="text", path="", text=produced),))
    return Redacted(
        source=Commitment("0" * 64),
        recipe=Digest("0" * 64),
        header=(),
        turns=(turn,),
        surrogates=tuple(surrogates),
        withheld=withheld,
    )


@given(redactions(), st.data())
def test_the_same_answers_as_the_record_itself(made: tuple[str, str, list[Surrogate]], data: st.DataObject) -> None:
    source, produced, surrogates = made
    redacted = _redacted(produced, surrogates)
    rebase = Rebase(redacted)
    start = data.draw(st.integers(0, len(source)))
    end = data.draw(st.integers(start, len(source)))
    if start == end:
        return
    span = Span(turn=0, part=0, start=start, end=end)
    moved = rebase(span)
    assert moved == redacted.rebase(span)
    assert 0 <= moved.start <= moved.end <= len(produced)
    kept = [s for s in surrogates if s.span.end <= start or s.span.start >= end]
    if len(kept) == len(surrogates):  # touches no replacement: the very same text
        assert produced[moved.start : moved.end] == source[start:end]


@given(redactions())
def test_a_surrogates_own_span_becomes_its_replacement(made: tuple[str, str, list[Surrogate]]) -> None:
    _, produced, surrogates = made
    rebase = Rebase(_redacted(produced, surrogates))
    for surrogate in surrogates:
        moved = rebase(surrogate.span)
        assert produced[moved.start : moved.end] == surrogate.replacement


def test_a_span_in_a_withheld_part_becomes_the_slip() -> None:
    slip = "[WITHHELD: LANG-NOT-COVERED]"
    redacted = _redacted(slip, [], ((Span(turn=0, part=0, start=0, end=5000), "LANG-NOT-COVERED"),))
    assert Rebase(redacted)(Span(turn=0, part=0, start=900, end=950)) == Span(turn=0, part=0, start=0, end=len(slip))
