"""The documents are held to the code: threats, commands, formats, links; and nothing names the machine it was written on."""

from __future__ import annotations

import argparse
import ast
import re
import shlex
import textwrap
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from typer.main import get_command

from incamera.core.errors import EXIT_CODES
from incamera.doors.cli.app import build
from incamera_verify.cli import MALFORMED, NOT_ESTABLISHED, OK, REFUSED, USAGE
from incamera_verify.cli import parser as verifier

ROOT = Path(__file__).resolve().parents[2]
DOCS = ROOT / "docs"
SOURCES = (ROOT / "src", ROOT / "packages/incamera-verify/src")


@cache
def _read(path: Path) -> str:
    return path.read_text("utf-8")


def _pages() -> list[Path]:
    """Every Markdown page of the project, not those of installed packages."""
    skipped = {"out"}
    return sorted(
        path
        for path in ROOT.rglob("*.md")
        if not skipped & set(path.relative_to(ROOT).parts)
        and not any(part.startswith(".") for part in path.relative_to(ROOT).parts)
    )


def _named(path: Path) -> str:
    return str(path.relative_to(ROOT))


# --- threats ----------------------------------------------------------------------------------------------------------


def _threats() -> set[str]:
    table = _read(DOCS / "threat-model.md").partition("## Adversaries")[2].partition("\n## ")[0]
    return set(re.findall(r"^\| `([a-z-]+)` \|", table, re.MULTILINE))


def _carried(path: Path) -> set[str]:
    """The threats a test file carries: by its own name, or named in its first docstring."""
    doc = ast.get_docstring(ast.parse(_read(path))) or ""
    own = path.stem.removeprefix("test_").replace("_", "-")
    return {threat for threat in _threats() if threat in own or re.search(rf"(?<![a-z-]){threat}(?![a-z-])", doc)}


def _threat_tests() -> dict[Path, set[str]]:
    return {path: _carried(path) for path in sorted((ROOT / "tests/threats").glob("test_*.py"))}


def test_every_threat_has_a_test_that_carries_its_id() -> None:
    assert len(_threats()) >= 12, "the table of adversaries was not found"
    assert _threats() - set().union(*_threat_tests().values()) == set()


def test_every_threat_test_names_a_threat_of_the_table() -> None:
    assert [_named(path) for path, ids in _threat_tests().items() if not ids] == []
    for path in _threat_tests():
        assert re.search(r"^\s*def test_", _read(path), re.MULTILINE), f"{_named(path)} tests nothing"


# --- commands ---------------------------------------------------------------------------------------------------------


def _commands(command: Any, path: tuple[str, ...] = ()) -> Iterator[tuple[str, ...]]:
    for name, sub in getattr(command, "commands", {}).items():
        yield from _commands(sub, (*path, name))
    if not hasattr(command, "commands"):
        yield path


@cache
def _program() -> Any:
    return get_command(build())


COMMANDS = sorted(_commands(_program()))


def _command_lines(text: str) -> Iterator[tuple[str, bool]]:
    """(command line, whole) of every `incamera ...` in code: whole ones stand in blocks, the others within a sentence."""
    joined = re.sub(r"\\\n\s*", " ", text)
    for line in joined.splitlines():
        if line.startswith("    "):
            # Two commands may stand side by side; two blanks and a `#` begin a remark.
            for piece in re.split(r"\s{2,}(?=#|incamera)", line.strip()):
                if re.match(r"(?:\.venv/bin/)?incamera(?:-verify)? ", piece) and " │ " not in piece:
                    yield piece.removeprefix(".venv/bin/"), "..." not in piece
        else:
            for code in re.findall(r"`(incamera(?:-verify)? [^`]+)`", line):
                yield code, False


def _refused(line: str, whole: bool) -> str | None:
    """Why the program would not take this command line; None if it would."""
    words = [word for word in shlex.split(line, comments=True) if word != "..."]
    if words[0] == "incamera-verify":
        return _verifier_refuses(["PATH", *words[1:]] if not whole and words[1:] and words[1].startswith("-") else words[1:])
    command, rest = _program(), words[1:]
    while hasattr(command, "commands"):
        if not rest or rest[0] == "--help":
            return "names a group, not a command" if whole and not rest else None
        if rest[0] not in command.commands:
            return f"no command {rest[0]}"
        command, rest = command.commands[rest[0]], rest[1:]
    try:
        command.make_context(command.name, rest)
    except Exception as flaw:  # Typer carries a click of its own: the kinds are told by name
        kind = type(flaw).__name__
        # A file that is not here is no flaw of the line; what a sentence leaves out is none either.
        return f"{kind}: {flaw}" if kind == "NoSuchOption" or (whole and kind != "BadParameter") else None
    return None


