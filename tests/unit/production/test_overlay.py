"""A clawback is signed, recorded, and says nothing of what it takes back."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from incamera.core.errors import Error, Malformed, Refused
from incamera.ledger.bundle import export
from incamera.production import Clawback, clawback
from incamera.testing.volumes import MATTER, World
from incamera_verify import cli, loadfile, overlay
from incamera_verify.errors import VerificationError
from incamera_verify.note import Signer
from incamera_verify.trust import Trust

TAKEN = [
    Clawback(bates="INC000000003", reason="PRIV-AC", basis="502(d) order"),
    Clawback(bates="INC000000001", reason="PII-NAME", basis="=privacy clawback"),
]


def _claw(
    matter: World, volume: Path, out: Path, taken: list[Clawback], *, name: str = "VOL001-C1", signer: Signer | None = None
) -> Path:
    return clawback(
        volume, taken, name=name, signer=signer or matter.production_key, appender=matter.ledger, actor="holder", out=out,
        export=lambda directory: export(matter.ledger, MATTER, directory),
    )  # fmt: skip


def _code(act: Callable[[], object], kind: type[Error]) -> str:
    with pytest.raises(kind) as flaw:
        act()
    return flaw.value.code


@pytest.fixture
def made(matter: World, volume: Path, tmp_path: Path) -> Path:
    return _claw(matter, volume, tmp_path / "VOL001-C1", TAKEN)


def test_it_verifies_and_names_what_it_takes_back(
    made: Path, matter: World, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    report = overlay.verify(made, Trust.parse(matter.trust()))
    assert report.established
    assert [step.number for step in report.steps] == [1, 2, 3, 4, 5, 6]
    table = loadfile.parse((made / "DATA/VOL001_overlay.DAT").read_bytes())
    assert table.column("BEGBATES") == ["INC000000001", "INC000000003"]
    assert set(table.column("SUPERSEDES")) == {"VOL001"}
    trust = tmp_path / "trust.toml"
    trust.write_bytes(matter.trust())
    assert cli.main([str(made), "--trust", str(trust)]) == 0
    assert "2 documents of VOL001 withdrawn" in capsys.readouterr().out
    assert cli.main([str(made)]) == 9


def test_it_says_nothing_of_the_text(made: Path) -> None:
    for path in made.rglob("*"):
        assert not path.is_file() or b"tide table" not in path.read_bytes()


@pytest.mark.parametrize(
    ("name", "step"),
    [
        ("TEXT/0001/INC000000001.txt", 1),
        ("DATA/VOL001_overlay.DAT", 1),
        ("MANIFEST/manifest.note", 2),
        ("LEDGER/entries.jsonl", 4),
    ],
)
def test_one_flipped_byte(made: Path, matter: World, tmp_path: Path, name: str, step: int) -> None:
    copy = shutil.copytree(made, tmp_path / "copy")
    whole = bytearray((copy / name).read_bytes())
    whole[len(whole) // 2] ^= 1
    (copy / name).write_bytes(whole)
    with pytest.raises(VerificationError) as flaw:
        overlay.verify(copy, Trust.parse(matter.trust()))
    assert flaw.value.where.startswith(f"step {step} ")


def test_refusals(matter: World, volume: Path, tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert _code(lambda: _claw(matter, volume, out, []), Malformed) == "production.overlay-empty"
    assert _code(lambda: _claw(matter, volume, out, [TAKEN[0], TAKEN[0]]), Malformed) == "production.overlay-range"
    unknown = [Clawback(bates="INC000000999", reason="PRIV-AC")]
    assert _code(lambda: _claw(matter, volume, out, unknown), Malformed) == "production.overlay-range"
    assert (
        _code(lambda: _claw(matter, volume, out, [Clawback(bates="INC000000001", reason="OOPS")]), Malformed)
        == "production.unknown-reason"
    )
    assert _code(lambda: _claw(matter, volume, out, TAKEN, name="../x"), Malformed) == "production.bad-terms"
    assert _code(lambda: _claw(matter, volume, out, TAKEN, signer=matter.log_key), Refused) == "production.other-signer"
    assert _code(lambda: _claw(matter, tmp_path, out, TAKEN), Error) == "production.io"
    assert list(tmp_path.iterdir()) == []
    out.mkdir()
    assert _code(lambda: _claw(matter, volume, out, TAKEN), Refused) == "production.volume-exists"


def test_a_volume_that_was_never_sealed_cannot_be_corrected(matter: World, made: Path) -> None:
    from incamera_verify import acts
    from incamera_verify.tiles import check_bundle

    entries = check_bundle(made / "LEDGER", matter.log_key.verifier).entries
    root = next(e for e in reversed(entries) if e.value["act"] == "production.sealed").value["fields"]["manifest"]
    with pytest.raises(VerificationError, match=r"acts\.other-manifest"):
        acts.check_overlay(entries, volume="VOL001-C1", replaces="VOL777", manifest_root=root)
