"""Threat: evidence-swapper. The holder alters a finished volume, signs it again with its own key and records a second seal.

Signature, manifest and ledger then hold; what refuses is that files, rows, draw and acts have to agree with each other.
"""

from __future__ import annotations

import gzip
import json
import shutil
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from incamera.core.ids import new_ref
from incamera.core.records import Entry
from incamera.ledger.bundle import export
from incamera.production import rsmf
from incamera.testing.volumes import MATTER, World, world
from incamera_verify import acts, draw, loadfile, manifest, render, sample
from incamera_verify.canon import canonical
from incamera_verify.errors import VerificationError
from incamera_verify.tiles import Leaf, check_bundle
from incamera_verify.trust import Trust
from incamera_verify.volume import verify

DAT = "DATA/VOL001.DAT"
ROWS = "BULK/rows.jsonl.gz"
Change = Callable[[Path], object]
Record = dict[str, str]


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = world(tmp_path_factory.mktemp("insider"))
    yield made
    made.ledger.close()


@pytest.fixture(scope="module")
def sealed(matter: World) -> Path:
    """Read only."""
    return matter.volume(matter.home / "VOL001")


@pytest.fixture
def reseal(matter: World, sealed: Path, tmp_path: Path) -> Callable[[Change], Path]:
    """An altered copy under a new manifest, a true signature and a second recorded seal."""

    def make(change: Change) -> Path:
        out = shutil.copytree(sealed, tmp_path / "VOL001")
        change(out)
        listed = manifest.build(out, "VOL001")
        at = out / manifest.DIRECTORY
        (at / manifest.JSON).write_bytes(listed.to_json())
        (at / manifest.SUMS).write_bytes(listed.sums())
        (at / manifest.NOTE).write_bytes(bytes(listed.sign(matter.production_key)))
        fields = {"volume": "VOL001", "manifest": listed.root, "items": 12, "recipients": 0, "certificate": "0" * 64}
        matter.ledger.append(Entry(act="production.sealed", matter=MATTER, actor="holder", fields=fields))
        shutil.rmtree(out / manifest.LEDGER)
        export(matter.ledger, MATTER, out / manifest.LEDGER)
        return out

    return make


def _refused(volume: Path, step: int) -> str:
    with pytest.raises(VerificationError) as flaw:
        verify(volume)
    assert flaw.value.where.startswith(f"step {step} "), str(flaw.value)
    return flaw.value.code


def test_a_second_seal_of_the_same_bytes_is_accepted(matter: World, reseal: Callable[[Change], Path]) -> None:
    """So what is refused below is refused for what was altered."""
    assert verify(reseal(lambda _: None), Trust.parse(matter.trust())).established


# --- how files are altered ----------------------------------------------------------------------------------------------------


def _json(name: str, edit: Callable[[dict[str, Any]], object]) -> Change:
    def change(volume: Path) -> None:
        value = json.loads((volume / name).read_bytes())
        edit(value)
        (volume / name).write_bytes(canonical(value) + b"\n")

    return change


def _lines(name: str, edit: Callable[[list[dict[str, Any]]], object]) -> Change:
    """Edit a file of JSON lines, packed or not; the first line is its header."""

    def change(volume: Path) -> None:
        data = (volume / name).read_bytes()
        packed = name.endswith(".gz")
        lines = [json.loads(line) for line in (gzip.decompress(data) if packed else data).splitlines()]
        edit(lines)
        data = b"".join(canonical(line) + b"\n" for line in lines)
        (volume / name).write_bytes(gzip.compress(data) if packed else data)

    return change


def _records(edit: Callable[[list[Record]], object], fields: Sequence[str] = loadfile.FIELDS) -> Change:
    def change(volume: Path) -> None:
        records = loadfile.parse((volume / DAT).read_bytes()).records()
        edit(records)
        (volume / DAT).write_bytes(loadfile.encode(fields, [[record[name] for name in fields] for record in records])[0])

    return change


def _replaced(name: str, old: bytes, new: bytes) -> Change:
    def change(volume: Path) -> None:
        data = (volume / name).read_bytes()
        assert old in data
        (volume / name).write_bytes(data.replace(old, new))

    return change


def _all(*changes: Change) -> Change:
    return lambda volume: [change(volume) for change in changes]


# --- facts ----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "fact",
    [{"version": "incamera/volume/2"}, {"prefix": "inc"}, {"scope": "all"}, {"width": 30}, {"log_keys": []}, {"volume": "VOL002"},
     {"order": 5}, {"note": "more"}],
    ids=lambda fact: next(iter(fact)),
)  # fmt: skip
def test_facts_that_are_none(reseal: Callable[[Change], Path], fact: dict[str, Any]) -> None:
    assert _refused(reseal(_json("volume.json", lambda facts: facts.update(fact))), 1) == "volume.malformed"


