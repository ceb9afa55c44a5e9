"""The index on disk: what it holds, refuses, detects, forgets and hides."""

from __future__ import annotations

import json
import random
import shutil
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from incamera.core.errors import Error, Malformed, Refused, Unavailable, Unverified
from incamera.matching import compiled, index, screen, store
from incamera.matching.index import Index
from incamera.matching.scan import scan
from incamera.testing.matching import conversation, cut, prose, word, work
from incamera.text import fold, tokens
from incamera.text.offsets import pack

KEY = bytes(range(32))
WORKS = [work(f"w{i}", prose(f"work {i}", 400 + 300 * i), title=f"Title {i}", owner=f"Owner {i % 2}") for i in range(4)]
SAID = conversation(("assistant", cut(WORKS[2].text, 50, 30)))


def ids(path: Path, key: bytes | None = None) -> list[str]:
    return [m.work_id for m in scan(SAID, Index.open(path, key))]


@pytest.fixture
def built(tmp_path: Path) -> Path:
    index.build(WORKS, tmp_path / "index")
    return tmp_path / "index"


def test_what_was_built_is_what_is_opened(built: Path) -> None:
    opened, memory = Index.open(built), Index.of(WORKS)
    a, b = opened.segments[0], memory.segments[0]
    for name in ("filter", "buckets", "entries", "block_base"):
        assert np.array_equal(getattr(a.words, name), getattr(b.words, name))
    assert [w.title for w in opened.works()] == [w.title for w in WORKS]
    assert [opened.text(w.work_id) for w in WORKS] == [w.text for w in WORKS]
    assert scan(SAID, opened) == scan(SAID, memory)


def test_the_report_counts_and_states_sizes_apart(tmp_path: Path) -> None:
    report = index.build(WORKS, tmp_path / "index")
    assert (report.works, report.segments, report.refused) == (4, 1, ())
    assert report.bytes == sum(len(w.text.encode()) for w in WORKS) == report.sizes["works"]
    assert set(report.sizes) == {"works", "filter", "table", "offsets", "text"}
    assert (report.fold, report.min_words) == ("words/1", 8)


def test_the_same_works_give_the_same_files(tmp_path: Path) -> None:
    for name in ("a", "b"):
        index.build(WORKS, tmp_path / name)
    files = sorted(p.relative_to(tmp_path / "a") for p in (tmp_path / "a").rglob("*") if p.is_file())
    assert len(files) > 5
    for name in files:
        assert (tmp_path / "a" / name).read_bytes() == (tmp_path / "b" / name).read_bytes()


def test_progress_hears_every_byte(tmp_path: Path) -> None:
    seen: list[int] = []
    report = index.build(WORKS, tmp_path / "index", progress=seen.append)
    assert sum(seen) == report.bytes


# --- damage ------------------------------------------------------------------------------------------------------------


def files_of(path: Path) -> list[Path]:
    return [p for p in path.rglob("*") if p.is_file() and p.name != "index.json" and p.stat().st_size]