def _verifier_refuses(words: Sequence[str]) -> str | None:
    line = verifier()
    line.exit_on_error = False
    try:
        line.parse_args(words)
    except (argparse.ArgumentError, SystemExit) as flaw:
        return f"incamera-verify: {flaw}"
    return None


def test_the_reader_of_command_lines_sees_flaws() -> None:
    assert _refused("incamera answer order.toml --conversations a --works b", whole=True) is None
    assert _refused("incamera answer --coversations a", whole=False)
    assert _refused("incamera vault explode", whole=True) == "no command explode"
    assert (_refused("incamera sample commit --out seed.json", whole=True) or "").startswith("MissingParameter")
    assert _refused("incamera-verify --trust t.toml", whole=True)


@pytest.mark.parametrize("page", _pages(), ids=_named)
def test_every_command_line_parses(page: Path) -> None:
    flaws = {line: why for line, whole in _command_lines(_read(page)) if (why := _refused(line, whole))}
    assert flaws == {}


def test_every_command_that_the_source_advises_exists() -> None:
    flaws = {}
    for base in SOURCES:
        for path in sorted(base.rglob("*.py")):
            for line in re.findall(r"`(incamera(?:-verify)? [a-z][^`\n{}]*)`", _read(path)):
                if why := _refused(line, whole=False):
                    flaws[f"{_named(path)}: {line}"] = why
    assert flaws == {}


@pytest.mark.parametrize("command", COMMANDS, ids=" ".join)
def test_every_command_is_described(command: tuple[str, ...]) -> None:
    text = "\n".join(map(_read, [ROOT / "README.md", DOCS / "rooms/clerk.md", *sorted((DOCS / "guides").glob("*.md"))]))
    assert re.search(rf"incamera {re.escape(' '.join(command))}(?![a-z-])", text)


@pytest.mark.parametrize("page", ["README.md", "docs/guides/files.md"])
def test_the_python_lines_run(page: str, capsys: pytest.CaptureFixture[str]) -> None:
    text = _read(ROOT / page)
    blocks = re.findall(r"```python\n(.*?)```", text, re.DOTALL) + re.findall(
        r"^In Python:\n\n((?:    .*\n)+)", text, re.MULTILINE
    )
    assert blocks
    for block in blocks:
        exec(textwrap.dedent(block), {})
    shown = capsys.readouterr().out
    assert "Dana" not in shown and "[EMAIL-1]" in shown and "w1" in shown


def test_the_receivers_python_lines_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """The guide's redraw and load-file lines, over a volume that was really built and sealed."""
    from incamera.testing.volumes import world

    made = world(tmp_path / "home")
    made.volume(tmp_path / "received/production")
    made.ledger.close()
    monkeypatch.chdir(tmp_path)
    blocks = re.findall(r"```python\n(.*?)```", _read(DOCS / "guides/verify.md"), re.DOTALL)
    assert len(blocks) == 2
    for block in blocks:
        exec(block, {})
    assert "INC000000001" in capsys.readouterr().out


# --- stored formats -----------------------------------------------------------------------------------------------------

_VERSION = re.compile(r"\bincamera(?:-[a-z]+(?:-[a-z]+)*|/[a-z-]+(?:/[a-z-]+)*)/[0-9]+\b")


def _versions() -> dict[str, str]:
    """Version line -> file, of everything the source writes, seals, signs or derives under a name of ours."""
    found: dict[str, str] = {}
    for base in SOURCES:
        for path in sorted(base.rglob("*.py")):
            schemas = re.findall(r'metadata=\{b"incamera": b"([a-z]+/\d+)"\}', _read(path))
            for version in [*_VERSION.findall(_read(path)), *schemas]:
                found.setdefault(version, _named(path))
    return found


