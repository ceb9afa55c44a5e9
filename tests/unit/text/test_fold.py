"""The frozen table of `words/1` against the rule, the running Unicode, and damage."""

from __future__ import annotations

import unicodedata

import pytest

from incamera.core.errors import Unverified
from incamera.text import fold


def test_every_code_point_follows_the_rule() -> None:
    table = fold.load()
    assigned_since = [0] if unicodedata.unidata_version == table.unicode else []
    for cp in range(0x110000):
        got = table.code_point(cp)
        want = fold.folded(chr(cp))
        if got != want:
            # A later Python knows letters that the frozen table does not; an earlier one can know none that it lacks.
            assert not assigned_since, hex(cp)
            assert got == " ", hex(cp)


def test_the_table_names_itself_by_its_digest() -> None:
    assert fold.load().digest == "334daf02079203b3ae9aeb9c595e851c3d8d86c7ac3cee6b52650e87289f2ff3"


@pytest.mark.parametrize(
    ("text", "want"),
    [
        ("A", "a"),
        ("É", "e"),
        ("ß", "ss"),
        ("ﬁ", "fi"),
        ("²", "2"),
        ("½", "1 2"),
        ("\u200b", ""),
        ("\u0301", ""),
        ("\u00ad", ""),
        ("'", " "),
        ("_", " "),
        ("\u0430", "a"),
        ("\u03bf", "o"),
        ("\u0585", "o"),
        ("Ｗ", "w"),
        ("\ud800", " "),
        ("\U0001f600", " "),
    ],
)
def test_known_characters(text: str, want: str) -> None:
    assert fold.load().code_point(ord(text)) == want


def test_named_references() -> None:
    table = fold.load()
    assert table.named("amp") == " "
    assert table.named("Eacute") == "e"
    assert table.named("fjlig") == "fj"
    assert table.named("shy") == ""
    assert table.named("nosuchname") is None


@pytest.mark.parametrize(
    "harm",
    [
        lambda b: b[:-1],
        lambda b: b[:200] + bytes([b[200] ^ 1]) + b[201:],
        lambda b: b"",
        lambda b: b"{}\n" + b,
        lambda b: b"\xff" + b,
    ],
)
def test_a_damaged_table_is_refused(harm) -> None:  # type: ignore[no-untyped-def]
    from importlib.resources import files

    raw = files("incamera.text").joinpath("words1.bin").read_bytes()
    with pytest.raises(Unverified) as caught:
        fold.parse(harm(raw))
    assert caught.value.code == "text.fold-damaged"


def test_a_missing_table_is_said(monkeypatch: pytest.MonkeyPatch, tmp_path) -> None:  # type: ignore[no-untyped-def]
    from incamera.core.errors import Unavailable

    monkeypatch.setattr(fold, "files", lambda _: tmp_path)
    fold.load.cache_clear()
    try:
        with pytest.raises(Unavailable) as caught:
            fold.load()
        assert caught.value.code == "text.fold-missing"
    finally:
        monkeypatch.undo()
        fold.load.cache_clear()
        fold.load()


def test_the_derived_table_is_the_shipped_one() -> None:
    if unicodedata.unidata_version != fold.load().unicode:
        pytest.skip("this Python knows another Unicode version than the frozen table")
    assert fold.parse(fold.derive()).digest == fold.load().digest
