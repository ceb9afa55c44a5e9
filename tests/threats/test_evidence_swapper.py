"""Threat: evidence is swapped, edited, dropped or made up after it was sealed. Every way is refused, naming the step.

Each test alters a real sealed volume and asks the verifier that the receiving side installs.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from incamera.production import Package, sealing
from incamera.testing.volumes import World, world
from incamera_verify import manifest
from incamera_verify.canon import canonical
from incamera_verify.certificate import page
from incamera_verify.errors import VerificationError
from incamera_verify.note import Signer
from incamera_verify.trust import Trust
from incamera_verify.volume import verify


@pytest.fixture(scope="module")
def matter(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    made = world(tmp_path_factory.mktemp("swapper"))
    yield made
    made.ledger.close()


@pytest.fixture(scope="module")
def sealed(matter: World) -> Path:
    return matter.volume(matter.home / "VOL001")


@pytest.fixture(scope="module")
def trust(matter: World) -> Trust:
    return Trust.parse(matter.trust())


@pytest.fixture
def volume(sealed: Path, tmp_path: Path) -> Path:
    """A copy to do damage to."""
    return shutil.copytree(sealed, tmp_path / "VOL001")


def _refused(volume: Path, trust: Trust | None, step: int) -> VerificationError:
    with pytest.raises(VerificationError) as flaw:
        verify(volume, trust)
    assert flaw.value.where.startswith(f"step {step} "), str(flaw.value)
    return flaw.value


def _resign(volume: Path, signer: Signer) -> None:
    """Make manifest and signature fit whatever the volume holds now."""
    name = json.loads((volume / "volume.json").read_bytes())["volume"]
    listed = manifest.build(volume, name)
    for file, data in (
        (manifest.JSON, listed.to_json()),
        (manifest.SUMS, listed.sums()),
        (manifest.NOTE, bytes(listed.sign(signer))),
    ):
        (volume / manifest.DIRECTORY / file).write_bytes(data)


def _edit_json(path: Path, change: Callable[[dict[str, Any]], object]) -> None:
    value = json.loads(path.read_bytes())
    change(value)
    path.write_bytes(canonical(value) + b"\n")


def test_the_untouched_volume_is_accepted(sealed: Path, trust: Trust) -> None:
    report = verify(sealed, trust)
    assert report.established
    assert [step.number for step in report.steps] == list(range(1, 12))
    assert report.labels == ("SINGLE-OPERATOR RUN",)


# --- bytes and names ------------------------------------------------------------------------------------------------------


def test_one_flipped_byte_in_every_file(sealed: Path, trust: Trust, tmp_path: Path) -> None:
    """Every single file of the volume: manifest, signature, ledger, rows, natives, logs, page, sums."""
    volume = shutil.copytree(sealed, tmp_path / "VOL001")
    names = list(manifest.walk(volume))
    assert {name.split("/")[0] for name in names} >= {
        "BULK",
        "CERT",
        "DATA",
        "LEDGER",
        "LOGS",
        "MANIFEST",
        "NATIVES",
        "SAMPLE",
        "TEXT",
    }
    for name in names:
        path = volume / name
        whole = path.read_bytes()
        at = len(whole) // 2
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :])
        with pytest.raises(VerificationError) as flaw:
            verify(volume, trust)
        assert flaw.value.where.startswith("step ")
        path.write_bytes(whole)
    assert verify(volume, trust).established


def test_a_dropped_file(volume: Path, trust: Trust) -> None:
    (volume / "TEXT/0001/INC000000002.txt").unlink()
    assert _refused(volume, trust, 1).code == "volume.missing-file"


def test_an_added_file(volume: Path, trust: Trust) -> None:
    (volume / "LOGS/extra.csv").write_bytes(b"")
    assert _refused(volume, trust, 1).code == "volume.added-file"


def test_a_file_added_beside_the_ledger(volume: Path, trust: Trust) -> None:
    (volume / "LEDGER/notes.txt").write_bytes(b"x")
    assert _refused(volume, trust, 4).code == "volume.added-file"


def test_a_file_added_beside_the_manifest(volume: Path, trust: Trust) -> None:
    (volume / "MANIFEST/other.note").write_bytes(b"x")
    assert _refused(volume, trust, 1).code == "volume.bad-layout"


def test_a_renamed_file(volume: Path, trust: Trust) -> None:
    (volume / "NATIVES/0001/INC000000001.rsmf").rename(volume / "NATIVES/0001/INC000000009.rsmf")
    assert _refused(volume, trust, 1).code == "volume.missing-file"


def test_two_files_swapped(volume: Path, trust: Trust) -> None:
    one, other = volume / "TEXT/0001/INC000000001.txt", volume / "TEXT/0001/INC000000002.txt"
    first, second = one.read_bytes(), other.read_bytes()
    one.write_bytes(second)
    other.write_bytes(first)
    assert _refused(volume, trust, 1).code in ("volume.wrong-size", "volume.wrong-digest")


def test_a_symbolic_link_in_place_of_a_file(volume: Path, trust: Trust, tmp_path: Path) -> None:
    """A link could show one file to the verifier and another to the reader."""
    path = volume / "README.txt"
    path.rename(tmp_path / "elsewhere.txt")
    path.symlink_to(tmp_path / "elsewhere.txt")
    assert _refused(volume, trust, 1).code == "volume.not-a-file"


def test_a_linked_directory(volume: Path, trust: Trust, tmp_path: Path) -> None:
    (volume / "LOGS").rename(tmp_path / "LOGS")
    (volume / "LOGS").symlink_to(tmp_path / "LOGS")
    assert _refused(volume, trust, 1).code == "volume.not-a-file"


def test_a_named_pipe_does_not_hang_the_verifier(volume: Path, trust: Trust) -> None:
    os.mkfifo(volume / "LOGS/pipe.csv")
    assert _refused(volume, trust, 1).code == "volume.not-a-file"


@pytest.mark.parametrize(
    "path", ["../outside.txt", "/etc/hostname", "LOGS/../../x", "LOGS\\x", "LOGS//x", "./README.txt", "LEDGER/x", "a\nb"]
)
def test_a_path_that_leaves_the_volume(volume: Path, trust: Trust, path: str) -> None:
    def traverse(value: dict[str, object]) -> None:
        files = value["files"]
        assert isinstance(files, list)
        files[0]["path"] = path

    _edit_json(volume / "MANIFEST/manifest.json", traverse)
    assert _refused(volume, trust, 1).code == "manifest.bad-path"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        (lambda m: m.update(version="incamera/manifest/2"), "manifest.malformed"),
        (lambda m: m.update(note="all is well"), "manifest.malformed"),
        (lambda m: m.update(volume="../VOL001"), "manifest.malformed"),
        (lambda m: m["files"].reverse(), "manifest.malformed"),
        (lambda m: m["files"].append(m["files"][-1]), "manifest.malformed"),
        (lambda m: m["files"][0].update(size=-1), "manifest.malformed"),
        (lambda m: m["files"][0].update(sha256="0" * 63), "manifest.malformed"),
        (lambda m: m["files"][0].pop("size"), "manifest.malformed"),
        (lambda m: m["files"][0].update(sha256="0" * 64), "manifest.wrong-root"),
        (lambda m: m["files"].pop(), "manifest.wrong-root"),
        (lambda m: m.update(root="0" * 64), "manifest.wrong-root"),
    ],
    ids=range(11),
)
def test_an_edited_manifest(volume: Path, trust: Trust, change: Callable[[dict[str, Any]], None], code: str) -> None:
    _edit_json(volume / "MANIFEST/manifest.json", change)
    assert _refused(volume, trust, 1).code == code


def test_a_manifest_that_reads_in_two_ways(volume: Path, trust: Trust) -> None:
    """Of a key that stands there twice one reader takes the first, another the last."""
    path = volume / "MANIFEST/manifest.json"
    path.write_bytes(path.read_bytes().replace(b"{", b'{"volume":"VOL002",', 1))
    assert _refused(volume, trust, 1).code == "manifest.malformed"


def test_a_directory_with_nothing_in_it(volume: Path, trust: Trust) -> None:
    (volume / "NATIVES/0002").mkdir()
    assert _refused(volume, trust, 1).code == "volume.empty-directory"


# --- signatures -----------------------------------------------------------------------------------------------------------


def test_an_edited_volume_signed_with_a_fresh_key(volume: Path, trust: Trust) -> None:
    fresh = Signer.generate("holder.example/production")
    _edit_json(volume / "volume.json", lambda value: value.update(designation="PUBLIC", manifest_key=fresh.verifier.text))
    _resign(volume, fresh)
    assert _refused(volume, trust, 3).code == "note.unsigned"


def test_an_edited_volume_signed_with_the_same_key(matter: World, volume: Path, trust: Trust) -> None:
    """Whoever holds the production key cannot edit what the ledger saw sealed."""
    (volume / "README.txt").write_bytes(b"all is well\n")
    _resign(volume, matter.production_key)
    assert _refused(volume, trust, 5).code == "acts.other-manifest"


def test_the_signature_of_another_manifest(matter: World, volume: Path, trust: Trust) -> None:
    """A true signature of the true key, moved here from another volume."""
    other = matter.volume(volume.with_name("VOL002"), terms=matter.terms(volume="VOL002"))
    shutil.copy(other / "MANIFEST/manifest.note", volume / "MANIFEST/manifest.note")
    assert _refused(volume, trust, 2).code == "manifest.wrong-note"


@pytest.mark.parametrize("pin", [{"matter": "24-cv-00002"}, {"order": "0" * 64}])
def test_a_volume_of_another_matter(sealed: Path, trust: Trust, pin: dict[str, str]) -> None:
    """Whole and true, and the answer to somebody else's order."""
    assert _refused(sealed, replace(trust, **pin), 3).code == "volume.other-matter"


