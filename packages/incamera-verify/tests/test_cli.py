"""The command: its words and its exit codes."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from incamera_verify import cli

volumes = pytest.importorskip("incamera.testing.volumes", reason="the volume to check is made with the product")


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A directory with a sealed volume, a trust file and an earlier checkpoint."""
    home = tmp_path_factory.mktemp("cli")
    world = volumes.world(home / "holder")
    world.volume(home / "VOL001")
    (home / "trust.toml").write_bytes(world.trust(early=False))
    (home / "early").write_bytes(world.early_checkpoint)
    yield home
    world.ledger.close()


def test_verified(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = cli.main([str(home / "VOL001"), "--trust", str(home / "trust.toml"), "--checkpoint", str(home / "early")])
    out = capsys.readouterr().out
    assert code == 0
    assert out.startswith("SINGLE-OPERATOR RUN\n")
    assert [f"{n:2}. " in out for n in range(1, 12)] == [True] * 11
    assert "Residual leak bound: not established (attested" in out


def test_not_established_has_its_own_code(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(home / "VOL001")]) == 9
    assert capsys.readouterr().out.rstrip().endswith("internally consistent, signer and history not established")


def test_refused_names_the_step(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    volume = shutil.copytree(home / "VOL001", tmp_path / "VOL001")
    (volume / "README.txt").unlink()
    assert cli.main([str(volume), "--trust", str(home / "trust.toml")]) == 5
    assert "step 1 (layout and manifest): README.txt" in capsys.readouterr().err


def test_json(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(home / "VOL001"), "--json"]) == 9
    report = json.loads(capsys.readouterr().out)
    assert (report["version"], report["established"], len(report["steps"])) == ("incamera/report/1", False, 11)
    volume = shutil.copytree(home / "VOL001", tmp_path / "VOL001")
    (volume / "extra").write_bytes(b"")
    assert cli.main([str(volume), "--json"]) == 5
    assert json.loads(capsys.readouterr().out)["refused"]["code"] == "volume.added-file"


def test_what_cannot_be_read(home: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "trust.toml").write_text("version = 3")
    (tmp_path / "link").symlink_to(home / "VOL001")
    volume, pins = str(home / "VOL001"), str(home / "trust.toml")
    for code, *arguments in (
        ("volume.not-a-directory", str(tmp_path / "nowhere")),
        ("volume.not-a-directory", pins),
        ("volume.not-a-directory", str(tmp_path / "link")),
        ("trust.malformed", volume, "--trust", str(tmp_path / "trust.toml")),
        ("volume.unreadable", volume, "--trust", str(tmp_path / "missing.toml")),
        ("note.malformed", volume, "--trust", pins, "--checkpoint", pins),
    ):
        assert cli.main(arguments) == 3, arguments
        assert capsys.readouterr().err.startswith(f"REFUSED [{code}] at ")


def test_usage(home: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arguments in ([], ["--nonsense"], [str(home), "--checkpoint", str(home / "early")]):
        with pytest.raises(SystemExit) as end:
            cli.main(arguments)
        assert end.value.code == 2
    assert "usage:" in capsys.readouterr().err


def test_an_empty_directory(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert cli.main([str(tmp_path)]) == 5
    assert "volume.bad-layout" in capsys.readouterr().err


def test_alone_it_needs_nothing_of_the_product(home: Path) -> None:
    """In a process where the product and its libraries cannot be imported, the verifier still verifies."""
    program = (
        "import sys\n"
        "class Absent:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        "        if name.split('.')[0] in {'incamera', 'pyarrow', 'numpy', 'rfc8785', 'msgspec', 'scipy', 'rich', 'typer'}:\n"
        "            raise ImportError(name)\n"
        "sys.meta_path.insert(0, Absent())\n"
        "from incamera_verify.cli import main\n"
        "sys.exit(main(sys.argv[1:]))\n"
    )
    done = subprocess.run(  # noqa: S603 - our own interpreter and files
        [sys.executable, "-c", program, str(home / "VOL001"), "--trust", str(home / "trust.toml")],
        capture_output=True,
        check=False,
        text=True,
    )
    assert done.returncode == 0, done.stderr