@pytest.mark.parametrize(
    ("fact", "code"), [({"matter": "24-cv-00002"}, "acts.other-matter"), ({"order": "0" * 64}, "acts.other-order")]
)
def test_facts_of_another_matter(reseal: Callable[[Change], Path], fact: dict[str, str], code: str) -> None:
    """Even a reader who pinned nothing sees that the ledger is not of this matter."""
    assert _refused(reseal(_json("volume.json", lambda facts: facts.update(fact))), 5) == code


# --- frame and draw -------------------------------------------------------------------------------------------------------


def test_a_frame_that_breaks_off(reseal: Callable[[Change], Path]) -> None:
    def cut(volume: Path) -> None:
        path = volume / sample.FRAME
        path.write_bytes(path.read_bytes()[:-9])

    assert _refused(reseal(cut), 6) == "volume.unreadable"


def test_a_frame_with_one_stratum_renamed(reseal: Callable[[Change], Path]) -> None:
    """A whole frame of its own, header and root included; it is not the one that was committed to."""

    def rename(lines: list[dict[str, Any]]) -> None:
        header, *rows = lines
        for row in rows:
            row["stratum"] = row["stratum"].replace("region=US", "region=UK")
        pairs = [(row["row"], row["stratum"]) for row in rows]
        header.update(root=draw.frame_root(pairs).hex(), strata=draw.strata(pairs))

    assert _refused(reseal(_lines(sample.FRAME, rename)), 6) == "volume.other-frame"


def test_a_draw_of_another_order(reseal: Callable[[Change], Path]) -> None:
    change = _lines(sample.DRAW, lambda lines: lines[0].update(order="0" * 64))
    assert _refused(reseal(change), 7) == "volume.other-draw"


def test_a_party_left_out_of_the_draw(reseal: Callable[[Change], Path]) -> None:
    """Leaving out one seed gives another draw, and a choice between two; only a recorded fallback allows it."""
    change = _lines(sample.DRAW, lambda lines: lines[0]["parties"][0].update(revealed=False))
    assert _refused(reseal(change), 7) == "volume.silent-party"


@pytest.mark.parametrize("flaw", ["added", "swapped", "not JSON"])
def test_a_seed_that_the_ledger_does_not_know(reseal: Callable[[Change], Path], flaw: str) -> None:
    def change(volume: Path) -> None:
        seeds = volume / sample.SEEDS
        match flaw:
            case "added":
                shutil.copy(seeds / "neutral.json", seeds / "mediator.json")
            case "swapped":
                shutil.copy(seeds / "neutral.json", seeds / "requester.json")
            case "not JSON":
                (seeds / "holder.json").write_bytes(b'{"v":1.5}')

    assert _refused(reseal(change), 7) == "volume.other-seed"


def test_a_seed_that_is_not_there(reseal: Callable[[Change], Path]) -> None:
    assert _refused(reseal(lambda volume: (volume / sample.SEEDS / "neutral.json").unlink()), 7) == "volume.unreadable"


def test_a_shape_that_no_reader_expects(reseal: Callable[[Change], Path]) -> None:
    change = _lines(sample.DRAW, lambda lines: lines[0].pop("parties"))
    assert _refused(reseal(change), 7) == "volume.malformed"


# --- rows -----------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("edit", "code"),
    [
        (lambda lines: lines.append(lines[-1]), "rows.duplicate"),
        (lambda lines: lines[1].update(conversation=new_ref()), "rows.not-drawn"),
        (lambda lines: lines[1].update(probability="1/1"), "rows.other-draw"),
        (lambda lines: lines[1].update(stratum="all"), "rows.other-draw"),
        (lambda lines: lines[1].update(rank="0" * 64), "rows.other-draw"),
        (lambda lines: lines[1].update(position=99), "rows.other-draw"),
        (
            lambda lines: next(row for row in lines[1:] if row["outputs_missing"]).update(outputs_missing={}),
            "rows.output-missing",
        ),
    ],
    ids=range(7),
)
def test_altered_rows(reseal: Callable[[Change], Path], edit: Callable[[list[dict[str, Any]]], object], code: str) -> None:
    assert _refused(reseal(_lines(ROWS, edit)), 8) == code


# --- documents ------------------------------------------------------------------------------------------------------------