def test_a_whole_made_up_volume(trust: Trust, tmp_path: Path) -> None:
    """Consistent in itself, made by somebody else: without pins nothing is established, with them it is refused."""
    other = world(tmp_path / "other")
    forged = other.volume(tmp_path / "VOL001")
    report = verify(forged)
    assert not report.established
    assert report.verdict == "internally consistent, signer and history not established"
    assert report.steps[2].status == "not run"
    _refused(forged, trust, 3)
    other.ledger.close()


def test_a_rewritten_history_under_the_true_keys(matter: World, trust: Trust, tmp_path: Path) -> None:
    """The holder itself starts over, with its own keys: a checkpoint seen earlier refuses the new history."""
    again = world(tmp_path / "again", log_key=matter.log_key, production_key=matter.production_key)
    rewritten = again.volume(tmp_path / "VOL001")
    assert verify(rewritten, Trust.parse(matter.trust(early=False))).established, "without an earlier state nothing gives it away"
    assert _refused(rewritten, trust, 4).code == "bundle.rewritten"
    again.ledger.close()


# --- ledger ---------------------------------------------------------------------------------------------------------------


def _entries(volume: Path) -> list[str]:
    return (volume / "LEDGER/entries.jsonl").read_text().splitlines(keepends=True)


def test_a_reordered_ledger(volume: Path, trust: Trust) -> None:
    lines = _entries(volume)
    lines[2], lines[3] = lines[3], lines[2]
    (volume / "LEDGER/entries.jsonl").write_text("".join(lines))
    _refused(volume, trust, 4)


