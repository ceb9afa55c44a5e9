"""The load file carries anything and gives it back."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera_verify import loadfile
from incamera_verify.errors import VerificationError

#: Every code point, lone surrogates included, and the dialect's own characters more often than chance would have them.
HOSTILE = st.text(st.one_of(st.characters(), st.sampled_from("\u00fe\x14\u00ae\r\n{U+}\ud800\ufeff\u2028\x00;\\")))


def _lines(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n")


@given(HOSTILE)
def test_a_value_comes_back_with_line_ends_as_lf(value: str) -> None:
    encoded, _ = loadfile.encode_value(value)
    assert loadfile.decode_value(encoded) == _lines(value)


@given(st.lists(st.lists(HOSTILE, min_size=3, max_size=3), max_size=8))
def test_a_file_comes_back(rows: list[list[str]]) -> None:
    data, count = loadfile.encode(("A", "B", "C"), rows)
    table = loadfile.parse(data)
    assert table.fields == ("A", "B", "C")
    assert [list(row) for row in table.rows] == [[_lines(value) for value in row] for row in rows]
    assert count == sum(loadfile.encode_value(value)[1] for row in rows for value in row)


def test_bytes_of_the_dialect() -> None:
    data, count = loadfile.encode(("BEGBATES", "MODEL"), [("X1", "a\r\nb\u00fe\x14\u00ae"), ("X2", "")])
    assert data == (
        b"\xc3\xbeBEGBATES\xc3\xbe\x14\xc3\xbeMODEL\xc3\xbe\r\n"
        b"\xc3\xbeX1\xc3\xbe\x14\xc3\xbea\xc2\xaeb{U+00FE}{U+0014}{U+00AE}\xc3\xbe\r\n"
        b"\xc3\xbeX2\xc3\xbe\x14\xc3\xbe\xc3\xbe\r\n"
    )
    assert count == 3


def test_emoji_and_right_to_left_pass_unchanged() -> None:
    text = "\U0001f469\u200d\U0001f469\u200d\U0001f467 \u05e9\u05dc\u05d5\u05dd \u0645\u0631\u062d\u0628\u0627"
    assert loadfile.encode_value(text) == (text, 0)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "loadfile.bad-line"),
        ("\ufeff\u00feA\u00fe\r\n".encode(), "loadfile.bad-line"),
        ("\u00feA\u00fe\n".encode(), "loadfile.bad-line"),
        ("\u00feA\u00fe\r\n\u00feB\r\n".encode(), "loadfile.bad-line"),
        ("\u00feA\u00fe\r\n\u00feB\u00fe\x14\u00feC\u00fe\r\n".encode(), "loadfile.column-count"),
        ("\u00feA\u00fe\x14\u00feA\u00fe\r\n".encode(), "loadfile.duplicate-field"),
        ("\u00feA\u00fe\r\n\u00fe\x07\u00fe\r\n".encode(), "loadfile.bad-value"),
        ("\u00feA\u00fe\r\n\u00fe{U+0041}\u00fe\r\n".encode(), "loadfile.bad-value"),
        ("\u00feA\u00fe\r\n\u00fe{U+FFFFFF}\u00fe\r\n".encode(), "loadfile.bad-value"),
        (b"\xfeA\xfe\r\n", "loadfile.not-utf8"),
    ],
)
def test_what_is_not_of_the_dialect_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(VerificationError) as flaw:
        loadfile.parse(data, "VOL001.DAT")
    assert flaw.value.code == code


def test_a_missing_field_is_named() -> None:
    with pytest.raises(VerificationError, match=r"\[loadfile\.missing-field\] at BEGBATES"):
        loadfile.parse(loadfile.encode(("A",), [])[0]).column("BEGBATES")


@given(st.binary(max_size=300))
def test_any_bytes_are_parsed_or_refused(data: bytes) -> None:
    try:
        table = loadfile.parse(data)
    except VerificationError:
        return
    assert loadfile.encode(table.fields, table.rows)[0] == data