def _swap(records: list[Record]) -> None:
    records[1], records[2] = records[2], records[1]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (_records(lambda _: None, loadfile.FIELDS[:-1]), "documents.other-fields"),
        (_records(lambda _: None, loadfile.FIELDS[::-1]), "documents.other-fields"),
        (_records(lambda records: records.pop(2)), "documents.wrong-count"),
        (_records(lambda records: records[0].update(BEGBATES="INC000000000")), "documents.wrong-count"),
        (_records(lambda records: records[1].update(BEGBATES="ABC000000002")), "documents.bad-bates"),
        (_records(lambda records: records[1].update(BEGBATES="INC00000002")), "documents.bad-bates"),
        (_records(lambda records: records[1].update(BEGBATES="INC000000007")), "documents.bad-bates"),
        (_records(_swap), "documents.bad-bates"),
        (_records(lambda records: records[1].update(MD5HASH="0" * 32)), "documents.wrong-hash"),
        (_records(lambda records: records[1].update(SHA256HASH="0" * 64)), "documents.wrong-hash"),
        (_replaced("TEXT/0001/INC000000002.txt", b"[PERSON-1]", b"[PERSON-2]"), "documents.other-text"),
        (_records(lambda records: records[1].update(REDACTED="N")), "documents.other-record"),
    ],
    ids=range(12),
)
def test_altered_documents(reseal: Callable[[Change], Path], change: Change, code: str) -> None:
    assert _refused(reseal(change), 9) == code


def _native(volume: Path, number: int, data: bytes) -> None:
    """Put *data* in place of a native, with its true hashes in the load file."""
    (volume / f"NATIVES/0001/INC{number:09d}.rsmf").write_bytes(data)
    md5, sha256 = render.hashes(data)
    _records(lambda records: records[number - 1].update(MD5HASH=md5, SHA256HASH=sha256))(volume)


def _row(volume: Path, number: int) -> dict[str, Any]:
    lines = gzip.decompress((volume / ROWS).read_bytes()).splitlines()[1:]
    return next(row for row in map(json.loads, lines) if row["bates"] == f"INC{number:09d}")


def _designation(volume: Path) -> str:
    designation: str = json.loads((volume / "volume.json").read_bytes())["designation"]
    return designation


def test_a_document_of_other_words(reseal: Callable[[Change], Path]) -> None:
    """Native, text and load file agree with each other, and not with the row that was decided."""

    def change(volume: Path) -> None:
        row = _row(volume, 2)
        row["record"]["turns"][0]["parts"][0]["text"] += " And one sentence more."
        document = render.Document(row, _designation(volume))
        (volume / "TEXT/0001/INC000000002.txt").write_bytes(document.text.encode())
        _native(volume, 2, rsmf.native(document))

    assert _refused(reseal(change), 9) == "documents.other-text"


def test_a_native_of_other_facts(reseal: Callable[[Change], Path]) -> None:
    """Of the row's words, with a fact that only a review platform would show."""

    def change(volume: Path) -> None:
        row = _row(volume, 2) | {"party_account": False}
        assert row != _row(volume, 2)
        _native(volume, 2, rsmf.native(render.Document(row, _designation(volume))))

    assert _refused(reseal(change), 9) == "documents.other-native"


def test_a_native_of_other_headers(reseal: Callable[[Change], Path]) -> None:
    """A message's header is a place for a note that neither text nor manifest shows."""

    def change(volume: Path) -> None:
        data = (volume / "NATIVES/0001/INC000000002.rsmf").read_bytes()
        assert b"\r\nSubject: INC000000002\r\n" in data
        _native(volume, 2, data.replace(b"\r\nSubject: INC000000002\r\n", b"\r\nSubject: Quillon Vesterby\r\n", 1))

    assert _refused(reseal(change), 9) == "documents.other-native"


def test_a_document_dropped_from_every_file_of_its_lane(reseal: Callable[[Change], Path]) -> None:
    """Load file, text, native, count and range say three documents; the row still says that it is the fourth."""

    def change(volume: Path) -> None:
        _records(lambda records: records.pop())(volume)
        (volume / "TEXT/0001/INC000000004.txt").unlink()
        (volume / "NATIVES/0001/INC000000004.rsmf").unlink()
        _json("volume.json", lambda facts: facts.update(documents=3, last_bates="INC000000003"))(volume)

    assert _refused(reseal(change), 9) == "documents.missing"