def test_a_truncated_ledger(volume: Path, trust: Trust) -> None:
    (volume / "LEDGER/entries.jsonl").write_text("".join(_entries(volume)[:-1]))
    assert _refused(volume, trust, 5).code == "acts.missing"


def test_an_act_left_out_of_the_middle(volume: Path, trust: Trust) -> None:
    lines = _entries(volume)
    (volume / "LEDGER/entries.jsonl").write_text("".join(lines[:3] + lines[4:]))
    assert _refused(volume, trust, 4).code == "bundle.entry-missing"


def test_an_altered_act(volume: Path, trust: Trust) -> None:
    lines = _entries(volume)
    lines[4] = lines[4].replace('\\"party\\":\\"', '\\"party\\":\\"x')
    (volume / "LEDGER/entries.jsonl").write_text("".join(lines))
    assert _refused(volume, trust, 4).code in ("bundle.entry-altered", "bundle.bad-format")


# --- stowaways ---------------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "name", ["BULK/raw.jsonl", "EXTRA/notes.txt", "TABLES/more.txt", "SAMPLE/row-map.jsonl", "TEXT/0001/INC000000099.txt"]
)
def test_a_listed_stowaway(own_ledger: World, tmp_path: Path, name: str) -> None:
    """A file that no step reads has no place in a volume, even under the holder's own manifest, signature and ledger."""

    def add(path: Path) -> None:
        (path / name).parent.mkdir(exist_ok=True)
        (path / name).write_bytes(b"anything")

    out = _sealed_after(own_ledger, tmp_path / "VOL001", add)
    with pytest.raises(VerificationError) as flaw:
        verify(out, Trust.parse(own_ledger.trust()))
    assert flaw.value.code in ("volume.bad-layout", "documents.other-files")


# --- certificate ----------------------------------------------------------------------------------------------------------


def _alter_figure(volume: Path, name: str, value: object, kind: str | None = None) -> None:
    path = volume / "CERT/certificate.json"
    certificate = json.loads(path.read_bytes())
    figure = next(item for item in certificate["figures"] if item["id"] == name)
    figure["value"] = value
    figure["class"] = kind or figure["class"]
    path.write_bytes(canonical(certificate) + b"\n")
    (volume / "CERT/certificate.html").write_bytes(page(certificate))


