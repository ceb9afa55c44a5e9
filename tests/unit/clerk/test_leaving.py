"""How text leaves: into one file of the caller's, whole or not at all; and what counts tell of few people: nothing."""

from __future__ import annotations

import os
from collections import Counter
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from incamera.clerk import leaving as module
from incamera.clerk.leaving import leaving
from incamera.clerk.using import OTHER, cells
from incamera.core.errors import Error, Refused, Unavailable
from incamera.core.ids import digest


@pytest.fixture(params=["nameless", "in memory"])
def kind(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> str:
    """With files that have no name, and on a system or file system that knows none."""
    if request.param == "in memory":
        monkeypatch.delattr(os, "O_TMPFILE")
    return str(request.param)


def test_a_file_leaves_whole_and_is_its_owners_alone(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "out.jsonl"
    with leaving(place) as out:
        out.write(b"one\n")
        out.write(b"two\n")
        assert list(tmp_path.iterdir()) == [], "it has no name yet"
        assert out.digest == digest(b"one\ntwo\n")
        assert "one" not in repr(out)
        out.publish()
    assert place.read_bytes() == b"one\ntwo\n" and place.stat().st_mode & 0o777 == 0o600


def test_what_is_not_published_is_gone(tmp_path: Path, kind: str) -> None:
    with pytest.raises(KeyboardInterrupt), leaving(tmp_path / "out") as out:
        out.write(b"a secret")
        raise KeyboardInterrupt
    with leaving(tmp_path / "out") as out:
        out.write(b"a secret")
    assert list(tmp_path.iterdir()) == []


def test_nothing_is_overwritten_not_even_what_came_meanwhile(tmp_path: Path, kind: str) -> None:
    place = tmp_path / "out"
    with pytest.raises(Refused) as caught, leaving(place) as out:
        out.write(b"mine")
        place.write_bytes(b"theirs")
        out.publish()
    assert caught.value.code == "access.file-exists" and place.read_bytes() == b"theirs"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "dangling").symlink_to(tmp_path / "nowhere")
    for there in (place, tmp_path, tmp_path / "dangling", Path("/dev/null"), Path("/dev/stdout"), Path("/dev/tty")):
        with pytest.raises(Refused) as refused, leaving(there):
            raise AssertionError("never opened")
        assert refused.value.code == "access.file-exists"


def test_a_place_that_is_none(tmp_path: Path, kind: str) -> None:
    (tmp_path / "file").write_bytes(b"")
    for place in (tmp_path / "missing" / "out", tmp_path / "file" / "out"):
        with pytest.raises(Unavailable) as caught, leaving(place):
            raise AssertionError("never opened")
        assert caught.value.code == "governance.unwritable"


def test_a_disk_that_is_full(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object, **__: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(module.os, "fsync", full)
    with pytest.raises(Unavailable) as caught, leaving(tmp_path / "out") as out:
        out.write(b"text")
        out.publish()
    assert caught.value.code == "governance.unwritable" and list(tmp_path.iterdir()) == []


def test_errors_of_what_is_done_inside_stay_what_they_are(tmp_path: Path) -> None:
    with pytest.raises(Error) as caught, leaving(tmp_path / "out"):
        raise Refused("access.revoked-grant", "gone")
    assert caught.value.code == "access.revoked-grant"


# --- counts -------------------------------------------------------------------------------------------------------------------


def test_small_cells_are_told_together_or_not_at_all() -> None:
    def people(cell: str, count: int, start: int = 0) -> list[tuple[str, str]]:
        return [(cell, f"{n}") for n in range(start, start + count)]

    assert cells(people("a", 12) + people("b", 15)) == {"a": 12, "b": 15}
    assert cells(people("a", 12) + people("b", 6) + people("c", 5, 6)) == {"a": 12, OTHER: 11}
    # Two alone would follow from the total: the smallest of the others joins them.
    assert cells(people("a", 12) + people("b", 15) + people("c", 2, 20)) == {"b": 15, OTHER: 14}
    assert cells(people("a", 9)) == {} and cells([]) == {}
    # One talkative person is one person.
    assert cells([("a", "one")] * 50 + people("b", 12)) == {OTHER: 62}


members = st.lists(st.tuples(st.sampled_from("abcdef"), st.integers(0, 30).map(str)), max_size=120)


@given(members, st.integers(1, 12))
def test_no_cell_and_no_difference_tells_of_few(given_: list[tuple[str, str]], least: int) -> None:
    told = cells(given_, least)
    counts = Counter(cell for cell, _ in given_)
    assert not told or sum(told.values()) == len(given_), "what is told adds up, so nothing follows from what is left out"
    for cell, count in told.items():
        inside = {person for one, person in given_ if (one not in told if cell == OTHER else one == cell)}
        assert len(inside) >= least
        assert cell == OTHER or count == counts[cell]