def _index() -> tuple[dict[str, Path], set[str]]:
    """(version -> page, labels) as `docs/formats/README.md` lists them."""
    stored, _between, labels = _read(DOCS / "formats/README.md").partition("## Labels")
    rows = [(line, re.findall(r"\]\(([a-z-]+\.md)\)", line)) for line in stored.splitlines() if line.startswith("| ")]
    pages = {
        version: DOCS / "formats" / links[0] for line, links in rows if links for version in re.findall(r"`([^`\s]+/\d+)`", line)
    }
    return pages, set(re.findall(r"`([^`\s]+/\d+)`", labels))


def test_every_version_line_of_the_source_is_in_the_index_of_formats() -> None:
    pages, labels = _index()
    assert {version: where for version, where in _versions().items() if version not in pages and version not in labels} == {}


def test_every_indexed_format_has_a_page_that_names_its_version() -> None:
    pages, labels = _index()
    assert [version for version, page in pages.items() if version not in _read(page)] == []
    source = "\n".join(_read(path) for base in SOURCES for path in base.rglob("*.py"))
    assert [version for version in {*pages, *labels} if version not in source] == [], "the index names what nothing writes"


def test_every_page_of_a_format_is_indexed() -> None:
    linked = set(re.findall(r"\]\(([a-z-]+\.md)\)", _read(DOCS / "formats/README.md")))
    assert {path.name for path in (DOCS / "formats").glob("*.md")} - {"README.md"} == linked


@pytest.mark.parametrize("folder", ["rooms", "errors", "guides", "decisions"])
def test_every_page_of_a_folder_is_in_its_index(folder: str) -> None:
    index = DOCS / folder / "README.md"
    linked = set(re.findall(r"\]\(([a-z0-9-]+\.md)\)", _read(index)))
    assert {path.name for path in index.parent.glob("*.md")} - {"README.md"} == linked


# --- exit codes, links, and what no page names -----------------------------------------------------------------------------


def test_every_exit_code_is_on_the_page_of_errors() -> None:
    listed = {int(code) for code in re.findall(r"^\| (\d+) \|", _read(DOCS / "errors/README.md"), re.MULTILINE)}
    assert listed == {*EXIT_CODES.values(), 130}
    assert {OK, USAGE, MALFORMED, REFUSED, NOT_ESTABLISHED} <= listed, "the verifier's own"


@pytest.mark.parametrize("page", _pages(), ids=_named)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    text = re.sub(r"```.*?```", "", _read(page), flags=re.DOTALL)
    targets = [target for target in re.findall(r"\]\(([^)\s]+)\)", text) if not re.match(r"[a-z]+:|#", target)]
    assert [target for target in targets if not (page.parent / target.partition("#")[0]).exists()] == []


def _written() -> Iterator[Path]:
    """Everything a reader of the project reads: sources, tests, scripts and pages."""
    kinds = {".py", ".md", ".toml", ".txt", ".cedar", ""}
    for folder in ("src", "packages", "tests", "docs", "benchmarks", "training", "changelog.d", "scripts", ".ci"):
        for path in sorted((ROOT / folder).rglob("*")):
            if path.is_file() and path.suffix in kinds and "__pycache__" not in path.parts:
                yield path
    yield from (path for path in sorted(ROOT.glob("*")) if path.is_file() and path.suffix in kinds)


def test_nothing_names_the_machine_it_was_written_on() -> None:
    """Absolute paths of a workplace mean nothing elsewhere, and nobody else reaches an index of packages in its network."""
    place = re.compile(r"(?<![\w.*/}>-])/(?:work|root|mnt|tmp)/\w+")
    index = re.compile(r"index[-_]url|\[\[tool\.uv\.index\]\]|//[a-z0-9.-]+\.(?:internal|corp|lan)\b")
    flaws = [
        f"{_named(path)}:{number}"
        for path in _written()
        if path != Path(__file__).resolve()
        for number, line in enumerate(path.read_text("utf-8", errors="replace").splitlines(), 1)
        if place.search(line) or index.search(line)
    ]
    assert flaws == []


def test_the_lock_file_names_the_public_index_only() -> None:
    hosts = set(re.findall(r"https?://([^/\"\s]+)", _read(ROOT / "uv.lock")))
    assert hosts <= {"pypi.org", "files.pythonhosted.org"}