@pytest.fixture(scope="module")
def own_ledger(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """A matter whose holder seals what it altered, and records that in its ledger too."""
    made = world(tmp_path_factory.mktemp("insider"))
    yield made
    made.ledger.close()


def _sealed_after(matter: World, out: Path, change: Callable[[Path], None]) -> Path:
    """A volume that its own holder altered before signing and recording it: only recomputing can tell."""
    package = matter.build(out)

    def altered(_: Package) -> manifest.Manifest:
        change(package.staging.path)
        return manifest.build(package.staging.path, package.facts.volume)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(sealing, "_manifest", altered)
        matter.seal(package)
    return out


def test_a_certificate_number_altered_and_signed_again(matter: World, volume: Path, trust: Trust) -> None:
    _alter_figure(volume, "redactions.total", 9)
    _resign(volume, matter.production_key)
    assert _refused(volume, trust, 5).code == "acts.other-manifest"


@pytest.mark.parametrize(
    ("name", "value", "kind"),
    [
        ("redactions.total", 9, None),
        ("rows.total", 13, None),
        ("hits.8", 0, "attested"),
        ("frame.root", "0" * 64, None),
        ("content.root", "0" * 64, "attested"),
        ("bates.last", "INC000000007", None),
    ],
)
def test_a_certificate_number_altered_signed_and_recorded_by_the_holder(
    own_ledger: World, tmp_path: Path, name: str, value: object, kind: str | None
) -> None:
    """Signature and ledger hold; the number is recomputed, and calling it attested does not help."""
    out = _sealed_after(own_ledger, tmp_path / "VOL001", lambda path: _alter_figure(path, name, value, kind))
    flaw = _refused(out, Trust.parse(own_ledger.trust()), 10)
    assert flaw.code == "numbers.wrong-figure"
    assert name in flaw.where


def test_a_page_that_says_something_else(own_ledger: World, tmp_path: Path) -> None:
    def rewrite(path: Path) -> None:
        html = path / "CERT/certificate.html"
        html.write_bytes(html.read_bytes().replace(b"not established", b"at most 1 in 10,000"))

    out = _sealed_after(own_ledger, tmp_path / "VOL001", rewrite)
    assert _refused(out, Trust.parse(own_ledger.trust()), 10).code == "certificate.other-page"


@pytest.mark.parametrize(
    ("name", "old", "new", "step", "code"),
    [
        ("TABLES/hits_by_threshold.csv", b"\n12,", b"\n13,", 10, "numbers.wrong-table"),
        ("TABLES/masked_share.csv", b"user,", b"user,9", 10, "numbers.wrong-table"),
        ("LOGS/redaction.csv", b",PII-NAME,", b",SECRET,", 8, "logs.malformed"),
        ("LOGS/redaction.csv", b",user,", b",assistant,", 8, "logs.wrong-row"),
        ("LOGS/waiver.csv", b",0,3,ORG,", b",0,9999,ORG,", 8, "logs.outside-text"),
        ("LOGS/waiver.csv", b",0,0,0,3,ORG,", b",0,9,0,3,ORG,", 8, "logs.outside-text"),
        ("LOGS/waiver.csv", b",work_id", b",work", 8, "logs.malformed"),
        ("LOGS/waiver.csv", b",ORG,", b",ORG,,", 8, "logs.malformed"),
        ("LOGS/waiver.csv", b",ORG,", b",\xff,", 8, "logs.malformed"),
        ("LOGS/withheld.csv", b",1,0,LANG-NOT-COVERED,", b",0,0,LANG-NOT-COVERED,", 8, "logs.wrong-row"),
        ("LOGS/withheld.csv", b",1,0,LANG-NOT-COVERED,", b",,,LANG-NOT-COVERED,", 8, "logs.wrong-row"),
        ("TEXT/0001/INC000000001.txt", b"Letter", b"Latter", 9, "documents.other-text"),
        ("SAMPLE/draw.jsonl", b'"position":1,', b'"position":2,', 7, "draw.mismatch"),
        ("DATA/VOL001.DAT", b"chatgpt", b"chatgpu", 9, "documents.other-record"),
    ],
)
def test_a_file_altered_signed_and_recorded_by_the_holder(
    own_ledger: World, tmp_path: Path, name: str, old: bytes, new: bytes, step: int, code: str
) -> None:
    def rewrite(path: Path) -> None:
        data = (path / name).read_bytes()
        assert old in data
        (path / name).write_bytes(data.replace(old, new, 1))

    out = _sealed_after(own_ledger, tmp_path / "VOL001", rewrite)
    assert _refused(out, Trust.parse(own_ledger.trust()), step).code == code