def test_a_document_whose_row_says_that_it_is_none(reseal: Callable[[Change], Path]) -> None:
    def unnumber(lines: list[dict[str, Any]]) -> None:
        next(row for row in lines[1:] if row["bates"] == "INC000000004").update(bates=None)

    change = _all(_lines(ROWS, unnumber), _replaced("LOGS/redaction.csv", b"INC000000004,", b","))
    assert _refused(reseal(change), 9) == "documents.not-a-row"


# --- acts -----------------------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def entries(matter: World, sealed: Path) -> tuple[Leaf, ...]:
    """The acts as the volume shows them, each proven to be in the signed log."""
    return check_bundle(sealed / manifest.LEDGER, matter.log_key.verifier).entries


def _check(matter: World, entries: Sequence[Leaf]) -> acts.Acts:
    root = next(entry for entry in reversed(entries) if entry.value["act"] == "production.sealed").value["fields"]["manifest"]
    return acts.check(entries, matter=MATTER, order=matter.order, volume="VOL001", manifest_root=root)


@pytest.mark.parametrize(
    ("act", "before"),
    [
        ("frame.committed", "matter.opened"),
        ("seed.revealed", "frame.committed"),
        ("draw.made", "frame.committed"),
        ("access.granted", "draw.made"),
        ("key.released", "access.granted"),
        ("decision.recorded", "access.granted"),
    ],
)
def test_an_act_before_what_had_to_come_first(matter: World, entries: tuple[Leaf, ...], act: str, before: str) -> None:
    """A history that a holder signed as it happened, in an order in which it must not happen."""
    moved = next(entry for entry in entries if entry.value["act"] == act)
    rest = [entry for entry in entries if entry is not moved]
    at = next(n for n, entry in enumerate(rest) if entry.value["act"] == before)
    history = [replace(entry, index=n) for n, entry in enumerate([*rest[:at], moved, *rest[at:]])]
    with pytest.raises(VerificationError) as flaw:
        _check(matter, history)
    assert flaw.value.code == "acts.out-of-order"
    assert act in flaw.value.hint or before in flaw.value.hint


def test_a_correction_sealed_before_what_it_corrects(matter: World, entries: tuple[Leaf, ...]) -> None:
    seal = entries[-1]
    fields = {**seal.value["fields"], "volume": "VOL001-C1", "replaces": "VOL001"}
    early = replace(seal, index=seal.index - 1, value={**seal.value, "fields": fields})
    with pytest.raises(VerificationError) as flaw:
        acts.check_overlay([*entries[:-1], early, seal], volume="VOL001-C1", replaces="VOL001", manifest_root=fields["manifest"])
    assert flaw.value.code == "acts.out-of-order"


# --- the sample against other acts ------------------------------------------------------------------------------------------


@pytest.mark.parametrize("other", [{"root": "0" * 64}, {"size": 61}, {"file": "0" * 64}], ids=["root", "size", "file"])
def test_a_frame_that_was_not_committed_to(matter: World, sealed: Path, entries: tuple[Leaf, ...], other: dict[str, Any]) -> None:
    known = _check(matter, entries)
    with pytest.raises(VerificationError) as flaw:
        sample.read(sealed, replace(known, frame={**known.frame, **other}))
    assert flaw.value.code == "volume.other-frame"


def _draw_refused(matter: World, volume: Path, known: acts.Acts) -> str:
    with pytest.raises(VerificationError) as flaw:
        sample.check_draw(volume, sample.read(volume, known), known, matter=MATTER, order=matter.order)
    return flaw.value.code


@pytest.mark.parametrize("other", [{"root": "0" * 64}, {"size": 11}, {"file": "0" * 64}], ids=["root", "size", "file"])
def test_a_draw_that_was_not_recorded(matter: World, sealed: Path, entries: tuple[Leaf, ...], other: dict[str, Any]) -> None:
    known = _check(matter, entries)
    assert _draw_refused(matter, sealed, replace(known, draw={**known.draw, **other})) == "volume.other-draw"


def test_seeds_that_the_acts_do_not_bear_out(matter: World, sealed: Path, entries: tuple[Leaf, ...]) -> None:
    known = _check(matter, entries)
    reveals = dict(known.reveals)
    for other in (
        replace(known, reveals={**reveals, "mediator": reveals["neutral"]}),  # known to the ledger, left out of the draw
        replace(known, reveals={name: reveals[name] for name in ("holder", "neutral")}),  # never revealed in the ledger
        replace(known, reveals={**reveals, "holder": {**reveals["holder"], "reveal": "0" * 64}}),  # another file
        replace(known, frame={**known.frame, "commitments": []}),  # committed to after the frame
    ):
        assert _draw_refused(matter, sealed, other) == "volume.other-seed"
