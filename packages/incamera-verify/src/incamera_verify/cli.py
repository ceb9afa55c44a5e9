"""`incamera-verify PATH --trust FILE`: checks a production volume offline and says so in numbered steps."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path

from incamera_verify import overlay, volume
from incamera_verify.errors import VerificationError
from incamera_verify.trust import Trust

OK, USAGE, MALFORMED, REFUSED, NOT_ESTABLISHED = 0, 2, 3, 5, 9

_EPILOG = """exit codes:
  0  verified under the pinned keys and history
  2  wrong usage
  3  PATH, the trust file or a checkpoint cannot be read as what it should be
  5  refused: the message names the step, the flaw and the place
  9  internally consistent, but without --trust nothing says who made it"""


def parser() -> argparse.ArgumentParser:
    """The command line."""
    line = argparse.ArgumentParser(
        prog="incamera-verify",
        description="Check an incamera production volume offline: files, signatures, ledger, draw, decisions, figures.",
        epilog=_EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    line.add_argument("path", metavar="PATH", type=Path, help="directory of the volume, or of a clawback overlay")
    line.add_argument("--trust", metavar="FILE", type=Path, help="keys pinned outside of the volume (TOML)")
    line.add_argument(
        "--checkpoint", metavar="FILE", type=Path, action="append", default=[], help="a signed state of the log seen earlier"
    )
    line.add_argument("--rows", metavar="FILE", type=Path, help="the decrypted rows.jsonl.gz, where the bulk lane is sealed")
    line.add_argument("--json", action="store_true", help="print the report as JSON")
    return line


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    line = parser()
    given = line.parse_args(arguments)
    if given.checkpoint and not given.trust:
        line.error("--checkpoint needs --trust: a checkpoint is checked under the log's pinned keys")
    try:
        trust = _trust(given.trust, given.checkpoint)
        if not given.path.is_dir() or given.path.is_symlink():
            raise VerificationError("volume.not-a-directory", "expected the directory of a volume", str(given.path))
    except (VerificationError, OSError) as flaw:
        return _refuse(flaw, MALFORMED, as_json=given.json)
    try:
        if (given.path / overlay.FACTS).is_file():
            report = overlay.verify(given.path, trust)
        else:
            report = volume.verify(given.path, trust, unsealed=given.rows)
    except VerificationError as flaw:
        return _refuse(flaw, REFUSED, as_json=given.json)
    print(json.dumps(report.to_dict(), indent=2) if given.json else report.text())
    return OK if report.established else NOT_ESTABLISHED


def _trust(file: Path | None, checkpoints: Sequence[Path]) -> Trust | None:
    if file is None:
        return None
    notes = [(str(path), path.read_bytes()) for path in checkpoints]
    return Trust.parse(file.read_bytes(), str(file)).with_checkpoints(notes)


def _refuse(flaw: VerificationError | OSError, code: int, *, as_json: bool) -> int:
    if isinstance(flaw, OSError):
        flaw = VerificationError(
            "volume.unreadable", f"the file cannot be read ({type(flaw).__name__})", str(flaw.filename or "")
        )
    if as_json:
        print(
            json.dumps(
                {"version": "incamera/report/1", "refused": {"code": flaw.code, "where": flaw.where, "hint": flaw.hint}}, indent=2
            )
        )
    else:
        print(f"REFUSED {flaw}", file=sys.stderr)
    return code