def test_one_flipped_bit_in_any_file_is_found_before_use(built: Path) -> None:
    for path in files_of(built):
        good = path.read_bytes()
        for at in {0, len(good) // 2, len(good) - 1}:
            path.write_bytes(good[:at] + bytes([good[at] ^ 4]) + good[at + 1 :])
            with pytest.raises(Unverified) as caught:
                Index.open(built)
            assert caught.value.code == "matching.damaged"
            assert path.name in caught.value.where
        path.write_bytes(good)
    Index.open(built)


def test_a_truncated_or_missing_file_is_found_before_use(built: Path) -> None:
    for path in files_of(built):
        good = path.read_bytes()
        path.write_bytes(good[:-1])
        with pytest.raises(Unverified):
            Index.open(built)
        path.unlink()
        with pytest.raises(Unverified):
            Index.open(built)
        path.write_bytes(good)


@pytest.mark.parametrize("text", ["", "{}", "[]", "not json", '{"format":"other/1"}'])
def test_what_is_no_manifest_is_said(built: Path, text: str) -> None:
    (built / "index.json").write_text(text)
    with pytest.raises(Malformed) as caught:
        Index.open(built)
    assert caught.value.code == "matching.not-an-index"


def test_another_format_name_is_no_index(built: Path) -> None:
    edit(built, format="incamera-matching-index/9")
    with pytest.raises(Malformed) as caught:
        Index.open(built)
    assert caught.value.code == "matching.not-an-index"


def edit(path: Path, **changes: object) -> None:
    manifest = json.loads((path / "index.json").read_text())
    (path / "index.json").write_text(json.dumps({**manifest, **changes}))


@pytest.mark.parametrize("changes", [{"fold": "words/2"}, {"fold_sha256": "0" * 64}, {"every": 4}, {"k": 5}])
def test_another_fold_or_sampling_is_refused(built: Path, changes: dict[str, object]) -> None:
    edit(built, **changes)
    with pytest.raises(Refused) as caught:
        Index.open(built)
    assert caught.value.code == "matching.other-fold"


def test_a_place_that_is_no_directory(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("x")
    with pytest.raises(Malformed) as caught:
        Index.open(tmp_path / "file")
    assert caught.value.code == "matching.not-an-index"
    with pytest.raises(Unavailable) as world:
        index.build(WORKS, tmp_path / "file" / "index")
    assert world.value.code == "matching.unreadable"


def test_a_full_disk_leaves_no_half_index(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(store.os, "fsync", full)
    with pytest.raises(Unavailable) as caught:
        index.build(WORKS, tmp_path / "index")
    assert "full" in caught.value.hint
    assert not (tmp_path / "index" / "index.json").exists()
    assert not [p for p in (tmp_path / "index").iterdir() if p.is_dir()]


# --- change ------------------------------------------------------------------------------------------------------------


def test_an_index_is_not_overwritten(built: Path) -> None:
    with pytest.raises(Refused) as caught:
        index.build(WORKS, built)
    assert caught.value.code == "matching.index-exists"


def test_add_remove_compact(built: Path) -> None:
    more = work("w9", prose("nine", 300))
    report = index.add([more, WORKS[0]], built)
    assert (report.works, [r.code for r in report.refused]) == (1, ["matching.work-duplicate-id"])
    assert len(Index.open(built).segments) == 2
    assert [m.work_id for m in scan(conversation(("assistant", more.text)), Index.open(built))] == ["w9"]

    assert index.remove(built, ["w2"]) == 1
    assert ids(built) == []
    with pytest.raises(Malformed) as caught:
        index.remove(built, ["w1", "w2"])
    assert caught.value.code == "matching.unknown-work"
    assert "w1" in [w.work_id for w in Index.open(built).works()]

    before = {p.name for p in built.iterdir() if p.is_dir()}
    report = index.compact(built)
    assert (report.works, report.segments) == (4, 1)
    assert not before & {p.name for p in built.iterdir() if p.is_dir()}
    assert sorted(w.work_id for w in Index.open(built).works()) == ["w0", "w1", "w3", "w9"]
    assert ids(built) == []
    needle = cut(WORKS[2].text, 50, 30).encode()
    assert not any(needle in p.read_bytes() for p in files_of(built))


def test_killed_while_compacting_the_index_is_the_old_one(built: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    index.remove(built, ["w2"])
    monkeypatch.setattr(store, "write_manifest", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
    with pytest.raises(KeyboardInterrupt):
        index.compact(built)
    monkeypatch.undo()
    assert sorted(w.work_id for w in Index.open(built).works()) == ["w0", "w1", "w3"]


def test_several_segments_search_as_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "SEGMENT_BYTES", 4000)
    report = index.build(WORKS, tmp_path / "index")
    assert report.segments > 1
    assert ids(tmp_path / "index") == ["w2"]


# --- encryption --------------------------------------------------------------------------------------------------------


def test_an_encrypted_index_shows_no_work_and_opens_only_with_its_key(tmp_path: Path) -> None:
    path = tmp_path / "index"
    index.build([work("secret-id", WORKS[2].text, title="Unpublished Title")], path, key=KEY)
    index.add(WORKS[:1], path, key=KEY)
    everything = b"".join(p.read_bytes() for p in path.rglob("*") if p.is_file())
    for hidden in (b"secret-id", b"Unpublished", WORKS[2].text[:40].encode()):
        assert hidden not in everything
    assert ids(path, KEY) == ["secret-id"]
    with pytest.raises(Refused) as needed:
        Index.open(path)
    assert needed.value.code == "matching.key-needed"
    with pytest.raises(Unverified) as wrong:
        Index.open(path, bytes(32))
    assert wrong.value.code == "matching.wrong-key"
    with pytest.raises(Malformed) as short:
        Index.open(path, b"short")
    assert short.value.code == "matching.bad-key"


def test_sealed_files_cannot_be_swapped_or_cut_even_under_right_checksums(tmp_path: Path) -> None:
    sealed = store._seal(memoryview(bytes(3 << 20)), KEY, "text")
    step = (1 << 20) + 16
    head = len(sealed) - 3 * step
    assert store._unseal(sealed, KEY, "text", tmp_path) == bytes(3 << 20)
    swapped = sealed[:head] + sealed[head + step : head + 2 * step] + sealed[head : head + step] + sealed[head + 2 * step :]
    for harmed, name in ((sealed, "works"), (sealed[:-step], "text"), (swapped, "text"), (b"x" + sealed[1:], "text")):
        with pytest.raises(Unverified):
            store._unseal(harmed, KEY, name, tmp_path)


def test_an_index_moved_elsewhere_still_opens(built: Path, tmp_path: Path) -> None:
    shutil.move(built, tmp_path / "elsewhere")
    assert ids(tmp_path / "elsewhere") == ["w2"]


# --- works that are left out -------------------------------------------------------------------------------------------

_rng = random.Random(7)
directory = "\n".join(f"{word(_rng)}{word(_rng)} {word(_rng)}{word(_rng)}mann".title() for _ in range(60))


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", screen.EMPTY),
        (" \n\t ", screen.EMPTY),
        ("only seven words are in this one", screen.SHORT),
        ("\x00\x01\x02" + prose(1, 100), screen.BINARY),
        ("\x1b\x0e\x7f" * 20 + prose(1, 100), screen.BINARY),
        ("\ufffd\ufffd" * 20 + prose(1, 100), screen.ENCODING),
        ("\udc80\udcff" * 20 + prose(1, 100), screen.ENCODING),
        ("où été à l’école très près « là » déjà " * 30, None),
        (("où été à l’école très près « là » déjà " * 30).encode().decode("cp1252", "replace"), screen.ENCODING),
        ("\n".join(f"customer{i}@mail.example +49 30 {i:06}" for i in range(60)), screen.IDENTIFIERS),
        ("\n".join(f"DE{i:020}" for i in range(60)), screen.IDENTIFIERS),
        (directory, screen.LIST),
        (directory.lower(), screen.LIST),
        (directory.replace("\n", ", "), screen.LIST),
        ("Row, row, row the boat,\nGently down the stream,\nMerrily, merrily, merrily,\nLife is but a dream.\n" * 10, None),
        (prose(2, 500), None),
        ("今天天气很好我们去公园散步吧然后回家吃饭", None),
        ("短い文", screen.SHORT),
    ],
)
def test_works_are_screened(text: str, code: str | None) -> None:
    found = screen.refuse(work("w", text), threshold=8)
    assert (found.code if found else None) == code


@settings(max_examples=100, deadline=None)
@given(st.binary(max_size=400))
def test_bytes_are_weighed_alike_with_kernels_and_without(raw: bytes) -> None:
    weights = np.array([b << b % 48 for b in range(256)], np.uint64)
    expected = sum(b << b % 48 for b in raw)
    assert compiled.weigh(raw, weights) == expected
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "kernels", lambda: None)
        assert compiled.weigh(raw, weights) == expected


@settings(max_examples=200, deadline=None)
@given(st.lists(st.text(st.sampled_from("aé&;#9\0 “漢กក\U00020000\ud800"), max_size=200), max_size=4), st.integers(0, 130))
def test_unspaced_letters_are_counted_alike_with_kernels_and_without(texts: list[str], shift: int) -> None:
    packed = pack(["x" * shift, *texts, "&#28193;&#x6e21;&amp;é" * 3 + "y" * shift])
    found = compiled.unspaced(packed).tolist()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(compiled, "_text_kernels", lambda: None)
        assert compiled.unspaced(packed).tolist() == found
    assert found[-1] == 6


def test_no_character_of_two_bytes_becomes_a_letter_of_an_unspaced_script() -> None:
    assert compiled.unspaced(pack([chr(cp) for cp in range(0x800)])).sum() == 0
    folded = (fold.load().code_point(cp) for cp in range(0x800))
    assert not any(tokens.unspaced(c) for text in folded for c in text)


def test_left_out_works_are_recorded_and_the_rest_is_indexed(tmp_path: Path) -> None:
    given = [work("e", ""), WORKS[0], work("l", directory), WORKS[0], work("s", "too short")]
    report = index.build(given, tmp_path / "index")
    assert [(r.work_id, r.code) for r in report.refused] == [
        ("e", screen.EMPTY),
        ("l", screen.LIST),
        ("w0", screen.DUPLICATE),
        ("s", screen.SHORT),
    ]
    assert report.works == 1


@pytest.mark.parametrize("works", [[], [work("e", "")]])
def test_nothing_to_index_is_an_error_and_leaves_nothing(tmp_path: Path, works: list) -> None:  # type: ignore[type-arg]
    with pytest.raises(Malformed) as caught:
        index.build(works, tmp_path / "index")
    assert caught.value.code == "matching.no-works"
    assert not (tmp_path / "index" / "index.json").exists()


def test_a_segment_that_is_full_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("incamera.matching.builder.MAX_PLACES", 100)
    with pytest.raises(Error) as caught:
        Index.of(WORKS)
    assert caught.value.code == "matching.segment-full"


def test_the_three_line_interface() -> None:
    from incamera.matching import match

    (found,) = match(SAID.turns[0].parts[0].text, [{"work_id": "a", "text": WORKS[2].text}, WORKS[0].text])
    assert (found.work_id, found.words) == ("a", 30)


@pytest.mark.slow
def test_a_work_of_100_megabytes(tmp_path: Path) -> None:
    text = prose(1, 20_000)
    big = " ".join(f"{text} mark{chr(97 + i % 26)}{chr(97 + i // 26 % 26)}{chr(97 + i // 676)}" for i in range(900))
    assert len(big) > 90_000_000
    opened = Index.of([work("big", big)])
    said = cut(text, 19_990, 10) + " markaba " + cut(text, 0, 20)
    matches = scan(conversation(("assistant", said)), opened)
    assert max(m.words for m in matches) == 31


def test_references_in_ascii_stand_for_characters_of_scripts_without_spaces() -> None:
    written = "渡し船は四度目の修理を受けないと役員会は言った"
    escaped = "".join(f"&#{ord(c)};" for c in written)
    held = Index.of([work("plain", prose("plain", 60)), work("escaped", f"{prose('around', 200)} {escaped}")])
    assert [entry.unspaced for entry in held.works()] == [0, len(written)]
    assert [m.work_id for m in scan(conversation(("assistant", written)), held)] == ["escaped"]
